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
	ContactName   string  `json:"contact_name" maxLength:"200" doc:"What the person on the other side is called; empty where nobody has named him." example:"Anna Weber"`
	ChannelName   string  `json:"channel_name" maxLength:"200" doc:"What the channel is called." example:"Front desk"`
	QueueName     *string `json:"queue_name" maxLength:"200" doc:"What the queue is called, or null." example:"Orders"`
	AssigneeName  *string `json:"assignee_name" maxLength:"200" doc:"Who has it, or null." example:"Ann Agent"`
	ChangedByName *string `json:"changed_by_name" maxLength:"200" doc:"The user who changed it last; null where it was an API key, and while nobody has." example:"Ann Agent"`
	Found         *Found  `json:"found,omitempty" doc:"Where the search found it; left out without one."`
}

// Found is where a search found a conversation.
type Found struct {
	In         string      `json:"in" enum:"message,contact_name,address" doc:"What holds the words." example:"message"`
	MessageID  *uuid.UUID  `json:"message_id" nullable:"true" doc:"The latest message with any of the words, or null."`
	Text       string      `json:"text" maxLength:"400" doc:"A part of it, as plain text: escape it as any other." example:"…when is my order ready?"`
	Highlights []Highlight `json:"highlights" maxItems:"400" doc:"Where in the text the words stand, one after the other."`
}

// Highlight is a stretch of a text.
type Highlight struct {
	Start int `json:"start" format:"int32" minimum:"0" maximum:"400" doc:"The first of its characters, counted in code points from 0." example:"12"`
	End   int `json:"end" format:"int32" minimum:"1" maximum:"400" doc:"The character behind its last." example:"17"`
}

func foundView(f *interactions.Found) *Found {
	if f == nil {
		return nil
	}
	out := &Found{In: string(f.In), MessageID: f.MessageID, Text: f.Text, Highlights: make([]Highlight, 0, len(f.Matches))}
	for _, m := range f.Matches {
		out.Highlights = append(out.Highlights, Highlight{m.Start, m.End})
	}
	return out
}

func interactionRow(r interactions.Row) InteractionRow {
	return InteractionRow{interactionView(r.Interaction), r.ContactName, r.ChannelName, r.QueueName, r.AssigneeName, r.ChangedByName, foundView(r.Found)}
}

// InteractionFilter is what lists of interactions are narrowed by.
type InteractionFilter struct {
	Q            string    `query:"q" maxLength:"200" doc:"Words to search for, in messages and in the contact's name, each from its start, in capitals or not, with accents or without; and any part of a telephone number. All of them have to be there. Where each word is a frequent one, the first 20,000 conversations in the order asked for are searched." example:"order 5550199"`
	View         string    `query:"view" enum:"active,assigned,snoozed,closed,missed,all" default:"active" doc:"active: what is not closed. Here and in assigned there is nothing that the caller has put off by a reminder; that is in snoozed. assigned: the caller's own list, that is what is his and not closed, and what others have closed until he hides it. closed: what is over. missed: what was closed and never dealt with. all: the full history."`
	ID           []string  `query:"id,explode" maxItems:"50" format:"uuid" doc:"Only these interactions."`
	Status       []string  `query:"status,explode" enum:"waiting_agent,open,waiting_customer,solved,closed" maxItems:"5" doc:"Only these statuses."`
	ChannelID    []string  `query:"channel_id,explode" maxItems:"50" format:"uuid" doc:"Only these channels."`
	ContactID    uuid.UUID `query:"contact_id" doc:"Only this person."`
	AssigneeID   uuid.UUID `query:"assignee_id" doc:"Only what is assigned to this user."`
	Assigned     string    `query:"assigned" enum:"me,nobody,somebody" doc:"Only what is assigned to the caller, to nobody, or to anybody."`
	QueueID      []string  `query:"queue_id,explode" maxItems:"50" format:"uuid" doc:"Only what came into these queues."`
	TagID        []string  `query:"tag_id,explode" maxItems:"50" format:"uuid" doc:"Only those that have any of these tags."`
	SubStatus    []string  `query:"sub_status,explode" maxItems:"20" maxLength:"40" pattern:"^[a-z0-9_]+$" doc:"Only these sub-statuses, by their keys." example:"pending"`
	Priority     []string  `query:"priority,explode" enum:"low,normal,high,urgent" maxItems:"4" doc:"Only these priorities."`
	Direction    string    `query:"last_message_direction" enum:"inbound,outbound" doc:"Only those in which the customer (inbound) or the tenant wrote last."`
	Paused       string    `query:"paused" enum:"true,false" doc:"Only those that lie aside, or only the others." example:"false"`
	HasDraft     bool      `query:"has_draft" doc:"Only those that the caller has begun to answer."`
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
	Sort string `query:"sort" enum:"last_message_at,-last_message_at,created_at,-created_at,status,-status,subject,-subject,waiting_since,-waiting_since,priority,-priority" default:"-last_message_at" doc:"The order; a minus turns it round. status is the order of a conversation's life; waiting_since begins with who has waited longest. waiting_since and priority are for view=active." example:"-last_message_at"`
}

func (in InteractionFilter) filter() interactions.Filter {
	f := interactions.Filter{
		Text: in.Q,
		View: interactions.View(in.View), IDs: ids(in.ID), ChannelIDs: ids(in.ChannelID), QueueIDs: ids(in.QueueID), TagIDs: ids(in.TagID),
		ContactID: in.ContactID, AssigneeID: in.AssigneeID, Assigned: interactions.Ownership(in.Assigned),
		Unseen: choice(in.ReadState, "unread", "read"), NeedsReply: choice(in.NeedsReply, "true", "false"), Address: in.Address,
		From: in.From, Until: in.Until, StartedFrom: in.StartedFrom, StartedUntil: in.StartedUntil,
	}
	f.SubStatuses, f.Direction, f.Paused, f.HasDraft = in.SubStatus, in.Direction, choice(in.Paused, "true", "false"), in.HasDraft
	f.Priorities = priorities(in.Priority)
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

// priorities reads names that the document has let through.
func priorities(names []string) []interactions.Priority {
	var out []interactions.Priority
	for _, name := range names {
		p, _ := interactions.ParsePriority(name)
		out = append(out, p)
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
