package providers_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providers"
	"github.com/trellishq/trellis/channels/provider/providertest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

const (
	address   = "+15145550100"
	recipient = "+15145550199"
	secret    = "q7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj9Ge"
)

// simulated is an account at each simulated carrier, what it refuses, and the
// errors that are asked of it.
var simulated = map[provider.Name]struct {
	good, wrong provider.Credentials
	refusals    map[string]provider.ErrorClass
}{
	provider.Twilio: {
		provider.Credentials{"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": secret},
		provider.Credentials{"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "wrong"},
		map[string]provider.ErrorClass{
			"21211": provider.ClassRecipient, "21610": provider.ClassOptedOut, "21606": provider.ClassSender,
			"21617": provider.ClassContent, "21611": provider.ClassTransient,
		},
	},
	provider.Clickatell: {
		provider.Credentials{"api_key": "q7Zx81LmT0aWvR5nYc3KdQ==", "callback_secret": secret, "api_id": "fa8090815f05d5ed015f0b5b56080cd2"},
		provider.Credentials{"api_key": "wrong"},
		map[string]provider.ErrorClass{
			"25": provider.ClassRecipient, "26": provider.ClassOptedOut, "20": provider.ClassSender, "24": provider.ClassContent, "43": provider.ClassTransient,
		},
	},
	provider.Scopserv: {
		provider.Credentials{"account": "acme-7", "secret": secret},
		provider.Credentials{"account": "acme-7", "secret": "wrong"},
		map[string]provider.ErrorClass{
			"invalid_recipient": provider.ClassRecipient, "opted_out": provider.ClassOptedOut, "sender_not_allowed": provider.ClassSender,
			"content_refused": provider.ClassContent, "rate_limited": provider.ClassTransient,
		},
	},
}

func adapter(name provider.Name, base string, client *http.Client) provider.Adapter {
	return providers.All(providers.Config{HTTP: client, TwilioURL: base, ClickatellURL: base, ScopservURL: base})[name]
}

func simulate(t *testing.T, name provider.Name, inboundURL, statusURL string) *sim.Simulator {
	t.Helper()
	s := sim.New(sim.Config{})
	t.Cleanup(func() { _ = s.Close() })
	err := s.AddAccount(sim.Account{
		Provider: name, Credentials: simulated[name].good, Addresses: []string{address}, InboundURL: inboundURL, StatusURL: statusURL,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The adapters pass their suite with the simulators too, which read the same
// documents a second time.
func TestAgainstSimulators(t *testing.T) {
	for name, as := range simulated {
		t.Run(string(name), func(t *testing.T) {
			s := simulate(t, name, "", "")
			suite := providertest.Suite{
				New: func(_ testing.TB, base string, client *http.Client) provider.Adapter {
					return adapter(name, base, client)
				},
				Account:          provider.Account{Credentials: as.good, Address: address},
				WrongCredentials: as.wrong,
				Carrier:          s.Handler(),
				OwnMedia:         "/media/1",
				Receive: func(tb testing.TB, in provider.Inbound) {
					if _, err := s.Inject(t.Context(), sim.Inbound{From: in.From, To: in.To, Body: in.Body, SID: in.ProviderID, NoCallback: true}); err != nil {
						tb.Fatal(err)
					}
				},
			}
			for code, class := range as.refusals {
				to := fmt.Sprintf("+1514557%04d", len(suite.Refusals))
				suite.Refusals = append(suite.Refusals, providertest.Refusal{
					Name: code, To: to, Code: code, Class: class,
					Prepare: func(tb testing.TB) {
						if err := s.SetScript(sim.Target{To: to}, sim.Script{Behaviour: sim.Reject, Code: code}); err != nil {
							tb.Fatal(err)
						}
					},
				})
			}
			providertest.RunCarrier(t, suite)
		})
	}
}

// The simulators' callbacks verify, belong to their address only, and are read.
func TestCallbacksOfSimulators(t *testing.T) {
	for name, as := range simulated {
		t.Run(string(name), func(t *testing.T) {
			got := make(chan provider.Callback, 16)
			hooks := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				got <- provider.Callback{Method: r.Method, URL: "http://" + r.Host + r.RequestURI, Header: r.Header, Body: body, ReceivedAt: time.Now()}
			}))
			defer hooks.Close()
			s := simulate(t, name, hooks.URL+"/inbound", hooks.URL+"/status")
			server := httptest.NewServer(s.Handler())
			defer server.Close()
			a := adapter(name, server.URL, provider.NewHTTPClient())
			account := provider.Account{Credentials: as.good, Address: address}
			next := func() provider.Callback {
				c := <-got
				if err := a.Verify(account, c); err != nil {
					t.Errorf("Verify: %v", err)
				}
				return c
			}

			receipt, err := a.Submit(t.Context(), account, provider.Submission{
				ClientRef: "0192", Attempt: 1, From: address, To: recipient, Body: "hello", StatusURL: hooks.URL + "/status?m=0192&a=1",
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range []provider.Status{provider.StatusSent, provider.StatusDelivered} {
				reports, err := a.ParseStatus(next())
				if err != nil || len(reports) != 1 || reports[0].Status != want || reports[0].ProviderID != receipt.ProviderID || reports[0].ClientRef != "0192" {
					t.Errorf("ParseStatus = %+v, %v; want %s of %s", reports, err, want, receipt.ProviderID)
				}
			}

			if _, err := s.Inject(t.Context(), sim.Inbound{From: recipient, To: address, Body: "été"}); err != nil {
				t.Fatal(err)
			}
			c := next()
			messages, err := a.ParseInbound(c)
			if err != nil || len(messages) != 1 || messages[0].From != recipient || messages[0].To != address || messages[0].Body != "été" {
				t.Errorf("ParseInbound = %+v, %v", messages, err)
			}
			account.Address = "+15145550111"
			if err := a.Verify(account, c); !errors.Is(err, provider.ErrForeign) {
				t.Errorf("Verify for another address: %v", err)
			}
			account.Address = address

			if _, err := s.Inject(t.Context(), sim.Inbound{From: recipient, To: address, Body: "forged", BadSignature: true}); err != nil {
				t.Fatal(err)
			}
			if err := a.Verify(account, <-got); err == nil || strings.Contains(err.Error(), secret) {
				t.Errorf("Verify of a forged callback: %v", err)
			}
		})
	}
}
