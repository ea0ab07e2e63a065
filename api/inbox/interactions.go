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
	ID                   uuid.UUID  `json:"id" doc:"The interaction."`
	ChannelID            uuid.UUID  `json:"channel_id" doc:"The tenant's channel."`
	ContactID            uuid.UUID  `json:"contact_id" doc:"The person on the other side."`
	Address              string     `json:"address" maxLength:"16" doc:"The other side's number, short code or sender's name." example:"+15145550199"`
	Subject              string     `json:"subject" maxLength:"200" doc:"What it is about; may be empty." example:"Opening hours"`
	Status               string     `json:"status" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"waiting_agent: the customer wrote last, or nobody has it; open: it was answered, or somebody works on it; waiting_customer: the customer has to do something first; solved: all is done, and it can only be closed."`
	SubStatus            string     `json:"sub_status" maxLength:"40" doc:"What more is said of it: a key of the tenant's sub_statuses (getInboxSettings); empty for nothing." example:"pending"`
	Priority             string     `json:"priority" enum:"low,normal,high,urgent" doc:"What is higher is answered first."`
	NeedsReply           bool       `json:"needs_reply" doc:"The last message is the customer's."`
	Unseen               int        `json:"unseen" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of the customer that nobody has confirmed to have read." example:"1"`
	AssigneeID           *uuid.UUID `json:"assignee_id" nullable:"true" doc:"The user whose interaction it is, or null."`
	QueueID              *uuid.UUID `json:"queue_id" nullable:"true" doc:"The queue that it came into, or null."`
	Pause                *Pause     `json:"pause,omitempty" doc:"How it lies aside; left out while it does not."`
	Direction            string     `json:"direction" enum:"inbound,outbound" doc:"Who began it: the customer (inbound) or the tenant."`
	Transfer             *Transfer  `json:"transfer,omitempty" doc:"How it came from another person to whoever has it; left out where it came otherwise."`
	Preview              string     `json:"preview" maxLength:"100" doc:"The start of the last message." example:"Are you open today?"`
	LastMessageAt        time.Time  `json:"last_message_at" doc:"When the last message was written."`
	LastMessageDirection string     `json:"last_message_direction,omitempty" enum:"inbound,outbound" doc:"Who wrote it: the customer (inbound) or the tenant; left out while there is none."`
	OpenSince            *time.Time `json:"open_since" doc:"Since when it is open: it began, or was opened again. Null where it is solved or closed."`
	WaitingSince         *time.Time `json:"waiting_since" doc:"Since when the customer waits for an answer; null while he does not."`
	FirstResponseAt      *time.Time `json:"first_response_at" doc:"When the customer was answered first, or null."`
	SolvedAt             *time.Time `json:"solved_at" doc:"When it was solved, or null."`
	ClosedAt             *time.Time `json:"closed_at" doc:"When it was closed, or null."`
	ClosedBy             string     `json:"closed_by,omitempty" enum:"agent,customer,supervisor,system,survey" doc:"In what capacity it was closed; left out while it is not. What others than an agent have closed stays in its assignee's list until he hides it."`
	ClosedByID           *uuid.UUID `json:"closed_by_id" nullable:"true" doc:"The user or API key that closed it; null while it is not closed and where the system did."`
	CloseReason          string     `json:"close_reason" maxLength:"200" doc:"Why it was closed; may be empty." example:"answered"`
	Missed               bool       `json:"missed" doc:"It was closed, and nobody has ever dealt with it: no answer, and no agent closed it."`
	Listed               bool       `json:"listed" doc:"It stands in its assignee's list: while it is not closed, and after others have closed it until he hides it."`
	ReopenedAt           *time.Time `json:"reopened_at" doc:"When it was opened again, or null."`
	PreviousID           *uuid.UUID `json:"previous_id" nullable:"true" doc:"The interaction with the same address before this one, or null."`
	ChangedByID          *uuid.UUID `json:"changed_by_id" nullable:"true" doc:"The user or API key that changed it last; null while nobody has."`
	CreatedAt            time.Time  `json:"created_at" doc:"When the conversation began."`
	UpdatedAt            time.Time  `json:"updated_at" doc:"When something about it was changed last."`

	Disposition *DispositionOfInteraction `json:"disposition,omitempty" doc:"What it came to; left out until somebody has said so."`
	Viewers     []Viewer                  `json:"viewers" maxItems:"50" doc:"Who else looks at it at the moment."`
	Tags        []TagOfInteraction        `json:"tags" maxItems:"100" doc:"Its tags, by name."`
	Unread      int                       `json:"unread" format:"int32" minimum:"0" maximum:"2147483647" doc:"Messages of the customer that the caller has not read; answering is reading." example:"1"`
	Unmanaged   int                       `json:"unmanaged" format:"int32" minimum:"0" maximum:"2147483647" doc:"The contact's other interactions that wait for an agent and that nobody has, as far as the caller sees them." example:"0"`
}

// Pause is how a conversation lies aside.
type Pause struct {
	Reason          string     `json:"reason" maxLength:"40" doc:"Why: a key of the tenant's pause_reasons (getInboxSettings), as it was then." example:"pause"`
	Note            string     `json:"note" maxLength:"500" doc:"What was said about it; may be empty." example:"calls back on Monday"`
	Since           time.Time  `json:"since" doc:"Since when."`
	Until           *time.Time `json:"until" doc:"When it ends by itself, or null."`
	EndsWithMessage bool       `json:"ends_with_message" doc:"The customer's next message ends it."`
}

func interactionView(i interactions.Interaction) Interaction {
	out := Interaction{
		ID: i.ID, ChannelID: i.ChannelID, ContactID: i.ContactID, Address: i.Address, Subject: i.Subject, Status: string(i.Status),
		SubStatus: i.SubStatus, Priority: i.Priority.String(),
		NeedsReply: i.NeedsReply, Unseen: i.Unseen, AssigneeID: i.AssigneeID, QueueID: i.QueueID, Direction: i.Direction, Transfer: transferView(i.Transfer), Preview: i.Preview,
		LastMessageAt: i.LastMessageAt, LastMessageDirection: i.LastMessageDirection,
		OpenSince: i.OpenSince, WaitingSince: i.WaitingSince, FirstResponseAt: i.FirstResponseAt,
		SolvedAt: i.SolvedAt, ClosedAt: i.ClosedAt, ClosedBy: string(i.ClosedBy), ClosedByID: i.ClosedByID, CloseReason: i.CloseReason,
		Missed: i.Missed, Listed: i.Listed, ReopenedAt: i.ReopenedAt, PreviousID: i.PreviousID, ChangedByID: i.ChangedByID,
		CreatedAt: i.CreatedAt, UpdatedAt: i.UpdatedAt,
		Disposition: disposedView(i.Disposition), Viewers: viewerViews(i.Viewers), Tags: tagViews(i.Tags), Unread: i.Unread, Unmanaged: i.Unmanaged,
	}
	if p := i.Pause; p != nil {
		out.Pause = &Pause{p.Reason, p.Note, p.Since, p.Until, p.EndsWithMessage}
	}
	return out
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
	return op.LiveVersion(int64(i.Version), i.Tags, i.Unread, i.Unmanaged, i.Viewers, i.Disposition != nil)
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

// CloseInteraction is the body of closeInteraction.
type CloseInteraction struct {
	Reason         string `json:"reason,omitempty" maxLength:"200" doc:"Why; for the history." example:"answered"`
	OnBehalfOf     string `json:"on_behalf_of,omitempty" enum:"customer,survey" doc:"Who has really ended it, where the client only reports it: a web chat whose visitor has left, or a survey that is complete. Not for agents and users."`
	ExpectedStatus string `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`

	DispositionID *uuid.UUID `json:"disposition_id,omitempty" doc:"What it came to: one of the tenant's default list, or of its queue's. It is final."`
	Note          string     `json:"note,omitempty" maxLength:"2000" doc:"What is to be said of the disposition; without one, an internal note." example:"Two crates"`
}

// CloseInteractionInput is the input of closeInteraction.
type CloseInteractionInput struct {
	ActionInput
	Body CloseInteraction
}
