package ingress

import (
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
)

// CarrierSubmission is what Trellis hands to an operator's carrier.
type CarrierSubmission struct {
	ClientRef       string   `json:"client_ref" maxLength:"64" doc:"Our message; the same with the same attempt again sends nothing twice." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"`
	Attempt         int      `json:"attempt" format:"int32" minimum:"1" maximum:"100000" doc:"Which submission of the message it is." example:"1"`
	From            string   `json:"from" maxLength:"16" doc:"The channel's number, in E.164." example:"+15145550100"`
	To              string   `json:"to" maxLength:"16" doc:"The recipient, in E.164." example:"+15145550199"`
	Text            string   `json:"text" maxLength:"4000" doc:"The text." example:"We are open until six."`
	Media           []string `json:"media,omitempty" maxItems:"10" maxLength:"2048" doc:"Where the pictures are; they answer GET and HEAD for 12 hours." example:"https://api.example.com/media/AZM1bQ"`
	StatusURL       string   `json:"status_url" maxLength:"2048" doc:"Where delivery reports go." example:"https://api.example.com/hooks/scopserv/0aZ/status?m=0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00&a=1"`
	ValidForSeconds int      `json:"valid_for_seconds,omitempty" format:"int32" minimum:"1" maximum:"604800" doc:"How long the carrier may try." example:"14400"`
}

// CarrierReceipt is a carrier's word that it took a message over.
type CarrierReceipt struct {
	MessageID string `json:"message_id" maxLength:"128" doc:"The carrier's own id." example:"sms-000001"`
	Status    string `json:"status" enum:"accepted,sent" doc:"How far it is."`
	Segments  int    `json:"segments" format:"int32" minimum:"0" maximum:"1000" doc:"Its own count." example:"1"`
}

// CarrierMedia is a picture that a customer sent.
type CarrierMedia struct {
	URL         string `json:"url" maxLength:"2048" doc:"Where it is; fetched with the account's signature." example:"https://carrier.example.com/media/1"`
	ContentType string `json:"content_type" maxLength:"100" doc:"What the carrier takes it for." example:"image/jpeg"`
}

// CarrierInbound is a customer's message.
type CarrierInbound struct {
	EventID    string         `json:"event_id" maxLength:"128" doc:"Names the event; repeated, it is stored once." example:"evt-1"`
	MessageID  string         `json:"message_id" maxLength:"128" doc:"The carrier's own id." example:"mo-000001"`
	From       string         `json:"from" maxLength:"16" doc:"The customer." example:"+15145550199"`
	To         string         `json:"to" maxLength:"16" doc:"The channel's number." example:"+15145550100"`
	Text       string         `json:"text" maxLength:"10000" doc:"The text." example:"Are you open today?"`
	Media      []CarrierMedia `json:"media,omitempty" maxItems:"10" doc:"Pictures."`
	Segments   int            `json:"segments,omitempty" format:"int32" minimum:"0" maximum:"1000" doc:"The carrier's count." example:"1"`
	ReceivedAt time.Time      `json:"received_at" doc:"When the carrier received it."`
}

// CarrierReport is a delivery report.
type CarrierReport struct {
	EventID    string    `json:"event_id" maxLength:"128" doc:"Names the event; repeated, it is stored once." example:"evt-2"`
	MessageID  string    `json:"message_id" maxLength:"128" doc:"The carrier's own id." example:"sms-000001"`
	ClientRef  string    `json:"client_ref" maxLength:"64" doc:"Our message." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"`
	Attempt    int       `json:"attempt" format:"int32" minimum:"1" maximum:"100000" doc:"Which submission of the message it is about." example:"1"`
	Status     string    `json:"status" enum:"accepted,sent,delivered,undelivered,failed" doc:"How far it is."`
	ErrorCode  string    `json:"error_code,omitempty" maxLength:"64" doc:"Why it failed." example:"handset_unreachable"`
	Segments   int       `json:"segments,omitempty" format:"int32" minimum:"0" maximum:"1000" doc:"The carrier's count." example:"1"`
	OccurredAt time.Time `json:"occurred_at" doc:"When."`
}

// describeCarrier publishes the contract of an operator's own carrier (rules
// A11-1). docs/operator-carrier.md tells it in prose, with the calls that only
// read.
func describeCarrier(s *op.Surface) {
	signed := map[string]string{
		"X-Carrier-Account":     "The account.",
		"X-Signature-Timestamp": "Unix time in seconds; refused when it is more than 300 seconds off.",
		"X-Signature-256":       "sha256= and the hex HMAC-SHA256, keyed with the shared secret, of {timestamp}.{METHOD}.{path and query}.{body}.",
	}
	op.Describe[CarrierSubmission, CarrierReceipt](s, op.Call{
		ID: "submitCarrierMessage", Tag: Tag, Status: http.StatusAccepted, Headers: signed, Summary: "Trellis hands a message to the carrier",
		Description: "What an operator's carrier serves at POST {base}/v1/messages. The same client_ref and attempt again is answered 200 with the first answer and sends nothing.",
		Answer:      "The carrier has taken the message over.",
	})
	op.Describe[CarrierInbound, struct{}](s, op.Call{
		ID: "receiveCarrierMessage", Tag: Tag, Status: http.StatusOK, Headers: signed, Summary: "The carrier hands a customer's message over",
		Description: "What an operator's carrier posts to a number's inbound_url. It is repeated with growing pauses until it is answered 2xx.",
		Answer:      "Trellis has stored the message.",
	})
	op.Describe[CarrierReport, struct{}](s, op.Call{
		ID: "receiveCarrierReport", Tag: Tag, Status: http.StatusOK, Headers: signed, Summary: "The carrier reports on a message",
		Description: "What an operator's carrier posts to a submission's status_url. It is repeated with growing pauses until it is answered 2xx.",
		Answer:      "Trellis has stored the report.",
	})
}
