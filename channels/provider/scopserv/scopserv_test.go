package scopserv_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providertest"
	"github.com/trellishq/trellis/channels/provider/scopserv"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accountID = "acme-7"
	secret    = "q7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj9Ge"
	address   = "+15145550100"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func account() provider.Account {
	return provider.Account{Credentials: provider.Credentials{"account": accountID, "secret": secret}, Address: address}
}

// callback is a request as the carrier makes it.
func callback(tb testing.TB, a provider.Account, link string, event any, extra bool) provider.Callback {
	tb.Helper()
	body, err := json.Marshal(event)
	if err != nil {
		tb.Fatal(err)
	}
	if extra {
		body = append([]byte(`{"later":{"a":[1]},`), body[1:]...)
	}
	req := httptest.NewRequest(http.MethodPost, link, nil)
	req.Header.Set("Content-Type", "application/json")
	scopserv.SignRequest(req, a.Credentials["account"], a.Credentials["secret"], noon, body)
	return provider.Callback{Method: req.Method, URL: link, Header: req.Header, Body: body, ReceivedAt: noon}
}

func inbound(tb testing.TB, a provider.Account, in provider.Inbound, extra bool) provider.Callback {
	return callback(tb, a, "https://hooks.example.test/hooks/scopserv/t0ken/inbound", event(in), extra)
}

func event(in provider.Inbound) scopserv.InboundEvent {
	e := scopserv.InboundEvent{
		EventID: in.EventKey, MessageID: in.ProviderID, From: in.From, To: in.To, Text: in.Body, Segments: in.Segments, ReceivedAt: in.SentAt,
	}
	for _, m := range in.Media {
		e.Media = append(e.Media, scopserv.InboundMedia{URL: m.URL, ContentType: m.ContentType})
	}
	return e
}

func status(tb testing.TB, a provider.Account, e providertest.Event, extra bool) provider.Callback {
	link := fmt.Sprintf("https://hooks.example.test/hooks/scopserv/t0ken/status?m=%s&a=%d", e.ClientRef, e.Attempt)
	return callback(tb, a, link, scopserv.ReportEvent{
		EventID: e.ProviderID + "/" + e.Status, MessageID: e.ProviderID, ClientRef: e.ClientRef, Attempt: e.Attempt,
		Status: e.Status, ErrorCode: e.ErrorCode, Segments: 1, OccurredAt: e.OccurredAt,
	}, extra)
}

func suite() providertest.Suite {
	c := newCarrier(accountID, secret)
	return providertest.Suite{
		New: func(_ testing.TB, base string, client *http.Client) provider.Adapter {
			return scopserv.New(scopserv.Config{BaseURL: base, HTTP: client})
		},
		Account:          account(),
		WrongCredentials: provider.Credentials{"account": accountID, "secret": "another-secret-of-the-carrier"},
		Carrier:          c,
		Refusals:         refusals(),
		Inbound:          inbound,
		Status:           status,
		Statuses: map[string]provider.Status{
			"accepted": provider.StatusAccepted, "sent": provider.StatusSent, "delivered": provider.StatusDelivered,
			"undelivered": provider.StatusUndelivered, "failed": provider.StatusFailed,
		},
		UnknownStatus: "read",
		Sequence:      []string{"accepted", "sent", "delivered"},
		Receive: func(_ testing.TB, in provider.Inbound) {
			c.mu.Lock()
			defer c.mu.Unlock()
			c.inbound = append(c.inbound, event(in))
		},
		OwnMedia: "/media/1.jpg?x=1",
	}
}

// refusals are the contract's table, codes at other statuses, and codes that
// the contract does not have.
func refusals() []providertest.Refusal {
	var list []providertest.Refusal
	add := func(status int, code string, class provider.ErrorClass, shown string) {
		to := fmt.Sprintf("+1514556%04d", len(list))
		refused[to] = struct {
			status int
			code   string
		}{status, code}
		r := providertest.Refusal{Name: fmt.Sprintf("%d-%s", status, code), To: to, Class: class, Code: shown}
		if status == http.StatusTooManyRequests {
			r.RetryAfter = 3 * time.Second
		}
		list = append(list, r)
	}
	add(401, "unauthorized", provider.ClassSender, "unauthorized")
	add(403, "sender_not_allowed", provider.ClassSender, "sender_not_allowed")
	add(422, "invalid_recipient", provider.ClassRecipient, "invalid_recipient")
	add(422, "landline", provider.ClassRecipient, "landline")
	add(422, "opted_out", provider.ClassOptedOut, "opted_out")
	add(422, "content_refused", provider.ClassContent, "content_refused")
	add(429, "rate_limited", provider.ClassTransient, "rate_limited")
	add(422, "rate_limited", provider.ClassTransient, "rate_limited")
	add(422, "handset_unreachable", provider.ClassContent, "handset_unreachable")
	add(422, "something_new", provider.ClassContent, "something_new")
	add(422, "+15145550199 is wrong", provider.ClassContent, "422")
	add(404, "", provider.ClassSender, "404")
	add(500, "opted_out", provider.ClassAmbiguous, "500")
	add(503, "rate_limited", provider.ClassAmbiguous, "503")
	return list
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzCallbacks(f *testing.F) { providertest.FuzzCallbacks(f, suite()) }

func FuzzAnswers(f *testing.F) {
	providertest.FuzzAnswers(f, suite(),
		`{"message_id":"m","status":"accepted","segments":1}`, `{"messages":[{"message_id":"m","client_ref":"r"}]}`, `{"code":"opted_out"}`)
}

// The signature is the published one, byte for byte.
func TestSign(t *testing.T) {
	t.Parallel()
	// printf '1767323045.POST./v1/messages?a=1.{"x":1}' | openssl dgst -sha256 -hmac secret
	const want = "sha256=16495dfcc6b1a07b97da0b9e06c39d80f979fd1e8e500f0b18b3f9165fe2ddbf"
	if got := scopserv.Sign("secret", 1767323045, "post", "/v1/messages?a=1", []byte(`{"x":1}`)); got != want {
		t.Errorf("Sign = %s, want %s", got, want)
	}
}

// A request is good for 300 s to either side, and for its own method, path,
// query and body only.
func TestSignatureExpires(t *testing.T) {
	t.Parallel()
	a := scopserv.New(scopserv.Config{})
	for skew, want := range map[time.Duration]error{
		0: nil, 300 * time.Second: nil, -300 * time.Second: nil,
		301 * time.Second: provider.ErrSignature, -301 * time.Second: provider.ErrSignature,
	} {
		c := inbound(t, account(), provider.Inbound{EventKey: "e", ProviderID: "m", From: "+15145550199", To: address}, false)
		c.ReceivedAt = noon.Add(skew)
		if err := a.Verify(account(), c); !errors.Is(err, want) {
			t.Errorf("%s after: %v, want %v", skew, err, want)
		}
	}
	c := inbound(t, account(), provider.Inbound{EventKey: "e", ProviderID: "m", From: "+15145550199", To: address}, false)
	c.Method = http.MethodPut
	if err := a.Verify(account(), c); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("another method: %v", err)
	}
	for _, timestamp := range []string{"", "x", "1767323045.0", strconv.Itoa(1 << 62)} {
		c.Header.Set(scopserv.HeaderTimestamp, timestamp)
		if err := a.Verify(account(), c); !errors.Is(err, provider.ErrSignature) {
			t.Errorf("timestamp %q: %v", timestamp, err)
		}
	}
}

// The query is signed as it was sent: it is not decoded on the way.
func TestSignatureOfOddURLs(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"/", "/a%2Fb/c?x=%20y+z&x=%7E", "/a?", "/a?b?c", "/%C3%A9"} {
		link := "https://hooks.example.test" + path
		c := provider.Callback{Method: http.MethodPost, URL: link, Header: http.Header{}, ReceivedAt: noon}
		c.Header.Set(scopserv.HeaderTimestamp, strconv.FormatInt(noon.Unix(), 10))
		c.Header.Set(scopserv.HeaderSignature, scopserv.Sign(secret, noon.Unix(), http.MethodPost, path, nil))
		if err := scopserv.CheckSignature(c, secret); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestSubmitOnTheWire(t *testing.T) {
	t.Parallel()
	c := newCarrier(accountID, secret)
	server := httptest.NewServer(c)
	defer server.Close()
	client := provider.NewHTTPClient()
	defer client.CloseIdleConnections()
	a := scopserv.New(scopserv.Config{BaseURL: server.URL, HTTP: client})
	s := provider.Submission{
		ClientRef: "ref", Attempt: 2, From: address, To: "+15145550199", Body: "été", MediaURLs: []string{"https://m.example.test/1.jpg"},
		StatusURL: "https://hooks.example.test/s?m=ref&a=2", ValidFor: 4 * time.Hour,
	}
	first, err := a.Submit(t.Context(), account(), s)
	if err != nil {
		t.Fatal(err)
	}
	want := scopserv.SubmitRequest{
		ClientRef: "ref", Attempt: 2, From: address, To: "+15145550199", Text: "été", Media: []string{"https://m.example.test/1.jpg"},
		StatusURL: "https://hooks.example.test/s?m=ref&a=2", ValidForSeconds: 14400,
	}
	if diff := cmp.Diff(want, c.last); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
	again, err := a.Submit(t.Context(), account(), s)
	if err != nil || again != first || len(c.messages) != 1 {
		t.Errorf("the same attempt again: %+v, %v; %d messages", again, err, len(c.messages))
	}
}

// Without a base URL the channel is at fault, and nothing is sent anywhere.
func TestNotConfigured(t *testing.T) {
	t.Parallel()
	a := scopserv.New(scopserv.Config{})
	if e := provider.AsError(a.Check(t.Context(), account())); e.Class != provider.ClassSender || e.Code != "not_configured" {
		t.Errorf("Check = %v", e)
	}
}

func TestReportedFailures(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]provider.ErrorClass{
		"handset_unreachable": provider.ClassDelivery, "landline": provider.ClassRecipient, "unknown_error": provider.ClassDelivery,
		"opted_out": provider.ClassOptedOut, "content_refused": provider.ClassContent, "rate_limited": provider.ClassDelivery, "": provider.ClassDelivery,
	} {
		c := status(t, account(), providertest.Event{ProviderID: "m", Status: "undelivered", ErrorCode: code}, false)
		got, err := scopserv.ReadStatus(c)
		if err != nil || len(got) != 1 || got[0].Class != want || got[0].ErrorCode != code {
			t.Errorf("%q is %+v, %v; want %s", code, got, err, want)
		}
	}
}

func TestInboundPictures(t *testing.T) {
	t.Parallel()
	want := provider.Inbound{
		EventKey: "e", ProviderID: "m", From: "+15145550199", To: address, Segments: 1, SentAt: noon,
		Media: []provider.Media{{URL: "https://carrier.example.test/1", ContentType: "image/jpeg"}},
	}
	got, err := scopserv.ReadInbound(inbound(t, account(), want, false))
	if err != nil || len(got) != 1 {
		t.Fatalf("ReadInbound = %v, %v", got, err)
	}
	if diff := cmp.Diff(want, got[0]); diff != "" {
		t.Errorf("read (-want +got):\n%s", diff)
	}
}
