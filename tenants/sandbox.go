package tenants

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// KindSandbox is a tenant's twin, to try things out: it stands below its tenant,
// has what that has, and reaches nobody outside. Test keys are bound to it. What
// happens there is not counted, it has no users, and nothing stands below it.
const KindSandbox Kind = "sandbox"

// LivePath is the path of the tenant that a twin belongs to.
func (n Node) LivePath() string {
	return strings.TrimSuffix(n.Path, n.ID.String()+"/")
}

// sandboxName is what a twin is called, unless a sibling is.
const sandboxName = "Sandbox"

// Sandbox returns the twin of the scope's tenant, and makes it if there is none.
// Its country, time zone, language and rules are those of the tenant at that
// moment. It fails with wrong_parent in a twin.
func (s *Service) Sandbox(ctx context.Context) (Tenant, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Tenant{}, err
	}
	var twin Tenant
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		// The lock makes two first requests find one twin.
		live, err := s.store.Ent(ctx).Tenant.Query().Where(tenant.ID(sc.TenantID)).ForUpdate().Only(ctx)
		if err != nil {
			return fmt.Errorf("reading the tenant of a sandbox: %w", err)
		}
		if Kind(live.Kind) == KindSandbox {
			return fault.New(fault.Invalid, fault.CodeWrongParent, "A sandbox has no sandbox of its own.")
		}
		row, err := s.store.Ent(ctx).Tenant.Query().
			Where(tenant.ParentID(live.ID), tenant.KindEQ(tenant.Kind(KindSandbox))).Only(ctx)
		if err == nil {
			twin = view(row)
			return nil
		}
		if !store.IsNotFound(err) {
			return fmt.Errorf("reading a sandbox: %w", err)
		}
		twin, err = s.makeSandbox(ctx, live)
		return err
	})
	return twin, err
}

func (s *Service) makeSandbox(ctx context.Context, live *ent.Tenant) (Tenant, error) {
	values, err := inherit(NewTenant{SecuritySuite: live.SecuritySuite}, beginningsOf(live))
	if err != nil {
		return Tenant{}, err
	}
	values.ID = id.New()
	values.ParentID, values.Kind, values.Name, values.Path = &live.ID, KindSandbox, sandboxName, live.Path
	taken, err := s.store.Ent(ctx).Tenant.Query().Where(tenant.ParentID(live.ID), tenant.NameKey(nameKey(sandboxName))).Exist(ctx)
	if err != nil {
		return Tenant{}, fmt.Errorf("looking for a sandbox's name: %w", err)
	}
	if taken {
		values.Name += " " + values.ID.String()
	}
	// What it has is what its tenant has: a sandbox of its own lacks nothing.
	return s.insert(ctx, values, Allowance{Granted: authz.AllEntitlements()})
}

// RefuseInSandbox fails where the scope's tenant is a twin, in the running
// transaction or in one of its own.
func (s *Service) RefuseInSandbox(ctx context.Context, what string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	inside, err := s.IsSandbox(ctx, sc.TenantID)
	if err == nil && inside {
		err = fault.InvalidField(fault.CodeInvalid, "path.tenant_id", "is a sandbox, which has no "+what)
	}
	return err
}

// IsSandbox tells whether a tenant of the scope's subtree is a twin.
func (s *Service) IsSandbox(ctx context.Context, tenantID uuid.UUID) (bool, error) {
	var inside bool
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		inside, err = s.store.Ent(ctx).Tenant.Query().
			Where(tenant.ID(tenantID), tenant.KindEQ(tenant.Kind(KindSandbox))).Exist(ctx)
		return err
	})
	return inside, err
}

// takeSandboxAlong deletes and restores a tenant's twin with the tenant, so that
// it is purged when that is. All else holds in a twin because it holds above it.
func (s *Service) takeSandboxAlong(ctx context.Context, live *ent.Tenant, a Action) error {
	if a != ActionDelete && a != ActionRestore {
		return nil
	}
	twin, err := s.store.Ent(ctx).Tenant.Query().
		Where(tenant.ParentID(live.ID), tenant.KindEQ(tenant.KindSandbox), tenant.StatusNEQ(tenant.StatusPurged)).ForUpdate().Only(ctx)
	if store.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading a sandbox: %w", err)
	}
	update := twin.Update()
	if a == ActionDelete {
		update.SetStatus(tenant.StatusDeleted).SetNillableDeletedAt(live.DeletedAt).SetNillablePurgeAt(live.PurgeAt)
	} else {
		update.SetStatus(tenant.StatusActive).ClearDeletedAt().ClearPurgeAt()
	}
	after, err := update.Save(ctx)
	if err != nil {
		return fmt.Errorf("taking a sandbox along: %w", err)
	}
	return s.schedule(ctx, twin, after)
}
