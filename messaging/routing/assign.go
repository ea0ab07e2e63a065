package routing

import (
	"context"

	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
)

// batch is how many conversations one look gives out: few enough that those who
// wait for the agents' rows wait shortly.
const batch = 1000

// assign gives what waits to members who are free, in one transaction with the
// locks on both sides: nobody gets more than he can take, and nothing goes to
// two.
func (l *look) assign(ctx context.Context, kind agents.Kind) error {
	waiting, err := l.Interactions.LockWaiting(ctx, l.queue.ID, kind, batch)
	if err != nil {
		return err
	}
	members, err := l.Agents.Candidates(ctx, l.queue.ID, kind, true)
	if err != nil {
		return err
	}
	r := newRoster(l.queue.Assignment.Strategy, members, l.now)
	var gifts []interactions.Gift
	for _, w := range waiting {
		c, how := r.choose(w, l.queue.Assignment.ReturningCustomer)
		if c == nil {
			break
		}
		gifts = append(gifts, interactions.Gift{Waiting: w, QueueID: l.queue.ID, UserID: c.UserID, UserName: c.Name, How: how})
	}
	if err := l.give(ctx, gifts, r); err != nil || r.next() == nil {
		return err // whoever becomes free asks again
	}
	left, err := l.Interactions.AnyWaiting(ctx, l.queue.ID, kind)
	switch {
	case err != nil || !left:
	case len(waiting) == batch:
		l.by(l.now)
	default: // somebody else has it in his hands
		l.by(l.now.Add(patience))
	}
	return err
}

func (l *look) give(ctx context.Context, gifts []interactions.Gift, r *roster) error {
	if len(gifts) == 0 {
		return nil
	}
	if err := l.Interactions.GiveMany(ctx, gifts); err != nil {
		return err
	}
	return agents.AssignedAt(ctx, r.took)
}
