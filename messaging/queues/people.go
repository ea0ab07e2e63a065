package queues

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// crowd is one of the two kinds of people of a queue.
type crowd string

const (
	// answering are the members, who answer.
	answering crowd = "queue_members"
	// managing are the managers, who see to it that somebody does.
	managing crowd = "queue_managers"
)

// roles are those that people of a crowd have.
func (c crowd) roles() []user.Role {
	if c == managing {
		return []user.Role{user.RoleManager, user.RoleTenantAdmin}
	}
	return []user.Role{user.RoleAgent, user.RoleManager}
}

// refusal says of somebody that he is none who could be of the crowd.
func (c crowd) refusal() string {
	if c == managing {
		return "names somebody who is no active manager or administrator of this tenant"
	}
	return "names somebody who is no active agent or manager of this tenant"
}

func (c crowd) event() string {
	if c == managing {
		return "queue.managers_changed"
	}
	return "queue.members_changed"
}

// of lists the people of a queue, in the order of their ids.
func (c crowd) of(ctx context.Context, queueID uuid.UUID) ([]uuid.UUID, error) {
	return store.IDs(ctx, `SELECT user_id FROM `+string(c)+` WHERE queue_id = $1 ORDER BY user_id`, queueID)
}

// queuesOf lists the queues of somebody.
func (c crowd) queuesOf(ctx context.Context, userID uuid.UUID) ([]uuid.UUID, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return store.IDs(ctx, `SELECT queue_id FROM `+string(c)+` WHERE tenant_id = $1 AND user_id = $2`, sc.TenantID, userID)
}

// Members returns who answers in a queue. Faults: CodeNotFound.
func (s *Service) Members(ctx context.Context, queueID uuid.UUID) ([]uuid.UUID, error) {
	return s.people(ctx, answering, queueID)
}

// Managers returns who is responsible for a queue. Faults: CodeNotFound.
func (s *Service) Managers(ctx context.Context, queueID uuid.UUID) ([]uuid.UUID, error) {
	return s.people(ctx, managing, queueID)
}

// SetMembers says who answers in a queue from now on: active agents and
// managers of the tenant. Faults: CodeNotFound, for somebody who is not one as
// well, CodeWrongState for an archived queue.
func (s *Service) SetMembers(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) ([]uuid.UUID, error) {
	return s.setPeople(ctx, answering, queueID, userIDs)
}

// SetManagers says who is responsible for a queue from now on: active managers
// and administrators of the tenant. Faults: those of SetMembers.
func (s *Service) SetManagers(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) ([]uuid.UUID, error) {
	return s.setPeople(ctx, managing, queueID, userIDs)
}

func (s *Service) people(ctx context.Context, c crowd, queueID uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.Get(ctx, queueID); err != nil {
			return err
		}
		var err error
		out, err = c.of(ctx, queueID)
		return err
	})
	return out, err
}

func (s *Service) setPeople(ctx context.Context, c crowd, queueID uuid.UUID, userIDs []uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, queueID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return archived()
		}
		if err := s.mayBe(ctx, c, userIDs); err != nil {
			return err
		}
		before, err := c.of(ctx, queueID)
		if err != nil {
			return err
		}
		if err := s.replace(ctx, c, queueID, userIDs); err != nil {
			return err
		}
		if out, err = c.of(ctx, queueID); err != nil {
			return err
		}
		if c == answering {
			if err := s.warn(ctx, queueID, before, out); err != nil {
				return err
			}
			if err := s.RouteSoon(ctx, queueID); err != nil {
				return err
			}
		}
		return s.events.Publish(ctx, c.event(), "queue", queueID, events.Change{
			Data:   map[string]any{"user_ids": out},
			Before: map[string]any{"user_ids": before}, After: map[string]any{"user_ids": out},
		})
	})
	return out, err
}

// warn tells who answered in a queue before and does not any more.
func (s *Service) warn(ctx context.Context, queueID uuid.UUID, before, after []uuid.UUID) error {
	removed := slices.DeleteFunc(slices.Clone(before), func(userID uuid.UUID) bool { return slices.Contains(after, userID) })
	if s.left == nil || len(removed) == 0 {
		return nil
	}
	return s.left(ctx, queueID, removed)
}

// mayBe refuses everybody who cannot be of the crowd.
func (s *Service) mayBe(ctx context.Context, c crowd, userIDs []uuid.UUID) error {
	known, err := s.store.Ent(ctx).User.Query().
		Where(user.IDIn(userIDs...), user.StatusEQ(user.StatusActive), user.RoleIn(c.roles()...)).IDs(ctx)
	if err != nil {
		return err
	}
	found := map[uuid.UUID]bool{}
	for _, userID := range known {
		found[userID] = true
	}
	for _, userID := range userIDs {
		if !found[userID] {
			return fault.InvalidField(fault.CodeNotFound, "body.user_ids", c.refusal(), userID.String())
		}
	}
	return nil
}

func (s *Service) replace(ctx context.Context, c crowd, queueID uuid.UUID, userIDs []uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	list, err := json.Marshal(append([]uuid.UUID{}, userIDs...))
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		DELETE FROM `+string(c)+` WHERE tenant_id = $1 AND queue_id = $2
		AND user_id NOT IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, sc.TenantID, queueID, string(list))
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO `+string(c)+` (tenant_id, queue_id, user_id, created_at)
		SELECT DISTINCT $1::uuid, $2::uuid, value::uuid, $4::timestamptz FROM jsonb_array_elements_text($3::jsonb)
		ON CONFLICT (tenant_id, queue_id, user_id) DO NOTHING`, sc.TenantID, queueID, string(list), s.store.Now())
	return err
}
