package sim_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

func TestStartRefusesAddressesThatOthersCanReach(t *testing.T) {
	t.Parallel()
	s := sim.New(sim.Config{})
	defer s.Close()
	for _, address := range []string{":0", "0.0.0.0:0", "[::]:0", "192.0.2.1:0", "example.com:0"} {
		if _, err := s.Start(address); !errors.Is(err, sim.ErrNotLoopback) {
			t.Errorf("Start(%q) = %v, want ErrNotLoopback", address, err)
		}
	}
	if _, err := s.Start("nonsense"); err == nil {
		t.Error("an address without a port is accepted")
	}
	if _, err := s.Start("localhost:0"); err != nil {
		t.Errorf("localhost: %v", err)
	}
	if _, err := s.Start("127.0.0.1:0"); err == nil {
		t.Error("it starts twice")
	}
}

func TestLedgerByHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.submit(t, provider.Twilio, message{ref: "r1", attempt: 2})
	b.submit(t, provider.Clickatell, message{ref: "r2"})
	b.submit(t, provider.Scopserv, message{ref: "r3", to: "+15145550198"})
	b.settle(t)
	var page struct {
		Entries   []sim.Entry
		NextAfter *uint64 `json:"next_after"`
		sim.LedgerSize
	}
	b.control(t, "GET", "/_ledger?limit=2", "").decode(t, &page)
	if len(page.Entries) != 2 || page.NextAfter == nil || *page.NextAfter != 2 || page.Kept != 3 || page.Forgotten != 0 {
		t.Fatalf("page = %+v", page)
	}
	e := page.Entries[0]
	if e.Sequence != 1 || e.Provider != provider.Twilio || e.Account != twilioSID || e.ClientRef != "r1" || e.Attempt != 2 ||
		e.From != ours || e.To != customer || e.Body != "Hello" || e.Status != "delivered" || e.CallbacksAnswered != 2 ||
		e.CallbackURL != b.hooks.URL+"/twilio/status?m=r1&a=2" || !e.ArrivedAt.Equal(start) {
		t.Errorf("entry = %+v", e)
	}
	for query, want := range map[string]int{
		"to=" + customer: 2, "to=%2B15145550198": 1, "client_ref=r2": 1, "client_ref=r9": 0, "after=2": 1,
		"from=" + ours: 3, "provider=scopserv": 1, "account=integration": 1,
	} {
		b.control(t, "GET", "/_ledger?"+query, "").decode(t, &page)
		if len(page.Entries) != want {
			t.Errorf("%s: %d entries, want %d", query, len(page.Entries), want)
		}
	}
	var attempts []sim.Attempt
	b.control(t, "GET", "/_attempts?client_ref=r3", "").decode(t, &attempts)
	if len(attempts) != 1 || attempts[0].Outcome != "ok" {
		t.Errorf("attempts = %+v", attempts)
	}
	if r := b.control(t, "DELETE", "/_ledger", ""); r.status != http.StatusNoContent || len(b.sim.Ledger(sim.Filter{})) != 0 {
		t.Errorf("reset: %+v", r)
	}
	b.submit(t, provider.Twilio, message{})
	if again := b.sim.Ledger(sim.Filter{}); len(again) != 1 || again[0].Sequence <= 3 {
		t.Errorf("after reset: %+v", again)
	}
	for _, query := range []string{"after=x", "limit=-1"} {
		if r := b.control(t, "GET", "/_ledger?"+query, ""); r.status != http.StatusBadRequest {
			t.Errorf("%s: %+v, want 400", query, r)
		}
	}
}

func TestDuplicates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, m := range []message{
		{ref: "r1", body: "A"},
		{ref: "r2", body: "A"},
		{ref: "r3", body: "B"},
		{ref: "r4", body: "C"},
		{ref: "r4", body: "D"},
		{ref: "r5", body: "A", to: "+15145550198"},
	} {
		b.submit(t, provider.Twilio, m)
	}
	var groups []sim.Duplicate
	b.control(t, "GET", "/_ledger/duplicates", "").decode(t, &groups)
	if len(groups) != 2 || groups[0].Kind != "body" || groups[0].Body != "A" || groups[0].To != customer || groups[0].Count != 2 ||
		groups[1].Kind != "client_ref" || groups[1].ClientRef != "r4" || groups[1].Sequences[1] != 5 {
		t.Errorf("groups = %+v", groups)
	}
	b.sim.Reset()
	if r := b.control(t, "GET", "/_ledger/duplicates", ""); r.body != "[]" {
		t.Errorf("after reset: %s", r.body)
	}
}

func TestAwaitLedgerReturnsWhenMessagesArrive(t *testing.T) {
	t.Parallel()
	b := setup(t)
	found := make(chan int)
	go func() {
		entries, err := b.sim.AwaitLedger(t.Context(), sim.Filter{To: customer}, 2)
		if err != nil {
			t.Error(err)
		}
		found <- len(entries)
	}()
	b.submit(t, provider.Twilio, message{})
	b.submit(t, provider.Scopserv, message{})
	if n := <-found; n != 2 {
		t.Errorf("%d entries, want 2", n)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := b.sim.AwaitLedger(ctx, sim.Filter{}, 3); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error = %v, want the context's", err)
	}
}

func TestScriptsAndAccountsByHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for body, want := range map[string]int{
		`{"to":"` + customer + `","steps":[{"behaviour":"429","retry_after":3,"times":1},{"behaviour":"reject","code":21610,"times":1}]}`: 204,
		`{"default":true,"behaviour":"callbacks","callbacks":{"order":["delivered"],"copies":2,"delay_ms":1}}`:                            204,
		`{"behaviour":"ok"}`: 422, `{"to":"+1","account":"x","behaviour":"ok"}`: 422, `{"default":true,"to":"+1"}`: 422,
		`{"default":true,"behaviour":"explode"}`: 422, `{"default":true,"behavior":"ok"}`: 400, `{"default":true,"delay_ms":-1}`: 422,
	} {
		if r := b.control(t, http.MethodPost, "/_script", body); r.status != want {
			t.Errorf("%s: %+v, want %d", body, r, want)
		}
	}
	if r := b.submit(t, provider.Twilio, message{}); r.status != 429 || r.header.Get("Retry-After") != "3" {
		t.Errorf("first: %+v", r)
	}
	if r := b.submit(t, provider.Twilio, message{}); !strings.Contains(r.body, "21610") {
		t.Errorf("second: %+v", r)
	}
	b.submit(t, provider.Twilio, message{})
	if got := statuses(t, provider.Twilio, b.settle(t)); len(got) != 2 || got[0] != "delivered" {
		t.Errorf("third: reports %v", got)
	}
	if r := b.control(t, "DELETE", "/_script", ""); r.status != 204 {
		t.Errorf("clearing: %+v", r)
	}
	if r := b.control(t, "POST", "/_account", `{"provider":"scopserv","credentials":{"account":"`+carrierName+`","secret":"`+carrierKey+`"},"addresses":["+15145550111"]}`); r.status != 204 {
		t.Errorf("account: %+v", r)
	}
	for _, from := range []string{ours, "+15145550111"} {
		properly(t, provider.Scopserv, b.submit(t, provider.Scopserv, message{from: from, ref: from}))
	}
	for _, body := range []string{`{"provider":"pigeon"}`, `{"provider":"twilio","credentials":{"account_sid":"AC1"}}`, `{"provider":"clickatell"}`} {
		if r := b.control(t, "POST", "/_account", body); r.status != 422 {
			t.Errorf("%s: %+v, want 422", body, r)
		}
	}
	var accounts []sim.Account
	if b.control(t, "GET", "/_account", "").decode(t, &accounts); len(accounts) != 3 {
		t.Errorf("accounts = %+v", accounts)
	}
}

func TestClockMeterAndHealthByHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 3 {
		b.submit(t, provider.Twilio, message{})
	}
	if r := b.control(t, "POST", "/_clock", `{"advance_seconds":1.5}`); r.body != `{"now":"2026-11-20T15:04:06.5Z"}` {
		t.Errorf("clock: %+v", r)
	}
	b.submit(t, provider.Twilio, message{body: strings.Repeat("a", 161)})
	var rates []sim.Rate
	b.control(t, "GET", "/_meter", "").decode(t, &rates)
	if len(rates) != 1 || rates[0].From != ours || rates[0].Submissions != 4 || rates[0].MaxPerSecond != 3 || rates[0].MaxSegmentsPerSecond != 3 {
		t.Errorf("rates = %+v", rates)
	}
	b.settle(t)
	var health map[string]any
	b.control(t, "GET", "/_health", "").decode(t, &health)
	if health["status"] != "ok" || health["kept"] != 4.0 || health["pending_callbacks"] != 0.0 {
		t.Errorf("health = %v", health)
	}
	var counts sim.Counts
	if b.control(t, "GET", "/_ledger/counts", "").decode(t, &counts); counts.Accepted != 4 || counts.CallbacksAnswered != 8 {
		t.Errorf("counts = %+v", counts)
	}
	system := sim.New(sim.Config{})
	defer system.Close()
	w := httptest.NewRecorder()
	system.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/_clock", strings.NewReader(`{"advance_seconds":1}`)))
	if w.Code != http.StatusConflict {
		t.Errorf("the system's clock was moved: %d", w.Code)
	}
}

func TestMediaIsCheckedWhereAsked(t *testing.T) {
	t.Parallel()
	pictures := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/liar", r.URL.Path == "/fickle" && r.Method == http.MethodHead:
			w.Header().Set("Content-Type", "image/jpeg")
		case r.URL.Path == "/get-only" && r.Method == http.MethodHead:
			w.WriteHeader(http.StatusMethodNotAllowed)
			return
		default:
			w.Header().Set("Content-Type", "image/png")
		}
		_, _ = w.Write(png)
	}))
	defer pictures.Close()
	b := setup(t)
	mustScript(t, b, sim.Target{}, sim.Script{CheckMedia: true})
	m := message{}
	for _, path := range []string{"/good", "/liar", "/fickle", "/get-only"} {
		m.media = append(m.media, pictures.URL+path)
	}
	m.media = append(m.media, "http://127.0.0.1:1/")
	for _, p := range []provider.Name{provider.Twilio, provider.Scopserv} {
		b.submit(t, p, m)
		if calls := b.settle(t); len(calls) != 2 {
			t.Errorf("%s: %d callbacks, want 2", p, len(calls))
		}
		checked := b.sim.Ledger(sim.Filter{Provider: p})[0].MediaChecked
		if len(checked) != 5 || !checked[0].OK || checked[0].HeadStatus != 200 || checked[0].Size != len(png) {
			t.Fatalf("%s: checked = %+v", p, checked)
		}
		for _, c := range checked[1:] {
			if c.OK || c.Problem == "" {
				t.Errorf("%s: checked = %+v, want a problem", p, c)
			}
		}
	}
	b.sim.ClearScripts()
	b.submit(t, provider.Twilio, m)
	b.settle(t)
	if all := b.sim.Ledger(sim.Filter{Provider: provider.Twilio}); all[1].MediaChecked != nil {
		t.Errorf("pictures were fetched unasked: %+v", all[1].MediaChecked)
	}
}
