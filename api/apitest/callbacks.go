package apitest

import (
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- Twilio's signature is HMAC-SHA1
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/scopserv"
)

// Callback is one that a test words itself, in place of the simulator.
type Callback struct {
	// URL that is called; the line's inbound URL when empty.
	URL string
	// Body is the form of Twilio, or what becomes JSON for the others.
	Body any
	// Credentials that it is signed with; the line's own when nil.
	Credentials provider.Credentials
	// Unsigned leaves the signature out.
	Unsigned bool
}

// StatusURL is where the line's delivery reports go, without a message.
func (l Line) StatusURL() string {
	return strings.TrimSuffix(l.Account.InboundURL, "/inbound") + "/status"
}

// Call sends a callback as the line's provider would.
func (p *Platform) Call(t testing.TB, line Line, c Callback) *Response {
	t.Helper()
	if c.URL == "" {
		c.URL = line.Account.InboundURL
	}
	if c.Credentials == nil {
		c.Credentials = line.Account.Credentials
	}
	var content, contentType string
	if form, ok := c.Body.(url.Values); ok {
		content, contentType = form.Encode(), "application/x-www-form-urlencoded"
	} else {
		encoded, err := json.Marshal(c.Body)
		if err != nil {
			t.Fatal(err)
		}
		content, contentType = string(encoded), "application/json"
	}
	header := Header{"Content-Type": contentType}
	if !c.Unsigned {
		p.sign(t, line.Provider, c, content, header)
	}
	return p.Anonymous().Post(t, c.URL, content, header)
}

func (p *Platform) sign(t testing.TB, name provider.Name, c Callback, content string, header Header) {
	t.Helper()
	switch name {
	case provider.Twilio:
		form, _ := c.Body.(url.Values)
		header["X-Twilio-Signature"] = signTwilio(c.Credentials["auth_token"], c.URL, form)
	case provider.Clickatell:
		pair := "clickatell:" + c.Credentials["callback_secret"]
		header["Authorization"] = "Basic " + base64.StdEncoding.EncodeToString([]byte(pair))
	case provider.Scopserv:
		request, err := http.NewRequest(http.MethodPost, c.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		scopserv.SignRequest(request, c.Credentials["account"], c.Credentials["secret"], p.Clock.Now(), []byte(content))
		for name := range request.Header {
			header[name] = request.Header.Get(name)
		}
	}
}

func signTwilio(token, url string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// Inbound words a customer's message as the line's provider would.
func (l Line) Inbound(id, from, to, text string) any {
	switch l.Provider {
	case provider.Twilio:
		return url.Values{
			"MessageSid": {id}, "AccountSid": {l.Account.Credentials["account_sid"]},
			"From": {from}, "To": {to}, "Body": {text}, "NumMedia": {"0"},
		}
	case provider.Clickatell:
		return map[string]any{"integrationId": "ff", "integrationName": "x", "event": map[string]any{"moText": []any{map[string]any{
			"channel": "sms", "messageId": id, "from": strings.TrimPrefix(from, "+"), "to": strings.TrimPrefix(to, "+"),
			"timestamp": 1772895845000, "content": text,
		}}}}
	}
	return map[string]any{
		"event_id": "in-" + id, "message_id": id, "from": from, "to": to, "text": text,
		"media": []any{}, "segments": 1, "received_at": "2026-03-07T15:04:05Z",
	}
}

// Report words a delivery report as the line's provider would. The reference is
// the message's id, which Twilio is told in the URL and reports nowhere else.
func (p *Platform) Report(t testing.TB, line Line, providerID, reference, status string) *Response {
	t.Helper()
	c := Callback{URL: line.StatusURL()}
	switch line.Provider {
	case provider.Twilio:
		if reference != "" {
			c.URL += "?m=" + reference + "&a=1"
		}
		c.Body = url.Values{
			"MessageSid": {providerID}, "AccountSid": {line.Account.Credentials["account_sid"]},
			"From": {line.Address}, "To": {Customer}, "MessageStatus": {status},
		}
	case provider.Clickatell:
		code := map[string]int{"accepted": 2, "sent": 4, "delivered": 5, "read": 6, "undelivered": 23}[status]
		c.Body = map[string]any{"integrationId": "ff", "integrationName": "x", "event": map[string]any{"messageStatusUpdate": []any{map[string]any{
			"channel": "sms", "messageId": providerID, "clientMessageId": reference, "statusCode": code, "status": status,
			"from": strings.TrimPrefix(line.Address, "+"), "to": strings.TrimPrefix(Customer, "+"), "timestamp": p.Clock.Now().UnixMilli(),
		}}}}
	default:
		c.Body = map[string]any{
			"event_id": providerID + "-" + status, "message_id": providerID, "client_ref": reference, "attempt": 1,
			"status": status, "error_code": "", "segments": 1, "occurred_at": p.Clock.Now(),
		}
	}
	return p.Call(t, line, c)
}

// Count runs a query that counts, past every wall.
func (p *Platform) Count(t testing.TB, query string, args ...any) int {
	t.Helper()
	var n int
	if err := p.owner.QueryRow(query, args...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Tamper changes rows past every wall.
func (p *Platform) Tamper(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := p.owner.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Text runs a query for one text, past every wall.
func (p *Platform) Text(t testing.TB, query string, args ...any) string {
	t.Helper()
	var text string
	if err := p.owner.QueryRow(query, args...).Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return text
}
