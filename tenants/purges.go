package tenants

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// schedule plans or takes back the purge of a node whose state has changed.
func (s *Service) schedule(ctx context.Context, before, after *ent.Tenant) error {
	switch {
	case after.Status == tenant.StatusDeleted:
		return s.plan(ctx, after, *after.PurgeAt)
	case before.Status == tenant.StatusDeleted:
		return s.cancel(ctx, before)
	}
	return nil
}

// plan writes down that a deleted node is to be purged, in the node's own name.
func (s *Service) plan(ctx context.Context, t *ent.Tenant, due time.Time) error {
	return s.within(ctx, t, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `
			INSERT INTO tenant_purges (id, tenant_id, state, due_at, created_at) VALUES ($1, $2, 'waiting', $3, $4)`,
			id.New(), t.ID, due, s.store.Now())
		return err
	})
}

// cancel takes back a purge that has not begun. Whether it has is decided by
// one row, not by the clocks of two processes.
func (s *Service) cancel(ctx context.Context, t *ent.Tenant) error {
	return s.within(ctx, t, func(ctx context.Context) error {
		result, err := store.Exec(ctx, `
			UPDATE tenant_purges SET state = 'canceled', due_at = NULL, finished_at = $2 WHERE tenant_id = $1 AND state = 'waiting'`,
			t.ID, s.store.Now())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 1 {
			return err
		}
		return fault.New(fault.Conflict, fault.CodeWrongState, "The tenant is being purged.").Showing(string(t.Status))
	})
}

// within runs work in the name of a node that is the scope's own or below it.
func (s *Service) within(ctx context.Context, t *ent.Tenant, work func(context.Context) error) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if sc.TenantID == t.ID {
		return work(ctx)
	}
	sc.TenantID, sc.Path = t.ID, t.Path
	return s.store.Below(ctx, sc, work)
}

// childrenFirst is how soon a node is looked at again whose children have not
// been purged.
const childrenFirst = time.Minute

// BeginPurge claims the purge of the scope's own node and tells whether it is
// to go on. It does where the node is deleted, its grace is over, and all below
// it have been purged; what it finds otherwise it puts off or ends. Beginning
// twice is beginning once.
func (s *Service) BeginPurge(ctx context.Context, purgeID uuid.UUID) (begun bool, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		node, err := s.store.Ent(ctx).Tenant.Query().Where(tenant.ID(sc.TenantID)).ForUpdate().Only(ctx)
		if err != nil {
			return fmt.Errorf("reading the tenant to purge: %w", err)
		}
		now := s.store.Now()
		switch {
		case node.Status != tenant.StatusDeleted || node.PurgeAt == nil:
			return s.putOff(ctx, purgeID, nil)
		case now.Before(*node.PurgeAt):
			return s.putOff(ctx, purgeID, node.PurgeAt)
		}
		left, err := s.store.Ent(ctx).Tenant.Query().
			Where(tenant.ParentID(node.ID), tenant.StatusNEQ(tenant.StatusPurged)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("looking for the nodes below: %w", err)
		}
		if left {
			later := now.Add(childrenFirst)
			return s.putOff(ctx, purgeID, &later)
		}
		result, err := store.Exec(ctx, `UPDATE tenant_purges SET state = 'running'
			WHERE tenant_id = $1 AND id = $2 AND state IN ('waiting', 'running')`, sc.TenantID, purgeID)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		begun = n == 1
		return err
	})
	return begun, err
}

// putOff has a purge fall due again later, or never.
func (s *Service) putOff(ctx context.Context, purgeID uuid.UUID, due *time.Time) error {
	_, err := store.Exec(ctx, `UPDATE tenant_purges SET due_at = $2 WHERE id = $1 AND state IN ('waiting', 'running')`, purgeID, due)
	return err
}

// GoOnPurging has a running purge fall due again at once: it is done in
// pieces, so that no lease runs out over it.
func (s *Service) GoOnPurging(ctx context.Context, purgeID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		now := s.store.Now()
		return s.putOff(ctx, purgeID, &now)
	})
}

// Bury ends the purge of the scope's own node, whose data are gone: what
// remains is a tombstone, and its name is free.
func (s *Service) Bury(ctx context.Context, purgeID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		now := s.store.Now()
		buried, err := s.store.Ent(ctx).Tenant.Update().
			Where(tenant.ID(sc.TenantID), tenant.StatusEQ(tenant.StatusDeleted)).
			SetStatus(tenant.StatusPurged).SetPurgedAt(now).SetSuspendedReason("").SetAllowedOrigins([]string{}).
			Save(ctx)
		if err != nil {
			return fmt.Errorf("burying a tenant: %w", err)
		}
		if buried == 0 {
			return nil // a second run
		}
		_, err = store.Exec(ctx, `UPDATE tenant_purges SET state = 'done', due_at = NULL, finished_at = $2 WHERE id = $1`, purgeID, now)
		if err != nil {
			return err
		}
		store.AfterCommit(ctx, s.nodes.Clear)
		return s.log.Publish(ctx, past[ActionPurge], "tenant", sc.TenantID, events.Change{
			Data:   transited{Status: StatusPurged},
			Before: map[string]any{"status": StatusDeleted}, After: map[string]any{"status": StatusPurged},
		})
	})
}
