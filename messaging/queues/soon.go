package queues

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// RouteSoon asks, in the running transaction, that somebody looks at once who
// gets what waits in these queues. Whatever puts a conversation into a queue, or
// lets a queue give out more, calls it; of a queue that leaves everything to
// people it is a cheap no-op.
//
// It locks the queues as a foreign key does, before it reads how they assign: a
// queue that begins to assign waits for those who have read the opposite, and so
// finds what they have put there.
func (s *Service) RouteSoon(ctx context.Context, queueIDs ...uuid.UUID) error {
	if len(queueIDs) == 0 {
		return nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	list, err := json.Marshal(queueIDs)
	if err != nil {
		return err
	}
	result, err := store.Exec(ctx, `
		WITH asked AS MATERIALIZED (
			SELECT id, strategy, archived_at FROM queues
			WHERE tenant_id = $1 AND id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
			ORDER BY id FOR KEY SHARE
		)
		INSERT INTO route_requests (id, tenant_id, queue_id, due_at, created_at)
		SELECT gen_random_uuid(), $1, id, $3::timestamptz, $3::timestamptz FROM asked
		WHERE strategy <> 'manual' AND archived_at IS NULL`, sc.TenantID, string(list), s.store.Now())
	if err != nil {
		return err
	}
	asked, err := result.RowsAffected()
	if asked > 0 {
		store.AfterCommit(ctx, s.wake)
	}
	return err
}

// RouteSoonFor asks, in the running transaction, that somebody looks at once
// what a member of queues could get, and whether he can keep what he has.
// Whatever frees an agent, or takes him away, calls it: logging in and out,
// pausing and unpausing, closing, a capacity that grows.
func (s *Service) RouteSoonFor(ctx context.Context, userID uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO route_requests (id, tenant_id, user_id, due_at, created_at)
		SELECT gen_random_uuid(), tenant_id, id, $3::timestamptz, $3::timestamptz FROM users WHERE tenant_id = $1 AND id = $2`,
		sc.TenantID, userID, s.store.Now())
	if err == nil {
		store.AfterCommit(ctx, s.wake)
	}
	return err
}

// Look asks, in the running transaction, that somebody looks at a queue of any
// strategy at a time.
func (s *Service) Look(ctx context.Context, queueID uuid.UUID, at time.Time) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO route_requests (id, tenant_id, queue_id, due_at, created_at)
		VALUES (gen_random_uuid(), $1, $2, $3::timestamptz, $4::timestamptz)`, sc.TenantID, queueID, at, s.store.Now())
	if err == nil && !at.After(s.store.Now()) {
		store.AfterCommit(ctx, s.wake)
	}
	return err
}

// Of lists the queues in which somebody answers, in the running transaction.
func (s *Service) Of(ctx context.Context, userID uuid.UUID) ([]uuid.UUID, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return store.IDs(ctx, `SELECT queue_id FROM queue_members WHERE tenant_id = $1 AND user_id = $2 ORDER BY queue_id`,
		sc.TenantID, userID)
}
