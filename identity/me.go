package identity

import (
	"context"
	"fmt"
	"slices"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Me is what a caller is told about himself.
type Me struct {
	Kind scope.ActorKind
	// User is nil for keys, and Key for people.
	User *User
	Key  *APIKey
	// Tenant is the home of a person, and the node that a key is bound to.
	Tenant tenants.Tenant
	// Role is what the person's role, or that of the key's creator, amounts to
	// at home: reseller_admin for the tenant admin of a reseller.
	Role authz.Role
	// Permissions are the effective ones at home, in the order of
	// authz.Permissions: those of services that the tenant lacks are none.
	Permissions []authz.Permission
	// Entitlements are the services that the tenant has.
	Entitlements authz.EntitlementSet
	// Modules are what a person's departments open to him, of what the tenant has.
	Modules []departments.Module
	// Restriction is what he has to do first; empty for most.
	Restriction Restriction
	// Acting is set where he acts in another's tenant: Tenant, Role and
	// Permissions are what holds there.
	Acting *Acting
}

// serviceOf is the service of the tenant's without which a module is nothing.
var serviceOf = map[departments.Module]authz.Entitlement{departments.Email: authz.Email, departments.Chat: authz.LiveChat}

// Me tells a caller about himself, in the scope of his own tenant, which is the
// one that Admit gives for authz.Authenticated and uuid.Nil.
func (s *Service) Me(ctx context.Context, p Principal) (Me, error) {
	me := Me{Kind: p.Kind, Role: p.Role, Restriction: p.Restriction, Acting: p.Acting}
	node, err := s.cfg.Tenants.Node(ctx, p.TenantID)
	if err != nil {
		return Me{}, err
	}
	me.Entitlements = node.Entitlements
	for _, permission := range p.Rights.Here.List() {
		if node.Entitlements.Has(permission.Needs()) {
			me.Permissions = append(me.Permissions, permission)
		}
	}
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) (err error) {
		if me.Tenant, err = s.cfg.Tenants.Get(ctx, p.TenantID); err != nil {
			return err
		}
		if p.Kind == scope.ActorKey {
			key, err := s.GetKey(ctx, p.KeyID)
			me.Key = &key
			return err
		}
		if p.Acting != nil {
			return nil
		}
		user, err := s.GetUser(ctx, p.UserID)
		me.User = &user
		me.Modules = slices.DeleteFunc(slices.Clone(user.Modules), func(m departments.Module) bool {
			return !node.Entitlements.Has(serviceOf[m])
		})
		return err
	})
	if err == nil && p.Acting != nil {
		home := scope.With(ctx, scope.Scope{TenantID: p.Acting.HomeID, Path: p.Acting.HomePath, Actor: p.Actor()})
		user, failed := s.GetUser(home, p.UserID)
		me.User, err = &user, failed
	}
	if err != nil {
		return Me{}, fmt.Errorf("reading about the caller: %w", err)
	}
	return me, nil
}
