package op_test

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/trellishq/trellis/internal/fault"
)

func TestIdempotentReplay(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	first := toy.ask(http.MethodPost, contacts, `{"name":"Ada <b>","age":5}`, "Idempotency-Key", "k1")
	again := toy.ask(http.MethodPost, contacts, "{ \"age\": 5.0,\n\"name\": \"Ada <b>\" }", "Idempotency-Key", "k1")
	if first.Code != 201 || again.Code != 201 || first.Body.String() != again.Body.String() {
		t.Fatalf("got %d %s and %d %s", first.Code, first.Body, again.Code, again.Body)
	}
	for _, name := range []string{"ETag", "Location", "Content-Type", "Content-Length", "Cache-Control"} {
		if first.Header().Get(name) != again.Header().Get(name) {
			t.Errorf("%s was %q and is %q", name, first.Header().Get(name), again.Header().Get(name))
		}
	}
	if first.Header().Get("Idempotent-Replayed") != "" || again.Header().Get("Idempotent-Replayed") != "true" {
		t.Error("the replay is not marked, or the first is")
	}
	if toy.created != 1 || toy.before != 2 {
		t.Errorf("created %d, before %d", toy.created, toy.before)
	}
}

func TestIdempotencyKeyIsForOneRequest(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	toy.ask(http.MethodPost, contacts, `{"name":"Ada"}`, "Idempotency-Key", "k1")
	w := toy.ask(http.MethodPost, contacts, `{"name":"Bob"}`, "Idempotency-Key", "k1")
	if p := problem(t, w); p.Status != 422 || p.Code != string(fault.CodeIdempotencyMismatch) {
		t.Errorf("another body got %s", w.Body)
	}
	for name, headers := range map[string][]string{
		"another caller": {"Authorization", "Bearer bob", "Idempotency-Key", "k1"},
		"another key":    {"Idempotency-Key", "k2"},
	} {
		if w := toy.ask(http.MethodPost, contacts, `{"name":"Bob"}`, headers...); w.Code != 201 || w.Header().Get("Idempotent-Replayed") != "" {
			t.Errorf("%s got %d", name, w.Code)
		}
	}
	if w := toy.ask(http.MethodPost, contactsB, `{"name":"Bob"}`, "Idempotency-Key", "k1"); w.Header().Get("Idempotent-Replayed") != "" || w.Code != 201 {
		t.Errorf("another tenant got %d", w.Code)
	}
}

func TestIdempotencyKeyInUse(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	toy.block = make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { toy.ask(http.MethodPost, contacts, `{"name":"Ada"}`, "Idempotency-Key", "k1") })
	for {
		toy.ledger.mu.Lock()
		begun := len(toy.ledger.entries) == 1
		toy.ledger.mu.Unlock()
		if begun {
			break
		}
	}
	w := toy.ask(http.MethodPost, contacts, `{"name":"Ada"}`, "Idempotency-Key", "k1")
	if p := problem(t, w); p.Status != 409 || p.Code != string(fault.CodeIdempotencyRunning) || w.Header().Get("Retry-After") != "1" {
		t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
	}
	close(toy.block)
	running.Wait()
}

func TestFailuresAreNotStored(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for _, fail := range []error{errors.New("deadlock"), fault.New(fault.Conflict, fault.CodeNameTaken, "Taken.")} {
		toy.fail = fail
		if w := toy.ask(http.MethodPost, contacts, `{"name":"Ada"}`, "Idempotency-Key", "k1"); w.Code < 400 {
			t.Errorf("got %d", w.Code)
		}
	}
	toy.fail = nil
	if w := toy.ask(http.MethodPost, contacts, `{"name":"Ada"}`, "Idempotency-Key", "k1"); w.Code != 201 || w.Header().Get("Idempotent-Replayed") != "" {
		t.Errorf("got %d %v", w.Code, w.Header())
	}
}

func TestSecretsAreNotStored(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	first := toy.ask(http.MethodPost, keys, "", "Idempotency-Key", "k1")
	again := toy.ask(http.MethodPost, keys, `{}`, "Idempotency-Key", "k1")
	if !strings.Contains(first.Body.String(), "trl_test_once") || strings.Contains(again.Body.String(), "secret") || again.Code != 201 {
		t.Errorf("got %s, then %d %s", first.Body, again.Code, again.Body)
	}
	if first.Header().Get("Cache-Control") != "no-store" || again.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("Cache-Control is %q and %q", first.Header().Get("Cache-Control"), again.Header().Get("Cache-Control"))
	}
	for name, e := range toy.ledger.entries {
		if strings.Contains(string(e.stored), "trl_test_once") {
			t.Errorf("%s holds the secret", name)
		}
	}
}

func TestActionsAndDeletesReplayToo(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	for range 2 {
		if w := toy.ask(http.MethodDelete, oneContact, "", "Idempotency-Key", "k1"); w.Code != 204 {
			t.Errorf("got %d %s", w.Code, w.Body)
		}
	}
	if w := toy.ask(http.MethodDelete, oneContact, "", "Idempotency-Key", "k1"); w.Header().Get("Idempotent-Replayed") != "true" {
		t.Error("the DELETE was not replayed")
	}
}
