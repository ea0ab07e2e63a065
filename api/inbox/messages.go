package inbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/phrases"
)

// MessageError says why a message did not arrive.
type MessageError struct {
	Class   string `json:"class" maxLength:"40" doc:"permanent_recipient, opted_out_at_carrier, permanent_sender, content, transient, transient_delivery or ambiguous." example:"permanent_recipient"`
	Code    string `json:"code" maxLength:"64" doc:"The provider's own, or one of ours such as submission_unknown, channel_not_owned, expired and no_receipt." example:"30005"`
	Message string `json:"message" maxLength:"500" doc:"For people." example:"The recipient does not exist."`
}

// Message is a message as clients see it.
type Message struct {
	ID               uuid.UUID     `json:"id" doc:"The message."`
	InteractionID    uuid.UUID     `json:"interaction_id" doc:"The conversation that it belongs to."`
	ChannelID        uuid.UUID     `json:"channel_id" doc:"The tenant's channel."`
	Direction        string        `json:"direction" enum:"inbound,outbound" doc:"inbound is from the customer."`
	Status           string        `json:"status" enum:"received,scheduled,queued,submitting,unknown,accepted,sent,delivered,undelivered,failed,read,canceled,expired" doc:"scheduled: it is sent at send_at; accepted: the provider has it; delivered: the telephone has it; unknown: the provider's answer got lost and is being looked up."`
	Body             string        `json:"body" maxLength:"10000" doc:"The text." example:"We are open until six."`
	From             string        `json:"from" maxLength:"16" doc:"The sender's address." example:"+15145550100"`
	To               string        `json:"to" maxLength:"16" doc:"The recipient's address." example:"+15145550199"`
	Encoding         string        `json:"encoding" enum:"GSM-7,UCS-2" doc:"How the text travels."`
	Segments         int           `json:"segments" format:"int32" minimum:"0" maximum:"1000" doc:"SMS segments by our own count." example:"1"`
	ProviderSegments int           `json:"provider_segments" format:"int32" minimum:"0" maximum:"1000" doc:"SMS segments by the provider's count; 0 until it tells." example:"1"`
	ClientMessageID  *string       `json:"client_message_id" maxLength:"100" doc:"The client's own name for the message, or null." example:"order-1001-ready"`
	SenderID         *uuid.UUID    `json:"sender_id" nullable:"true" doc:"The user or API key that wrote it; null for the customer's."`
	ResentOfID       *uuid.UUID    `json:"resent_of_id" nullable:"true" doc:"The message that this one repeats, or null."`
	PhraseID         *uuid.UUID    `json:"phrase_id" nullable:"true" doc:"The phrase that it was made of, or null. It may have been deleted since."`
	SendAt           *time.Time    `json:"send_at" doc:"When it is to be sent, or was; null for at once."`
	UnlessAnswered   bool          `json:"unless_answered" doc:"It is not sent if the customer writes before."`
	Recovered        bool          `json:"recovered" doc:"The provider's callback never came; the message was found in its list."`
	Attempts         int           `json:"attempts" format:"int32" minimum:"0" maximum:"100000" doc:"Submissions begun." example:"1"`
	Error            *MessageError `json:"error,omitempty" doc:"Why it did not arrive, or why it is still waiting; left out otherwise."`
	Attachments      []Attachment  `json:"attachments" maxItems:"10" doc:"Its pictures."`
	CreatedAt        time.Time     `json:"created_at" doc:"When it was written, or received."`
	UpdatedAt        time.Time     `json:"updated_at" doc:"When its status changed last."`
	AcceptedAt       *time.Time    `json:"accepted_at" doc:"When the provider took it over, or null."`
	SentAt           *time.Time    `json:"sent_at" doc:"When the provider passed it on, or null."`
	DeliveredAt      *time.Time    `json:"delivered_at" doc:"When it reached the telephone, or null."`
	FailedAt         *time.Time    `json:"failed_at" doc:"When it failed, or null."`
	ReadAt           *time.Time    `json:"read_at" doc:"When it was read, where the channel reports it, or null."`
}

func messageView(m interactions.Message) Message {
	out := Message{
		ID: m.ID, InteractionID: m.InteractionID, ChannelID: m.ChannelID, Direction: m.Direction, Status: string(m.Status),
		Body: m.Body, From: m.From, To: m.To, Encoding: m.Encoding, Segments: m.Segments, ProviderSegments: m.ProviderSegments,
		ClientMessageID: m.ClientMessageID, SenderID: m.SenderID, ResentOfID: m.ResentOfID, PhraseID: m.PhraseID, SendAt: m.SendAt, UnlessAnswered: m.UnlessAnswered, Recovered: m.Recovered,
		Attempts: m.Attempts, Attachments: []Attachment{}, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
		AcceptedAt: m.AcceptedAt, SentAt: m.SentAt, DeliveredAt: m.DeliveredAt, FailedAt: m.FailedAt, ReadAt: m.ReadAt,
	}
	if m.ErrorClass != "" || m.ErrorCode != "" {
		out.Error = &MessageError{string(m.ErrorClass), m.ErrorCode, m.ErrorMessage}
	}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, attachmentView(a))
	}
	return out
}

// ListMessagesInput is the input of listMessages.
type ListMessagesInput struct {
	InteractionPath
	op.Page
	Order string `query:"order" enum:"desc,asc" default:"desc" doc:"The newest or the oldest first."`
}

func (h handlers) messages(ctx context.Context, in *ListMessagesInput) (*op.List[Message], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Messages(ctx, h.Caller(ctx), in.InteractionID, after.After(), in.Order == "asc", in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, messageView, func(m interactions.Message) path.Key { return path.Key{ID: m.Place} })
}

// Draft is what a message is made of.
type Draft struct {
	Body            string      `json:"body,omitempty" maxLength:"4000" doc:"The text: 900 Unicode code points at most, counted in NFC. It may be left out where there is a picture." example:"We are open until six."`
	AttachmentIDs   []uuid.UUID `json:"attachment_ids,omitempty" maxItems:"10" doc:"Pictures that were uploaded for this message."`
	ClientMessageID string      `json:"client_message_id,omitempty" minLength:"1" maxLength:"100" pattern:"^[!-~]+$" doc:"The client's own name for the message, unique in the tenant: the same again returns the message that is there." example:"order-1001-ready"`
	Sender          string      `json:"sender,omitempty" minLength:"1" maxLength:"11" doc:"One of the tenant's sender ids, shown instead of the channel's number, where its capabilities have alphanumeric_senders. Nobody can answer to a name." example:"ACME Shop"`
	PhraseID        *uuid.UUID  `json:"phrase_id,omitempty" doc:"A phrase that is offered here. Without a body it is the text, filled for this conversation; with one it is noted that the body was made of it."`
	Variables       []Variable  `json:"variables,omitempty" maxItems:"50" doc:"Values for the phrase's own placeholders, variable.…"`
	SendAt          *time.Time  `json:"send_at,omitempty" doc:"Send it then: in the future, a year ahead at most. Until then it is scheduled, and holds up nothing. Opt-out, channel, conversation and quota are asked again at that time."`
	UnlessAnswered  bool        `json:"unless_answered,omitempty" doc:"With send_at: do not send it if the customer writes before."`
}

// draft converts what a client has sent; v is to whom phrases are offered.
func (d Draft) draft(v phrases.Viewer) (interactions.Draft, error) {
	out := interactions.Draft{
		Body: d.Body, AttachmentIDs: d.AttachmentIDs, ClientMessageID: d.ClientMessageID, Sender: d.Sender,
		SendAt: d.SendAt, UnlessAnswered: d.UnlessAnswered,
	}
	values, err := valuesOf(d.Variables)
	if err != nil {
		return out, err
	}
	if d.PhraseID != nil {
		out.Phrase = &interactions.PhraseUse{ID: *d.PhraseID, Viewer: v, Variables: values}
	} else if len(values) > 0 {
		return out, fault.InvalidField(fault.CodeInvalid, "body.variables", "go with phrase_id")
	}
	return out, nil
}

// ReplyInput is the input of replyToInteraction.
type ReplyInput struct {
	InteractionPath
	Body Draft
}

// MessageCreated is the output of operations that create a message.
type MessageCreated struct {
	op.Location
	op.ETag
	Body Message
}

func messageCreated(tenantID uuid.UUID, m interactions.Message, err error) (*MessageCreated, error) {
	if err != nil {
		return nil, err
	}
	return &MessageCreated{op.At("/v1/tenants/%s/messages/%s", tenantID, m.ID), op.Version(int64(m.Version)), messageView(m)}, nil
}

func (h handlers) reply(ctx context.Context, in *ReplyInput) (*MessageCreated, error) {
	d, err := in.Body.draft(h.Viewer(ctx))
	if err != nil {
		return nil, err
	}
	m, err := h.Interactions.Reply(ctx, h.Caller(ctx), in.InteractionID, d)
	return messageCreated(in.TenantID, m, err)
}

// SendMessage is the body of sendMessage.
type SendMessage struct {
	Draft
	ChannelID uuid.UUID  `json:"channel_id" doc:"The channel to send through."`
	To        string     `json:"to,omitempty" minLength:"3" maxLength:"32" doc:"A telephone number, best in E.164; others are read in the tenant's country. Give this or contact_id." example:"+15145550199"`
	ContactID *uuid.UUID `json:"contact_id,omitempty" doc:"A contact with a telephone number. Give this or to."`
}

// SendMessageInput is the input of sendMessage.
type SendMessageInput struct {
	path.Tenant
	Body SendMessage
}

func (in *SendMessageInput) recipient() (interactions.Recipient, error) {
	if (in.Body.To == "") == (in.Body.ContactID == nil) {
		return interactions.Recipient{}, fault.InvalidField(fault.CodeInvalid, "body.to", "give a number in to, or a contact in contact_id, and not both")
	}
	if in.Body.ContactID != nil {
		return interactions.Recipient{ContactID: *in.Body.ContactID}, nil
	}
	return interactions.Recipient{To: in.Body.To}, nil
}

func (h handlers) start(ctx context.Context, in *SendMessageInput) (*MessageCreated, error) {
	to, err := in.recipient()
	if err != nil {
		return nil, err
	}
	d, err := in.Body.draft(h.Viewer(ctx))
	if err != nil {
		return nil, err
	}
	m, err := h.Interactions.Start(ctx, h.Caller(ctx), in.Body.ChannelID, to, d)
	return messageCreated(in.TenantID, m, err)
}

// MessagePath names one message.
type MessagePath struct {
	path.Tenant
	MessageID uuid.UUID `path:"message_id" doc:"The message."`
}

// MessageShown is the output of operations that show one message.
type MessageShown struct {
	op.ETag
	Body Message
}

func (h handlers) message(ctx context.Context, in *MessagePath) (*MessageShown, error) {
	return messageShown(h.Interactions.Message(ctx, h.Caller(ctx), in.MessageID))
}

func messageShown(m interactions.Message, err error) (*MessageShown, error) {
	if err != nil {
		return nil, err
	}
	return &MessageShown{op.Version(int64(m.Version)), messageView(m)}, nil
}

func (h handlers) resend(ctx context.Context, in *MessagePath) (*MessageCreated, error) {
	m, err := h.Interactions.Resend(ctx, h.Caller(ctx), in.MessageID)
	return messageCreated(in.TenantID, m, err)
}

// PreviewMessage is the body of previewMessage.
type PreviewMessage struct {
	Body      string     `json:"body" maxLength:"4000" doc:"The text." example:"We are open until six."`
	ChannelID *uuid.UUID `json:"channel_id,omitempty" doc:"The channel, to be told whether it takes so many segments."`
}

// PreviewMessageInput is the input of previewMessage.
type PreviewMessageInput struct {
	path.Tenant
	Body PreviewMessage
}

// OffendingCharacter is a character that GSM-7 does not have.
type OffendingCharacter struct {
	Character string `json:"character" maxLength:"8" doc:"The character." example:"’"`
	Index     int    `json:"index" format:"int32" minimum:"0" maximum:"900" doc:"Where it stands first, counted in code points from 0." example:"12"`
}

// MessagePreview is how a text would travel.
type MessagePreview struct {
	Encoding   string               `json:"encoding" enum:"GSM-7,UCS-2" doc:"GSM-7 where every character allows it, UCS-2 else."`
	Characters int                  `json:"characters" format:"int32" minimum:"0" maximum:"900" doc:"Unicode code points." example:"22"`
	Units      int                  `json:"units" format:"int32" minimum:"0" maximum:"4000" doc:"Septets in GSM-7, UTF-16 code units in UCS-2." example:"22"`
	Segments   int                  `json:"segments" format:"int32" minimum:"0" maximum:"100" doc:"SMS segments, each of which is paid for." example:"1"`
	Allowed    bool                 `json:"allowed" doc:"The channel takes so many segments; true where no channel was named."`
	Offending  []OffendingCharacter `json:"offending_characters" maxItems:"900" doc:"What forces UCS-2, each character once. Empty in GSM-7."`
}

// PreviewShown is the output of previewMessage.
type PreviewShown struct {
	Body MessagePreview
}

func (h handlers) preview(ctx context.Context, in *PreviewMessageInput) (*PreviewShown, error) {
	channelID := uuid.Nil
	if in.Body.ChannelID != nil {
		channelID = *in.Body.ChannelID
	}
	p, err := h.Interactions.Preview(ctx, channelID, in.Body.Body)
	if err != nil {
		return nil, err
	}
	out := MessagePreview{
		Encoding: p.Encoding, Characters: p.Characters, Units: p.Units, Segments: p.Segments,
		Allowed: p.MaxSegments == 0 || p.Segments <= p.MaxSegments, Offending: offendingView(p.Offending),
	}
	return &PreviewShown{out}, nil
}

func offendingView(found []segments.Offender) []OffendingCharacter {
	out := make([]OffendingCharacter, 0, len(found))
	for _, o := range found {
		out = append(out, OffendingCharacter{o.Character, o.Index})
	}
	return out
}

// StatusEvent is one delivery report as clients see it.
type StatusEvent struct {
	ID         uuid.UUID  `json:"id" doc:"The report."`
	Attempt    int        `json:"attempt" format:"int32" minimum:"0" maximum:"100000" doc:"The submission that it is about; 0 where the provider does not say." example:"1"`
	Status     string     `json:"status" maxLength:"20" doc:"In our words; unknown for one that we do not know." example:"delivered"`
	RawStatus  string     `json:"raw_status" maxLength:"100" doc:"The provider's own word." example:"delivered"`
	ErrorCode  string     `json:"error_code" maxLength:"64" doc:"The provider's own; empty where nothing failed." example:""`
	Applied    bool       `json:"applied" doc:"It changed the message; false for what came late or twice."`
	OccurredAt *time.Time `json:"occurred_at" doc:"The provider's time, or null where it gives none."`
	ReceivedAt time.Time  `json:"received_at" doc:"When it came."`
}

// ListStatusEventsInput is the input of listMessageStatusEvents.
type ListStatusEventsInput struct {
	MessagePath
	op.Page
}

func (h handlers) statusEvents(ctx context.Context, in *ListStatusEventsInput) (*op.List[StatusEvent], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.StatusEvents(ctx, h.Caller(ctx), in.MessageID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, func(e interactions.StatusEvent) StatusEvent {
		return StatusEvent{e.ID, e.Attempt, e.Status, e.RawStatus, e.ErrorCode, e.Applied, e.OccurredAt, e.ReceivedAt}
	}, func(e interactions.StatusEvent) path.Key { return path.Key{ID: e.ID} })
}
