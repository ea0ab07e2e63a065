package interactions

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/ratelimit"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/messaging/consent"
	"github.com/trellishq/trellis/messaging/contacts"
	"github.com/trellishq/trellis/messaging/phrases"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
	PublishMany(ctx context.Context, kind, objectKind string, objectIDs []uuid.UUID, data any) error
	PublishEach(ctx context.Context, kind, objectKind string, facts []events.Fact) error
}

// Meter counts what the scope's tenant sends, in the running transaction.
type Meter interface {
	// SpendMessages counts a message's segments, or fails with quota_exceeded.
	SpendMessages(ctx context.Context, segments int) error
	// GiveBackMessages takes back what was counted at a time.
	GiveBackMessages(ctx context.Context, accepted time.Time, segments int) error
}

// Config is what a Service needs.
type Config struct {
	Store       *store.Store
	Events      Log
	Channels    *channels.Service
	Contacts    *contacts.Service
	Consent     *consent.Service
	Attachments *attachments.Service
	Queues      *queues.Service
	Phrases     *phrases.Service
	Meter       Meter
	// Wake tells the dispatchers that a row is due.
	Wake func()
	// Observe counts messages by provider and status; nil for nobody.
	Observe func(provider, status string)
	// Lookups bounds the searches for unknown outcomes, by channel.
	Lookups *ratelimit.Limiter
	Log     *slog.Logger
	// Crash is called at the named points of a message's way, so that a test
	// can end the process there; nil outside of tests (rules E8).
	Crash func(point string)
}

// Service keeps interactions and their messages.
type Service struct {
	store       *store.Store
	events      Log
	channels    *channels.Service
	contacts    *contacts.Service
	consent     *consent.Service
	attachments *attachments.Service
	queues      *queues.Service
	phrases     *phrases.Service
	meter       Meter
	wake        func()
	observe     func(provider, status string)
	lookups     *ratelimit.Limiter
	log         *slog.Logger
	crash       func(point string)
}

// New returns the service.
func New(c Config) *Service {
	if c.Observe == nil {
		c.Observe = func(string, string) {}
	}
	if c.Crash == nil {
		c.Crash = func(string) {}
	}
	return &Service{
		c.Store, c.Events, c.Channels, c.Contacts, c.Consent, c.Attachments, c.Queues, c.Phrases, c.Meter,
		c.Wake, c.Observe, c.Lookups, c.Log, c.Crash,
	}
}

// Caller is the one who asks, as far as conversations are concerned.
type Caller struct {
	// UserID is nil for the program itself.
	UserID uuid.UUID
	// ReadsNotes tells that internal notes are his to read.
	ReadsNotes bool
	// Supervises tells that secret notes are his to write, and to read.
	Supervises bool
	// OwnOnly callers reach only what is assigned to them, and what waits in
	// their queues.
	OwnOnly bool
}

// ownUploads tells whether pictures that wait for their message are the
// uploader's alone: until then they belong to no conversation.
func (c Caller) ownUploads(ctx context.Context) bool {
	return c.OwnOnly || len(scope.Channels(ctx)) > 0
}

// Get returns one interaction that the caller may see. Faults: CodeNotFound.
func (s *Service) Get(ctx context.Context, c Caller, interactionID uuid.UUID) (Interaction, error) {
	var out Interaction
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.readRow(ctx, c, interactionID)
		if err == nil {
			out, err = s.shown(ctx, c, row)
		}
		return err
	})
	return out, err
}

// lock loads an interaction for a change by somebody whom it concerns, in the
// running transaction: whoever has it or has had it, and whoever answers in its
// queue. What he believes of it may be out of date; he is told so instead of that
// there is no such thing. Faults: CodeNotFound, CodeWrongAssignee for agents and
// users where somebody else has what is not closed.
func (s *Service) lock(ctx context.Context, c Caller, interactionID uuid.UUID) (*ent.Interaction, error) {
	row, err := s.store.Ent(ctx).Interaction.Query().Where(interaction.ID(interactionID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("interaction")
	}
	if err != nil || !c.OwnOnly || holder(row) == c.UserID {
		return row, err
	}
	if err := concerns(ctx, c, row); err != nil {
		return nil, err
	}
	if row.AssigneeID != nil && row.Status != Closed {
		return nil, wrongAssignee(row)
	}
	return row, nil
}

// concerns refuses who has never had an interaction and does not answer in its
// queue, which has nothing to do any more with what is closed.
func concerns(ctx context.Context, c Caller, row *ent.Interaction) error {
	var concerned bool
	err := store.QueryRow(ctx, []any{&concerned}, `
		SELECT $5 AND EXISTS (SELECT FROM queue_members WHERE tenant_id = $1 AND queue_id = $2 AND user_id = $3)
		    OR EXISTS (SELECT FROM interaction_participants WHERE tenant_id = $1 AND interaction_id = $4 AND user_id = $3)`,
		row.TenantID, row.QueueID, c.UserID, row.ID, row.Status != Closed)
	if err == nil && !concerned {
		err = fault.Missing("interaction")
	}
	return err
}

// has refuses agents and users what is not theirs.
func (c Caller) has(row *ent.Interaction) error {
	if c.OwnOnly && holder(row) != c.UserID {
		return wrongAssignee(row)
	}
	return nil
}

// holder is who has an interaction; uuid.Nil for nobody.
func holder(row *ent.Interaction) uuid.UUID {
	if row.AssigneeID == nil {
		return uuid.Nil
	}
	return *row.AssigneeID
}
