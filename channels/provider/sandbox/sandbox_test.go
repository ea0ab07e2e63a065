package sandbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providertest"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/channels/provider/scopserv"
	"github.com/trellishq/trellis/internal/clock"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	secret  = "q7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj9Ge"
	address = "+15145550100"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func account() provider.Account {
	return provider.Account{Credentials: provider.Credentials{"secret": secret}, Address: address}
}

func callback(tb testing.TB, a provider.Account, link string, event any, extra bool) provider.Callback {
	tb.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		tb.Fatal(err)
	}
	if extra {
		body = append([]byte(`{"later":1,`), body[1:]...)
	}
	req := httptest.NewRequest(http.MethodPost, link, nil)
	req.Header.Set("Content-Type", "application/json")
	scopserv.SignRequest(req, "sandbox", a.Credentials["secret"], noon, body)
	return provider.Callback{Method: req.Method, URL: link, Header: req.Header, Body: body, ReceivedAt: noon}
}

func suite() providertest.Suite {
	return providertest.Suite{
		New: func(tb testing.TB, _ string, client *http.Client) provider.Adapter {
			a := sandbox.New(sandbox.Config{HTTP: client})
			tb.Cleanup(a.Close)
			return a
		},
		Account: account(),
		Inbound: func(tb testing.TB, a provider.Account, in provider.Inbound, extra bool) provider.Callback {
			return callback(tb, a, "https://hooks.example.test/hooks/sandbox/t0ken/inbound", scopserv.InboundEvent{
				EventID: in.EventKey, MessageID: in.ProviderID, From: in.From, To: in.To, Text: in.Body, Segments: in.Segments, ReceivedAt: in.SentAt,
			}, extra)
		},
		Status: func(tb testing.TB, a provider.Account, e providertest.Event, extra bool) provider.Callback {
			return callback(tb, a, "https://hooks.example.test/hooks/sandbox/t0ken/status?m="+e.ClientRef, scopserv.ReportEvent{
				EventID: e.ProviderID + e.Status, MessageID: e.ProviderID, ClientRef: e.ClientRef, Attempt: e.Attempt, Status: e.Status, OccurredAt: e.OccurredAt,
			}, extra)
		},
		Statuses: map[string]provider.Status{
			"accepted": provider.StatusAccepted, "sent": provider.StatusSent, "delivered": provider.StatusDelivered,
			"undelivered": provider.StatusUndelivered, "failed": provider.StatusFailed,
		},
		UnknownStatus: "read",
		Sequence:      []string{"accepted", "sent", "delivered"},
	}
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzCallbacks(f *testing.F) { providertest.FuzzCallbacks(f, suite()) }

func FuzzReport(f *testing.F) {
	a := sandbox.New(sandbox.Config{})
	f.Cleanup(a.Close)
	f.Add("sbx.ok.1.ref")
	f.Add("sbx.ok.99999999999.ref")
	f.Fuzz(func(t *testing.T, id string) {
		r, err := a.Report(t.Context(), account(), id)
		if err == nil && (r.ProviderID != id || r.Status == "") {
			t.Errorf("Report = %+v", r)
		}
	})
}

// receiver takes the sandbox's callbacks as we do, and hands them on.
type receiver struct {
	*httptest.Server
	got  chan provider.Callback
	fail chan int // statuses to answer first
}

func receive(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{got: make(chan provider.Callback, 64), fail: make(chan int, 8)}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		r.got <- provider.Callback{Method: req.Method, URL: "http://" + req.Host + req.RequestURI, Header: req.Header, Body: body, ReceivedAt: noon}
		select {
		case status := <-r.fail:
			w.WriteHeader(status)
		default:
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func start(t *testing.T) (*sandbox.Adapter, *receiver) {
	t.Helper()
	r := receive(t)
	client := provider.NewHTTPClient()
	a := sandbox.New(sandbox.Config{HTTP: client, Clock: clock.NewManual(noon), SlowAnswer: time.Millisecond, RetryPause: time.Millisecond})
	t.Cleanup(func() {
		a.Close()
		client.CloseIdleConnections()
	})
	return a, r
}

func (r *receiver) submission(to string, attempt int) provider.Submission {
	return provider.Submission{
		ClientRef: "0192f0c1-7d1e-7c3a-9b2d-5a6b7c8d9e0f", Attempt: attempt, From: address, To: to, Body: "hello",
		StatusURL: fmt.Sprintf("%s/hooks/sandbox/t0ken/status?m=0192&a=%d", r.URL, attempt),
	}
}

// next waits for a callback, which must verify.
func (r *receiver) next(t *testing.T, a *sandbox.Adapter) provider.Callback {
	t.Helper()
	select {
	case c := <-r.got:
		if err := a.Verify(account(), c); err != nil {
			t.Errorf("Verify: %v", err)
		}
		return c
	case <-t.Context().Done():
		t.Fatal("no callback")
		return provider.Callback{}
	}
}

// Each number does what its title says: the answer, the reports, and what
// Report says afterwards.
func TestNumbers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		to      string
		attempt int
		class   provider.ErrorClass // of the refusal
		reports []provider.Status
		final   provider.Status
	}{
		{sandbox.Delivered, 1, "", []provider.Status{"sent", "delivered"}, "delivered"},
		{"+15145550199", 1, "", []provider.Status{"sent", "delivered"}, "delivered"},
		{sandbox.Undelivered, 1, "", []provider.Status{"sent", "undelivered"}, "undelivered"},
		{sandbox.OptedOut, 1, provider.ClassOptedOut, nil, ""},
		{sandbox.Slow, 1, "", []provider.Status{"sent", "delivered"}, "delivered"},
		{sandbox.Silent, 1, "", nil, "accepted"},
		{sandbox.TimeoutAccepted, 1, provider.ClassAmbiguous, []provider.Status{"sent", "delivered"}, ""},
		{sandbox.Disordered, 1, "", []provider.Status{"delivered", "sent", "delivered", "sent"}, "delivered"},
		{sandbox.RateLimited, 1, provider.ClassTransient, nil, ""},
		{sandbox.RateLimited, 2, provider.ClassTransient, nil, ""},
		{sandbox.RateLimited, 3, "", []provider.Status{"sent", "delivered"}, "delivered"},
		{sandbox.Invalid, 1, provider.ClassRecipient, nil, ""},
		{sandbox.NotSMS, 1, provider.ClassRecipient, nil, ""},
		{sandbox.TimeoutLost, 1, provider.ClassAmbiguous, nil, ""},
		{sandbox.NoRoute, 1, provider.ClassRecipient, nil, ""},
		{sandbox.Failed, 1, "", []provider.Status{"failed"}, "failed"},
		{sandbox.SenderRefused, 1, provider.ClassSender, nil, ""},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s-%d", test.to, test.attempt), func(t *testing.T) {
			t.Parallel()
			a, r := start(t)
			receipt, err := a.Submit(t.Context(), account(), r.submission(test.to, test.attempt))
			if (err != nil) != (test.class != "") || (err != nil && provider.AsError(err).Class != test.class) {
				t.Fatalf("Submit = %+v, %v; want class %q", receipt, err, test.class)
			}
			var got []provider.Status
			keys := map[string]provider.Status{}
			for range test.reports {
				reports, err := a.ParseStatus(r.next(t, a))
				if err != nil || len(reports) != 1 {
					t.Fatalf("ParseStatus = %v, %v", reports, err)
				}
				report := reports[0]
				if report.ClientRef != "0192f0c1-7d1e-7c3a-9b2d-5a6b7c8d9e0f" || report.Attempt != test.attempt || (receipt.ProviderID != "" && report.ProviderID != receipt.ProviderID) {
					t.Errorf("report %+v", report)
				}
				if before, again := keys[report.EventKey]; again && before != report.Status {
					t.Errorf("%s and %s share a key", before, report.Status)
				}
				keys[report.EventKey] = report.Status
				got = append(got, report.Status)
			}
			if diff := cmp.Diff(test.reports, got); diff != "" {
				t.Errorf("reports (-want +got):\n%s", diff)
			}
			a.Close() // everything that was to be posted is posted or given up
			if n := len(r.got); n != 0 {
				t.Errorf("%d callbacks too many", n)
			}
			if test.final == "" {
				return
			}
			fresh := sandbox.New(sandbox.Config{}) // as after a restart
			defer fresh.Close()
			report, err := fresh.Report(t.Context(), account(), receipt.ProviderID)
			if err != nil || report.Status != test.final || report.ClientRef == "" || report.Attempt != test.attempt {
				t.Errorf("Report = %+v, %v; want %s", report, err, test.final)
			}
		})
	}
}

// The recipient's STOP arrives beside the reports, from the recipient.
func TestRepliesStop(t *testing.T) {
	t.Parallel()
	a, r := start(t)
	if _, err := a.Submit(t.Context(), account(), r.submission(sandbox.RepliesStop, 1)); err != nil {
		t.Fatal(err)
	}
	r.next(t, a)
	r.next(t, a)
	reply := r.next(t, a)
	if want := r.URL + "/hooks/sandbox/t0ken/inbound"; reply.URL != want {
		t.Errorf("posted to %s, want %s", reply.URL, want)
	}
	messages, err := a.ParseInbound(reply)
	if err != nil || len(messages) != 1 || messages[0].Body != "STOP" || messages[0].From != sandbox.RepliesStop || messages[0].To != address {
		t.Errorf("ParseInbound = %+v, %v", messages, err)
	}
	foreign := account()
	foreign.Address = "+15145550111"
	if err := a.Verify(foreign, reply); !errors.Is(err, provider.ErrForeign) {
		t.Errorf("Verify for another address: %v", err)
	}
}

// A callback is repeated until it is answered 2xx, three times at most, and
// the next one waits for its turn.
func TestRepeatsCallbacks(t *testing.T) {
	t.Parallel()
	a, r := start(t)
	for _, status := range []int{500, 302, 503, 404} {
		r.fail <- status
	}
	if _, err := a.Submit(t.Context(), account(), r.submission(sandbox.Delivered, 1)); err != nil {
		t.Fatal(err)
	}
	var got []string
	for range 5 {
		reports, err := a.ParseStatus(r.next(t, a))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, reports[0].RawStatus)
	}
	if diff := cmp.Diff([]string{"sent", "sent", "sent", "delivered", "delivered"}, got); diff != "" {
		t.Errorf("callbacks (-want +got):\n%s", diff)
	}
}

// Without a receiver nobody waits: not the submission, and not Close.
func TestNeverBlocks(t *testing.T) {
	t.Parallel()
	hanging := make(chan struct{})
	r := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		select {
		case <-hanging:
		case <-req.Context().Done():
		}
	}))
	defer r.Close()
	defer close(hanging)
	client := provider.NewHTTPClient()
	defer client.CloseIdleConnections()
	a := sandbox.New(sandbox.Config{HTTP: client, Workers: 1, Queue: 1})
	for range 100 {
		if _, err := a.Submit(t.Context(), account(), provider.Submission{ClientRef: "r", Attempt: 1, To: sandbox.Delivered, StatusURL: r.URL + "/status"}); err != nil {
			t.Fatal(err)
		}
	}
	a.Close()
	a.Close()
	if _, err := a.Submit(t.Context(), account(), provider.Submission{ClientRef: "r", Attempt: 1, To: sandbox.Delivered, StatusURL: r.URL + "/status"}); err != nil {
		t.Errorf("Submit after Close: %v", err)
	}
}

// Without a callback URL there is nothing to call: no carrier ever is.
func TestNoOtherNetwork(t *testing.T) {
	t.Parallel()
	a := sandbox.New(sandbox.Config{HTTP: &http.Client{Transport: noNetwork{t}}, SlowAnswer: time.Millisecond})
	for _, n := range sandbox.Numbers() {
		_, err := a.Submit(t.Context(), account(), provider.Submission{ClientRef: "r", Attempt: 1, To: n.Address, Body: "x"})
		if e := provider.AsError(err); err != nil && e.Code == "unclassified" {
			t.Errorf("%s: %v", n.Address, err)
		}
	}
	if err := a.Check(t.Context(), account()); err != nil {
		t.Errorf("Check: %v", err)
	}
	a.Close()
}

type noNetwork struct{ t *testing.T }

func (n noNetwork) RoundTrip(r *http.Request) (*http.Response, error) {
	n.t.Errorf("calls %s", r.URL)
	return nil, errors.New("no network")
}

func TestContext(t *testing.T) {
	t.Parallel()
	a := sandbox.New(sandbox.Config{SlowAnswer: time.Hour})
	defer a.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := a.Submit(ctx, account(), provider.Submission{To: sandbox.Slow}); provider.AsError(err).Class != provider.ClassAmbiguous {
		t.Errorf("Submit = %v", err)
	}
	if err := a.Check(ctx, account()); provider.AsError(err).Class != provider.ClassTransient {
		t.Errorf("Check = %v", err)
	}
	if err := a.Check(t.Context(), provider.Account{}); provider.AsError(err).Class != provider.ClassSender {
		t.Errorf("Check without a secret = %v", err)
	}
	for _, id := range []string{"", "SM1", "sbx.nothing.1.r", "sbx..1.r"} {
		if r, err := a.Report(t.Context(), account(), id); err == nil {
			t.Errorf("Report of %q = %+v", id, r)
		}
	}
}
