// Package routing decides who gets what waits in a queue, by itself: it looks
// when something has happened that could let a conversation go to somebody, and
// never changes what people have decided. What a conversation is stays the
// business of interactions, who can work that of agents.
package routing

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what a Service needs.
type Config struct {
	Store  *store.Store
	Queues *queues.Service
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

// lookFor looks at all queues of a member.
func (s *Service) lookFor(ctx context.Context, tenantID, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `DELETE FROM route_requests WHERE tenant_id = $1 AND user_id = $2`, tenantID, userID)
	if err != nil {
		return err
	}
	member, err := s.Queues.Of(ctx, userID)
	if err != nil {
		return err
	}
	return s.Queues.RouteSoon(ctx, member...)
}

// lookAt looks at a queue. Only one looks at a time.
func (s *Service) lookAt(ctx context.Context, tenantID, queueID uuid.UUID) error {
	if _, err := s.Queues.HoldForRouting(ctx, queueID); err != nil {
		return err
	}
	// Before anything is read: what is asked for from here on is looked at next.
	_, err := store.Exec(ctx, `DELETE FROM route_requests WHERE tenant_id = $1 AND queue_id = $2`, tenantID, queueID)
	return err
}
