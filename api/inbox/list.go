package inbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/interactions"
)

// InteractionRow is a conversation as lists show it.
type InteractionRow struct {
	Interaction
	ContactName  string  `json:"contact_name" maxLength:"200" doc:"What the person on the other side is called; empty where nobody has named him." example:"Anna Weber"`
	ChannelName  string  `json:"channel_name" maxLength:"200" doc:"What the channel is called." example:"Front desk"`
	QueueName    *string `json:"queue_name" maxLength:"200" doc:"What the queue is called, or null." example:"Orders"`
	AssigneeName *string `json:"assignee_name" maxLength:"200" doc:"Who has it, or null." example:"Ann Agent"`
}

func interactionRow(r interactions.Row) InteractionRow {
	return InteractionRow{interactionView(r.Interaction), r.ContactName, r.ChannelName, r.QueueName, r.AssigneeName}
}

// InteractionFilter is what lists of interactions are narrowed by.
type InteractionFilter struct {
	View         string    `query:"view" enum:"active,assigned,closed,missed,all" default:"active" doc:"active: what is not closed. assigned: the caller's own list, that is what is his and not closed, and what others have closed until he hides it. closed: what is over. missed: what was closed and never dealt with. all: the full history."`
	ID           []string  `query:"id,explode" maxItems:"50" format:"uuid" doc:"Only these interactions."`
	Status       []string  `query:"status,explode" enum:"waiting_agent,open,waiting_customer,solved,closed" maxItems:"5" doc:"Only these statuses."`
	ChannelID    []string  `query:"channel_id,explode" maxItems:"50" format:"uuid" doc:"Only these channels."`
	ContactID    uuid.UUID `query:"contact_id" doc:"Only this person."`
	AssigneeID   uuid.UUID `query:"assignee_id" doc:"Only what is assigned to this user."`
	Assigned     string    `query:"assigned" enum:"me,nobody,somebody" doc:"Only what is assigned to the caller, to nobody, or to anybody."`
	QueueID      []string  `query:"queue_id,explode" maxItems:"50" format:"uuid" doc:"Only what came into these queues."`
	TagID        []string  `query:"tag_id,explode" maxItems:"50" format:"uuid" doc:"Only those that have any of these tags."`
	Address      string    `query:"address" maxLength:"16" pattern:"^[+0-9A-Za-z ._-]*$" doc:"Only this number, short code or sender's name of the other side, in full." example:"+15145550199"`
	Unseen       bool      `query:"unseen" doc:"Only interactions with messages that nobody has confirmed to have read."`
	ReadState    string    `query:"read_state" enum:"all,read,unread" default:"all" doc:"All, only those in which everything was confirmed as read, or only the others."`
	NeedsReply   string    `query:"needs_reply" enum:"true,false" doc:"Only those in which the customer wrote last, or only the others." example:"true"`
	From         time.Time `query:"from" doc:"Only interactions whose last message is not older."`
	Until        time.Time `query:"until" doc:"Only interactions whose last message is older."`
	StartedFrom  time.Time `query:"started_from" doc:"Only interactions that did not begin earlier."`
	StartedUntil time.Time `query:"started_until" doc:"Only interactions that began earlier."`
}

// ListInteractionsInput is the input of listInteractions.
type ListInteractionsInput struct {
	path.Tenant
	op.Page
	InteractionFilter
	Sort string `query:"sort" enum:"last_message_at,-last_message_at,created_at,-created_at,status,-status" default:"-last_message_at" doc:"The order; a minus turns it round. status is the order of a conversation's life." example:"-last_message_at"`
}

func (in InteractionFilter) filter() interactions.Filter {
	f := interactions.Filter{
		View: interactions.View(in.View), IDs: ids(in.ID), ChannelIDs: ids(in.ChannelID), QueueIDs: ids(in.QueueID), TagIDs: ids(in.TagID),
		ContactID: in.ContactID, AssigneeID: in.AssigneeID, Assigned: interactions.Ownership(in.Assigned),
		Unseen: choice(in.ReadState, "unread", "read"), NeedsReply: choice(in.NeedsReply, "true", "false"), Address: in.Address,
		From: in.From, Until: in.Until, StartedFrom: in.StartedFrom, StartedUntil: in.StartedUntil,
	}
	if in.Unseen {
		f.Unseen = &in.Unseen
	}
	for _, s := range in.Status {
		f.Statuses = append(f.Statuses, interactions.Status(s))
	}
	return f
}

// ids reads ids that the document's format has let through.
func ids(texts []string) []uuid.UUID {
	var out []uuid.UUID
	for _, text := range texts {
		out = append(out, uuid.MustParse(text))
	}
	return out
}

// choice is true for one word, false for another, and nil for all others.
func choice(word, yes, no string) *bool {
	if word != yes && word != no {
		return nil
	}
	chosen := word == yes
	return &chosen
}

func (h handlers) list(ctx context.Context, in *ListInteractionsInput) (*op.List[InteractionRow], error) {
	after, err := op.After[interactions.Position](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	if after == nil {
		after = &interactions.Position{}
	}
	rows, err := h.Interactions.List(ctx, h.Caller(ctx), in.filter(), interactions.Sort(in.Sort), *after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, interactionRow, func(r interactions.Row) interactions.Position { return r.Position })
}
