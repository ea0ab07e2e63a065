package agents

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// AssignedAt is Assigned for users who were each given something at a time of
// their own. They are locked as candidates already.
func AssignedAt(ctx context.Context, turns map[uuid.UUID]time.Time) error {
	sc, err := scope.From(ctx)
	if err != nil || len(turns) == 0 {
		return err
	}
	list, err := json.Marshal(turns)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		UPDATE agent_sessions a SET last_assigned_at = t.value::timestamptz
		FROM jsonb_each_text($2::jsonb) AS t
		WHERE a.tenant_id = $1 AND a.ended_at IS NULL AND a.user_id = t.key::uuid`, sc.TenantID, string(list))
	return err
}

// Gone returns since when somebody is at work no more who was; nil for who is,
// and for who never was.
func (s *Service) Gone(ctx context.Context, userID uuid.UUID) (*Departed, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	d := &Departed{UserID: userID}
	err = store.QueryRow(ctx, []any{&d.At, &d.Reason}, `
		SELECT ended_at, ended_reason FROM agent_sessions s
		WHERE s.tenant_id = $1 AND s.user_id = $2 AND s.ended_at IS NOT NULL
			AND NOT EXISTS (SELECT FROM agent_sessions now WHERE now.tenant_id = $1 AND now.user_id = $2 AND now.ended_at IS NULL)
		ORDER BY s.ended_at DESC LIMIT 1`, sc.TenantID, userID)
	if store.IsNotFound(err) {
		return nil, nil //nolint:nilnil // that nobody has gone is an answer
	}
	return d, err
}
