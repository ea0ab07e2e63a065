package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Principal is a caller who has proved who it is, with its present rights. It
// is at most a second old, shared, and not to be changed.
type Principal struct {
	// Kind is scope.ActorUser or scope.ActorKey.
	Kind scope.ActorKind
	// UserID is the person; behind a key it is the key's creator.
	UserID uuid.UUID
	// KeyID is uuid.Nil for people.
	KeyID uuid.UUID
	// SessionID is uuid.Nil for keys.
	SessionID uuid.UUID
	// TenantID and Path are the node that the caller belongs to: a person's
	// home, or the node that a key is bound to.
	TenantID uuid.UUID
	Path     string
	// Grants are the person's, or the creator's.
	Grants []authz.Grant
	// Permissions narrow the grants of a key: what it was given and its creator
	// still has. They mean nothing for people.
	Permissions []authz.Permission
	// Login and UserName are the person's, or the creator's.
	Login, UserName string
	KeyName         string
	// MustChangePassword is set while a person has a password that somebody
	// else has chosen.
	MustChangePassword bool
	// ExpiresAt is when the credential ends by itself.
	ExpiresAt time.Time
}

// May tells whether the caller has a permission at a node, given by its path.
// What is public, and what every caller may do, he may.
func (p Principal) May(policy *authz.Policy, permission authz.Permission, node string) bool {
	if permission == authz.Public || permission == authz.Authenticated {
		return true
	}
	if p.Kind == scope.ActorKey && !p.keyHolds(permission, node) {
		return false
	}
	return slices.ContainsFunc(p.Grants, func(g authz.Grant) bool { return policy.Allows(g, permission, node) })
}

// keyHolds tells whether a key was given a permission that reaches a node: it
// is bound to its own, and to what lies below for administration.
func (p Principal) keyHolds(permission authz.Permission, node string) bool {
	return slices.Contains(p.Permissions, permission) &&
		(node == p.Path || permission.Administrative() && strings.HasPrefix(node, p.Path))
}

// reaches tells whether the caller may know that a node exists: his own, and
// those below it where he administers anything.
func (p Principal) reaches(policy *authz.Policy, node string) bool {
	if node == p.Path {
		return true
	}
	return slices.ContainsFunc(authz.Permissions(), func(permission authz.Permission) bool {
		return permission.Administrative() && p.May(policy, permission, node)
	})
}

// Actor is the caller as logs and scopes name it.
func (p Principal) Actor() scope.Actor {
	if p.Kind == scope.ActorKey {
		return scope.Actor{Kind: p.Kind, ID: p.KeyID}
	}
	return scope.Actor{Kind: p.Kind, ID: p.UserID}
}

// RateKey names the caller's budget of requests.
func (p Principal) RateKey() string { return string(p.Kind) + ":" + p.Actor().ID.String() }

// role is what the caller's grant at home gives.
func (p Principal) role() authz.Role {
	if len(p.Grants) == 0 {
		return ""
	}
	return p.Grants[0].Role
}

type principalKey struct{}

// With returns a context that knows who acts. Admit does so by itself; whoever
// makes a scope for a caller by other means needs it, because services ask for
// the caller's rights.
func With(ctx context.Context, p Principal) context.Context {
	return context.WithValue(ctx, principalKey{}, p)
}

// From returns who acts in a context, if it is a user or a key.
func From(ctx context.Context) (Principal, bool) {
	p, ok := ctx.Value(principalKey{}).(Principal)
	return p, ok
}

// grantAt is what a user's role gives at his home. A tenant admin of a reseller
// administers its subtree (C-01).
func grantAt(kind tenants.Kind, path string, role authz.Role) authz.Grant {
	if role == authz.TenantAdmin && kind.Reseller() {
		role = authz.ResellerAdmin
	}
	return authz.Grant{Role: role, Path: path}
}
