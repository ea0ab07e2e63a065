// Package worker does what falls due: it gives each kind of work to the service
// that owns it, under the scope of the row's tenant.
package worker

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/idempotency"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/intake"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/routing"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/purge"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what the handlers need.
type Config struct {
	// ScopeOf is the scope of a tenant for work of the program's own, and whether
	// the tenant or one above it is suspended.
	ScopeOf      func(ctx context.Context, tenantID uuid.UUID) (sc scope.Scope, suspended bool, err error)
	Interactions *interactions.Service
	Intake       *intake.Service
	Attachments  *attachments.Service
	Mail         *mail.Service
	Purge        *purge.Service
	Routing      *routing.Service
	Agents       *agents.Service
}

// Handlers are the handlers of all kinds of work.
func Handlers(c Config) map[jobs.Kind]jobs.Handler {
	in := func(handle func(ctx context.Context, rowID uuid.UUID, suspended bool) error) jobs.Handler {
		return func(ctx context.Context, t jobs.Task) error {
			sc, suspended, err := c.ScopeOf(ctx, t.TenantID)
			if fault.Is(err, fault.CodeNotFound) {
				return nil // the tenant is gone, and its rows with it
			}
			if err != nil {
				return err
			}
			return handle(scope.With(ctx, sc), t.ID, suspended)
		}
	}
	return map[jobs.Kind]jobs.Handler{
		jobs.Messages:          in(c.Interactions.HandleDue),
		jobs.ProviderEvents:    in(whetherOrNot(c.Intake.HandleDue)),
		jobs.Attachments:       in(whetherOrNot(c.Attachments.HandleDue)),
		jobs.Channels:          in(whetherOrNot(c.Intake.HandleChannel)),
		jobs.Mails:             in(whetherOrNot(c.Mail.HandleDue)),
		jobs.TenantPurges:      in(whetherOrNot(c.Purge.HandleDue)),
		jobs.RouteRequests:     in(whetherOrNot(c.Routing.HandleDue)),
		jobs.InteractionTimers: in(whetherOrNot(c.Interactions.HandleTimer)),
		jobs.AgentSessions:     in(whetherOrNot(c.Agents.HandleDue)),
		jobs.Reminders:         in(whetherOrNot(c.Interactions.HandleReminder)),
	}
}

// whetherOrNot is work that goes on for a suspended tenant: what comes in is
// kept.
func whetherOrNot(handle func(context.Context, uuid.UUID) error) func(context.Context, uuid.UUID, bool) error {
	return func(ctx context.Context, rowID uuid.UUID, _ bool) error { return handle(ctx, rowID) }
}

// sweepEvery is the pause between two sweeps.
const sweepEvery = 10 * time.Minute

// Chore is work that is looked for now and then, and that nobody waits for.
type Chore struct {
	Name string
	Do   func(context.Context) error
}

// Sweep removes what has expired and does the chores, until the context ends.
// Any number of processes may sweep; each takes what it finds.
func Sweep(ctx context.Context, s *store.Store, log *slog.Logger, chores ...Chore) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		for _, e := range expiries {
			if err := expire(ctx, s, e); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "what has expired could not be removed", "table", e.table, "error", err)
			}
		}
		for _, chore := range chores {
			if err := chore.Do(ctx); err != nil && ctx.Err() == nil {
				log.WarnContext(ctx, "a chore could not be done", "chore", chore.Name, "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// expiry says from when on the rows of a table are removed.
type expiry struct {
	table, condition string
	keepFor          time.Duration
}

// keepSpent is how long what was good once is kept, to be looked at.
const keepSpent = 7 * 24 * time.Hour

// keepMails is how long it can be looked up whether a mail was sent.
const keepMails = 30 * 24 * time.Hour

// expiries have a time as $1, keepFor ago.
var expiries = []expiry{
	{"idempotency_keys", "created_at < $1", idempotency.KeepFor},
	{"mails", "finished_at < $1", keepMails},
	{"sign_in_attempts", "last_at < $1 AND succeeded_at IS NULL", identity.ForgetFailures},
	{"sign_in_attempts", "last_at < $1", identity.ForgetNetworks},
	{"password_resets", "created_at < $1", keepSpent},
	{"sign_in_challenges", "created_at < $1", keepSpent},
	{"sign_in_flows", "created_at < $1", keepSpent},
}

// expire deletes in small steps, so that no request waits.
func expire(ctx context.Context, s *store.Store, e expiry) error {
	ctx = scope.System(ctx, "removing what has expired")
	statement := fmt.Sprintf(`DELETE FROM %[1]s WHERE ctid IN (SELECT ctid FROM %[1]s WHERE %[2]s LIMIT 1000)`, e.table, e.condition)
	for {
		var deleted int64
		err := s.InTx(ctx, func(ctx context.Context) error {
			result, err := store.Exec(ctx, statement, s.Now().Add(-e.keepFor))
			if err != nil {
				return err
			}
			deleted, err = result.RowsAffected()
			return err
		})
		if err != nil || deleted == 0 {
			return err
		}
	}
}
