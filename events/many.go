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

// PublishMany records the same fact about many objects, each an event of its
// own, in one statement. It is for what one act does to all at once.
func (l *Log) PublishMany(ctx context.Context, kind, objectKind string, objectIDs []uuid.UUID, data any) error {
	s, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if s.IsSystem() {
		return fmt.Errorf("events: %s published without a tenant", kind)
	}
	if len(objectIDs) == 0 {
		return nil
	}
	body, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("events: %s: %w", kind, err)
	}
	pairs := make([][2]uuid.UUID, len(objectIDs))
	for i, objectID := range objectIDs {
		pairs[i] = [2]uuid.UUID{id.New(), objectID}
	}
	list, err := json.Marshal(pairs)
	if err != nil {
		return err
	}
	var actorID *uuid.UUID
	if s.Actor.ID != uuid.Nil {
		actorID = &s.Actor.ID
	}
	_, err = store.Exec(ctx, `
		INSERT INTO events (id, tenant_id, type, object_kind, object_id, actor_kind, actor_id, request_id, data, created_at)
		SELECT (pair->>0)::uuid, $1, $2, $3, (pair->>1)::uuid, $4, $5, $6, $7, $8
		FROM jsonb_array_elements($9::jsonb) pair`,
		s.TenantID, kind, objectKind, s.Actor.Kind, actorID, telemetry.RequestID(ctx), string(body), l.store.Now(), string(list))
	return err
}
