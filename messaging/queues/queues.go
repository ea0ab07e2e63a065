// Package queues owns the places where conversations wait, and who answers
// there. What a queue holds is the conversations' business.
package queues

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
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
	// left is told who is taken out of a queue.
	left func(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) error
}

// New returns the service; wake tells the dispatchers that a row is due.
func New(s *store.Store, events Log, wake func()) *Service {
	return &Service{store: s, events: events, wake: wake}
}

// OnRemoved is told, in the running transaction, who is taken out of a queue. It
// is set before the service is used.
func (s *Service) OnRemoved(f func(ctx context.Context, queueID uuid.UUID, userIDs []uuid.UUID) error) {
	s.left = f
}

// Queue is a place where conversations wait for one of its members.
type Queue struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	Name      string
	// Description says to people what the queue is for.
	Description string
	// ScreenPopURL is opened where one of the queue's conversations is; empty for
	// none (ScreenPop).
	ScreenPopURL string
	// SelfAssign lets agents take what waits also where nothing assigns by itself
	// (decisions C-08).
	SelfAssign bool
	// DispositionRequired makes people close its conversations with a disposition.
	DispositionRequired bool
	ArchivedAt          *time.Time
	// Assignment is how it assigns by itself.
	Assignment Assignment
	// Zone is where its hours are meant, and Opening what they say at present.
	Zone    *time.Location
	Opening Opening
}

func view(row *ent.Queue) Queue {
	return Queue{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Name: row.Name, Description: row.Description, ScreenPopURL: row.ScreenPopURL, SelfAssign: row.SelfAssign,
		DispositionRequired: row.DispositionRequired,
		ArchivedAt:          row.ArchivedAt, Assignment: assignmentOf(row),
	}
}

// audited is what of a queue is compared before and after a change.
type audited struct {
	Name         string `json:"name"`
	Description  string `json:"description"`
	ScreenPopURL string `json:"screen_pop_url"`
	SelfAssign   bool   `json:"self_assign"`

	DispositionRequired bool `json:"disposition_required"`

	ArchivedAt *time.Time `json:"archived_at"`
	auditedAssignment
}

func (q Queue) audited() audited {
	return audited{q.Name, q.Description, q.ScreenPopURL, q.SelfAssign, q.DispositionRequired, q.ArchivedAt, q.Assignment.audited()}
}

// Filter chooses queues; the zero Filter chooses all that are in use.
type Filter struct {
	// Archived chooses those that no longer are in use.
	Archived bool
	// MemberID and ManagerID choose the queues of one member, or manager.
	MemberID, ManagerID uuid.UUID
}

// List returns queues behind a given id, oldest first.
func (s *Service) List(ctx context.Context, f Filter, after uuid.UUID, limit int) ([]Queue, error) {
	var out []Queue
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Queue.Query().Where(queue.IDGT(after))
		if f.Archived {
			q.Where(queue.ArchivedAtNotNil())
		} else {
			q.Where(queue.ArchivedAtIsNil())
		}
		if err := f.ofPeople(ctx, q); err != nil {
			return err
		}
		rows, err := q.Order(ent.Asc(queue.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, view(row))
		}
		for i := range out {
			err = errors.Join(err, s.opened(ctx, &out[i]))
		}
		return err
	})
	return out, err
}

// ofPeople keeps a query to the queues of a member and of a manager.
func (f Filter) ofPeople(ctx context.Context, q *ent.QueueQuery) error {
	for people, userID := range map[crowd]uuid.UUID{answering: f.MemberID, managing: f.ManagerID} {
		if userID == uuid.Nil {
			continue
		}
		ids, err := people.queuesOf(ctx, userID)
		if err != nil {
			return err
		}
		q.Where(queue.IDIn(ids...))
	}
	return nil
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
			err = s.opened(ctx, &out)
		}
		return err
	})
	return out, err
}

// Create makes a queue without members; it takes a name at least. Faults:
// CodeInvalid, CodeNameTaken.
func (s *Service) Create(ctx context.Context, name string, settings Settings) (Queue, error) {
	settings.Name = &name
	if err := settings.clean(); err != nil {
		return Queue{}, err
	}
	var out Queue
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		create := s.store.Ent(ctx).Queue.Create()
		settings.set(create.Mutation(), Queue{Assignment: usual()})
		row, err := create.Save(ctx)
		if err != nil {
			return named(err, settings.Name)
		}
		out = view(row)
		if err := s.opened(ctx, &out); err != nil {
			return err
		}
		return s.events.Publish(ctx, "queue.created", "queue", row.ID,
			events.Change{Data: map[string]any{"name": row.Name}, After: out.audited()})
	})
	return out, err
}

func named(err error, name *string) error {
	if name != nil && store.Violates(err, "h_queues_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another queue of the tenant has this name.").
			At("body.name", "is taken", *name)
	}
	return err
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
		if err := errors.Join(s.opened(ctx, &out), s.Look(ctx, row.ID, s.store.Now())); err != nil {
			return err
		}
		return s.events.Publish(ctx, "queue.archived", "queue", row.ID, events.Change{Before: before, After: out.audited()})
	})
	return out, err
}
