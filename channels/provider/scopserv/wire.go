package scopserv

import (
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// SubmitRequest is the body of POST /v1/messages.
type SubmitRequest struct {
	ClientRef       string   `json:"client_ref"`
	Attempt         int      `json:"attempt"`
	From            string   `json:"from"`
	To              string   `json:"to"`
	Text            string   `json:"text"`
	Media           []string `json:"media,omitempty"`
	StatusURL       string   `json:"status_url,omitempty"`
	ValidForSeconds int      `json:"valid_for_seconds,omitempty"`
}

// SubmitAnswer is the carrier's 200 or 202 to a submission.
type SubmitAnswer struct {
	MessageID string `json:"message_id"`
	Status    string `json:"status"`
	Segments  int    `json:"segments"`
}

// RefusalAnswer is the carrier's 4xx.
type RefusalAnswer struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Message is what the carrier has about one submission.
type Message struct {
	MessageID string    `json:"message_id"`
	ClientRef string    `json:"client_ref"`
	Attempt   int       `json:"attempt"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Status    string    `json:"status"`
	ErrorCode string    `json:"error_code"`
	Segments  int       `json:"segments"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

// MessageList is the answer of GET /v1/messages.
type MessageList struct {
	Messages []Message `json:"messages"`
}

// AccountAnswer is the answer of GET /v1/account.
type AccountAnswer struct {
	Account string `json:"account"`
}

// InboundEvent is the inbound callback.
type InboundEvent struct {
	EventID    string         `json:"event_id"`
	MessageID  string         `json:"message_id"`
	From       string         `json:"from"`
	To         string         `json:"to"`
	Text       string         `json:"text"`
	Media      []InboundMedia `json:"media,omitempty"`
	Segments   int            `json:"segments"`
	ReceivedAt time.Time      `json:"received_at"`
}

// InboundMedia is a picture of an inbound message.
type InboundMedia struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
}

// InboundList is the answer of GET /v1/inbound.
type InboundList struct {
	Messages []InboundEvent `json:"messages"`
}

// ReportEvent is the delivery report.
type ReportEvent struct {
	EventID    string    `json:"event_id"`
	MessageID  string    `json:"message_id"`
	ClientRef  string    `json:"client_ref"`
	Attempt    int       `json:"attempt"`
	Status     string    `json:"status"`
	ErrorCode  string    `json:"error_code"`
	Segments   int       `json:"segments"`
	OccurredAt time.Time `json:"occurred_at"`
}

// statuses are the contract's words for what became of a message.
var statuses = map[string]provider.Status{
	"accepted":    provider.StatusAccepted,
	"sent":        provider.StatusSent,
	"delivered":   provider.StatusDelivered,
	"undelivered": provider.StatusUndelivered,
	"failed":      provider.StatusFailed,
}

func status(word string) provider.Status {
	if s, known := statuses[word]; known {
		return s
	}
	return provider.StatusUnknown
}

// failures are the contract's error codes.
var failures = map[string]struct {
	class   provider.ErrorClass
	message string
}{
	"unauthorized":        {provider.ClassSender, "The carrier refuses the credentials."},
	"sender_not_allowed":  {provider.ClassSender, "The carrier does not let this account send from this number."},
	"invalid_recipient":   {provider.ClassRecipient, "The recipient's number cannot exist or cannot receive."},
	"opted_out":           {provider.ClassOptedOut, "The recipient has opted out at the carrier."},
	"content_refused":     {provider.ClassContent, "The carrier refuses the content."},
	"rate_limited":        {provider.ClassTransient, "The carrier asks to send more slowly."},
	"handset_unreachable": {provider.ClassDelivery, "The recipient's telephone was not reachable."},
	"landline":            {provider.ClassRecipient, "The recipient's number is a landline."},
	"unknown_error":       {provider.ClassDelivery, "The carrier could not deliver the message."},
}

// reportedClass explains the failure of a message that had been accepted. It
// is never a class that asks for another submission.
func reportedClass(s provider.Status, code string) provider.ErrorClass {
	if s != provider.StatusFailed && s != provider.StatusUndelivered {
		return ""
	}
	f, known := failures[code]
	if !known || f.class == provider.ClassTransient {
		return provider.ClassDelivery
	}
	return f.class
}

// Report reads what the carrier says of a message.
func (m Message) Report() provider.Report {
	r := ReportEvent{
		EventID: m.MessageID + ":" + m.Status + ":" + m.ErrorCode, MessageID: m.MessageID,
		ClientRef: m.ClientRef, Attempt: m.Attempt, Status: m.Status, ErrorCode: m.ErrorCode,
		Segments: m.Segments, OccurredAt: m.UpdatedAt,
	}
	return r.Report()
}

// Report reads a delivery report.
func (e ReportEvent) Report() provider.Report {
	s := status(e.Status)
	return provider.Report{
		EventKey: e.EventID, ProviderID: e.MessageID, ClientRef: e.ClientRef, Attempt: e.Attempt,
		Status: s, RawStatus: e.Status, ErrorCode: e.ErrorCode, Class: reportedClass(s, e.ErrorCode),
		OccurredAt: e.OccurredAt, Segments: e.Segments,
	}
}

// complete tells whether a received message has what makes it one.
func (e InboundEvent) complete() bool {
	return e.EventID != "" && e.MessageID != "" && e.From != "" && e.To != ""
}

// Inbound reads a received message.
func (e InboundEvent) Inbound() provider.Inbound {
	in := provider.Inbound{
		EventKey: e.EventID, ProviderID: e.MessageID, From: e.From, To: e.To, Body: e.Text,
		Segments: e.Segments, SentAt: e.ReceivedAt,
	}
	for _, m := range e.Media {
		in.Media = append(in.Media, provider.Media{URL: m.URL, ContentType: m.ContentType})
	}
	return in
}
