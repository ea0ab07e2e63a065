package routing

import (
	"bytes"
	"cmp"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/queues"
)

// roster is who can get something, while it is given out.
type roster struct {
	strategy queues.Strategy
	members  []*agents.Candidate
	byID     map[uuid.UUID]*agents.Candidate
	// at is when the next turn is.
	at   time.Time
	took map[uuid.UUID]time.Time
}

// newRoster takes the members of a queue. Turns come one after another also
// where the clock stands still between them.
func newRoster(strategy queues.Strategy, members []agents.Candidate, now time.Time) *roster {
	r := &roster{strategy: strategy, byID: map[uuid.UUID]*agents.Candidate{}, at: now, took: map[uuid.UUID]time.Time{}}
	for i := range members {
		c := &members[i]
		r.byID[c.UserID] = c
		r.members = append(r.members, c)
		if c.LastAssignedAt != nil && !c.LastAssignedAt.Before(r.at) {
			r.at = c.LastAssignedAt.Add(tick)
		}
	}
	return r
}

// tick is what the database tells apart.
const tick = time.Microsecond

// choose is who gets a conversation, and why; nil where nobody is free. Whom it
// names has taken it.
func (r *roster) choose(w interactions.Waiting, returning bool) (*agents.Candidate, interactions.Handover) {
	if returning {
		if c := r.returning(w); c != nil {
			r.take(c)
			return c, interactions.ByReturning
		}
	}
	c := r.next()
	if c != nil {
		r.take(c)
	}
	return c, interactions.Automatically
}

// returning is who had the customer last, if he is free; nil otherwise.
func (r *roster) returning(w interactions.Waiting) *agents.Candidate {
	if w.LastWith == nil {
		return nil
	}
	if c := r.byID[*w.LastWith]; c != nil && c.Reason == "" {
		return c
	}
	return nil
}

// next is whose turn it is; nil where nobody is free.
func (r *roster) next() *agents.Candidate {
	var best *agents.Candidate
	for _, c := range r.members {
		if c.Reason == "" && (best == nil || r.before(c, best)) {
			best = c
		}
	}
	return best
}

// before tells whether it is a's turn before it is b's. Where two have the same
// part of their capacity in use, and in turns, it is whoever has waited longest.
func (r *roster) before(a, b *agents.Candidate) bool {
	order := 0
	if r.strategy == queues.LeastLoaded {
		order = cmp.Or(cmp.Compare(a.Used*b.Max, b.Used*a.Max), cmp.Compare(a.Open, b.Open))
	}
	if order = cmp.Or(order, a.IdleSince.Compare(b.IdleSince)); order == 0 && (a.LastAssignedAt == nil) != (b.LastAssignedAt == nil) {
		return a.LastAssignedAt == nil
	}
	return cmp.Or(order, bytes.Compare(a.UserID[:], b.UserID[:])) < 0
}

func (r *roster) take(c *agents.Candidate) {
	c.Take(r.at)
	r.took[c.UserID] = r.at
	r.at = r.at.Add(tick)
}
