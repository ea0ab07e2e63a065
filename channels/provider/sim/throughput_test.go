package sim_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// Many clients at once: nothing is lost, nothing is entered twice, and each
// message is reported in order.
func TestConcurrentSubmissions(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *sim.Config, _ *bundle) { cfg.Workers = 4 })
	var clients sync.WaitGroup
	const each = 20
	for _, p := range carriers {
		for range 2 {
			clients.Go(func() {
				for n := range each {
					b.submit(t, p, message{ref: string(p) + string(rune('a'+n))})
				}
			})
		}
	}
	clients.Wait()
	b.settle(t)
	for p, want := range map[provider.Name]int{provider.Twilio: 2 * each, provider.Clickatell: 2 * each, provider.Scopserv: each} {
		entries := b.sim.Ledger(sim.Filter{Provider: p})
		if len(entries) != want {
			t.Errorf("%s: %d accepted, want %d", p, len(entries), want)
		}
		for _, e := range entries {
			if e.Status != "delivered" || e.CallbacksAnswered != 2 {
				t.Errorf("%s: %+v", p, e)
			}
		}
	}
	if n := b.sim.Counts().Attempts; n != 6*each {
		t.Errorf("%d attempts, want %d", n, 6*each)
	}
}

// BenchmarkTwilioSubmission measures the handler alone, without the network.
func BenchmarkTwilioSubmission(b *testing.B) {
	s := sim.New(sim.Config{})
	defer s.Close()
	if err := s.AddAccount(sim.Account{
		Provider: provider.Twilio, Addresses: []string{ours},
		Credentials: provider.Credentials{"account_sid": twilioSID, "auth_token": twilioToken},
	}); err != nil {
		b.Fatal(err)
	}
	body := url.Values{"From": {ours}, "To": {customer}, "Body": {"Your appointment is tomorrow at noon."}}.Encode()
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/api"+messages+".json", strings.NewReader(body))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.SetBasicAuth(twilioSID, twilioToken)
		w := httptest.NewRecorder()
		s.Handler().ServeHTTP(w, r)
		if w.Code != http.StatusCreated {
			b.Fatal(w.Body)
		}
	}
}
