package assembly

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/idempotency"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// gate lets identity decide about requests.
type gate struct {
	identity *identity.Service
	tenants  *tenants.Service
	trail    *audit.Trail
}

// Authenticate implements op.Gate.
func (g gate) Authenticate(ctx context.Context, r *http.Request) (context.Context, op.Caller, error) {
	scheme, bearer, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || bearer == "" {
		return nil, op.Caller{}, fault.New(fault.Unauthenticated, fault.CodeUnauthenticated,
			"Send an access token or an API key as Authorization: Bearer.")
	}
	principal, err := g.identity.Authenticate(ctx, bearer)
	if err != nil {
		return nil, op.Caller{}, err
	}
	if err := principal.Permits(op.CallerOf(ctx).Address, r.Header.Get("Origin")); err != nil {
		return nil, op.Caller{}, err
	}
	ctx = scope.WithOrigin(identity.With(ctx, principal), originOf(ctx, principal))
	ctx = context.WithValue(ctx, askedKey{}, asked{Method: r.Method, Path: r.URL.Path})
	ctx = context.WithValue(ctx, againKey{}, func(ctx context.Context, permission authz.Permission, tenantID uuid.UUID) error {
		present, err := g.identity.Authenticate(ctx, bearer)
		if err == nil {
			_, err = g.identity.Admit(ctx, present, permission, tenantID)
		}
		return err
	})
	return ctx, op.Caller{Actor: principal.Actor(), TenantID: principal.TenantID}, nil
}

// acting holds back what somebody who acts in another's tenant does to himself,
// and writes down, before he sees it, what he asked of the tenant's messages.
func (g gate) acting(ctx context.Context, p identity.Principal, permission authz.Permission) error {
	asked, _ := ctx.Value(askedKey{}).(asked)
	switch {
	case permission == authz.Authenticated || permission == authz.SignedIn:
		if asked.Method != http.MethodGet {
			return fault.New(fault.Forbidden, fault.CodeForbidden,
				"This is an act-as session: what concerns your own account is done without it.")
		}
		return nil
	case permission.Administrative():
		return nil
	}
	return g.trail.Note(ctx, "act_as.content_asked_for", "act_as", p.Acting.ID, asked)
}

// asked is what a request asks for, as the audit log keeps it.
type asked struct {
	Method string `json:"method"`
	Path   string `json:"path"`
}

type askedKey struct{}

// originOf is what is written down of a caller beside the address.
func originOf(ctx context.Context, p identity.Principal) scope.Origin {
	o := scope.OriginOf(ctx)
	o.Actor, o.Name, o.UserID, o.Home = p.Actor(), p.UserName, p.UserID, p.Home()
	if p.Kind == scope.ActorKey {
		o.Name = p.KeyName
	}
	if p.Acting != nil {
		o.ActAsID = p.Acting.ID
	}
	return o
}

// againKey holds how to let a caller in once more.
type againKey struct{}

type admission struct {
	permission authz.Permission
	tenantID   uuid.UUID
}

type admissionKey struct{}

// mayGoOn asks once more what Authenticate and Admit were asked when a request
// came: whoever has lost his rights since is told so.
func mayGoOn(ctx context.Context) error {
	again, _ := ctx.Value(againKey{}).(func(context.Context, authz.Permission, uuid.UUID) error)
	was, known := ctx.Value(admissionKey{}).(admission)
	if again == nil || !known {
		return errNotAdmitted
	}
	return again(ctx, was.permission, was.tenantID)
}

// errNotAdmitted is a mistake of the program: nobody was let in.
var errNotAdmitted = errors.New("assembly: the request was not let in by the gate")

// Admit implements op.Gate.
func (g gate) Admit(ctx context.Context, _ op.Caller, permission authz.Permission, tenantID uuid.UUID) (context.Context, error) {
	principal, ok := identity.From(ctx)
	if !ok {
		return ctx, nil // a public operation
	}
	ctx, err := g.identity.Admit(ctx, principal, permission, tenantID)
	if err == nil && principal.Acting != nil {
		err = g.acting(ctx, principal, permission)
	}
	if err != nil {
		return nil, err
	}
	return context.WithValue(ctx, admissionKey{}, admission{permission, tenantID}), nil
}

// RequiresIfMatch implements op.Gate. The node was read a moment ago, to admit
// the caller to it.
func (g gate) RequiresIfMatch(ctx context.Context) (bool, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return false, nil //nolint:nilerr // a public operation: nobody's rules
	}
	node, err := g.tenants.Node(ctx, sc.TenantID)
	return node.RequireIfMatch, err
}

// webSites lets identity decide about browsers.
type webSites struct {
	identity *identity.Service
	log      *slog.Logger
}

// Allowed implements op.Origins. A site that cannot be asked about is not let
// in: the request goes on, and the browser keeps the answer to itself.
func (w webSites) Allowed(ctx context.Context, origin string, tenantID uuid.UUID) bool {
	allowed, err := w.identity.OriginAllowed(ctx, origin, tenantID, op.CallerOf(ctx).Address)
	if err != nil && ctx.Err() == nil {
		w.log.WarnContext(ctx, "a web site is not let in", "error", err)
	}
	return err == nil && allowed
}

// callerOf is what conversations need to know of who asks. A key reaches what
// its creator reaches.
func callerOf(ctx context.Context) interactions.Caller {
	principal, _ := identity.From(ctx)
	caller := interactions.Caller{UserID: principal.Actor().ID, OwnOnly: principal.Role.OwnOnly()}
	if caller.OwnOnly {
		caller.UserID = principal.UserID
	}
	return caller
}

// colleagueOf is the person who asks, where he is at home in the tenant that he
// asks about: in a sandbox nobody is.
func colleagueOf(ctx context.Context) (uuid.UUID, error) {
	userID, err := identity.Person(ctx)
	if err != nil {
		return uuid.Nil, err
	}
	principal, _ := identity.From(ctx)
	sc, err := scope.From(ctx)
	if err == nil && sc.TenantID != principal.TenantID {
		err = fault.New(fault.Forbidden, fault.CodeForbidden, "What colleagues write to one another is for the people of the tenant.")
	}
	return userID, err
}

// supervisor is callerOf for those who serve notes as well.
func supervisor(people *identity.Service) func(context.Context) interactions.Caller {
	return func(ctx context.Context) interactions.Caller {
		caller := callerOf(ctx)
		caller.ReadsNotes = people.May(ctx, authz.NotesRead)
		caller.Supervises = people.May(ctx, authz.NotesSecret)
		return caller
	}
}

// ledger lets the database remember answers.
type ledger struct{ *idempotency.Ledger }

// Do implements op.Ledger.
func (l ledger) Do(ctx context.Context, k op.IdempotencyKey, run func(context.Context) ([]byte, error)) ([]byte, bool, error) {
	return l.Ledger.Do(ctx, idempotency.Key{
		TenantID: k.Tenant, Principal: k.Principal.String(), Method: k.Method, Route: k.Route,
		Value: k.Key, Fingerprint: k.Fingerprint,
	}, run)
}
