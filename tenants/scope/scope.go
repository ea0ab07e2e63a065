// Package scope says for whom a piece of work runs. Every read and write of
// the database asks the context for a scope and fails without one. The package
// is a leaf: everything may import it, it imports nothing of the project.
package scope

import (
	"context"
	"errors"

	"github.com/google/uuid"
)

// ErrMissing is returned where work reaches the database without a scope.
var ErrMissing = errors.New("scope: the context carries no scope")

// Scope is the tenant that work is done in, and who does it.
type Scope struct {
	// TenantID is the node whose rows are visible and are stamped on writes.
	TenantID uuid.UUID
	// Path is the node's place in the tree, ids between slashes: "/a/b/". Tables
	// that a subtree may read show the rows below it.
	Path string
	// Actor is the one who acts.
	Actor Actor

	system string
}

// ActorKind tells people, keys and the program itself apart.
type ActorKind string

// The kinds of actor.
const (
	ActorUser     ActorKind = "user"
	ActorKey      ActorKind = "api_key"
	ActorSystem   ActorKind = "system"
	ActorProvider ActorKind = "provider"
)

// Actor is who caused a piece of work. ID is a user's or a key's id, and nil
// for the program and for providers.
type Actor struct {
	Kind ActorKind
	ID   uuid.UUID
}

// IsSystem tells whether the scope reaches over all tenants.
func (s Scope) IsSystem() bool { return s.system != "" }

// Reason says why work runs over all tenants; empty inside one tenant.
func (s Scope) Reason() string { return s.system }

// Origin is where a request comes from, and who stands behind its actor: what
// is written down about it. What is allowed does not depend on it.
type Origin struct {
	// Address is the client's IP address.
	Address string
	// Actor is the one whom the rest is about.
	Actor Actor
	// Name is the actor's at this moment.
	Name string
	// UserID is the person: the user himself, or a key's creator.
	UserID uuid.UUID
	// Home is the path of the node that the person is at home in.
	Home string
	// ActAsID is the session in which somebody works in a tenant below his own.
	ActAsID uuid.UUID
}

type originKey struct{}

// WithOrigin returns a context that knows where its work comes from.
func WithOrigin(ctx context.Context, o Origin) context.Context {
	return context.WithValue(ctx, originKey{}, o)
}

// OriginOf returns where a context's work comes from; the zero Origin for work
// of the program's own.
func OriginOf(ctx context.Context) Origin {
	o, _ := ctx.Value(originKey{}).(Origin)
	return o
}

type key struct{}

// With returns a context that works inside one tenant.
func With(ctx context.Context, s Scope) context.Context {
	s.system = ""
	return context.WithValue(ctx, key{}, s)
}

// System returns a context for work that starts before a tenant is known, or
// that serves all of them: login, callback tokens, dispatcher, sweeps. The
// reason appears in logs; an empty one is a mistake and panics.
func System(ctx context.Context, reason string) context.Context {
	if reason == "" {
		panic("scope: system work must say why")
	}
	return context.WithValue(ctx, key{}, Scope{system: reason, Actor: Actor{Kind: ActorSystem}})
}

// From returns the context's scope, or ErrMissing.
func From(ctx context.Context) (Scope, error) {
	s, ok := ctx.Value(key{}).(Scope)
	if !ok {
		return Scope{}, ErrMissing
	}
	return s, nil
}
