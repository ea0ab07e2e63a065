package tenants

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// defaultEntitlements are what a new tenant has of what its parent has, unless
// its maker says otherwise: whoever wants to build on the API can.
var defaultEntitlements = authz.EntitlementsOf(authz.API, authz.Webhooks)

// Allowance is what a tenant was given, and what holds.
type Allowance struct {
	// Granted and Limits are the node's own. What was granted to it and not to
	// one above it has no effect, until that one gets it back.
	Granted authz.EntitlementSet
	Limits  Quotas
	// Effective and Quotas are what holds: what all nodes of the path have.
	Effective authz.EntitlementSet
	Quotas    Quotas
	// Version is the tenant's.
	Version int
}

// AllowanceChange holds what is granted or taken, and limits that are set; what
// is not named stays as it is.
type AllowanceChange struct {
	Entitlements map[authz.Entitlement]bool
	Limits       []Limit
}

// NotEntitled is the refusal of what a tenant was not given, with its name.
func NotEntitled(e authz.Entitlement) *fault.Fault {
	return fault.New(fault.Forbidden, fault.CodeNotEntitled,
		"The tenant has not been given this service: %s. Whoever provides for it can switch it on.", e).About(string(e))
}

// Require fails with not_entitled unless the scope's tenant has an entitlement.
func (s *Service) Require(ctx context.Context, e authz.Entitlement) error {
	node, err := s.here(ctx)
	if err == nil && !node.Entitlements.Has(e) {
		err = NotEntitled(e)
	}
	return err
}

// here is the node of the scope's tenant.
func (s *Service) here(ctx context.Context) (Node, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Node{}, err
	}
	return s.Node(ctx, sc.TenantID)
}

// Allowance returns what a node of the scope's subtree was given. It fails with
// not_found for all others.
func (s *Service) Allowance(ctx context.Context, tenantID uuid.UUID) (Allowance, error) {
	var row *ent.Tenant
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		row, err = s.find(ctx, tenantID, false)
		return err
	})
	if err != nil {
		return Allowance{}, err
	}
	return s.allowanceOf(ctx, row)
}

// find reads a node that the caller sees, on demand to be changed.
func (s *Service) find(ctx context.Context, tenantID uuid.UUID, lock bool) (*ent.Tenant, error) {
	query := s.visible(ctx).Where(tenant.ID(tenantID))
	if lock {
		query.ForUpdate()
	}
	row, err := query.Only(ctx)
	if store.IsNotFound(err) {
		return nil, fault.Missing("tenant")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a tenant: %w", err)
	}
	return row, nil
}

// allowanceOf joins a node's own values with what holds above it.
func (s *Service) allowanceOf(ctx context.Context, row *ent.Tenant) (Allowance, error) {
	own := Allowance{Granted: authz.EntitlementsOfWords(row.Entitlements), Limits: quotasOf(row), Version: row.Version}
	own.Effective, own.Quotas = own.Granted, own.Limits
	above, err := s.above(ctx, row)
	if err != nil || above == nil {
		return own, err
	}
	if !Kind(row.Kind).counts() {
		own.Effective, own.Quotas = above.Entitlements, above.Quotas.uncounted()
		return own, nil
	}
	own.Effective = own.Granted.And(above.Entitlements)
	own.Quotas = own.Limits.and(above.Quotas)
	return own, nil
}

// above is the node over another, as it is now; nil for the root. It is read by
// the system, past a transaction that may run: callers see what a node has,
// though not the nodes that it comes from.
func (s *Service) above(ctx context.Context, row *ent.Tenant) (*Node, error) {
	if row.ParentID == nil {
		return nil, nil
	}
	node, err := s.ReadNode(scope.System(store.Outside(ctx), "what the tenants above have"), *row.ParentID)
	return &node, err
}

// SetAllowance changes what a node below the caller's own was given. The
// version that it finds must pass the check, where there is one. It fails with
// what the check says, with not_found, with forbidden for the caller's own
// tenant and for the operator's, with not_entitled for what the tenants above
// do not have, and with limit_too_high.
//
// What is given is held against the tenants above at this moment. One of them
// may lose it at the same moment, or later: the node then has it no more
// either, because what holds is always asked of the whole path.
func (s *Service) SetAllowance(ctx context.Context, tenantID uuid.UUID, c AllowanceChange, check func(version int64) error) (Allowance, error) {
	var changed Allowance
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.find(ctx, tenantID, true)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		if err := providesFor(ctx, present); err != nil {
			return err
		}
		above, err := s.above(ctx, present)
		if err != nil {
			return err
		}
		row, err := s.allow(ctx, present, c, *above)
		if err != nil {
			return err
		}
		changed, err = s.allowanceOf(ctx, row)
		return err
	})
	return changed, err
}

// providesFor keeps callers from giving to themselves. The operator's own node
// has everything; nobody is above it to say otherwise.
func providesFor(ctx context.Context, t *ent.Tenant) error {
	if r, ok := reachOf(ctx); ok && r.Home == t.Path || t.Kind == tenant.KindOperator {
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"What a tenant has is decided above it, not by its own people.")
	}
	return nil
}

// allow writes what a change makes different, with its event.
func (s *Service) allow(ctx context.Context, present *ent.Tenant, c AllowanceChange, above Node) (*ent.Tenant, error) {
	before := authz.EntitlementsOfWords(present.Entitlements)
	after := before
	for e, on := range c.Entitlements {
		after = after.With(e, on)
	}
	if err := grantable(after.Without(before), above.Entitlements, "body"); err != nil {
		return nil, err
	}
	limits, err := quotasOf(present).with(c.Limits, above.Quotas, "body")
	if err != nil {
		return nil, err
	}
	if after == before && limits == quotasOf(present) {
		return present, nil
	}
	update := present.Update().SetEntitlements(after.Words())
	setLimits(update.Mutation(), limits)
	row, err := update.Save(ctx)
	if err != nil {
		return nil, fmt.Errorf("changing what a tenant has: %w", err)
	}
	store.AfterCommit(ctx, s.nodes.Clear)
	return row, s.log.Publish(ctx, "tenant.allowance_updated", "tenant", row.ID, events.Change{
		Data: allowanceData(row), Before: allowanceData(present), After: allowanceData(row),
	})
}

// firstAllowance is what a new node below a parent is given.
func (s *Service) firstAllowance(ctx context.Context, wanted AllowanceChange, parentID uuid.UUID) (Allowance, error) {
	parent, err := s.ReadNode(scope.System(store.Outside(ctx), "what the tenants above have"), parentID)
	if err != nil {
		return Allowance{}, err
	}
	granted := defaultEntitlements.And(parent.Entitlements)
	for e, on := range wanted.Entitlements {
		granted = granted.With(e, on)
	}
	if err := grantable(granted, parent.Entitlements, "body.entitlements"); err != nil {
		return Allowance{}, err
	}
	limits, err := Quotas{}.with(wanted.Limits, parent.Quotas, "body.quotas")
	return Allowance{Granted: granted, Limits: limits}, err
}

// grantable refuses what the tenants above do not have themselves, naming the
// first of it.
func grantable(given, above authz.EntitlementSet, prefix string) error {
	for _, e := range given.Without(above).List() {
		return fault.New(fault.Forbidden, fault.CodeNotEntitled,
			"A tenant cannot be given what those above it do not have: %s.", e).
			About(string(e)).At(prefix+"."+string(e), "is not the caller's to give")
	}
	return nil
}

// setLimits writes limits with null where there is none.
func setLimits(m *ent.TenantMutation, q Quotas) {
	for _, field := range []struct {
		limit *int64
		set   func(int64)
		clear func()
	}{
		{q.Seats, m.SetQuotaSeats, m.ClearQuotaSeats},
		{q.MessagesPerMonth, m.SetQuotaMessagesPerMonth, m.ClearQuotaMessagesPerMonth},
		{q.StorageBytes, m.SetQuotaStorageBytes, m.ClearQuotaStorageBytes},
		{q.RequestsPerMinute, m.SetQuotaRequestsPerMinute, m.ClearQuotaRequestsPerMinute},
	} {
		if field.limit == nil {
			field.clear()
		} else {
			field.set(*field.limit)
		}
	}
}

// allowance is the data of tenant.allowance_updated.
type allowance struct {
	Entitlements []string         `json:"entitlements"`
	Limits       map[Quota]*int64 `json:"limits"`
}

func allowanceData(row *ent.Tenant) allowance {
	data := allowance{Entitlements: authz.EntitlementsOfWords(row.Entitlements).Words(), Limits: map[Quota]*int64{}}
	for _, quota := range AllQuotas() {
		data.Limits[quota] = quotasOf(row).Of(quota)
	}
	return data
}
