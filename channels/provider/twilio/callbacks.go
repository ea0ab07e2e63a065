package twilio

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/twilio/twilio-go/client"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/phone"
)

// maxMedia bounds the pictures that are read of one callback; Twilio's own
// limit is ten.
const maxMedia = 10

// Verify implements provider.Adapter. Both tokens count while one replaces the
// other. A good signature of another account, or about another number, is
// ErrForeign: it must not reach this channel (rules A8-5).
func (*Adapter) Verify(a provider.Account, c provider.Callback) error {
	if !signed(a, c) {
		return provider.ErrSignature
	}
	p := parameters(c)
	ours := p.Get("To")
	if isReport(p) {
		ours = p.Get("From")
	}
	// A message under a name is reported under the name; whose it is, its id says.
	named := isReport(p) && phone.IsAlphanumericSender(ours)
	if p.Get("AccountSid") != a.Credentials["account_sid"] || ours != a.Address && !named {
		return provider.ErrForeign
	}
	return nil
}

func signed(a provider.Account, c provider.Callback) bool {
	signature := c.Header.Get("X-Twilio-Signature")
	if signature == "" {
		return false
	}
	for _, name := range []string{"auth_token", "auth_token_next"} {
		token := a.Credentials[name]
		if token == "" {
			continue // anyone can sign with an empty key
		}
		validator := client.NewRequestValidator(token)
		if validator.ValidateBody(c.URL, c.Body, signature) {
			return true
		}
	}
	return false
}

// isReport tells a report on a message of ours from a message to us, of which
// Twilio says "received" or "receiving".
func isReport(p url.Values) bool {
	s := p.Get("MessageStatus")
	return s != "" && s != "received" && s != "receiving"
}

// ParseInbound implements provider.Adapter. A message without text is valid
// where it has pictures.
func (*Adapter) ParseInbound(c provider.Callback) ([]provider.Inbound, error) {
	p := parameters(c)
	in := provider.Inbound{
		EventKey: p.Get("MessageSid"), ProviderID: p.Get("MessageSid"),
		From: p.Get("From"), To: p.Get("To"), Body: p.Get("Body"),
		Segments: count(p.Get("NumSegments")), OptOutType: strings.ToUpper(p.Get("OptOutType")),
	}
	if in.ProviderID == "" || in.From == "" || in.To == "" || isReport(p) {
		return nil, provider.ErrMalformed
	}
	plain := false
	for i := range min(count(p.Get("NumMedia")), maxMedia) {
		n := strconv.Itoa(i)
		media := provider.Media{URL: p.Get("MediaUrl" + n), ContentType: p.Get("MediaContentType" + n)}
		plain = plain || strings.HasPrefix(media.ContentType, "text/plain")
		if media.URL != "" {
			in.Media = append(in.Media, media)
		}
	}
	if plain {
		in.Body = decodeText(in.Body)
	}
	return []provider.Inbound{in}, nil
}

// ParseStatus implements provider.Adapter.
func (*Adapter) ParseStatus(c provider.Callback) ([]provider.Report, error) {
	p := parameters(c)
	sid, raw, code := p.Get("MessageSid"), p.Get("MessageStatus"), p.Get("ErrorCode")
	if sid == "" || raw == "" {
		return nil, provider.ErrMalformed
	}
	if code == "0" {
		code = ""
	}
	r := newReport(sid, raw, code)
	if u, err := url.Parse(c.URL); err == nil {
		r.ClientRef, r.Attempt = u.Query().Get("m"), count(u.Query().Get("a"))
	}
	return []provider.Report{r}, nil
}

// Acknowledgement implements provider.Adapter: TwiML that answers nothing.
func (*Adapter) Acknowledgement() provider.Acknowledgement {
	return provider.Acknowledgement{ContentType: "text/xml", Body: "<Response/>"}
}

// parameters reads what the signature covers, and where a name comes twice its
// first value only, as the signature does.
func parameters(c provider.Callback) url.Values {
	kind, _, _ := mime.ParseMediaType(c.Header.Get("Content-Type"))
	switch {
	case c.Method == http.MethodGet:
		u, err := url.Parse(c.URL)
		if err != nil {
			return url.Values{}
		}
		return u.Query()
	case kind == "application/json":
		return fromJSON(c.Body)
	default:
		values, err := url.ParseQuery(string(c.Body))
		if err != nil {
			return url.Values{}
		}
		return values
	}
}

// fromJSON reads the texts and numbers of a flat object and ignores the rest.
func fromJSON(body []byte) url.Values {
	var fields map[string]json.RawMessage
	if json.Unmarshal(body, &fields) != nil {
		return url.Values{}
	}
	values := url.Values{}
	for name, raw := range fields {
		var text string
		var n json.Number
		switch {
		case json.Unmarshal(raw, &text) == nil:
			values.Set(name, text)
		case json.Unmarshal(raw, &n) == nil:
			values.Set(name, n.String())
		}
	}
	return values
}

// decodeText reads a long text that arrived as a picture message with a part
// of text/plain: its body is then base64 (rules A8-7). What is not, is kept.
func decodeText(body string) string {
	packed := strings.NewReplacer("\r", "", "\n", "", " ", "").Replace(body)
	if len(packed) < 60 {
		return body // a short word can look like base64
	}
	text, err := base64.StdEncoding.DecodeString(packed)
	if err != nil || !utf8.Valid(text) || bytes.ContainsRune(text, 0) {
		return body
	}
	return string(text)
}

func count(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0
	}
	return n
}
