package inbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/interactions"
)

// Interaction is a conversation as clients see it.
type Interaction struct {
	ID            uuid.UUID  `json:"id" doc:"The interaction."`
	ChannelID     uuid.UUID  `json:"channel_id" doc:"The tenant's channel."`
	ContactID     uuid.UUID  `json:"contact_id" doc:"The person on the other side."`
	Address       string     `json:"address" maxLength:"16" doc:"The other side's number, short code or sender's name." example:"+15145550199"`
	Status        string     `json:"status" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"waiting_agent: the customer wrote last; open: it was answered."`
	NeedsReply    bool       `json:"needs_reply" doc:"The last message is the customer's."`
	Unseen        int        `json:"unseen" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of the customer that nobody has confirmed to have read." example:"1"`
	AssigneeID    *uuid.UUID `json:"assignee_id" nullable:"true" doc:"The user whose interaction it is, or null."`
	QueueID       *uuid.UUID `json:"queue_id" nullable:"true" doc:"The queue that it came into, or null."`
	Preview       string     `json:"preview" maxLength:"100" doc:"The start of the last message." example:"Are you open today?"`
	LastMessageAt time.Time  `json:"last_message_at" doc:"When the last message was written."`
	ClosedAt      *time.Time `json:"closed_at" doc:"When it was closed, or null."`
	ClosedByID    *uuid.UUID `json:"closed_by_id" nullable:"true" doc:"The user or API key that closed it; null while it is not closed and where the system did."`
	CloseReason   string     `json:"close_reason" maxLength:"200" doc:"Why it was closed; may be empty." example:"answered"`
	CreatedAt     time.Time  `json:"created_at" doc:"When the conversation began."`
	UpdatedAt     time.Time  `json:"updated_at" doc:"When something about it was changed last."`

	Tags      []TagOfInteraction `json:"tags" maxItems:"100" doc:"Its tags, by name."`
	Unread    int                `json:"unread" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of the customer that the caller has not read; answering is reading." example:"1"`
	Unmanaged int                `json:"unmanaged" format:"int32" minimum:"0" maximum:"2147483647" doc:"The contact's other interactions that wait for an agent and that nobody has, as far as the caller sees them." example:"0"`
}

func interactionView(i interactions.Interaction) Interaction {
	return Interaction{
		ID: i.ID, ChannelID: i.ChannelID, ContactID: i.ContactID, Address: i.Address, Status: string(i.Status),
		NeedsReply: i.NeedsReply, Unseen: i.Unseen, AssigneeID: i.AssigneeID, QueueID: i.QueueID, Preview: i.Preview,
		LastMessageAt: i.LastMessageAt, ClosedAt: i.ClosedAt, ClosedByID: i.ClosedByID, CloseReason: i.CloseReason,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
		Tags: tagViews(i.Tags), Unread: i.Unread, Unmanaged: i.Unmanaged,
	}
}

// ListInteractionsInput is the input of listInteractions.
type ListInteractionsInput struct {
	path.Tenant
	op.Page
	View       string    `query:"view" enum:"active,all" default:"active" doc:"What is not closed, or the full history."`
	Status     []string  `query:"status,explode" enum:"waiting_agent,open,waiting_customer,solved,closed" maxItems:"5" doc:"Only these statuses."`
	ChannelID  []string  `query:"channel_id,explode" maxItems:"50" format:"uuid" doc:"Only these channels."`
	ContactID  uuid.UUID `query:"contact_id" doc:"Only this person."`
	AssigneeID uuid.UUID `query:"assignee_id" doc:"Only what is assigned to this user."`
	QueueID    []string  `query:"queue_id,explode" maxItems:"50" format:"uuid" doc:"Only what came into these queues."`
	Address    string    `query:"address" maxLength:"16" pattern:"^[+0-9A-Za-z ._-]*$" doc:"Only this number, short code or sender's name of the other side, in full." example:"+15145550199"`
	Unseen     bool      `query:"unseen" doc:"Only interactions with messages that nobody has confirmed to have read."`
	From       time.Time `query:"from" doc:"Only interactions whose last message is not older."`
	Until      time.Time `query:"until" doc:"Only interactions whose last message is older."`
}

func (in *ListInteractionsInput) filter() interactions.Filter {
	f := interactions.Filter{
		Active: in.View == "active", ContactID: in.ContactID, AssigneeID: in.AssigneeID,
		Unseen: in.Unseen, Address: in.Address, From: in.From, Until: in.Until,
	}
	for _, text := range in.ChannelID {
		// The document's format has let nothing else through.
		f.ChannelIDs = append(f.ChannelIDs, uuid.MustParse(text))
	}
	for _, text := range in.QueueID {
		f.QueueIDs = append(f.QueueIDs, uuid.MustParse(text))
	}
	for _, s := range in.Status {
		f.Statuses = append(f.Statuses, interactions.Status(s))
	}
	return f
}

func (h handlers) list(ctx context.Context, in *ListInteractionsInput) (*op.List[Interaction], error) {
	after, err := op.After[interactions.Position](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &interactions.Position{}
	}
	rows, err := h.Interactions.List(ctx, h.Caller(ctx), in.filter(), *after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, interactionView, func(i interactions.Interaction) interactions.Position {
		return interactions.Position{LastMessageAt: i.LastMessageAt, ID: i.ID}
	})
}

// InteractionPath names one interaction.
type InteractionPath struct {
	path.Tenant
	InteractionID uuid.UUID `path:"interaction_id" doc:"The interaction."`
}

// InteractionShown is the output of operations that show one interaction.
type InteractionShown struct {
	op.ETag
	Body Interaction
}

// interactionTag is the ETag of an interaction. What stands beside it, and is
// different for everybody who asks, is part of what is shown and not of the
// version that a change is made to.
func interactionTag(i interactions.Interaction) op.ETag {
	return op.LiveVersion(int64(i.Version), i.Tags, i.Unread, i.Unmanaged)
}

func interactionShown(i interactions.Interaction, err error) (*InteractionShown, error) {
	if err != nil {
		return nil, err
	}
	return &InteractionShown{interactionTag(i), interactionView(i)}, nil
}

func (h handlers) get(ctx context.Context, in *InteractionPath) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Get(ctx, h.Caller(ctx), in.InteractionID))
}

// ActionInput is the input of actions without parameters.
type ActionInput struct {
	InteractionPath
	op.IfMatch
}

// AssignInteraction is the body of assignInteraction.
type AssignInteraction struct {
	UserID         uuid.UUID `json:"user_id" doc:"Who gets it."`
	ExpectedStatus string    `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`
}

// AssignInteractionInput is the input of assignInteraction.
type AssignInteractionInput struct {
	ActionInput
	Body AssignInteraction
}

func (h handlers) assign(ctx context.Context, in *AssignInteractionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Assign(ctx, h.Caller(ctx), in.InteractionID, in.Body.UserID,
		interactions.Expectation{Status: interactions.Status(in.Body.ExpectedStatus), Check: in.Check}))
}

// CloseInteraction is the body of closeInteraction.
type CloseInteraction struct {
	Reason         string `json:"reason,omitempty" maxLength:"200" doc:"Why; for the history." example:"answered"`
	ExpectedStatus string `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`
}

// CloseInteractionInput is the input of closeInteraction.
type CloseInteractionInput struct {
	ActionInput
	Body CloseInteraction
}

func (h handlers) close(ctx context.Context, in *CloseInteractionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Close(ctx, h.Caller(ctx), in.InteractionID, in.Body.Reason,
		interactions.Expectation{Status: interactions.Status(in.Body.ExpectedStatus), Check: in.Check}))
}
