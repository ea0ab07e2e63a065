package staffchat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/messaging/staffchat"
)

// Colleague is somebody whom one may write to, as clients see him.
type Colleague struct {
	ID             uuid.UUID  `json:"id" doc:"The user."`
	Name           string     `json:"name" maxLength:"200" doc:"What people call him." example:"Ada Lovelace"`
	Role           string     `json:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"What he is in the tenant."`
	Presence       string     `json:"presence" enum:"online,away,busy,offline" doc:"Whether he is there now."`
	PresenceAt     *time.Time `json:"presence_at" doc:"When that changed last; null for who was never there."`
	CanBeWrittenTo bool       `json:"can_be_written_to" doc:"False for whom an administrator keeps from the messenger, and for who cannot sign in any more." example:"true"`
}

func colleagueView(c identity.Colleague) Colleague {
	return Colleague{c.ID, c.Name, string(c.Role), string(c.Presence), c.PresenceAt, c.Active && c.Messenger}
}

// Recipient is a colleague with what one has to do with him.
type Recipient struct {
	Colleague
	ChatID *uuid.UUID `json:"chat_id" nullable:"true" doc:"The private chat with him; null where nothing was ever written."`
	Unread int        `json:"unread" format:"int32" minimum:"0" maximum:"2147483647" doc:"What he wrote in private and one has not read." example:"2"`
}

func recipientView(r staffchat.Recipient) Recipient {
	return Recipient{colleagueView(r.Colleague), r.ChatID, r.Unread}
}

// ListStaffInput is the input of listStaff.
type ListStaffInput struct {
	path.Tenant
	op.Page
	Presence string `query:"presence" enum:"online,offline,all" default:"all" doc:"Who is there, which is everybody but who is offline; who is not; or all."`
	Q        string `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"A part of the name, in capitals or not." example:"love"`
}

func (h handlers) staff(ctx context.Context, in *ListStaffInput) (*op.List[Recipient], error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	after, err := op.After[identity.ColleaguePlace](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &identity.ColleaguePlace{}
	}
	f := staffchat.RecipientFilter{Text: in.Q}
	if in.Presence != "all" {
		online := in.Presence == "online"
		f.Online = &online
	}
	rows, err := h.Chats.Recipients(ctx, me, f, *after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, recipientView, func(r staffchat.Recipient) identity.ColleaguePlace { return r.Place() })
}

// Chat is a chat as clients see it.
type Chat struct {
	ID          uuid.UUID     `json:"id" doc:"The chat."`
	Kind        string        `json:"kind" enum:"private,group" doc:"Of two people, or of a group."`
	Name        string        `json:"name" maxLength:"200" doc:"The group's, or that of the other person." example:"Night shift"`
	With        *Colleague    `json:"with,omitempty" doc:"The other person of a private chat; left out for a group."`
	ReadOnly    bool          `json:"read_only" doc:"Only administrators of the group write." example:"false"`
	Role        string        `json:"role" enum:"admin,member" doc:"What the caller is in the chat."`
	MayWrite    bool          `json:"may_write" doc:"Whether the caller may write now." example:"true"`
	Unread      int           `json:"unread" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of others that the caller has not read." example:"3"`
	ReadSeq     int64         `json:"read_seq" format:"int64" minimum:"0" maximum:"9007199254740991" doc:"The seq of the message up to which the caller has read; 0 for none." example:"17"`
	LastMessage *StaffMessage `json:"last_message,omitempty" doc:"The last message; left out where there is none."`
	ActiveAt    time.Time     `json:"active_at" doc:"When the last message was written, or the chat was made."`
	ArchivedAt  *time.Time    `json:"archived_at" doc:"When the group was ended, or null."`
	CreatedByID uuid.UUID     `json:"created_by_id" doc:"Who wrote first, or made the group."`
	CreatedAt   time.Time     `json:"created_at" doc:"When it was made."`
	UpdatedAt   time.Time     `json:"updated_at" doc:"When the group was changed last; messages do not count."`
}

func chatView(c staffchat.Chat) Chat {
	out := Chat{
		ID: c.ID, Kind: string(c.Kind), Name: c.Name, ReadOnly: c.ReadOnly, Role: string(c.Role), MayWrite: c.MayWrite,
		Unread: c.Unread, ReadSeq: c.ReadSeq, ActiveAt: c.ActiveAt, ArchivedAt: c.ArchivedAt, CreatedByID: c.CreatedByID,
		CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
	if c.With != nil {
		with := colleagueView(*c.With)
		out.With = &with
	}
	if c.Last != nil {
		last := messageView(*c.Last)
		out.LastMessage = &last
	}
	return out
}

// ListChatsInput is the input of listStaffChats.
type ListChatsInput struct {
	path.Tenant
	op.Page
	View   string `query:"view" enum:"active,archived" default:"active" doc:"Chats in use, or groups that were archived."`
	Kind   string `query:"kind" enum:"private,group" doc:"Only this kind."`
	Unread bool   `query:"unread" doc:"Only chats with something that one has not read."`
}

func (h handlers) chats(ctx context.Context, in *ListChatsInput) (*op.List[Chat], error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	after, err := op.After[staffchat.ChatPlace](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &staffchat.ChatPlace{}
	}
	f := staffchat.ChatFilter{Archived: in.View == "archived", Kind: staffchat.Kind(in.Kind), Unread: in.Unread}
	rows, err := h.Chats.Chats(ctx, me, f, *after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, chatView, func(c staffchat.Chat) staffchat.ChatPlace {
		return staffchat.ChatPlace{ActiveAt: c.ActiveAt, ID: c.ID}
	})
}

// ChatShown is the output of operations that show one chat.
type ChatShown struct {
	op.ETag
	Body Chat
}

// tag is the version of a group, and what is shown of a chat that changes by
// itself.
func tag(c staffchat.Chat) op.ETag {
	var presence string
	if c.With != nil {
		presence = string(c.With.Presence)
	}
	return op.LiveVersion(int64(c.Version), c.Name, presence, c.MayWrite, c.Role, c.Unread, c.ReadSeq, lastVersion(c))
}

func lastVersion(c staffchat.Chat) string {
	if c.Last == nil {
		return ""
	}
	return c.Last.UpdatedAt.UTC().Format(time.RFC3339Nano) + c.Last.ID.String()
}

func chatShown(c staffchat.Chat, err error) (*ChatShown, error) {
	if err != nil {
		return nil, err
	}
	return &ChatShown{tag(c), chatView(c)}, nil
}

func (h handlers) chat(ctx context.Context, in *ChatPath) (*ChatShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	return chatShown(h.Chats.Chat(ctx, me, in.ChatID))
}

// UnreadInput is the input of getUnreadStaffMessages.
type UnreadInput struct {
	path.Tenant
}

// Unread is what one has not read.
type Unread struct {
	Messages int `json:"messages" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of colleagues." example:"5"`
	Chats    int `json:"chats" format:"int32" minimum:"0" maximum:"2147483647" doc:"Chats that hold them." example:"2"`
}

// UnreadShown is the output of getUnreadStaffMessages.
type UnreadShown struct {
	Body Unread
}

func (h handlers) unread(ctx context.Context, _ *UnreadInput) (*UnreadShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	n, err := h.Chats.Unread(ctx, me)
	if err != nil {
		return nil, err
	}
	return &UnreadShown{Unread{n.Messages, n.Chats}}, nil
}

// MarkRead is the body of markStaffChatRead.
type MarkRead struct {
	MessageID *uuid.UUID `json:"staff_message_id,omitempty" doc:"Up to this message; the last one if it is left out."`
}

// MarkReadInput is the input of markStaffChatRead.
type MarkReadInput struct {
	ChatPath
	Body MarkRead
}

func (h handlers) markRead(ctx context.Context, in *MarkReadInput) (*ChatShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	var upTo uuid.UUID
	if in.Body.MessageID != nil {
		upTo = *in.Body.MessageID
	}
	return chatShown(h.Chats.MarkRead(ctx, me, in.ChatID, upTo))
}
