package tenants

import (
	"context"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Status says whether a node is in service.
type Status string

// The states of a node, from the best to the worst. What holds in a node is the
// worst of its own state and of those above it.
const (
	StatusActive Status = "active"
	// StatusSuspended stands still for a while: nobody signs in, nothing is sent.
	StatusSuspended Status = "suspended"
	// StatusArchived is out of use, and no longer in lists.
	StatusArchived Status = "archived"
	// StatusDeleted waits for the end of its grace, and can be brought back.
	StatusDeleted Status = "deleted"
	// StatusPurged is a tombstone: the id and the name of what was there.
	StatusPurged Status = "purged"
)

// Statuses lists every state, from the best to the worst.
func Statuses() []Status {
	return []Status{StatusActive, StatusSuspended, StatusArchived, StatusDeleted, StatusPurged}
}

// Listed are the states that a list holds unless others are asked for.
func Listed() []Status { return []Status{StatusActive, StatusSuspended} }

// Gone tells whether the node waits for its purge or has been purged.
func (s Status) Gone() bool { return s == StatusDeleted || s == StatusPurged }

// Action changes the state of a node.
type Action string

// The actions on a node.
const (
	ActionSuspend Action = "suspend"
	ActionResume  Action = "resume"
	ActionArchive Action = "archive"
	ActionRestore Action = "restore"
	ActionDelete  Action = "delete"
	ActionPurge   Action = "purge"
)

// Actions lists every action.
func Actions() []Action {
	return []Action{ActionSuspend, ActionResume, ActionArchive, ActionRestore, ActionDelete, ActionPurge}
}

// transitions is the whole life of a node. What restoring leads to is suspended
// where the node was suspended before: a way around it would be no suspension.
var transitions = map[Action]map[Status]Status{
	ActionSuspend: {StatusActive: StatusSuspended},
	ActionResume:  {StatusSuspended: StatusActive},
	ActionArchive: {StatusActive: StatusArchived, StatusSuspended: StatusArchived},
	ActionRestore: {StatusArchived: StatusActive, StatusDeleted: StatusActive},
	ActionDelete:  {StatusActive: StatusDeleted, StatusSuspended: StatusDeleted, StatusArchived: StatusDeleted},
	ActionPurge:   {StatusDeleted: StatusPurged},
}

// After is the state that an action leads to, and whether it is possible.
func (s Status) After(a Action) (Status, bool) {
	next, ok := transitions[a][s]
	return next, ok
}

// past is the event that tells of an action.
var past = map[Action]string{
	ActionSuspend: "tenant.suspended", ActionResume: "tenant.resumed", ActionArchive: "tenant.archived",
	ActionRestore: "tenant.restored", ActionDelete: "tenant.deleted", ActionPurge: "tenant.purged",
}

// maxReason is the greatest length of a reason in characters.
const maxReason = 500

// Suspend takes a node and all that is below it out of service until it is
// resumed. It fails with not_found outside of the caller's reach, wrong_state
// where it is not active, forbidden for the caller's own node.
func (s *Service) Suspend(ctx context.Context, tenantID uuid.UUID, reason string) (Tenant, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < 1 || n > maxReason || !searchable(reason) {
		return Tenant{}, fault.InvalidField(fault.CodeInvalid, "body.reason", "must have 1 to 500 characters")
	}
	return s.act(ctx, tenantID, ActionSuspend, reason, nil)
}

// Resume undoes Suspend. What was suspended from above is resumed from there.
func (s *Service) Resume(ctx context.Context, tenantID uuid.UUID) (Tenant, error) {
	return s.act(ctx, tenantID, ActionResume, "", nil)
}

// Archive takes a node and all that is below it out of use and out of lists.
func (s *Service) Archive(ctx context.Context, tenantID uuid.UUID) (Tenant, error) {
	return s.act(ctx, tenantID, ActionArchive, "", nil)
}

// Restore brings an archived node back, or a deleted one within its grace. It
// fails with conflict where the node above is deleted itself. It is not for use
// inside a transaction.
func (s *Service) Restore(ctx context.Context, tenantID uuid.UUID) (Tenant, error) {
	ctx, err := atHome(ctx) // to see the node above
	if err != nil {
		return Tenant{}, err
	}
	return s.act(ctx, tenantID, ActionRestore, "", nil)
}

// Delete takes a node out of service and has it purged when its grace is over.
// It fails with conflict while there are nodes below that are not deleted.
func (s *Service) Delete(ctx context.Context, tenantID uuid.UUID, check func(version int64) error) (Tenant, error) {
	return s.act(ctx, tenantID, ActionDelete, "", check)
}

func (s *Service) act(ctx context.Context, tenantID uuid.UUID, a Action, reason string, check func(int64) error) (Tenant, error) {
	var changed Tenant
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lock(ctx, tenantID, check)
		if err != nil {
			return err
		}
		update := present.Update()
		if err := s.transit(ctx, present, a, reason, update); err != nil {
			return err
		}
		row, err := update.Save(ctx)
		if err != nil {
			return fmt.Errorf("changing the state of a tenant: %w", err)
		}
		if err := s.takeSandboxAlong(ctx, row, a); err != nil {
			return err
		}
		store.AfterCommit(ctx, s.nodes.Clear)
		changed = show(ctx, row)
		if err := s.schedule(ctx, present, row); err != nil {
			return err
		}
		return s.tell(ctx, row, past[a], events.Change{
			Data: transited{Status(row.Status), row.PurgeAt}, Before: recordOf(present), After: recordOf(row),
		})
	})
	return changed, err
}

// transited is the data of the events of a node's life.
type transited struct {
	Status  Status     `json:"status"`
	PurgeAt *time.Time `json:"purge_at,omitempty"`
}

// lock reads a node that the caller sees, to change it. The version that it
// finds must pass the check, where there is one.
func (s *Service) lock(ctx context.Context, tenantID uuid.UUID, check func(int64) error) (*ent.Tenant, error) {
	present, err := s.visible(ctx).Where(tenant.ID(tenantID)).ForUpdate().Only(ctx)
	if store.IsNotFound(err) {
		return nil, fault.Missing("tenant")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a tenant: %w", err)
	}
	if check != nil {
		if err := check(int64(present.Version)); err != nil {
			return nil, err
		}
	}
	return present, nil
}

// transit notes a change of state, if the caller may make it and the state
// allows it.
func (s *Service) transit(ctx context.Context, present *ent.Tenant, a Action, reason string, update *ent.TenantUpdateOne) error {
	if err := mayAct(ctx, present, a); err != nil {
		return err
	}
	next, ok := Status(present.Status).After(a)
	if !ok {
		return wrongState(present)
	}
	now := s.store.Now()
	r, _ := reachOf(ctx)
	switch a {
	case ActionSuspend:
		update.SetSuspendedReason(reason).SetSuspendedAt(now).SetSuspendedByPath(r.Home)
	case ActionResume:
		update.SetSuspendedReason("").ClearSuspendedAt().SetSuspendedByPath("")
	case ActionArchive:
		update.SetArchivedAt(now).SetClosedByPath(r.Home)
	case ActionRestore:
		if err := s.mayRestore(ctx, present); err != nil {
			return err
		}
		if present.SuspendedAt != nil {
			next = StatusSuspended
		}
		update.ClearArchivedAt().ClearDeletedAt().ClearPurgeAt().SetClosedByPath("")
	case ActionDelete:
		if err := s.mayDelete(ctx, present); err != nil {
			return err
		}
		update.SetDeletedAt(now).SetPurgeAt(now.Add(s.grace))
		if present.ClosedByPath == "" || strings.HasPrefix(present.ClosedByPath, r.Home) {
			update.SetClosedByPath(r.Home) // what was closed higher up stays so
		}
	case ActionPurge:
		return wrongState(present) // purging is the program's own work
	}
	update.SetStatus(tenant.Status(next))
	return nil
}

func wrongState(t *ent.Tenant) error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The tenant is %s.", t.Status).Showing(string(t.Status))
}

// mayAct keeps callers from locking themselves out, everybody from locking out
// everybody, and those below from undoing what was decided above.
func mayAct(ctx context.Context, t *ent.Tenant, a Action) error {
	r, known := reachOf(ctx)
	decider := t.SuspendedByPath
	if a == ActionRestore {
		decider = t.ClosedByPath
	}
	undoes := a == ActionResume || a == ActionRestore
	switch {
	case t.Kind == tenant.KindSandbox:
		return fault.New(fault.Forbidden, fault.CodeForbidden, "A sandbox lives and goes with its tenant.")
	case known && r.Home == t.Path, t.Kind == tenant.KindOperator:
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"The state of a tenant is changed from above, not by its own people.")
	case known && undoes && decider != "" && !strings.HasPrefix(decider, r.Home):
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"This was decided higher up and is undone from there.")
	}
	return nil
}

// mayRestore refuses what is being purged, and to revive a node below one that
// is deleted. The lock keeps that one from being deleted meanwhile.
func (s *Service) mayRestore(ctx context.Context, t *ent.Tenant) error {
	if t.PurgeAt != nil && !s.store.Now().Before(*t.PurgeAt) {
		return fault.New(fault.Conflict, fault.CodeWrongState, "The grace of the deleted tenant is over.").Showing(string(t.Status))
	}
	above, err := s.store.Ent(ctx).Tenant.Query().Where(tenant.ID(*t.ParentID)).ForShare().Only(ctx)
	if err != nil {
		return fmt.Errorf("reading the node above: %w", err)
	}
	if Status(above.Status).Gone() {
		return fault.New(fault.Conflict, fault.CodeConflict, "The tenant above it is deleted: restore that one first.")
	}
	return nil
}

// mayDelete refuses to delete what others stand on. Whoever makes, restores or
// moves a node there locks this one first.
func (s *Service) mayDelete(ctx context.Context, t *ent.Tenant) error {
	alive, err := s.store.Ent(ctx).Tenant.Query().
		Where(tenant.ParentID(t.ID), tenant.KindNEQ(tenant.KindSandbox),
			tenant.StatusNotIn(tenant.StatusDeleted, tenant.StatusPurged)).Count(ctx)
	if err != nil {
		return fmt.Errorf("counting the nodes below: %w", err)
	}
	if alive > 0 {
		return fault.New(fault.Conflict, fault.CodeConflict,
			"There are tenants below it: move or delete them first. Directly below: %d.", alive)
	}
	return nil
}

// tell publishes an event of a node in its own log.
func (s *Service) tell(ctx context.Context, t *ent.Tenant, kind string, data any) error {
	return s.within(ctx, t, func(ctx context.Context) error { return s.log.Publish(ctx, kind, "tenant", t.ID, data) })
}

// atHome is the context of the caller's work in his own node, from where he
// sees all that he may see. A request about a node sees it and what is below.
func atHome(ctx context.Context) (context.Context, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	r, ok := reachOf(ctx)
	if !ok || r.Home == sc.Path {
		return ctx, nil
	}
	ids := strings.Split(strings.Trim(r.Home, "/"), "/")
	home, err := uuid.Parse(ids[len(ids)-1])
	if err != nil {
		return nil, fmt.Errorf("tenants: the path of the caller's home: %w", err)
	}
	sc.TenantID, sc.Path = home, r.Home
	return scope.With(ctx, sc), nil
}
