package clickatell

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// envelope is the body of every callback. Kinds of events that are not here
// are ignored, as Clickatell demands.
type envelope struct {
	IntegrationID string `json:"integrationId"`
	Event         *struct {
		MessageStatusUpdate []event `json:"messageStatusUpdate"`
		MoText              []reply `json:"moText"`
	} `json:"event"`
}

// event is what Clickatell says of one message, in a callback or in answer to
// a question.
type event struct {
	MessageID       string  `json:"messageId"`
	APIMessageID    string  `json:"apiMessageId"`
	ClientMessageID string  `json:"clientMessageId"`
	StatusCode      integer `json:"statusCode"`
	Status          string  `json:"status"`
	Timestamp       integer `json:"timestamp"` // milliseconds
}

// reply is a message that a customer sent.
type reply struct {
	Channel   string  `json:"channel"`
	MessageID string  `json:"messageId"`
	From      string  `json:"from"`
	To        string  `json:"to"`
	Content   string  `json:"content"`
	Timestamp integer `json:"timestamp"` // milliseconds
}

// Verify implements provider.Adapter by the password of HTTP basic
// authentication; the user name does not matter. It is compared in constant
// time, whatever its length.
//
// A batch with a message for another number is foreign as a whole. Clickatell
// sends one event at a time; status events name no number, and their message
// id and the URL bind them to the channel.
func (*Adapter) Verify(a provider.Account, c provider.Callback) error {
	want := a.Credentials["callback_secret"]
	request := http.Request{Header: c.Header}
	_, password, given := request.BasicAuth()
	got, expected := sha256.Sum256([]byte(password)), sha256.Sum256([]byte(want))
	if subtle.ConstantTimeCompare(got[:], expected[:]) != 1 || !given || want == "" {
		return provider.ErrSignature
	}
	body, err := read(c)
	if err != nil {
		return nil //nolint:nilerr // true, and unreadable: the parsers say so
	}
	if id := a.Credentials["api_id"]; id != "" && body.IntegrationID != id {
		return provider.ErrForeign
	}
	for _, r := range body.Event.MoText {
		if r.sms() && digits(r.To) != digits(a.Address) {
			return provider.ErrForeign
		}
	}
	return nil
}

// ParseInbound implements provider.Adapter. What customers wrote on channels
// other than SMS is left out.
func (*Adapter) ParseInbound(c provider.Callback) ([]provider.Inbound, error) {
	body, err := read(c)
	if err != nil {
		return nil, err
	}
	var inbound []provider.Inbound
	for _, r := range body.Event.MoText {
		if !r.sms() {
			continue
		}
		if r.MessageID == "" || r.From == "" || r.To == "" {
			return nil, provider.ErrMalformed
		}
		inbound = append(inbound, provider.Inbound{
			EventKey: r.MessageID, ProviderID: r.MessageID, From: e164(r.From), To: e164(r.To),
			Body: r.Content, SentAt: millis(r.Timestamp),
		})
	}
	return inbound, nil
}

// ParseStatus implements provider.Adapter. Reports may be out of order; their
// time is Clickatell's own.
func (*Adapter) ParseStatus(c provider.Callback) ([]provider.Report, error) {
	body, err := read(c)
	if err != nil {
		return nil, err
	}
	var reports []provider.Report
	for _, e := range body.Event.MessageStatusUpdate {
		if e.id() == "" || (e.StatusCode == 0 && e.Status == "") {
			return nil, provider.ErrMalformed
		}
		reports = append(reports, e.report())
	}
	return reports, nil
}

// Acknowledgement implements provider.Adapter: any 2xx ends a callback.
func (*Adapter) Acknowledgement() provider.Acknowledgement {
	return provider.Acknowledgement{ContentType: "application/json", Body: "{}"}
}

func read(c provider.Callback) (envelope, error) {
	var body envelope
	if json.Unmarshal(c.Body, &body) != nil || body.Event == nil {
		return envelope{}, provider.ErrMalformed
	}
	return body, nil
}

// sms tells whether a message came by SMS; without a word on it, it did.
func (r reply) sms() bool {
	channel := strings.TrimSpace(r.Channel)
	return channel == "" || strings.EqualFold(channel, "sms")
}

// id of the message, which callbacks and answers name differently.
func (e event) id() string {
	if e.MessageID != "" {
		return e.MessageID
	}
	return e.APIMessageID
}

// number is the status code, by its word where the code is missing.
func (e event) number() int {
	if e.StatusCode != 0 {
		return int(e.StatusCode)
	}
	for code, s := range statuses {
		if s.word == e.Status {
			return code
		}
	}
	return 0
}

func (e event) at() time.Time { return millis(e.Timestamp) }

func (e event) report() provider.Report {
	code := e.number()
	r := provider.Report{
		EventKey:   e.id() + ":" + strconv.Itoa(code) + ":" + strconv.FormatInt(int64(e.Timestamp), 10),
		ProviderID: e.id(), ClientRef: e.ClientMessageID, OccurredAt: e.at(),
	}
	s, known := statuses[code]
	switch {
	case known:
		r.Status, r.RawStatus, r.Class = s.status, s.word, s.class
	case code >= firstFailure:
		r.Status, r.RawStatus, r.Class = provider.StatusFailed, strconv.Itoa(code), provider.ClassDelivery
	case code == 0:
		r.Status, r.RawStatus = provider.StatusUnknown, e.Status
	default:
		r.Status, r.RawStatus = provider.StatusUnknown, strconv.Itoa(code)
	}
	if r.Class != "" {
		r.ErrorCode = strconv.Itoa(code)
	}
	return r
}

// millis reads a time in milliseconds, zero where there is none.
func millis(n integer) time.Time {
	if n <= 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(n)).UTC()
}
