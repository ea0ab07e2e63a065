package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Admit lets a caller into a tenant for one permission, or says why not. The
// context that it returns carries the scope, the caller, and how much of the
// tree he may see from there. uuid.Nil is the caller's own tenant.
//
// A tenant outside of the caller's reach is not_found, in the same words as one
// that does not exist. Within reach it is not_entitled where the tenant lacks the
// service that the permission is about, whatever the caller's rights, and
// forbidden, naming the permission, where he has not got it.
// A suspended tenant is tenant_suspended for its own people and for its
// content; those above it go on administering it, and of one that is archived
// or deleted that part which brings it back or tidies up.
func (s *Service) Admit(ctx context.Context, p Principal, permission authz.Permission, tenantID uuid.UUID) (context.Context, error) {
	if tenantID == uuid.Nil {
		tenantID = p.TenantID
	}
	node, err := s.cfg.Tenants.Node(ctx, tenantID)
	if err != nil {
		return nil, err
	}
	home := p.Path
	if node.Kind == tenants.KindSandbox {
		if p, home, err = inSandbox(p, node); err != nil {
			return nil, err
		}
	}
	if err := refusal(p, permission, node); err != nil {
		return nil, err
	}
	if err := s.mayUseKeys(ctx, p, node); err != nil {
		return nil, err
	}
	ctx = tenants.WithReach(ctx, tenants.Reach{Home: home, Below: p.Rights.Below.Has(permission)})
	ctx = scope.With(ctx, scope.Scope{TenantID: node.ID, Path: node.Path, Actor: p.Actor()})
	if len(p.Limits.ChannelIDs) > 0 {
		ctx = scope.OnlyChannels(ctx, p.Limits.ChannelIDs)
	}
	return With(ctx, p), nil
}

// refusal is why a caller does not get past the gate, and nil where he does. The
// order decides what he learns.
func refusal(p Principal, permission authz.Permission, node tenants.Node) error {
	switch {
	case !p.Rights.Reach(node.Path):
		return fault.Missing("tenant")
	case p.Restriction != "" && permission != authz.SignedIn:
		return p.Restriction.fault()
	case !node.Entitlements.Has(permission.Needs()):
		return tenants.NotEntitled(permission.Needs())
	case !p.May(permission, node.Path):
		return lacks(permission)
	case node.Suspended() && (node.ID == p.TenantID || !permission.Administrative()):
		return errSuspended
	case node.Closed() && !holdsWhenClosed(permission, node.Status):
		return errSuspended
	}
	return nil
}

// mayUseKeys refuses API keys where the API was taken from the tenant that they
// are bound to. A reseller's key may administer a tenant below that has no keys
// of its own. A tenant that has the API has it from all above, so the second
// look is seldom needed.
func (s *Service) mayUseKeys(ctx context.Context, p Principal, node tenants.Node) error {
	if p.Kind != scope.ActorKey || node.Entitlements.Has(authz.API) {
		return nil
	}
	home := node
	if node.ID != p.TenantID {
		var err error
		if home, err = s.cfg.Tenants.Node(ctx, p.TenantID); err != nil {
			return err
		}
	}
	if !home.Entitlements.Has(authz.API) {
		return tenants.NotEntitled(authz.API)
	}
	return nil
}

// HoldsBelow tells whether the caller of a context has a permission below his
// own tenant, too.
func (s *Service) HoldsBelow(ctx context.Context, permission authz.Permission) bool {
	p, known := From(ctx)
	return known && p.Rights.Below.Has(permission)
}

// holdsWhenClosed tells whether a permission holds from above in a tenant that
// is archived or deleted: it can be read, brought back, moved out of the way,
// and relieved of its numbers. Of one that was purged there is nothing but its
// tombstone.
func holdsWhenClosed(permission authz.Permission, status tenants.Status) bool {
	if status == tenants.StatusPurged {
		return permission == authz.TenantsRead
	}
	return permission.Action() == "read" || permission == authz.TenantsWrite || permission == authz.NumbersAssign
}

// inSandbox is what a caller is in a sandbox, and where he is at home there. Its
// own test keys are what they are. The administrators of its tenant, who make
// test keys, are there what they are in the tenant, so that they see what their
// integrations did. Those above administer it as any tenant. To everybody else,
// and to every live key, it does not exist (C11-1).
func inSandbox(p Principal, node tenants.Node) (Principal, string, error) {
	switch {
	case p.TenantID == node.ID:
		return p, p.Path, nil
	case p.Kind == scope.ActorKey:
		return p, "", fault.Missing("tenant")
	case p.Path != node.LivePath():
		return p, p.Path, nil
	case !p.May(authz.APIKeysWrite, p.Path):
		return p, "", fault.Missing("tenant")
	}
	p.Rights = authz.Rights{Path: node.Path, Here: p.Rights.At(p.Path)}
	return p, node.Path, nil
}

// May tells whether the caller of a context has a permission in the tenant that
// the context works in.
func (s *Service) May(ctx context.Context, permission authz.Permission) bool {
	p, known := From(ctx)
	sc, err := scope.From(ctx)
	return known && err == nil && p.May(permission, sc.Path)
}
