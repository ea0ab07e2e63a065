// Package routing decides who gets what waits in a queue, by itself: it looks
// when something has happened that could let a conversation go to somebody, and
// never changes what people have decided. What a conversation is stays the
// business of interactions, who can work that of agents.
package routing

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
	PublishEach(ctx context.Context, kind, objectKind string, facts []events.Fact) error
}

// Config is what a Service needs.
type Config struct {
	Store        *store.Store
	Events       Log
	Queues       *queues.Service
	Agents       *agents.Service
	Interactions *interactions.Service
}

// Service assigns conversations. It is safe for concurrent use, by any number
// of processes.
type Service struct{ Config }

// New returns the service.
func New(c Config) *Service { return &Service{c} }

// HandleDue looks who gets what, as a request asks, under the scope of the
// request's tenant. All other requests for the same are done with it; a second
// run finds none and does nothing.
func (s *Service) HandleDue(ctx context.Context, requestID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return s.Store.InTx(ctx, func(ctx context.Context) error {
		var queueID, userID uuid.NullUUID
		err := store.QueryRow(ctx, []any{&queueID, &userID},
			`SELECT queue_id, user_id FROM route_requests WHERE tenant_id = $1 AND id = $2`, sc.TenantID, requestID)
		if store.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if userID.Valid {
			return s.lookFor(ctx, sc.TenantID, userID.UUID)
		}
		return s.lookAt(ctx, sc.TenantID, queueID.UUID)
	})
}

// lookFor has all queues looked at that a member could get something from, or
// that get something back from one who has gone.
func (s *Service) lookFor(ctx context.Context, tenantID, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `DELETE FROM route_requests WHERE tenant_id = $1 AND user_id = $2`, tenantID, userID)
	if err != nil {
		return err
	}
	member, err := s.Queues.Of(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.Queues.RouteSoon(ctx, member...); err != nil {
		return err
	}
	gone, err := s.Agents.Gone(ctx, userID)
	if err != nil || gone == nil {
		return err
	}
	returns, err := s.Interactions.LeftBehind(ctx, userID, gone.At)
	if err != nil {
		return err
	}
	for _, queueID := range returns {
		if err := s.Queues.Look(ctx, queueID, s.Store.Now()); err != nil {
			return err
		}
	}
	return nil
}

// patience is how soon a queue is looked at again from which something could
// not be given out only because somebody held it.
const patience = time.Second

// lookAt looks at a queue. Only one looks at a time.
func (s *Service) lookAt(ctx context.Context, tenantID, queueID uuid.UUID) error {
	q, err := s.Queues.HoldForRouting(ctx, queueID)
	if err != nil {
		return err
	}
	// Before anything is read: what is asked for from here on is looked at next.
	_, err = store.Exec(ctx, `DELETE FROM route_requests WHERE tenant_id = $1 AND queue_id = $2`, tenantID, queueID)
	if err != nil {
		return err
	}
	l := look{Service: s, queue: q, now: s.Store.Now()}
	return l.do(ctx)
}

// look is one look at a queue that is held.
type look struct {
	*Service
	queue queues.Queue
	now   time.Time
	again time.Time // when to look again; zero for not by itself
}

// by sees to it that the queue is looked at again at a time, or earlier.
func (l *look) by(at time.Time) {
	if l.again.IsZero() || at.Before(l.again) {
		l.again = at
	}
}

func (l *look) do(ctx context.Context) error {
	if err := l.takeBack(ctx); err != nil {
		return err
	}
	if err := l.endOffers(ctx); err != nil {
		return err
	}
	if l.queue.Automatic() {
		if err := l.giveOut(ctx); err != nil {
			return err
		}
	}
	if l.again.IsZero() {
		return nil
	}
	return l.Queues.Look(ctx, l.queue.ID, l.again)
}

// returned is how many conversations one look takes back from somebody.
const returned = 200

// takeBack returns to the queue what those had of it who are at work no more
// (decisions C-37). Whatever the strategy is: in a queue that leaves things to
// people it waits for one of them.
func (l *look) takeBack(ctx context.Context) error {
	gone, err := l.Agents.Departed(ctx, l.queue.ID)
	if err != nil {
		return err
	}
	for _, d := range gone {
		taken, left, err := l.Interactions.TakeBack(ctx, l.queue.ID, d.UserID, d.At, returned)
		if err != nil {
			return err
		}
		switch {
		case left && taken == returned:
			l.by(l.now)
		case left:
			l.by(l.now.Add(patience))
		}
	}
	return nil
}

// giveOut assigns, or offers, what waits.
func (l *look) giveOut(ctx context.Context) error {
	for _, kind := range agents.Kinds() {
		waiting, err := l.Interactions.AnyWaiting(ctx, l.queue.ID, kind)
		if err != nil {
			return err
		}
		if !waiting {
			continue
		}
		opening := l.queue.Opening
		if !opening.Now && opening.Changes != nil {
			l.by(*opening.Changes) // QUE-08
		}
		if !opening.Now && !l.queue.Assignment.OutsideHours {
			continue
		}
		if l.queue.Assignment.Strategy == queues.Broadcast {
			err = l.offer(ctx, kind)
		} else {
			err = l.assign(ctx, kind)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
