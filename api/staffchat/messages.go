package staffchat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/staffchat"
)

// Picture is a picture of a message as clients see it.
type Picture struct {
	ID          uuid.UUID `json:"id" doc:"The attachment."`
	Name        string    `json:"name" maxLength:"255" doc:"What the uploader called it; may be empty." example:"map.png"`
	ContentType string    `json:"content_type" maxLength:"100" doc:"Decided by content." example:"image/png"`
	Size        int64     `json:"size" format:"int64" minimum:"0" maximum:"5242880" doc:"Bytes." example:"48213"`
	Width       int       `json:"width" format:"int32" minimum:"0" maximum:"100000" doc:"Pixels." example:"640"`
	Height      int       `json:"height" format:"int32" minimum:"0" maximum:"100000" doc:"Pixels." example:"480"`
	URL         string    `json:"url" maxLength:"2048" doc:"A link that shows it for a quarter of an hour." example:"https://api.example.com/media/AZ…"`
}

func pictureView(a attachments.Attachment) Picture {
	return Picture{a.ID, a.Name, a.ContentType, a.Size, a.Width, a.Height, a.URL}
}

// StaffMessage is a message to colleagues as clients see it.
type StaffMessage struct {
	ID              uuid.UUID  `json:"id" doc:"The message."`
	ChatID          uuid.UUID  `json:"chat_id" doc:"The chat."`
	Seq             int64      `json:"seq" format:"int64" minimum:"1" maximum:"9007199254740991" doc:"Its place in the chat: from 1, without gaps." example:"18"`
	SenderID        uuid.UUID  `json:"sender_id" doc:"The user who wrote it."`
	Body            string     `json:"body" maxLength:"4000" doc:"The text; empty where there are pictures only, and where it was deleted." example:"Who has the key to the store room?"`
	Attachments     []Picture  `json:"attachments" maxItems:"10" doc:"Its pictures."`
	ClientMessageID *string    `json:"client_message_id" maxLength:"100" doc:"The sender's own name for it, or null." example:"draft-7"`
	EditedAt        *time.Time `json:"edited_at" doc:"When its text was changed last, or null."`
	DeletedAt       *time.Time `json:"deleted_at" doc:"When its sender deleted it, or null."`
	CreatedAt       time.Time  `json:"created_at" doc:"When it was written."`
	UpdatedAt       time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func messageView(m staffchat.Message) StaffMessage {
	out := StaffMessage{
		ID: m.ID, ChatID: m.ChatID, Seq: m.Seq, SenderID: m.SenderID, Body: m.Body, Attachments: []Picture{},
		ClientMessageID: m.ClientMessageID, EditedAt: m.EditedAt, DeletedAt: m.DeletedAt, CreatedAt: m.CreatedAt, UpdatedAt: m.UpdatedAt,
	}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, pictureView(a))
	}
	return out
}

// messagePlace is the place of a message in its chat.
type messagePlace struct {
	Seq int64 `json:"s"`
}

// ListMessagesInput is the input of listStaffMessages.
type ListMessagesInput struct {
	ChatPath
	op.Page
	Order string `query:"order" enum:"desc,asc" default:"desc" doc:"The newest or the oldest first."`
}

func (h handlers) messages(ctx context.Context, in *ListMessagesInput) (*op.List[StaffMessage], error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	after, err := op.After[messagePlace](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &messagePlace{}
	}
	rows, err := h.Chats.Messages(ctx, me, in.ChatID, after.Seq, in.Order == "asc", in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, messageView, func(m staffchat.Message) messagePlace { return messagePlace{m.Seq} })
}

// WriteMessage is what a message to colleagues is made of.
type WriteMessage struct {
	Body            string      `json:"body,omitempty" maxLength:"8000" doc:"The text: 4000 Unicode code points at most, counted in NFC. It may be left out where there is a picture." example:"Who has the key to the store room?"`
	AttachmentIDs   []uuid.UUID `json:"attachment_ids,omitempty" maxItems:"10" doc:"Pictures that the caller has uploaded for this message."`
	ClientMessageID string      `json:"client_message_id,omitempty" minLength:"1" maxLength:"100" pattern:"^[!-~]+$" doc:"The caller's own name for the message: the same again returns the message that is there." example:"draft-7"`
}

func (w WriteMessage) draft() staffchat.Draft {
	return staffchat.Draft{Body: w.Body, AttachmentIDs: w.AttachmentIDs, ClientMessageID: w.ClientMessageID}
}

// WriteToInput is the input of sendPrivateMessage.
type WriteToInput struct {
	path.Tenant
	UserID uuid.UUID `path:"user_id" doc:"The colleague."`
	Body   WriteMessage
}

// PostInput is the input of sendStaffMessage.
type PostInput struct {
	ChatPath
	Body WriteMessage
}

// MessageCreated is the output of operations that make a message.
type MessageCreated struct {
	op.Location
	op.ETag
	Body StaffMessage
}

func created(tenantID uuid.UUID, m staffchat.Message, err error) (*MessageCreated, error) {
	if err != nil {
		return nil, err
	}
	return &MessageCreated{
		op.At("/v1/tenants/%s/staff-chats/%s/messages", tenantID, m.ChatID), op.Version(int64(m.Version)), messageView(m),
	}, nil
}

func (h handlers) writeTo(ctx context.Context, in *WriteToInput) (*MessageCreated, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	m, err := h.Chats.WriteTo(ctx, me, in.UserID, in.Body.draft())
	return created(in.TenantID, m, err)
}

func (h handlers) post(ctx context.Context, in *PostInput) (*MessageCreated, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	m, err := h.Chats.Post(ctx, me, in.ChatID, in.Body.draft())
	return created(in.TenantID, m, err)
}

// EditMessage is the body of updateStaffMessage.
type EditMessage struct {
	Body op.Optional[string] `json:"body,omitzero" nullable:"false" maxLength:"8000" doc:"The new text: 4000 Unicode code points at most." example:"Who has the key to the back door?"`
}

// EditInput is the input of updateStaffMessage.
type EditInput struct {
	MessagePath
	op.IfMatch
	Body EditMessage
}

// MessageShown is the output of updateStaffMessage.
type MessageShown struct {
	op.ETag
	Body StaffMessage
}

func (h handlers) edit(ctx context.Context, in *EditInput) (*MessageShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	m, err := h.Chats.Edit(ctx, me, in.ChatID, in.MessageID, in.Body.Body.Pointer(), in.Check)
	if err != nil {
		return nil, err
	}
	return &MessageShown{op.Version(int64(m.Version)), messageView(m)}, nil
}

// DeleteInput is the input of deleteStaffMessage.
type DeleteInput struct {
	MessagePath
	op.IfMatch
}

func (h handlers) delete(ctx context.Context, in *DeleteInput) (*op.Empty, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	return &op.Empty{}, h.Chats.Delete(ctx, me, in.ChatID, in.MessageID, in.Check)
}
