package agents

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// IsPaused tells in the running transaction whether a user is at work and on a
// pause.
func IsPaused(ctx context.Context, userID uuid.UUID) (bool, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return false, err
	}
	var paused bool
	err = store.QueryRow(ctx, []any{&paused}, `SELECT EXISTS (
		SELECT FROM agent_sessions WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL AND state = 'paused')`, sc.TenantID, userID)
	return paused, err
}
