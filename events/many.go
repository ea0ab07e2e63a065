package events

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/tenants/scope"
)

// Fact is an event of one object among several.
type Fact struct {
	ObjectID uuid.UUID
	Data     any
}

// PublishMany records the same fact about many objects, each an event of its
// own, in one statement. It is for what one act does to all at once.
func (l *Log) PublishMany(ctx context.Context, kind, objectKind string, objectIDs []uuid.UUID, data any) error {
	facts := make([]Fact, len(objectIDs))
	for i, objectID := range objectIDs {
		facts[i] = Fact{objectID, data}
	}
	return l.PublishEach(ctx, kind, objectKind, facts)
}

// PublishEach is PublishMany for facts of one kind that differ in their data.
func (l *Log) PublishEach(ctx context.Context, kind, objectKind string, facts []Fact) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if s.IsSystem() {
		return fmt.Errorf("events: %s published without a tenant", kind)
	}
	if len(facts) == 0 {
		return nil
	}
	type row struct {
		ID       uuid.UUID `json:"id"`
		ObjectID uuid.UUID `json:"object_id"`
		Data     any       `json:"data"`
	}
	rows := make([]row, len(facts))
	for i, f := range facts {
		rows[i] = row{id.New(), f.ObjectID, f.Data}
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return fmt.Errorf("events: %s: %w", kind, err)
	}
	var actorID *uuid.UUID
	if s.Actor.ID != uuid.Nil {
		actorID = &s.Actor.ID
	}
	_, err = store.Exec(ctx, `
		INSERT INTO events (id, tenant_id, type, object_kind, object_id, actor_kind, actor_id, request_id, data, created_at)
		SELECT (fact->>'id')::uuid, $1, $2, $3, (fact->>'object_id')::uuid, $4, $5, $6, fact->'data', $7
		FROM jsonb_array_elements($8::jsonb) fact`,
		s.TenantID, kind, objectKind, s.Actor.Kind, actorID, telemetry.RequestID(ctx), l.store.Now(), string(list))
	return err
}
