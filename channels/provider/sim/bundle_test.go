package sim_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/clock"
)

const (
	ours     = "+15145550100"
	customer = "+15145550199"

	twilioSID   = "AC00000000000000000000000000000001"
	twilioToken = "twilio-token"
	apiKey      = "clickatell-key"
	apiSecret   = "clickatell-secret"
	carrierName = "operator-account"
	carrierKey  = "operator-secret"
)

var start = time.Date(2026, 11, 20, 15, 4, 5, 0, time.UTC)

// call is one callback as Trellis receives it.
type call struct {
	path, url string
	header    http.Header
	body      string
}

func (c call) form(t *testing.T) url.Values {
	t.Helper()
	form, err := url.ParseQuery(c.body)
	if err != nil {
		t.Fatalf("callback is no form: %v", err)
	}
	return form
}

// bundle is a simulator with an account at each carrier and a Trellis that
// records its callbacks.
type bundle struct {
	sim   *sim.Simulator
	url   string
	hooks *httptest.Server
	calls chan call
	clock *clock.Manual
	// answer is what Trellis says to a callback; 200 when nil.
	answer http.HandlerFunc
}

func setup(t *testing.T, change ...func(*sim.Config, *bundle)) *bundle {
	t.Helper()
	b := &bundle{calls: make(chan call, 1000), clock: clock.NewManual(start)}
	b.hooks = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("reading callback: %v", err)
		}
		b.calls <- call{path: r.URL.Path, url: b.hooks.URL + r.URL.RequestURI(), header: r.Header, body: string(body)}
		if b.answer != nil {
			b.answer(w, r)
		}
	}))
	cfg := sim.Config{Clock: b.clock, RetryPause: time.Millisecond}
	for _, f := range change {
		f(&cfg, b)
	}
	b.sim = sim.New(cfg)
	address, err := b.sim.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b.url = address
	t.Cleanup(func() {
		if err := b.sim.Close(); err != nil {
			t.Errorf("closing: %v", err)
		}
		b.hooks.Close()
	})
	for _, a := range []sim.Account{
		{Provider: provider.Twilio, Credentials: provider.Credentials{"account_sid": twilioSID, "auth_token": twilioToken}},
		{Provider: provider.Clickatell, ID: "integration", Credentials: provider.Credentials{"api_key": apiKey, "callback_secret": apiSecret}},
		{Provider: provider.Scopserv, Credentials: provider.Credentials{"account": carrierName, "secret": carrierKey}},
	} {
		a.Addresses = []string{ours}
		a.InboundURL = b.hooks.URL + "/" + string(a.Provider) + "/inbound"
		a.StatusURL = b.hooks.URL + "/" + string(a.Provider) + "/status"
		if err := b.sim.AddAccount(a); err != nil {
			t.Fatal(err)
		}
	}
	return b
}

// reply is what a carrier answered, or why there was no answer.
type reply struct {
	status int
	header http.Header
	body   string
	err    error
}

func (r reply) decode(t *testing.T, into any) {
	t.Helper()
	if r.err != nil {
		t.Fatalf("no answer: %v", r.err)
	}
	if err := json.Unmarshal([]byte(r.body), into); err != nil {
		t.Fatalf("answer %d %q: %v", r.status, r.body, err)
	}
}

func (r reply) parsable() bool { return json.Valid([]byte(r.body)) }

func exchange(t *testing.T, r *http.Request) reply {
	t.Helper()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(r)
	if err != nil {
		return reply{err: err}
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return reply{status: resp.StatusCode, header: resp.Header, body: string(body), err: err}
}

func (b *bundle) request(t *testing.T, method, path, contentType, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

// message is a submission in no provider's words.
type message struct {
	from, to, body, ref string
	attempt             int
	media               []string
}

func (m message) filled() message {
	if m.from == "" {
		m.from = ours
	}
	if m.to == "" {
		m.to = customer
	}
	if m.body == "" {
		m.body = "Hello"
	}
	if m.ref == "" {
		m.ref = "ref-1"
	}
	m.attempt = max(m.attempt, 1)
	return m
}

// submission builds the request that a provider's client would send.
func (b *bundle) submission(t *testing.T, p provider.Name, m message) *http.Request {
	t.Helper()
	m = m.filled()
	callback := b.hooks.URL + "/" + string(p) + "/status?m=" + m.ref + "&a=" + strconv.Itoa(m.attempt)
	switch p {
	case provider.Twilio:
		form := url.Values{"From": {m.from}, "To": {m.to}, "Body": {m.body}, "StatusCallback": {callback}}
		if len(m.media) > 0 {
			form["MediaUrl"] = m.media
		}
		r := b.request(t, "POST", "/api/2010-04-01/Accounts/"+twilioSID+"/Messages.json", "application/x-www-form-urlencoded", form.Encode())
		r.SetBasicAuth(twilioSID, twilioToken)
		return r
	case provider.Clickatell:
		r := b.request(t, "POST", "/v1/message", "application/json", toJSON(t, map[string]any{"messages": []any{map[string]any{
			"channel": "sms", "to": strings.TrimPrefix(m.to, "+"), "from": strings.TrimPrefix(m.from, "+"),
			"content": m.body, "clientMessageId": m.ref,
		}}}))
		r.Header.Set("Authorization", apiKey)
		return r
	default:
		return b.signed(t, "POST", "/carrier/v1/messages", toJSON(t, map[string]any{
			"client_ref": m.ref, "attempt": m.attempt, "from": m.from, "to": m.to, "text": m.body,
			"media": m.media, "status_url": callback, "valid_for_seconds": 14400,
		}))
	}
}

func (b *bundle) submit(t *testing.T, p provider.Name, m message) reply {
	t.Helper()
	return exchange(t, b.submission(t, p, m))
}

// signed builds a request by the words of docs/operator-carrier.md.
func (b *bundle) signed(t *testing.T, method, path, body string) *http.Request {
	t.Helper()
	r := b.request(t, method, path, "application/json", body)
	timestamp := strconv.FormatInt(b.clock.Now().Unix(), 10)
	r.Header.Set("X-Carrier-Account", carrierName)
	r.Header.Set("X-Signature-Timestamp", timestamp)
	r.Header.Set("X-Signature-256", carrierSignature(timestamp, method, path, body))
	return r
}

func carrierSignature(timestamp, method, path, body string) string {
	mac := hmac.New(sha256.New, []byte(carrierKey))
	mac.Write([]byte(timestamp + "." + method + "." + path + "." + body))
	return "sha256=" + hex.EncodeToString(mac.Sum(nil))
}

func (b *bundle) twilioGet(t *testing.T, path string, into any) reply {
	t.Helper()
	r := b.request(t, "GET", path, "", "")
	r.SetBasicAuth(twilioSID, twilioToken)
	answer := exchange(t, r)
	if into != nil {
		answer.decode(t, into)
	}
	return answer
}

func (b *bundle) carrierGet(t *testing.T, path string, into any) reply {
	t.Helper()
	answer := exchange(t, b.signed(t, "GET", path, ""))
	if into != nil {
		answer.decode(t, into)
	}
	return answer
}

func (b *bundle) control(t *testing.T, method, path, body string) reply {
	t.Helper()
	return exchange(t, b.request(t, method, path, "application/json", body))
}

// settle waits for the callbacks and returns those that came.
func (b *bundle) settle(t *testing.T) []call {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if err := b.sim.Settle(ctx); err != nil {
		t.Fatalf("callbacks do not settle: %v", err)
	}
	var calls []call
	for {
		select {
		case c := <-b.calls:
			calls = append(calls, c)
		default:
			return calls
		}
	}
}

// statuses reads the provider's words out of delivery reports.
func statuses(t *testing.T, p provider.Name, calls []call) []string {
	t.Helper()
	words := []string{}
	for _, c := range calls {
		switch p {
		case provider.Twilio:
			words = append(words, c.form(t).Get("MessageStatus"))
		case provider.Clickatell:
			var document struct {
				Event struct {
					MessageStatusUpdate []struct {
						Status string `json:"status"`
					} `json:"messageStatusUpdate"`
				} `json:"event"`
			}
			reply{body: c.body}.decode(t, &document)
			words = append(words, document.Event.MessageStatusUpdate[0].Status)
		default:
			var document struct {
				Status string `json:"status"`
			}
			reply{body: c.body}.decode(t, &document)
			words = append(words, document.Status)
		}
	}
	return words
}

func toJSON(t *testing.T, document any) string {
	t.Helper()
	body, err := json.Marshal(document)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func mustScript(t *testing.T, b *bundle, target sim.Target, list ...sim.Script) {
	t.Helper()
	if err := b.sim.SetScript(target, list...); err != nil {
		t.Fatal(err)
	}
}
