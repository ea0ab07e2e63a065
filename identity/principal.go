package identity

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
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
	// Role is what the person's role, or that of the key's creator, amounts to at
	// home: reseller_admin for the tenant admin of a reseller.
	Role authz.Role
	// Rights are what the caller may do at Path and below it: the person's, or
	// what a key was given and its creator still has at the key's node.
	Rights authz.Rights
	// Limits narrow where a key may be used, and on what; they are empty for
	// people.
	Limits KeyLimits
	// Restriction keeps the caller to the operations for authz.SignedIn until he
	// has done what it says; empty for most.
	Restriction Restriction
	// Login and UserName are the person's, or the creator's.
	Login, UserName string
	KeyName         string
	// MustChangePassword is set while a person has a password that somebody
	// else has chosen.
	MustChangePassword bool
	// Acting is set where somebody from above acts in the tenant: TenantID, Path
	// and Rights are of that tenant then.
	Acting *Acting
	// ExpiresAt is when the credential ends by itself.
	ExpiresAt time.Time

	// creator holds, for a key, what its creator may do from his home on.
	creator authz.Rights
}

// Restriction says what a caller has to do before anything else.
type Restriction string

// The restrictions. Each is the code of the fault that all other operations
// answer with meanwhile.
const (
	// RestrictedToPasswordChange: somebody else has chosen the password.
	RestrictedToPasswordChange = Restriction(fault.CodePasswordChange)
	// RestrictedByExpiry: the password is older than the tenant allows.
	RestrictedByExpiry = Restriction(fault.CodePasswordExpired)
	// RestrictedToSecondFactor: the platform asks for a second factor and the
	// caller has none.
	RestrictedToSecondFactor = Restriction(fault.CodeSecondFactor)
)

// fault is what a restricted caller is told.
func (r Restriction) fault() error {
	message := map[Restriction]string{
		RestrictedToPasswordChange: "Choose a password of your own first.",
		RestrictedByExpiry:         "The password has expired; choose another one first.",
		RestrictedToSecondFactor:   "A second factor is required here; set one up first.",
	}[r]
	return fault.New(fault.Forbidden, fault.Code(r), "%s", message)
}

// May tells whether the caller has a permission at a node, given by its path.
// What is public, and what every caller may do, he may.
func (p Principal) May(permission authz.Permission, node string) bool {
	switch permission {
	case authz.Public, authz.Authenticated, authz.SignedIn:
		return true
	}
	return p.Rights.Allow(permission, node)
}

// Home is the path of the node that the person, or a key's creator, is at home
// in. A key may be bound to a node below.
func (p Principal) Home() string {
	switch {
	case p.Kind == scope.ActorKey:
		return p.creator.Path
	case p.Acting != nil:
		return p.Acting.HomePath
	}
	return p.Path
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
