package tenants

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Moving a node rewrites the paths of all that is below it. Whoever makes a
// node takes the lock shared, so that none is made under a path that changes
// just now; moves take it for themselves, so that two cannot make a circle.
const (
	lockTreeShared = `SELECT pg_advisory_xact_lock_shared(hashtextextended('trellis: shape of the tree', 0))`
	lockTree       = `SELECT pg_advisory_xact_lock(hashtextextended('trellis: shape of the tree', 0))`
)

// pathColumns are the columns that hold places in the tree, by table. Those of
// the history of numbers move as well: a history is read by whoever stands
// above its tenant.
var pathColumns = []struct{ table, column string }{
	{"tenants", "path"},
	{"tenants", "suspended_by_path"},
	{"tenants", "closed_by_path"},
	{"numbers", "holder_path"},
	{"number_holdings", "holder_path"},
}

// Move puts a node with all that is below it under another parent. Both must be
// within the caller's reach. The node keeps what it has, its numbers among it:
// they are reclaimed by whoever stands above it then. It fails with not_found
// outside of the caller's reach, wrong_parent where a node of its kind cannot
// stand, name_taken, and wrong_state for what is deleted. Moving a node to
// where it is does nothing. It is not for use inside a transaction.
func (s *Service) Move(ctx context.Context, tenantID, parentID uuid.UUID) (Tenant, error) {
	ctx, err := atHome(ctx)
	if err != nil {
		return Tenant{}, err
	}
	var moved Tenant
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := store.Exec(ctx, lockTree); err != nil {
			return err
		}
		present, err := s.lock(ctx, tenantID, nil)
		if err != nil {
			return err
		}
		parent, err := s.mayMove(ctx, present, parentID)
		if err != nil {
			return err
		}
		if *present.ParentID == parent.ID {
			moved = show(ctx, present)
			return nil
		}
		row, err := s.relocate(ctx, present, parent)
		if err != nil {
			return err
		}
		store.AfterCommit(ctx, s.nodes.Clear)
		moved = show(ctx, row)
		return s.tellMove(ctx, present, row)
	})
	return moved, err
}

// mayMove finds the new parent and tells whether the node may stand there.
func (s *Service) mayMove(ctx context.Context, t *ent.Tenant, parentID uuid.UUID) (*ent.Tenant, error) {
	if r, ok := reachOf(ctx); ok && r.Home == t.Path || t.ParentID == nil {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "A tenant is moved from above, not by its own people.")
	}
	parent, err := s.parent(ctx, parentID)
	if err != nil {
		return nil, err
	}
	if Status(t.Status).Gone() {
		return nil, wrongState(t)
	}
	if strings.HasPrefix(parent.Path, t.Path) {
		return nil, fault.New(fault.Invalid, fault.CodeWrongParent, "A tenant cannot stand below itself.").
			At("body.parent_id", "is the tenant itself, or below it")
	}
	return parent, fits(Kind(t.Kind), Kind(parent.Kind))
}

// parent locks a node that another is to stand on.
func (s *Service) parent(ctx context.Context, parentID uuid.UUID) (*ent.Tenant, error) {
	parent, err := s.visible(ctx).Where(tenant.ID(parentID)).ForShare().Only(ctx)
	if store.IsNotFound(err) {
		return nil, fault.Missing("tenant").At("body.parent_id", "is not a tenant that you can see")
	}
	if err != nil {
		return nil, fmt.Errorf("reading the parent: %w", err)
	}
	if status := Status(parent.Status); status.Gone() || status == StatusArchived {
		return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The tenant above is %s.", status).
			At("body.parent_id", "is "+string(status)).Showing(string(status))
	}
	return parent, nil
}

// relocate rewrites every place that begins with the node's. The rows below do
// not change in the eyes of their readers, and keep their versions.
func (s *Service) relocate(ctx context.Context, t, parent *ent.Tenant) (*ent.Tenant, error) {
	from, to := t.Path, parent.Path+t.ID.String()+"/"
	_, err := store.Exec(ctx, `
		UPDATE tenants SET
			path = $2 || substr(path, length($1) + 1),
			suspended_by_path = CASE WHEN starts_with(suspended_by_path, $1) THEN $2 || substr(suspended_by_path, length($1) + 1) ELSE suspended_by_path END,
			closed_by_path = CASE WHEN starts_with(closed_by_path, $1) THEN $2 || substr(closed_by_path, length($1) + 1) ELSE closed_by_path END,
			parent_id = CASE WHEN id = $4 THEN $5 ELSE parent_id END,
			updated_at = CASE WHEN id = $4 THEN $6 ELSE updated_at END,
			version = CASE WHEN id = $4 THEN version + 1 ELSE version END
		WHERE path COLLATE "C" >= $1 AND path COLLATE "C" < $3`,
		from, to, behind(from), t.ID, parent.ID, s.store.Now())
	if store.Violates(err, uniqueName) {
		return nil, nameTaken(err)
	}
	if err != nil {
		return nil, fmt.Errorf("moving a tenant: %w", err)
	}
	for _, at := range pathColumns {
		if at.table == "tenants" {
			continue
		}
		_, err := store.Exec(ctx, fmt.Sprintf(`UPDATE %[1]s SET %[2]s = $2 || substr(%[2]s, length($1) + 1)
			WHERE starts_with(%[2]s, $1)`, at.table, at.column), from, to)
		if err != nil {
			return nil, fmt.Errorf("moving %s of a tenant: %w", at.table, err)
		}
	}
	return s.store.Ent(ctx).Tenant.Get(ctx, t.ID)
}

// moved is the data of tenant.moved in the log of the one who moves. The moved
// tenant's own log tells that it was moved, and not between whom.
type moved struct {
	FromParentID *uuid.UUID `json:"from_parent_id"`
	ToParentID   *uuid.UUID `json:"to_parent_id"`
}

func (s *Service) tellMove(ctx context.Context, before, after *ent.Tenant) error {
	data := moved{before.ParentID, after.ParentID}
	err := s.log.Publish(ctx, "tenant.moved", "tenant", after.ID, events.Change{
		Data:   data,
		Before: map[string]any{"parent_id": before.ParentID}, After: map[string]any{"parent_id": after.ParentID},
	})
	if err != nil {
		return err
	}
	return s.tell(ctx, after, "tenant.moved", struct{}{})
}
