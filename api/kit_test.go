package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/jobs"
)

// scene is a platform with a customer that has one line.
type scene struct {
	*apitest.Platform
	tree apitest.Tree
	line apitest.Line
	// at is the customer, manager its manager, admin its administrator.
	at             apitest.Tenant
	manager, admin *apitest.Client
	numberID       string
}

// onEachLine runs a test over each kind of line.
func onEachLine(t *testing.T, test func(*testing.T, *scene)) {
	t.Helper()
	for _, name := range []provider.Name{provider.Twilio, provider.Clickatell, provider.Scopserv} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			test(t, sceneWith(t, name))
		})
	}
}

func sceneWith(t *testing.T, name provider.Name, options ...apitest.Option) *scene {
	t.Helper()
	s := &scene{Platform: apitest.Start(t, options...)}
	s.tree = s.Grow(t)
	s.at, s.manager, s.admin = s.tree.Customer, s.tree.Customer.Manager, s.tree.Customer.Admin
	switch name {
	case provider.Twilio:
		s.line = s.TwilioLine(t, s.at)
	case provider.Clickatell:
		s.line = s.ClickatellLine(t, s.at)
	default:
		line, numberID := s.CarrierLine(t, s.tree)
		s.line, s.numberID = line, numberID.String()
	}
	// Whatever a test does, no customer may get a text twice.
	t.Cleanup(func() {
		if twice := s.Sim.Duplicates(); len(twice) > 0 {
			t.Errorf("the carrier accepted twice: %+v", twice)
		}
	})
	return s
}

// twilio is the scene of tests that are not about the carrier.
func twilio(t *testing.T, options ...apitest.Option) *scene {
	t.Helper()
	return sceneWith(t, provider.Twilio, options...)
}

// number is somebody outside.
func number(i int) string { return fmt.Sprintf("+1514555%04d", 9000+i) }

// send starts a message as the administrator and returns its id.
func (s *scene) send(t *testing.T, to, body string) string {
	t.Helper()
	return s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": to, "body": body}).
		Want(t, http.StatusCreated).String(t, "id")
}

// script says what the carrier does with messages to a number.
func (s *scene) script(t *testing.T, to string, list ...sim.Script) {
	t.Helper()
	if err := s.Sim.SetScript(sim.Target{To: to}, list...); err != nil {
		t.Fatal(err)
	}
}

func (s *scene) message(t *testing.T, id string) *apitest.Response {
	t.Helper()
	return s.admin.Get(t, s.at.Path("/messages/%s", id)).Want(t, http.StatusOK)
}

// wantMessage checks a message's status and, unless it is empty, the code of
// its error.
func (s *scene) wantMessage(t *testing.T, id, status, code string) *apitest.Response {
	t.Helper()
	m := s.message(t, id)
	if got := m.String(t, "status"); got != status {
		t.Fatalf("the message is %s, want %s: %s", got, status, m.Content)
	}
	if code != "" && m.String(t, "error.code") != code {
		t.Fatalf("the message's error is %s, want %s: %s", m.String(t, "error.code"), code, m.Content)
	}
	return m
}

// accepted are the messages that the carrier took for a number.
func (s *scene) accepted(to string) []sim.Entry { return s.Sim.Ledger(sim.Filter{To: to}) }

// attempts is how often the carrier was asked to take a message for a number.
func (s *scene) attempts(to string) int { return len(s.Sim.Attempts(sim.Filter{To: to})) }

// conversation is the only interaction with a number, in the full history.
func (s *scene) conversation(t *testing.T, address string) string {
	t.Helper()
	r := s.manager.Get(t, s.at.Path("/interactions?view=all&address=%s", escape(address))).Want(t, http.StatusOK)
	if n := len(r.Items(t)); n != 1 {
		t.Fatalf("%d interactions with %s: %s", n, address, r.Content)
	}
	return r.String(t, "items.0.id")
}

func escape(address string) string { return strings.ReplaceAll(address, "+", "%2B") }

// bodies are the texts of an interaction, oldest first.
func (s *scene) bodies(t *testing.T, interaction string) []string {
	t.Helper()
	return texts(t, s.manager.Get(t, s.at.Path("/interactions/%s/messages?order=asc&limit=200", interaction)), "body")
}

// texts are the values of one field of a list's items.
func texts(t *testing.T, r *apitest.Response, field string) []string {
	t.Helper()
	var out []string
	for _, item := range r.Want(t, http.StatusOK).Items(t) {
		text, _ := item.(map[string]any)[field].(string)
		out = append(out, text)
	}
	return out
}

func wantCount(t *testing.T, p *apitest.Platform, want int, query string, args ...any) {
	t.Helper()
	if got := p.Count(t, query, args...); got != want {
		t.Errorf("%s: %d, want %d", query, got, want)
	}
}

// claimAll hands out all messages that are due.
func (s *scene) claimAll(t *testing.T) []jobs.Task {
	t.Helper()
	tasks, err := jobs.NewClaimer(s.Store).Claim(t.Context(), jobs.Messages, 100)
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	return tasks
}
