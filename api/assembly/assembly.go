// Package assembly puts the program's parts together: which service gets which.
// The binary and the tests use the same assembly, so that what is tested is
// what is shipped.
package assembly

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	netmail "net/mail"
	"net/netip"
	"time"

	"github.com/google/uuid"

	apiagents "github.com/trellishq/trellis/api/agents"
	apiaudit "github.com/trellishq/trellis/api/audit"
	apichannels "github.com/trellishq/trellis/api/channels"
	apicontacts "github.com/trellishq/trellis/api/contacts"
	"github.com/trellishq/trellis/api/docs"
	apiidentity "github.com/trellishq/trellis/api/identity"
	"github.com/trellishq/trellis/api/inbox"
	"github.com/trellishq/trellis/api/ingress"
	apilabels "github.com/trellishq/trellis/api/labels"
	"github.com/trellishq/trellis/api/op"
	apiphrases "github.com/trellishq/trellis/api/phrases"
	apiqueues "github.com/trellishq/trellis/api/queues"
	apirouting "github.com/trellishq/trellis/api/routing"
	apistaffchat "github.com/trellishq/trellis/api/staffchat"
	apitenants "github.com/trellishq/trellis/api/tenants"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/numbers"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/httpx"
	"github.com/trellishq/trellis/internal/idempotency"
	"github.com/trellishq/trellis/internal/oidc"
	"github.com/trellishq/trellis/internal/ratelimit"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/jobs/worker"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/consent"
	"github.com/trellishq/trellis/messaging/contacts"
	"github.com/trellishq/trellis/messaging/intake"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/labels"
	"github.com/trellishq/trellis/messaging/phrases"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/messaging/routing"
	"github.com/trellishq/trellis/messaging/staffchat"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/purge"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what the assembly cannot make itself.
type Config struct {
	Store    *store.Store
	Keyring  *secret.Keyring
	Clock    clock.Clock
	Log      *slog.Logger
	Metrics  *telemetry.Metrics
	Adapters map[provider.Name]provider.Adapter
	// PublicURL is how providers and clients reach the API, without a slash at
	// its end.
	PublicURL string
	MediaDir  string
	// RateLimit is requests per minute and caller; TenantRateLimit is that of a
	// tenant, all its callers together.
	RateLimit, TenantRateLimit int
	// Redis counts requests for all processes; nil counts for this one alone.
	// It stays the caller's.
	Redis ratelimit.Redis
	// RedisPatience is how long a request waits for it; zero is 50 ms.
	RedisPatience time.Duration
	// TrustedProxies are believed in what they say of a client's address.
	TrustedProxies []netip.Prefix
	// EgressAllow are private networks that may be reached all the same.
	EgressAllow []netip.Prefix
	// AccessTokenTTL is how long an access token is good; zero is 15 minutes.
	AccessTokenTTL time.Duration
	// DeleteGrace is how long a deleted tenant can be restored; zero is 30 days.
	DeleteGrace time.Duration
	// Passwords hashes passwords; nil hashes as production does.
	Passwords *identity.Passwords
	// SecondFactor is how long those who administer others have to set up a second
	// factor; nil where nobody needs one.
	SecondFactor *time.Duration
	// Mail says how mails are sent, if they are.
	Mail Mail
	// Version of the program, for the document.
	Version string
	// Ready adds to what readiness depends on; nil adds nothing.
	Ready func(context.Context) error
	// Crash ends the process at a named point; nil outside of tests.
	Crash func(point string)
}

// Mail is how mails to users are sent. Without a sender none are.
type Mail struct {
	Sender mail.Sender
	// From is whom mails come from, AppURL where their links lead.
	From   netmail.Address
	AppURL string
}

// Platform is the program without its listeners.
type Platform struct {
	Surface      *op.Surface
	Handlers     map[jobs.Kind]jobs.Handler
	Chores       []worker.Chore
	Waker        *jobs.Waker
	Tenants      *tenants.Service
	Mail         *mail.Service
	Identity     *identity.Service
	Channels     *channels.Service
	Interactions *interactions.Service
	Intake       *intake.Service
	Agents       *agents.Service
	// Audit numbers the audit log; whoever works runs it.
	Audit *audit.Chain

	media  *attachments.Media
	limits *ratelimit.Shared
}

// Close waits for what runs in the background. The store is the caller's.
func (p *Platform) Close() error {
	p.Identity.Close()
	p.limits.Close()
	return p.media.Close()
}

// Reseal seals all secrets anew that the current master key has not sealed, and
// returns how many. It can run beside everything else, be interrupted, and be
// repeated.
func Reseal(ctx context.Context, s *store.Store, k *secret.Keyring) (int, error) {
	ctx = scope.System(ctx, "sealing secrets with the current master key")
	total := 0
	for _, column := range []store.SealedColumn{channels.Sealed, numbers.Sealed, identity.Sealed, identity.SealedFactors, identity.SealedSignOn, mail.Sealed} {
		n, err := s.Reseal(ctx, k, column)
		total += n
		if err != nil {
			return total, err
		}
	}
	n, err := Audit(s, k).Resign(ctx)
	return total + n, err
}

// Audit is the chain of a store's audit log, for those who only prove it.
func Audit(s *store.Store, k *secret.Keyring) *audit.Chain {
	return audit.NewChain(audit.New(s), k.DeriveAll("audit heads"))
}

// New assembles the platform and proves that its surface is complete.
func New(c Config) (*Platform, error) {
	media, err := attachments.OpenMedia(c.MediaDir)
	if err != nil {
		return nil, err
	}
	p, err := assemble(c, media)
	if err != nil {
		return nil, errors.Join(err, media.Close())
	}
	return p, nil
}

func assemble(c Config, media *attachments.Media) (*Platform, error) {
	policy, err := authz.New()
	if err != nil {
		return nil, err
	}
	log := events.New(c.Store)
	waker := jobs.NewWaker()
	tree := tenants.New(c.Store, log, tenants.DeleteGrace(c.DeleteGrace))
	letters, err := mail.New(mail.Config{
		Store: c.Store, Keyring: c.Keyring, Sender: c.Mail.Sender, From: c.Mail.From, AppURL: c.Mail.AppURL,
		Wake: waker.Wake, Log: c.Log, Brand: brandOf(tree),
	})
	if err != nil {
		return nil, err
	}
	groups := departments.New(c.Store, log)
	waiting := queues.New(c.Store, log, waker.Wake)
	staff := agents.New(agents.Config{Store: c.Store, Events: log, Route: waiting.RouteSoonFor})
	waiting.OnRemoved(staff.RemovedFromQueue)
	people, err := identity.New(identity.Config{
		Store: c.Store, Log: log, Tenants: tree, Departments: groups, Policy: policy, Keyring: c.Keyring,
		Issuer: c.PublicURL, Audience: c.PublicURL, Passwords: c.Passwords, AccessLife: c.AccessTokenTTL,
		Mail: letters, SecondFactor: c.SecondFactor, AppURL: c.Mail.AppURL, Left: staff.SignedOut,
		SignOn: oidc.New(oidc.Config{Now: c.Store.Now, HTTP: httpx.New(httpx.Config{
			// Without private networks there are no providers for trying things out.
			Allow: c.EgressAllow, HTTPSOnly: len(c.EgressAllow) == 0, Timeout: 10 * time.Second, MaxResponseBytes: 1 << 20, MaxRedirects: 1,
		})}),
	})
	if err != nil {
		return nil, err
	}
	lookups, err := ratelimit.New(ratelimit.Config{Limit: 1, Window: time.Second, Clock: c.Clock})
	if err != nil {
		return nil, err
	}
	lines := channels.New(channels.Config{Store: c.Store, Events: log, Keyring: c.Keyring, Adapters: c.Adapters, PublicURL: c.PublicURL})
	known := contacts.New(c.Store, log)
	wishes := consent.New(c.Store, log)
	texts := phrases.New(c.Store, log, lines)
	pictures := attachments.New(attachments.Config{
		Store: c.Store, Events: log, Channels: lines, Media: media, Meter: tree, Log: c.Log,
		Links: attachments.NewLinks(c.Keyring.DeriveAll("media links"), c.PublicURL),
		HTTP: httpx.New(httpx.Config{
			Allow: c.EgressAllow, Timeout: 20 * time.Second, MaxResponseBytes: attachments.MaxBytes + 1, MaxRedirects: 3,
		}),
	})
	conversations := interactions.New(interactions.Config{
		Store: c.Store, Events: log, Channels: lines, Contacts: known, Consent: wishes, Attachments: pictures, Queues: waiting, Phrases: texts, Meter: tree,
		Wake: waker.Wake, Lookups: lookups, Log: c.Log, Crash: c.Crash,
		Observe: func(provider, status string) { c.Metrics.Message(provider, status, 1) },
	})
	router := routing.New(routing.Config{Store: c.Store, Events: log, Queues: waiting, Agents: staff, Interactions: conversations})
	inventory := numbers.New(numbers.Config{
		Store: c.Store, Events: log, Keyring: c.Keyring, Adapters: c.Adapters, PublicURL: c.PublicURL, Conversations: conversations,
	})
	in := intake.New(intake.Config{
		Store: c.Store, Channels: lines, Consent: wishes, Interactions: conversations,
		Wake: waker.Wake, SignatureFailed: c.Metrics.SignatureFailure, Log: c.Log,
	})
	p := &Platform{
		Chores: []worker.Chore{{Name: "warning of passwords that expire", Do: people.WarnExpiring}},
		Waker:  waker, Tenants: tree, Mail: letters, Identity: people, Channels: lines, Interactions: conversations, Intake: in, Agents: staff, media: media,
		Audit: audit.NewChain(log.Trail(), c.Keyring.DeriveAll("audit heads")),
		Handlers: worker.Handlers(worker.Config{
			ScopeOf: func(ctx context.Context, tenantID uuid.UUID) (scope.Scope, bool, error) {
				node, err := tree.Node(ctx, tenantID)
				actor := scope.Actor{Kind: scope.ActorSystem}
				return scope.Scope{TenantID: node.ID, Path: node.Path, Actor: actor}, node.Suspended(), err
			},
			Interactions: conversations, Intake: in, Attachments: pictures, Mail: letters, Agents: staff,
			Purge:   purge.New(purge.Config{Store: c.Store, Tenants: tree, Numbers: inventory.ReturnAll, Files: media.Erase}),
			Routing: router,
		}),
	}
	p.limits = newLimits(c)
	if p.Surface, err = newSurface(c, people, tree, p.limits, log.Trail()); err != nil {
		return nil, err
	}
	apiidentity.Register(p.Surface, people, groups)
	apitenants.Register(p.Surface, apitenants.Config{Tenants: tree, May: people.May, Below: people.HoldsBelow})
	apichannels.Register(p.Surface, apichannels.Config{
		Channels: lines, Numbers: inventory, Adapters: c.Adapters,
		Configures: func(ctx context.Context) bool { return people.May(ctx, authz.ChannelsWrite) },
		Viewer: func(ctx context.Context) channels.Viewer {
			caller := callerOf(ctx)
			return channels.Viewer{UserID: caller.UserID, Narrow: caller.OwnOnly}
		},
	})
	apicontacts.Register(p.Surface, apicontacts.Config{Contacts: known, Consent: wishes})
	viewer := func(ctx context.Context) phrases.Viewer {
		principal, _ := identity.From(ctx)
		return phrases.Viewer{UserID: principal.UserID, All: people.May(ctx, authz.PhrasesWrite)}
	}
	apiphrases.Register(p.Surface, apiphrases.Config{Phrases: texts, Viewer: viewer})
	apiqueues.Register(p.Surface, waiting)
	apilabels.Register(p.Surface, labels.New(c.Store, log))
	apiagents.Register(p.Surface, apiagents.Config{
		Agents:     staff,
		Supervises: func(ctx context.Context) bool { return people.May(ctx, authz.AgentsSupervise) },
	})
	inbox.Register(p.Surface, inbox.Config{Interactions: conversations, Attachments: pictures, Caller: supervisor(people), Viewer: viewer, May: people.May})
	apistaffchat.Register(p.Surface, apistaffchat.Config{
		Chats:  staffchat.New(staffchat.Config{Store: c.Store, Events: log, Directory: people, Attachments: pictures}),
		Person: colleagueOf,
	})
	apirouting.Register(p.Surface, apirouting.Config{Routing: router, Caller: callerOf})
	apiaudit.Register(p.Surface, apiaudit.Config{Trail: log.Trail(), MayGoOn: mayGoOn})
	ingress.Register(p.Surface, ingress.Config{Intake: in, PublicURL: c.PublicURL, Now: c.Clock.Now})
	registerHealth(p.Surface, c)
	if err := docs.Mount(p.Surface); err != nil {
		return nil, err
	}
	return p, p.Surface.Ready()
}

// newLimits shares the limits with all processes on the same Redis.
func newLimits(c Config) *ratelimit.Shared {
	c.Metrics.RateLimitsShared(c.Redis != nil)
	return ratelimit.NewShared(ratelimit.SharedConfig{
		Redis: c.Redis, Patience: c.RedisPatience, Clock: c.Clock,
		Changed: func(reason error) {
			c.Metrics.RateLimitsShared(reason == nil)
			if reason == nil {
				c.Log.Info("Redis is back: limits on requests are shared again")
				return
			}
			c.Log.Warn("Redis does not answer in time: each process counts requests for itself", "error", reason)
		},
	})
}

func newSurface(c Config, people *identity.Service, tree *tenants.Service, limits *ratelimit.Shared, trail *audit.Trail) (*op.Surface, error) {
	callbacks, err := ratelimit.New(ratelimit.Config{Limit: callbackLimit, Window: rateWindow, Clock: c.Clock})
	if err != nil {
		return nil, err
	}
	return op.New(op.Config{
		Title: "Trellis", Version: c.Version, Description: description,
		Contact: op.Contact{Name: "Trellis", URL: "https://github.com/trellishq/trellis", Email: "api@trellis.example"},
		Servers: []op.Server{{URL: "https://api.trellis.example", Description: "Production: where the operator serves the API"}},
		Tags:    tags(), Logger: c.Log, CursorKey: c.Keyring.Derive("list cursors"),
		Origins: webSites{people, c.Log},
		Gate:    gate{people, tree, trail}, Ledger: ledger{idempotency.New(c.Store)},
		Limiter: limiter{
			shared: limits, callbacks: callbacks, caller: perMinute(c.RateLimit),
			tenant: func(ctx context.Context, tenantID uuid.UUID) ratelimit.Rate {
				return tenantRate(ctx, tree, tenantID, c.TenantRateLimit)
			},
		},
		Address: func(r *http.Request) string { return httpx.ClientIP(r, c.TrustedProxies).String() },
		OnAccess: func(ctx context.Context, a op.Access) {
			c.Metrics.Request(a.Operation, a.Status, a.Duration)
			c.Log.DebugContext(ctx, "request", "method", a.Method, "operation", a.Operation,
				"status", a.Status, "took_ms", a.Duration.Milliseconds(), "bytes", a.Bytes, "actor_id", a.Caller.Actor.ID)
		},
	})
}
