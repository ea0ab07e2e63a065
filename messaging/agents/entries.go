package agents

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// Entry is one thing that an agent did, or that was done to him.
type Entry struct {
	ID        uuid.UUID
	At        time.Time
	SessionID uuid.UUID
	Action    string
	QueueID   *uuid.UUID
	Reason    *Code
	// ByOther tells that another person or a key did it.
	ByOther bool
}

// Entries returns what somebody of the tenant did at work, before a given entry,
// the newest first. Faults: CodeNotFound.
func (s *Service) Entries(ctx context.Context, userID, before uuid.UUID, limit int) ([]Entry, error) {
	var out []Entry
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		there, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID)).Exist(ctx)
		if err != nil {
			return err
		}
		if !there {
			return fault.Missing("agent")
		}
		return rowsOf(ctx, func(scan func(...any) error) error {
			var (
				e     Entry
				code  *int
				name  string
				actor uuid.NullUUID
			)
			err := scan(&e.ID, &e.At, &e.SessionID, &e.Action, &e.QueueID, &code, &name, &actor)
			if code != nil {
				e.Reason = &Code{Code: *code, Name: name}
			}
			e.ByOther = actor.Valid && actor.UUID != userID
			out = append(out, e)
			return err
		}, `
			SELECT id, created_at, session_id, action, queue_id, code, name, actor_id FROM agent_log
			WHERE tenant_id = $1 AND user_id = $2 AND ($3 = '00000000-0000-0000-0000-000000000000'::uuid OR id < $3)
			ORDER BY id DESC LIMIT $4`, sc.TenantID, userID, before, limit)
	})
	return out, err
}
