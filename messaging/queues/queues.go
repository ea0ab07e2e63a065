// Package queues owns the places where conversations wait, and who answers
// there. What a queue holds is the conversations' business.
package queues

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service keeps queues.
type Service struct {
	store  *store.Store
	events Log
	wake   func()
}

// New returns the service; wake tells the dispatchers that a row is due.
func New(s *store.Store, events Log, wake func()) *Service { return &Service{s, events, wake} }

// Queue is a place where conversations wait for one of its members.
type Queue struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
	Name       string
	ArchivedAt *time.Time
}

func view(row *ent.Queue) Queue {
	return Queue{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Name: row.Name, ArchivedAt: row.ArchivedAt,
	}
}

// audited is what of a queue is compared before and after a change.
type audited struct {
	Name       string     `json:"name"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func (q Queue) audited() audited { return audited{q.Name, q.ArchivedAt} }

// List returns queues behind a given id, oldest first: those in use, or with
// archived those that no longer are.
func (s *Service) List(ctx context.Context, archived bool, after uuid.UUID, limit int) ([]Queue, error) {
	var out []Queue
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Queue.Query().Where(queue.IDGT(after))
		if archived {
			q.Where(queue.ArchivedAtNotNil())
		} else {
			q.Where(queue.ArchivedAtIsNil())
		}
		rows, err := q.Order(ent.Asc(queue.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, view(row))
		}
		return err
	})
	return out, err
}

// Get returns one queue; an archived one is found as well. Faults:
// CodeNotFound.
func (s *Service) Get(ctx context.Context, queueID uuid.UUID) (Queue, error) {
	var out Queue
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Queue.Get(ctx, queueID)
		if ent.IsNotFound(err) {
			return fault.Missing("queue")
		}
		if err == nil {
			out = view(row)
		}
		return err
	})
	return out, err
}

// Create makes a queue without members. Faults: CodeInvalid, CodeNameTaken.
func (s *Service) Create(ctx context.Context, name string) (Queue, error) {
	name, err := tenants.CleanName("body.name", name)
	if err != nil {
		return Queue{}, err
	}
	var out Queue
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Queue.Create().SetName(name).Save(ctx)
		if err != nil {
			return named(err, name)
		}
		out = view(row)
		return s.events.Publish(ctx, "queue.created", "queue", row.ID,
			events.Change{Data: map[string]any{"name": name}, After: out.audited()})
	})
	return out, err
}

func named(err error, name string) error {
	if store.Violates(err, "h_queues_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another queue of the tenant has this name.").
			At("body.name", "is taken", name)
	}
	return err
}

// Rename gives a queue whose version passes the check another name. Faults:
// those of the check and of Create, CodeNotFound, CodeWrongState for an archived
// one.
func (s *Service) Rename(ctx context.Context, queueID uuid.UUID, name *string, check func(version int64) error) (Queue, error) {
	var out Queue
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, queueID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return archived()
		}
		out = view(row)
		if name == nil {
			return nil
		}
		return s.rename(ctx, row, *name, &out)
	})
	return out, err
}

func (s *Service) rename(ctx context.Context, row *ent.Queue, name string, out *Queue) error {
	name, err := tenants.CleanName("body.name", name)
	if err != nil || name == row.Name {
		return err
	}
	before := view(row).audited()
	row, err = row.Update().SetName(name).Save(ctx)
	if err != nil {
		return named(err, name)
	}
	*out = view(row)
	return s.events.Publish(ctx, "queue.updated", "queue", row.ID,
		events.Change{Data: map[string]any{"name": name}, Before: before, After: out.audited()})
}

func (s *Service) lock(ctx context.Context, queueID uuid.UUID) (*ent.Queue, error) {
	row, err := s.store.Ent(ctx).Queue.Query().Where(queue.ID(queueID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("queue")
	}
	return row, err
}

func archived() error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The queue is archived.").Showing("archived")
}

// Archive takes a queue out of use. What waits in it stays there until somebody
// takes it; channels must not lead to it any more. Faults: CodeNotFound,
// CodeWrongState for an archived one, CodeConflict while a channel leads to it.
func (s *Service) Archive(ctx context.Context, queueID uuid.UUID) (Queue, error) {
	var out Queue
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, queueID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return archived()
		}
		used, err := s.store.Ent(ctx).Channel.Query().
			Where(channel.DestinationQueueID(queueID), channel.StatusNEQ(channel.StatusReleased)).Exist(ctx)
		if err != nil {
			return err
		}
		if used {
			return fault.New(fault.Conflict, fault.CodeConflict,
				"A channel delivers to this queue; give it another destination first.").Showing("in_use")
		}
		before := view(row).audited()
		row, err = row.Update().SetArchivedAt(s.store.Now()).Save(ctx)
		if err != nil {
			return err
		}
		out = view(row)
		return s.events.Publish(ctx, "queue.archived", "queue", row.ID, events.Change{Before: before, After: out.audited()})
	})
	return out, err
}

// Members returns who answers in a queue. Faults: CodeNotFound.
func (s *Service) Members(ctx context.Context, queueID uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.Get(ctx, queueID); err != nil {
			return err
		}
		var err error
		out, err = members(ctx, queueID)
		return err
	})
	return out, err
}

func members(ctx context.Context, queueID uuid.UUID) (out []uuid.UUID, err error) {
	rows, err := store.Query(ctx, `SELECT user_id FROM queue_members WHERE queue_id = $1 ORDER BY user_id`, queueID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var member uuid.UUID
		if err := rows.Scan(&member); err != nil {
			return nil, err
		}
		out = append(out, member)
	}
	return out, rows.Err()
}

// SetMembers says who answers in a queue from now on: active agents and
// managers of the tenant. Faults: CodeNotFound, for somebody who is not one as
// well, CodeWrongState for an archived queue.
func (s *Service) SetMembers(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) ([]uuid.UUID, error) {
	var out []uuid.UUID
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, queueID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return archived()
		}
		if err := s.mayAnswer(ctx, userIDs); err != nil {
			return err
		}
		before, err := members(ctx, queueID)
		if err != nil {
			return err
		}
		if err := s.replace(ctx, row, userIDs); err != nil {
			return err
		}
		if out, err = members(ctx, queueID); err != nil {
			return err
		}
		if err := s.RouteSoon(ctx, queueID); err != nil {
			return err
		}
		return s.events.Publish(ctx, "queue.members_changed", "queue", queueID, events.Change{
			Data:   map[string]any{"user_ids": out},
			Before: map[string]any{"user_ids": before}, After: map[string]any{"user_ids": out},
		})
	})
	return out, err
}

// mayAnswer refuses everybody but active agents and managers of the tenant.
func (s *Service) mayAnswer(ctx context.Context, userIDs []uuid.UUID) error {
	known, err := s.store.Ent(ctx).User.Query().Where(user.IDIn(userIDs...), user.StatusEQ(user.StatusActive),
		user.RoleIn(user.RoleAgent, user.RoleManager)).IDs(ctx)
	if err != nil {
		return err
	}
	found := map[uuid.UUID]bool{}
	for _, userID := range known {
		found[userID] = true
	}
	for _, userID := range userIDs {
		if !found[userID] {
			return fault.InvalidField(fault.CodeNotFound, "body.user_ids",
				"names somebody who is no active agent or manager of this tenant", userID.String())
		}
	}
	return nil
}

func (s *Service) replace(ctx context.Context, row *ent.Queue, userIDs []uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	list, err := json.Marshal(append([]uuid.UUID{}, userIDs...))
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		DELETE FROM queue_members WHERE tenant_id = $1 AND queue_id = $2
		AND user_id NOT IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, sc.TenantID, row.ID, string(list))
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO queue_members (tenant_id, queue_id, user_id, created_at)
		SELECT DISTINCT $1::uuid, $2::uuid, value::uuid, $4::timestamptz FROM jsonb_array_elements_text($3::jsonb)
		ON CONFLICT (tenant_id, queue_id, user_id) DO NOTHING`, sc.TenantID, row.ID, string(list), s.store.Now())
	return err
}
