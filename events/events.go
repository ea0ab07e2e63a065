// Package events keeps the one log of what happened. A service appends to it in
// the transaction that makes the fact true; the change feed, webhooks, audit
// and reports read it. It decides nothing.
package events

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log appends to the table of events, and to the audit log what belongs there.
type Log struct {
	store *store.Store
	trail *audit.Trail
}

// New returns the log of a store.
func New(s *store.Store) *Log { return &Log{s, audit.New(s)} }

// Trail is the audit log that is written with the events.
func (l *Log) Trail() *audit.Trail { return l.trail }

// Change is the data of an event that changed an object. Data goes into the
// log as it is. Before and After are the object's view on either side of the
// change, and the audit log keeps what differs: nil Before for an object that
// is new, nil After for one that is gone. Views hold no secrets.
type Change struct {
	Data          any
	Before, After any
}

// Publish records a fact about an object, in the past tense: message.delivered.
// It runs in the caller's transaction, under the scope's tenant. Data is
// encoded as JSON and must hold neither secrets nor the text of messages; it
// may be a Change.
func (l *Log) Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if s.IsSystem() {
		return fmt.Errorf("events: %s published without a tenant", kind)
	}
	return l.publish(ctx, s.TenantID, s.Actor, kind, objectKind, objectID, data)
}

// PublishFor is Publish for system work, which has to say whose event it is.
func (l *Log) PublishFor(ctx context.Context, tenantID uuid.UUID, kind, objectKind string, objectID uuid.UUID, data any) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return l.publish(ctx, tenantID, s.Actor, kind, objectKind, objectID, data)
}

func (l *Log) publish(ctx context.Context, tenantID uuid.UUID, actor scope.Actor, kind, objectKind string, objectID uuid.UUID, data any) error {
	change, ok := data.(Change)
	if !ok {
		change.Data = data
	}
	body, err := json.Marshal(change.Data)
	if err != nil {
		return fmt.Errorf("events: %s: %w", kind, err)
	}
	if err := l.trail.Record(ctx, audit.Fact{
		TenantID: tenantID, Action: kind, ObjectKind: objectKind, ObjectID: objectID, Actor: actor,
		Data: body, Before: change.Before, After: change.After,
	}); err != nil {
		return fmt.Errorf("events: %s: %w", kind, err)
	}
	var actorID *uuid.UUID
	if actor.ID != uuid.Nil {
		actorID = &actor.ID
	}
	_, err = store.Exec(ctx, `
		INSERT INTO events (id, tenant_id, type, object_kind, object_id, actor_kind, actor_id, request_id, data, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		id.New(), tenantID, kind, objectKind, objectID, actor.Kind, actorID, telemetry.RequestID(ctx), string(body), l.store.Now())
	return err
}
