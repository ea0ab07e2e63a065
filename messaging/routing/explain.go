package routing

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// Explanation says why a conversation is where it is, who was considered, and
// what happens next.
type Explanation struct {
	// Text says in a sentence where it is.
	Text string
	// Because are the last entries of its log that brought it there, the newest
	// first.
	Because []interactions.LogEntry
	// Queue is nil where it is in none.
	Queue      *queues.Queue
	Assignee   *Person
	Considered []Considered
	Next       Prospect
}

// Person is somebody with a name.
type Person struct {
	ID   uuid.UUID
	Name string
}

// Considered is a member of the queue, or who had the customer last, and whether
// he could get the conversation.
type Considered struct {
	agents.Candidate
	// Member is false for who had the customer last and answers elsewhere.
	Member bool
	// Returning is who had the customer last, where that counts.
	Returning bool
	// Turn is 1 for who would get it next; 0 for who would not, or where there are
	// no turns.
	Turn int
	// Offer is the last that he was made.
	Offer *Offer
	Text  string
}

// NextAction is what happens next.
type NextAction string

// The next actions.
const (
	// NothingNext: it is settled.
	NothingNext NextAction = "none"
	// PersonNext: somebody has to take it, or to assign it.
	PersonNext NextAction = "person"
	// AssignNext: it is being assigned or offered.
	AssignNext NextAction = "assign"
	// AnswerNext: one of those to whom it was offered accepts it.
	AnswerNext NextAction = "answer"
	// OpeningNext: the queue opens.
	OpeningNext NextAction = "opening"
	// FreeNext: a member logs in, ends a pause, or has room again.
	FreeNext NextAction = "member_free"
	// ReturnNext: it goes back to its queue.
	ReturnNext NextAction = "return"
)

// Prospect is what happens next, and when, where that is known.
type Prospect struct {
	Action NextAction
	Text   string
	At     *time.Time
}

// Explain explains a conversation that the caller may see. Faults: CodeNotFound.
func (s *Service) Explain(ctx context.Context, c interactions.Caller, interactionID uuid.UUID) (Explanation, error) {
	var out Explanation
	err := s.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.Interactions.Get(ctx, c, interactionID)
		if err != nil {
			return err
		}
		x := explainer{Service: s, row: row, zone: time.UTC, now: s.Store.Now()}
		if err := x.read(ctx, c); err != nil {
			return err
		}
		if err := x.explain(ctx); err != nil {
			return err
		}
		out = x.out
		return nil
	})
	return out, err
}

// explainer explains one conversation.
type explainer struct {
	*Service
	row  interactions.Interaction
	now  time.Time
	zone *time.Location
	out  Explanation
	// gone is since when its assignee is not at work; nil where he is, or need not
	// be.
	gone *agents.Departed
	way  interactions.Way
}

// read reads what the explanation is about.
func (x *explainer) read(ctx context.Context, c interactions.Caller) error {
	if err := x.readCause(ctx, c); err != nil {
		return err
	}
	var err error
	if x.way, err = x.Interactions.WayOf(ctx, x.row.ID); err != nil {
		return err
	}
	if x.row.AssigneeID != nil {
		name, err := x.Interactions.UserName(ctx, *x.row.AssigneeID)
		if err != nil {
			return err
		}
		x.out.Assignee = &Person{*x.row.AssigneeID, name}
		if x.gone, err = x.Agents.Gone(ctx, *x.row.AssigneeID); err != nil {
			return err
		}
		if x.gone != nil && x.way.AssignedAt != nil && x.way.AssignedAt.After(x.gone.At) {
			x.gone = nil // he was given it all the same
		}
	}
	if x.row.QueueID == nil {
		return nil
	}
	q, err := x.Queues.Get(ctx, *x.row.QueueID)
	if fault.Is(err, fault.CodeNotFound) {
		return nil
	}
	x.out.Queue, x.zone = &q, q.Zone
	return err
}

// readCause takes from the log what brought the conversation where it is.
func (x *explainer) readCause(ctx context.Context, c interactions.Caller) error {
	entries, err := x.Interactions.Log(ctx, c, x.row.ID, uuid.Nil, false, 50)
	if err != nil {
		return err
	}
	moves := []interactions.LogKind{
		interactions.LogStarted, interactions.LogQueued, interactions.LogClosed, interactions.LogOffered, interactions.LogOfferRejected,
	}
	for _, how := range interactions.Handovers() {
		moves = append(moves, interactions.LogKind(how))
	}
	for _, e := range entries {
		if len(x.out.Because) < 5 && slices.Contains(moves, e.Kind) {
			x.out.Because = append(x.out.Because, e)
		}
	}
	return nil
}

func (x *explainer) explain(ctx context.Context) error {
	switch {
	case x.row.Status == interactions.Closed, x.row.Status == interactions.Solved:
		x.out.Text = "The conversation is " + string(x.row.Status) + "."
		x.out.Next = Prospect{Action: NothingNext, Text: "Nothing: what is " + string(x.row.Status) + " is given to nobody."}
		return nil
	case x.out.Assignee != nil:
		x.explainAssigned()
		return nil
	case x.out.Queue == nil:
		x.out.Text = "The conversation is in no queue and nobody has it. Managers and administrators see it."
		x.out.Next = Prospect{Action: PersonNext, Text: "A manager or an administrator takes it, assigns it, or transfers it to a queue."}
		return nil
	}
	if err := x.consider(ctx); err != nil {
		return err
	}
	return x.explainWaiting(ctx)
}

func (x *explainer) explainAssigned() {
	name := x.out.Assignee.Name
	x.out.Text = name + " has the conversation."
	switch {
	case x.gone == nil:
		x.out.Next = Prospect{Action: NothingNext, Text: "It stays with " + name + " until it is closed, transferred or released."}
	case x.out.Queue == nil:
		x.out.Text += " " + name + " is not at work since " + x.clock(x.gone.At) + "."
		x.out.Next = Prospect{
			Action: PersonNext,
			Text:   "It came through no queue to which it could return: it stays with " + name + " until a manager retrieves it.",
		}
	default:
		x.out.Text += " " + name + " is not at work since " + x.clock(x.gone.At) + "."
		x.out.Next = Prospect{Action: ReturnNext, At: &x.now, Text: "It returns to queue " + x.out.Queue.Name + " in a moment."}
	}
}

// consider judges every member of the queue, and who had the customer last.
func (x *explainer) consider(ctx context.Context) error {
	last := x.way.LastWith
	members, err := x.Agents.Candidates(ctx, x.out.Queue.ID, x.way.Kind, false)
	if err != nil {
		return err
	}
	offers, err := x.offers(ctx)
	if err != nil {
		return err
	}
	a := x.out.Queue.Assignment
	r := newRoster(a.Strategy, members, x.now)
	turns := r.inTurn(interactions.Waiting{LastWith: last}, a.ReturningCustomer)
	for _, c := range r.members {
		x.out.Considered = append(x.out.Considered, Considered{
			Candidate: *c, Member: true, Returning: a.ReturningCustomer && last != nil && *last == c.UserID,
			Turn: turns[c.UserID], Offer: offers[c.UserID], Text: x.judgement(*c, offers[c.UserID]),
		})
	}
	if !x.out.Queue.Automatic() || !a.ReturningCustomer || last == nil || r.byID[*last] != nil {
		return nil
	}
	name, err := x.Interactions.UserName(ctx, *last)
	if err != nil {
		return err
	}
	x.out.Considered = append(x.out.Considered, Considered{
		Candidate: agents.Candidate{UserID: *last, Name: name}, Returning: true,
		Text: name + " had this customer last, and does not answer in this queue.",
	})
	return nil
}

// inTurn numbers who would get a conversation, in the order in which they would.
func (r *roster) inTurn(w interactions.Waiting, returning bool) map[uuid.UUID]int {
	turns := map[uuid.UUID]int{}
	if r.strategy != queues.RoundRobin && r.strategy != queues.LeastLoaded {
		return turns
	}
	free := r.free(nil)
	slices.SortFunc(free, func(a, b *agents.Candidate) int {
		if r.before(a, b) {
			return -1
		}
		return 1
	})
	if c := r.returning(w); returning && c != nil {
		free = append([]*agents.Candidate{c}, slices.DeleteFunc(free, func(o *agents.Candidate) bool { return o == c })...)
	}
	for i, c := range free {
		turns[c.UserID] = i + 1
	}
	return turns
}

// offers are the last offers of the conversation, by whom they were made to.
func (x *explainer) offers(ctx context.Context) (map[uuid.UUID]*Offer, error) {
	list, err := offersWhere(ctx, ` AND o.interaction_id = $2 ORDER BY o.id`, x.row.ID)
	out := map[uuid.UUID]*Offer{}
	for i := range list {
		out[list[i].UserID] = &list[i]
	}
	return out, err
}

// judgement says of a member whether he could get the conversation, and why not.
func (x *explainer) judgement(c agents.Candidate, o *Offer) string {
	text := c.Name + " " + x.reason(c)
	if o == nil {
		return text + "."
	}
	switch o.State {
	case Open:
		text += ", and was offered the conversation until " + x.clock(o.ExpiresAt)
	case Rejected:
		text += ", and rejected it at " + x.clock(*o.EndedAt)
	case Expired:
		text += ", and did not answer an offer until " + x.clock(o.ExpiresAt)
	case Accepted, Taken, Withdrawn:
	}
	return text + "."
}

// reason says in a part of a sentence how it stands with a member.
func (x *explainer) reason(c agents.Candidate) string {
	since, pause := "", ""
	if !c.Since.IsZero() {
		since = " since " + x.clock(c.Since)
	}
	if c.Pause != "" {
		pause = " (" + c.Pause + ")"
	}
	switch c.Reason {
	case agents.NotLoggedIn:
		return "is not logged in to work" + since
	case agents.OnPause:
		return "is paused" + pause + since
	case agents.OutOfQueue:
		return "has logged out of this queue" + pause
	case agents.KindFull, agents.Full:
		return busy(c)
	}
	return fmt.Sprintf("is free: %d of %d units are in use", c.Used, c.Max)
}

// busy says how much somebody has who can take no more.
func busy(c agents.Candidate) string {
	if c.Reason == agents.KindFull {
		return fmt.Sprintf("is at capacity: %d of %d conversations of this kind", c.Open, c.MaxOpen)
	}
	return fmt.Sprintf("is at capacity: %d of %d units are in use, and one conversation more takes %d", c.Used, c.Max, c.Units)
}

// clock is a moment for people: the time of today, or with its date.
func (x *explainer) clock(at time.Time) string {
	at, today := at.In(x.zone), x.now.In(x.zone)
	if at.Format(time.DateOnly) == today.Format(time.DateOnly) {
		return at.Format("15:04")
	}
	return at.Format("2006-01-02 15:04")
}

func (x *explainer) explainWaiting(ctx context.Context) error {
	q := x.out.Queue
	x.out.Text = "The conversation waits in queue " + q.Name + "."
	switch {
	case q.ArchivedAt != nil:
		x.out.Text += " The queue is archived: nothing is assigned from it by itself."
		x.out.Next = Prospect{Action: PersonNext, Text: "A member of the queue or a manager takes it, or transfers it."}
	case q.Assignment.Strategy == queues.Manual:
		x.out.Text += " The queue leaves it to people who gets what."
		x.out.Next = Prospect{Action: PersonNext, Text: "Somebody takes it, or a manager assigns it."}
	case !q.Opening.Now && !q.Assignment.OutsideHours:
		x.out.Text += " The queue is closed, and assigns within its opening hours only."
		x.out.Next = Prospect{Action: OpeningNext, At: q.Opening.Changes, Text: "The queue does not open within a year."}
		if q.Opening.Changes != nil {
			x.out.Next.Text = "The queue opens at " + x.clock(*q.Opening.Changes) + "; then it is assigned."
		}
	default:
		return x.explainAutomatic(ctx)
	}
	return nil
}

// explainAutomatic says what comes next where a queue assigns by itself.
func (x *explainer) explainAutomatic(ctx context.Context) error {
	var first *Considered
	var offered []string
	var until time.Time
	free := false
	for i, c := range x.out.Considered {
		if c.Offer != nil && c.Offer.State == Open {
			offered, until = append(offered, c.Name), c.Offer.ExpiresAt
		}
		free = free || c.Member && c.Reason == ""
		if c.Turn == 1 {
			first = &x.out.Considered[i]
		}
	}
	switch {
	case len(offered) > 0:
		x.out.Text += " It is offered to " + join(offered, maxNames) + "."
		x.out.Next = Prospect{Action: AnswerNext, At: &until, Text: "Who accepts first has it; if nobody does until " + x.clock(until) + ", it is offered again."}
	case !free:
		x.out.Text += " No member is free."
		x.out.Next = Prospect{Action: FreeNext, Text: "It is assigned as soon as a member logs in, ends a pause, or has room for it."}
		if len(x.out.Considered) == 0 {
			x.out.Text = "The conversation waits in queue " + x.out.Queue.Name + ". The queue has no members."
			x.out.Next.Text = "It is assigned as soon as the queue has a member who is at work and free."
		}
	case first != nil:
		x.out.Next = Prospect{Action: AssignNext, At: &x.now, Text: "It goes to " + first.Name + " in a moment, if nothing waits before it."}
	default:
		return x.explainNextRound(ctx)
	}
	return nil
}

// explainNextRound says when a broadcast offers a conversation (again).
func (x *explainer) explainNextRound(ctx context.Context) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var at *time.Time
	err = store.QueryRow(ctx, []any{&at}, `SELECT min(due_at) FROM route_requests WHERE tenant_id = $1 AND queue_id = $2`, sc.TenantID, x.out.Queue.ID)
	if err != nil {
		return err
	}
	if at == nil || !at.After(x.now) {
		x.out.Next = Prospect{Action: AssignNext, At: &x.now, Text: "It is offered to the members who are free in a moment."}
		return nil
	}
	x.out.Next = Prospect{Action: AssignNext, At: at, Text: "All who are free have rejected it; it is offered again at " + x.clock(*at) + "."}
	return nil
}
