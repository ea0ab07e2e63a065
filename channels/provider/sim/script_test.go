package sim_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	twilioclient "github.com/twilio/twilio-go/client"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

var carriers = []provider.Name{provider.Twilio, provider.Clickatell, provider.Scopserv}

// success is each provider's status of an accepted submission.
var success = map[provider.Name]int{provider.Twilio: 201, provider.Clickatell: 202, provider.Scopserv: 202}

var usual = map[provider.Name][]string{
	provider.Twilio:     {"sent", "delivered"},
	provider.Clickatell: {"SENT_TO_SUPPLIER", "DEVICE_ACK"},
	provider.Scopserv:   {"sent", "delivered"},
}

func TestBehaviours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		script   sim.Script
		accepted int
		callsPer int // of the usual two reports, how many come
		check    func(*testing.T, provider.Name, reply)
	}{
		{sim.Script{Behaviour: sim.OK}, 1, 2, properly},
		{sim.Script{Behaviour: sim.Silent}, 1, 0, properly},
		{sim.Script{Behaviour: sim.ReportAs}, 1, 2, properly},
		{sim.Script{Behaviour: sim.BadSignature}, 1, 2, properly},
		{sim.Script{Behaviour: sim.Slow, Delay: 20 * time.Millisecond}, 1, 2, properly},
		{sim.Script{Behaviour: sim.AcceptThenReset}, 1, 2, wasReset},
		{sim.Script{Behaviour: sim.RefuseBeforeAccept}, 0, 0, wasReset},
		{sim.Script{Behaviour: sim.AcceptThen500}, 1, 2, hasStatus(500)},
		{sim.Script{Behaviour: sim.AcceptThen500, Status: 503}, 1, 2, hasStatus(503)},
		{sim.Script{Behaviour: sim.Fail500BeforeAccept}, 0, 0, hasStatus(500)},
		{sim.Script{Behaviour: sim.Garbage2xx}, 1, 2, garbage},
		{sim.Script{Behaviour: sim.Garbage2xxNotAccepted}, 0, 0, garbage},
		{sim.Script{Behaviour: sim.RateLimit, RetryAfter: 1500 * time.Millisecond}, 0, 0, limited},
		{sim.Script{Behaviour: sim.Reject}, 0, 0, refused},
	} {
		for _, p := range carriers {
			t.Run(string(c.script.Behaviour)+"/"+string(p), func(t *testing.T) {
				t.Parallel()
				b := setup(t)
				mustScript(t, b, sim.Target{To: customer}, c.script)
				c.check(t, p, b.submit(t, p, message{}))
				if got := len(b.sim.Ledger(sim.Filter{To: customer, Provider: p})); got != c.accepted {
					t.Errorf("%d accepted, want %d", got, c.accepted)
				}
				if got := statuses(t, p, b.settle(t)); !cmp.Equal(got, append([]string{}, usual[p][:c.callsPer]...)) {
					t.Errorf("reports = %v, want %d of %v", got, c.callsPer, usual[p])
				}
				counts := b.sim.Counts()
				if counts.Attempts != 1 || counts.Accepted != uint64(c.accepted) || counts.Outcomes[string(c.script.Behaviour)] != 1 {
					t.Errorf("counts = %+v", counts)
				}
			})
		}
	}
}

func properly(t *testing.T, p provider.Name, r reply) {
	t.Helper()
	if r.err != nil || r.status != success[p] || !r.parsable() {
		t.Errorf("answer = %+v, want %d", r, success[p])
	}
}

func garbage(t *testing.T, _ provider.Name, r reply) {
	t.Helper()
	if r.err != nil || r.status/100 != 2 || r.parsable() || r.body == "" {
		t.Errorf("answer = %+v, want an unparsable 2xx", r)
	}
}

func wasReset(t *testing.T, _ provider.Name, r reply) {
	t.Helper()
	if !errors.Is(r.err, syscall.ECONNRESET) && !errors.Is(r.err, io.EOF) && !errors.Is(r.err, io.ErrUnexpectedEOF) {
		t.Errorf("error = %v, want a reset connection", r.err)
	}
}

func hasStatus(want int) func(*testing.T, provider.Name, reply) {
	return func(t *testing.T, _ provider.Name, r reply) {
		t.Helper()
		if r.err != nil || r.status != want || r.parsable() {
			t.Errorf("answer = %+v, want %d that is no JSON", r, want)
		}
	}
}

func limited(t *testing.T, p provider.Name, r reply) {
	t.Helper()
	want := map[provider.Name]string{provider.Twilio: "20429", provider.Clickatell: "43", provider.Scopserv: "rate_limited"}[p]
	if r.status != 429 || r.header.Get("Retry-After") != "2" || !strings.Contains(r.body, want) {
		t.Errorf("answer = %+v, want 429 with Retry-After 2 and code %s", r, want)
	}
}

func refused(t *testing.T, p provider.Name, r reply) {
	t.Helper()
	want := map[provider.Name]string{provider.Twilio: "21211", provider.Clickatell: "25", provider.Scopserv: "invalid_recipient"}[p]
	status := map[provider.Name]int{provider.Twilio: 400, provider.Clickatell: 207, provider.Scopserv: 422}[p]
	if r.status != status || !strings.Contains(r.body, want) {
		t.Errorf("answer = %+v, want %d with code %s", r, status, want)
	}
}

func TestAcceptThenHangAnswersNothingUntilTheClientLeaves(t *testing.T) {
	t.Parallel()
	for _, p := range carriers {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.AcceptThenHang})
			ctx, leave := context.WithCancel(t.Context())
			answered := make(chan reply, 1)
			request := b.submission(t, p, message{}).WithContext(ctx)
			go func() { answered <- exchange(t, request) }()
			for _, want := range usual[p] {
				c := <-b.calls
				if got := statuses(t, p, []call{c}); got[0] != want {
					t.Errorf("report = %v, want %s", got, want)
				}
			}
			select {
			case r := <-answered:
				t.Fatalf("answered: %+v", r)
			default:
			}
			leave()
			if r := <-answered; !errors.Is(r.err, context.Canceled) {
				t.Errorf("answer = %+v, want none", r)
			}
			if n := len(b.sim.Ledger(sim.Filter{})); n != 1 {
				t.Errorf("%d accepted, want 1", n)
			}
		})
	}
}

func TestCloseReleasesRequestsThatHang(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.AcceptThenHang})
	answered := make(chan reply, 1)
	request := b.submission(t, provider.Twilio, message{})
	go func() { answered <- exchange(t, request) }()
	if _, err := b.sim.AwaitLedger(t.Context(), sim.Filter{}, 1); err != nil {
		t.Fatal(err)
	}
	if err := b.sim.Close(); err != nil {
		t.Fatal(err)
	}
	if r := <-answered; r.err == nil {
		t.Errorf("answer = %+v, want none", r)
	}
}

func TestRejectUsesTheCodeOfTheScript(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		p      provider.Name
		code   string
		status int
		body   string
	}{
		{provider.Twilio, "21610", 400, `"code":21610`},
		{provider.Twilio, "20003", 401, "Authenticate"},
		{provider.Twilio, "99999", 400, `"code":99999`},
		{provider.Clickatell, "26", 207, `"accepted":false`},
		{provider.Clickatell, "2", 403, `"messages":[]`},
		{provider.Scopserv, "opted_out", 422, "opted_out"},
		{provider.Scopserv, "sender_not_allowed", 403, "sender"},
	} {
		mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.Reject, Code: c.code})
		if r := b.submit(t, c.p, message{}); r.status != c.status || !strings.Contains(r.body, c.body) {
			t.Errorf("%s %s: answer = %+v, want %d with %s", c.p, c.code, r, c.status, c.body)
		}
	}
	for p, code := range map[provider.Name]string{provider.Twilio: "20500", provider.Clickatell: "18", provider.Scopserv: "internal_error"} {
		mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.AcceptThen500, Code: code})
		if r := b.submit(t, p, message{}); r.status != 500 || !r.parsable() || !strings.Contains(r.body, code) {
			t.Errorf("answer = %+v, want the provider's own 500", r)
		}
	}
}

func TestScriptsFollowOneAnotherAndTheNumberComesFirst(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.Reject, Code: "21408"})
	mustScript(t, b, sim.Target{Account: twilioSID}, sim.Script{Behaviour: sim.Reject, Code: "21610", Times: 1})
	mustScript(t, b, sim.Target{To: customer},
		sim.Script{Behaviour: sim.RateLimit, Times: 2}, sim.Script{Behaviour: sim.OK, Times: 1})
	for i, want := range []string{"20429", "20429", "queued", "21610", "21408", "21408"} {
		if r := b.submit(t, provider.Twilio, message{}); !strings.Contains(r.body, want) {
			t.Errorf("submission %d: %s, want %s", i+1, r.body, want)
		}
	}
	b.sim.ClearScripts()
	properly(t, provider.Twilio, b.submit(t, provider.Twilio, message{}))
	var outcomes []string
	for _, a := range b.sim.Attempts(sim.Filter{To: customer}) {
		outcomes = append(outcomes, a.Outcome)
	}
	if want := []string{"429", "429", "ok", "reject", "reject", "reject", "ok"}; !cmp.Equal(outcomes, want) {
		t.Errorf("attempts = %v, want %v", outcomes, want)
	}
	if err := b.sim.SetScript(sim.Target{}, sim.Script{Behaviour: "explode"}); err == nil {
		t.Error("an unknown behaviour is accepted")
	}
}

func TestCallbacksInAnyOrderAndNumber(t *testing.T) {
	t.Parallel()
	for _, p := range carriers {
		t.Run(string(p), func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{
				Order: []string{"delivered", "sent"}, Copies: 2, Delay: time.Millisecond,
			}})
			b.submit(t, p, message{})
			calls := b.settle(t)
			want := []string{usual[p][1], usual[p][1], usual[p][0], usual[p][0]}
			if got := statuses(t, p, calls); !cmp.Equal(got, want) {
				t.Errorf("reports = %v, want %v", got, want)
			}
			if calls[0].body != calls[1].body {
				t.Errorf("copies differ: %s and %s", calls[0].body, calls[1].body)
			}
			e := b.sim.Ledger(sim.Filter{})[0]
			if e.Status != "delivered" || e.CallbacksSent != 4 || e.CallbacksAnswered != 4 {
				t.Errorf("entry = %+v, want delivered and 4 callbacks", e)
			}
		})
	}
}

func TestCallbacksBeforeTheResponse(t *testing.T) {
	t.Parallel()
	var answered atomic.Bool
	var early atomic.Int32
	b := setup(t, func(_ *sim.Config, b *bundle) {
		b.answer = func(http.ResponseWriter, *http.Request) {
			if !answered.Load() {
				early.Add(1)
			}
		}
	})
	mustScript(t, b, sim.Target{}, sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{BeforeResponse: true}})
	for _, p := range carriers {
		answered.Store(false)
		properly(t, p, b.submit(t, p, message{}))
		answered.Store(true)
	}
	if calls := b.settle(t); len(calls) != 6 || early.Load() != 6 {
		t.Errorf("%d callbacks, %d of them before the response; want 6 and 6", len(calls), early.Load())
	}
}

func TestFailuresCarryTheirCode(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p     provider.Name
		order string
		want  string
	}{
		{provider.Twilio, "undelivered:30005", "ErrorCode=30005"},
		{provider.Twilio, "undelivered", "ErrorCode=30003"},
		{provider.Twilio, "failed", "ErrorCode=30008"},
		{provider.Clickatell, "undelivered", `"statusCode":23`},
		{provider.Clickatell, "failed:25", "INSUFFICIENT_ACCOUNT_BALANCE"},
		{provider.Clickatell, "24", "EMULATED"},
		{provider.Clickatell, "99", `"statusCode":99`},
		{provider.Scopserv, "undelivered", "handset_unreachable"},
		{provider.Scopserv, "failed:landline", "landline"},
		{provider.Scopserv, "teleported", `"status":"teleported"`},
	} {
		b := setup(t)
		mustScript(t, b, sim.Target{}, sim.Script{Callbacks: &sim.Callbacks{Order: []string{c.order}}})
		b.submit(t, c.p, message{})
		if calls := b.settle(t); len(calls) != 1 || !strings.Contains(calls[0].body, c.want) {
			t.Errorf("%s %s: %+v, want %s", c.p, c.order, calls, c.want)
		}
	}
}

func TestCallbacksAreTrulySignedUnlessAskedOtherwise(t *testing.T) {
	t.Parallel()
	for _, bad := range []bool{false, true} {
		b := setup(t)
		mustScript(t, b, sim.Target{}, sim.Script{Callbacks: &sim.Callbacks{Order: []string{"sent"}, BadSignature: bad}})
		for _, p := range carriers {
			b.submit(t, p, message{})
			calls := b.settle(t)
			if len(calls) != 1 || signedBy(t, p, calls[0]) == bad {
				t.Errorf("%s, bad signature %v: %+v", p, bad, calls)
			}
		}
	}
}

// signedBy checks a callback as a provider's own library or document does.
func signedBy(t *testing.T, p provider.Name, c call) bool {
	t.Helper()
	switch p {
	case provider.Twilio:
		params := map[string]string{}
		for name, values := range c.form(t) {
			params[name] = values[0]
		}
		v := twilioclient.NewRequestValidator(twilioToken)
		return v.Validate(c.url, params, c.header.Get("X-Twilio-Signature"))
	case provider.Clickatell:
		user, password, ok := (&http.Request{Header: c.header}).BasicAuth()
		return ok && user == "clickatell" && password == apiSecret
	default:
		path := c.url[strings.Index(c.url, "/scopserv"):]
		want := carrierSignature(c.header.Get("X-Signature-Timestamp"), "POST", path, c.body)
		return c.header.Get("X-Carrier-Account") == carrierName && c.header.Get("X-Signature-256") == want
	}
}

func TestFailedReportsAreRepeatedExceptByTwilio(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    provider.Name
		want int
	}{{provider.Twilio, 1}, {provider.Clickatell, 3}, {provider.Scopserv, 3}} {
		var failures atomic.Int32
		failures.Store(2)
		b := setup(t, func(_ *sim.Config, b *bundle) {
			b.answer = func(w http.ResponseWriter, _ *http.Request) {
				if failures.Add(-1) >= 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			}
		})
		mustScript(t, b, sim.Target{}, sim.Script{Callbacks: &sim.Callbacks{Order: []string{"sent"}}})
		b.submit(t, c.p, message{})
		if got := len(b.settle(t)); got != c.want {
			t.Errorf("%s: %d callbacks, want %d", c.p, got, c.want)
		}
	}
}
