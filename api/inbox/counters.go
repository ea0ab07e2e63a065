package inbox

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/interactions"
)

// Tally is how many conversations of a kind are not closed.
type Tally struct {
	Active     int `json:"active" format:"int32" minimum:"0" maximum:"2147483647" doc:"What is not closed." example:"12"`
	Unseen     int `json:"unseen" format:"int32" minimum:"0" maximum:"2147483647" doc:"Of these, with messages that nobody has confirmed to have read." example:"3"`
	NeedsReply int `json:"needs_reply" format:"int32" minimum:"0" maximum:"2147483647" doc:"Of these, in which the customer wrote last." example:"4"`
}

// QueueTally is what a queue holds, as far as the caller sees it.
type QueueTally struct {
	QueueID    uuid.UUID `json:"queue_id" doc:"The queue."`
	Name       string    `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	All        Tally     `json:"all" doc:"What came into it."`
	Unassigned Tally     `json:"unassigned" doc:"What of it nobody has."`
}

// StatusCounts are how many conversations have each status.
type StatusCounts struct {
	WaitingAgent    int `json:"waiting_agent" format:"int32" minimum:"0" maximum:"2147483647" doc:"The customer wrote last." example:"4"`
	Open            int `json:"open" format:"int32" minimum:"0" maximum:"2147483647" doc:"Somebody of the tenant wrote last." example:"7"`
	WaitingCustomer int `json:"waiting_customer" format:"int32" minimum:"0" maximum:"2147483647" doc:"Somebody waits for the customer." example:"1"`
	Solved          int `json:"solved" format:"int32" minimum:"0" maximum:"2147483647" doc:"Done, and not closed yet." example:"0"`
	Closed          int `json:"closed" format:"int32" minimum:"0" maximum:"2147483647" doc:"Over." example:"1520"`
}

// Counters are the numbers beside the views of an inbox.
type Counters struct {
	All         Tally        `json:"all" doc:"What the caller sees."`
	Mine        Tally        `json:"mine" doc:"What is assigned to the caller."`
	Unassigned  Tally        `json:"unassigned" doc:"What the caller sees and nobody has."`
	ByStatus    StatusCounts `json:"by_status" doc:"What the caller sees, by status."`
	ClosedToday int          `json:"closed_today" format:"int32" minimum:"0" maximum:"2147483647" doc:"What of it was closed since midnight in the tenant's time zone." example:"18"`
	Missed      int          `json:"missed" format:"int32" minimum:"0" maximum:"2147483647" doc:"What the caller sees of what was closed and never dealt with." example:"2"`
	Queues      []QueueTally `json:"queues" maxItems:"10000" doc:"The queues in use that the caller sees, oldest first."`
}

func tally(t interactions.Tally) Tally { return Tally{t.Active, t.Unseen, t.NeedsReply} }

func countersView(c interactions.Counters) Counters {
	out := Counters{
		All: tally(c.All), Mine: tally(c.Mine), Unassigned: tally(c.Unassigned), ClosedToday: c.ClosedToday, Missed: c.Missed,
		ByStatus: StatusCounts{
			WaitingAgent: c.ByStatus[interactions.WaitingAgent], Open: c.ByStatus[interactions.Open],
			WaitingCustomer: c.ByStatus[interactions.WaitingCustomer],
			Solved:          c.ByStatus[interactions.Solved], Closed: c.ByStatus[interactions.Closed],
		},
		Queues: make([]QueueTally, 0, len(c.Queues)),
	}
	for _, q := range c.Queues {
		out.Queues = append(out.Queues, QueueTally{q.QueueID, q.Name, tally(q.All), tally(q.Unassigned)})
	}
	return out
}

// CountersInput is the input of getInteractionCounters.
type CountersInput struct{ path.Tenant }

// CountersShown is the output of getInteractionCounters.
type CountersShown struct{ Body Counters }

func (h handlers) counters(ctx context.Context, _ *CountersInput) (*CountersShown, error) {
	c, err := h.Interactions.Counters(ctx, h.Caller(ctx))
	if err != nil {
		return nil, err
	}
	return &CountersShown{countersView(c)}, nil
}
