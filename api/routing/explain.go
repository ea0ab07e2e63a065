package routing

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/routing"
)

// Explanation says why a conversation is where it is.
type Explanation struct {
	Text       string        `json:"text" maxLength:"4000" doc:"Where it is, in a sentence." example:"The conversation waits in queue Orders. No member is free."`
	Because    []Cause       `json:"because" maxItems:"5" doc:"What brought it there, from its log, the newest first."`
	Queue      *QueueRule    `json:"queue,omitempty" doc:"The queue that it is in, and how that assigns; missing where it is in none."`
	Assignee   *RoutedPerson `json:"assignee,omitempty" doc:"Who has it; missing where nobody has."`
	Considered []Candidate   `json:"considered" maxItems:"500" doc:"While it waits: each member of the queue, and who had the customer last, and whether he could get it."`
	Next       Prospect      `json:"next" doc:"What happens next."`
}

// Cause is an entry of the log.
type Cause struct {
	Kind string    `json:"kind" maxLength:"40" doc:"What happened." example:"queued"`
	Text string    `json:"text" maxLength:"2000" doc:"The same in a sentence." example:"Conversation waits in queue Orders."`
	At   time.Time `json:"at" doc:"When it happened."`
}

// QueueRule is how the conversation's queue assigns.
type QueueRule struct {
	ID                 uuid.UUID  `json:"id" doc:"The queue."`
	Name               string     `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	Strategy           string     `json:"strategy" enum:"manual,round_robin,least_loaded,broadcast" doc:"How what waits comes to a member."`
	ReturningCustomer  bool       `json:"returning_customer" doc:"A customer comes to the member who had him last, if he is free."`
	AssignOutsideHours bool       `json:"assign_outside_hours" doc:"The queue assigns also while it is closed."`
	Archived           bool       `json:"archived" doc:"It is out of use."`
	OpenNow            bool       `json:"open_now" doc:"Whether it is within its opening hours."`
	OpensAt            *time.Time `json:"opens_at" nullable:"true" doc:"When it opens next; null while it is open, and where it does not open within a year."`
}

// RoutedPerson is somebody with a name.
type RoutedPerson struct {
	UserID uuid.UUID `json:"user_id" doc:"The user."`
	Name   string    `json:"name" maxLength:"200" doc:"His name." example:"Ann"`
}

// Candidate is somebody who could get the conversation, or could not.
type Candidate struct {
	RoutedPerson
	Member            bool       `json:"member" doc:"He answers in the queue. Who had the customer last is named also where he does not."`
	ReturningCustomer bool       `json:"returning_customer" doc:"He had this customer last, and the queue goes by that."`
	Free              bool       `json:"free" doc:"He could get a conversation now."`
	Reason            string     `json:"reason" maxLength:"40" doc:"Why he cannot: not_a_member, logged_off, paused, logged_out_of_queue, channel_limit or at_capacity; empty where he can." example:"at_capacity"`
	Text              string     `json:"text" maxLength:"1000" doc:"The same in a sentence." example:"Ann is at capacity: 4 of 4 units are in use, and one conversation more takes 1."`
	State             string     `json:"state" maxLength:"40" doc:"available, paused or logged_off; empty for who is no member." example:"available"`
	Since             *time.Time `json:"since" nullable:"true" doc:"When he came into this state; null for who has never been at work."`
	UnitsUsed         int        `json:"units_used" minimum:"0" maximum:"10000000" doc:"How much of his capacity is in use." example:"3"`
	UnitsMax          int        `json:"units_max" minimum:"0" maximum:"10000000" doc:"His capacity." example:"10"`
	UnitsNeeded       int        `json:"units_needed" minimum:"0" maximum:"10000000" doc:"What this conversation would take." example:"1"`
	Conversations     int        `json:"conversations" minimum:"0" maximum:"10000000" doc:"How many of this kind he has." example:"3"`
	ConversationsMax  int        `json:"conversations_max" minimum:"0" maximum:"10000000" doc:"How many of this kind he can have at once." example:"10"`
	Turn              *int       `json:"turn" nullable:"true" minimum:"1" maximum:"500" doc:"1 for who is next; null for who cannot get it, and where there are no turns." example:"1"`
	Offer             *Offer     `json:"offer,omitempty" doc:"The last that he was made for this conversation; missing where there is none."`
}

// Prospect is what happens next.
type Prospect struct {
	Action string     `json:"action" enum:"none,person,assign,answer,opening,member_free,return" doc:"Nothing; somebody has to take or assign it; it is assigned or offered; an offer is answered; the queue opens; a member becomes free; it returns to its queue."`
	Text   string     `json:"text" maxLength:"1000" doc:"The same in a sentence." example:"It is assigned as soon as a member logs in, ends a pause, or has room for it."`
	At     *time.Time `json:"at" nullable:"true" doc:"When, where that is known."`
}

func causeView(e interactions.LogEntry) Cause {
	return Cause{string(e.Kind), e.Text, e.CreatedAt}
}

func explanationView(e routing.Explanation) Explanation {
	out := Explanation{
		Text: e.Text, Because: []Cause{}, Considered: []Candidate{},
		Next: Prospect{string(e.Next.Action), e.Next.Text, e.Next.At},
	}
	for _, entry := range e.Because {
		out.Because = append(out.Because, causeView(entry))
	}
	if e.Assignee != nil {
		out.Assignee = &RoutedPerson{e.Assignee.ID, e.Assignee.Name}
	}
	if q := e.Queue; q != nil {
		out.Queue = &QueueRule{
			ID: q.ID, Name: q.Name, Strategy: string(q.Assignment.Strategy), ReturningCustomer: q.Assignment.ReturningCustomer,
			AssignOutsideHours: q.Assignment.OutsideHours, Archived: q.ArchivedAt != nil, OpenNow: q.Opening.Now,
		}
		if !q.Opening.Now {
			out.Queue.OpensAt = q.Opening.Changes
		}
	}
	for _, c := range e.Considered {
		out.Considered = append(out.Considered, consideredView(c))
	}
	return out
}

func consideredView(c routing.Considered) Candidate {
	out := Candidate{
		RoutedPerson: RoutedPerson{c.UserID, c.Name}, Member: c.Member, ReturningCustomer: c.Returning,
		Free: c.Member && c.Reason == "", Reason: string(c.Reason), Text: c.Text, State: string(c.State),
		UnitsUsed: c.Used, UnitsMax: c.Max, UnitsNeeded: c.Units, Conversations: c.Open, ConversationsMax: c.MaxOpen,
	}
	if !c.Member {
		out.Reason = "not_a_member"
	}
	if !c.Since.IsZero() {
		out.Since = &c.Since
	}
	if c.Turn > 0 {
		out.Turn = &c.Turn
	}
	if c.Offer != nil {
		offer := offerView(*c.Offer)
		out.Offer = &offer
	}
	return out
}

// InteractionPath names one interaction.
type InteractionPath struct {
	path.Tenant
	InteractionID uuid.UUID `path:"interaction_id" doc:"The interaction."`
}

// Explained is the output of explainInteractionRouting.
type Explained struct {
	Body Explanation
}

func (h handlers) explain(ctx context.Context, in *InteractionPath) (*Explained, error) {
	e, err := h.Routing.Explain(ctx, h.Caller(ctx), in.InteractionID)
	if err != nil {
		return nil, err
	}
	return &Explained{explanationView(e)}, nil
}
