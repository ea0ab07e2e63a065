package audit

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/tenants/scope"
)

// Trail writes the log and reads it.
type Trail struct {
	store *store.Store
	woken chan struct{}
}

// New returns the trail of a store.
func New(s *store.Store) *Trail { return &Trail{s, make(chan struct{}, 1)} }

// Now is the time that entries are stamped with.
func (t *Trail) Now() time.Time { return t.store.Now() }

// Fact is an event as its publisher tells it.
type Fact struct {
	TenantID   uuid.UUID
	Action     string
	ObjectKind string
	ObjectID   uuid.UUID
	Actor      scope.Actor
	// Data is what the event says, as JSON.
	Data []byte
	// Before and After are views of the object; nil where it is new or gone.
	Before, After any
}

// traffic are the objects of conversations: their own tables say what became
// of them, by whom. Who writes to which colleague is nobody else's business.
var traffic = map[string]bool{
	"message": true, "interaction": true, "contact": true, "attachment": true,
	"staff_chat": true, "staff_message": true,
}

// administrative tells whether a fact belongs into the log. What somebody does
// in another's tenant is written down whatever it is.
func (f Fact) administrative(from scope.Origin) bool {
	switch {
	case from.ActAsID != uuid.Nil:
		return true
	case f.ObjectKind == "opt_out":
		return f.Actor.Kind == scope.ActorUser || f.Actor.Kind == scope.ActorKey
	case f.ObjectKind == "agent":
		// Coming and going is everybody's own; what somebody else does to him is not.
		return (f.Actor.Kind == scope.ActorUser || f.Actor.Kind == scope.ActorKey) && f.Actor.ID != f.ObjectID
	default:
		return !traffic[f.ObjectKind]
	}
}

// Record writes the entry of an administrative fact in the running transaction,
// and nothing for others.
func (t *Trail) Record(ctx context.Context, f Fact) error {
	from := scope.OriginOf(ctx)
	if from.Actor != f.Actor {
		// Work of the program's own inside somebody's request.
		from = scope.Origin{Address: from.Address, ActAsID: from.ActAsID}
	}
	if !f.administrative(from) {
		return nil
	}
	changes, err := diff(f.Before, f.After)
	if err != nil {
		return err
	}
	details, err := clean("", f.Data)
	if err != nil {
		return err
	}
	if f.Actor.Kind == scope.ActorUser && from.UserID == uuid.Nil {
		// Who signs in proves himself only now, and is at home where he does.
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		from.UserID, from.Home = f.Actor.ID, sc.Path
	}
	if err := t.insert(ctx, f, from, details, changes); err != nil {
		return err
	}
	store.AfterCommit(ctx, t.wake)
	return nil
}

func (t *Trail) insert(ctx context.Context, f Fact, from scope.Origin, details, changes json.RawMessage) error {
	_, err := store.Exec(ctx, `
		WITH entry AS (
			INSERT INTO audit_entries (id, tenant_id, action, object_kind, object_id, actor_kind, actor_id, actor_name,
				user_id, actor_home, act_as_id, address, request_id, details, changes, created_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7::uuid,
				coalesce(nullif($8, ''), (SELECT name FROM users WHERE tenant_id = $2 AND id = $7::uuid), ''),
				$9, $10, $11, $12, $13, $14, $15, $16)
			RETURNING id, tenant_id, created_at
		)
		INSERT INTO audit_pending (entry_id, tenant_id, created_at) SELECT id, tenant_id, created_at FROM entry`,
		id.New(), f.TenantID, f.Action, f.ObjectKind, f.ObjectID, f.Actor.Kind, known(f.Actor.ID), from.Name,
		known(from.UserID), from.Home, known(from.ActAsID), from.Address, telemetry.RequestID(ctx),
		string(details), string(changes), t.store.Now())
	return err
}

func known(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// wake tells the relay of this process that there is something to number.
func (t *Trail) wake() {
	select {
	case t.woken <- struct{}{}:
	default:
	}
}

// Note writes down what is no event and changed nothing, under the scope's
// tenant and actor: that something was exported, or read by somebody from
// elsewhere. Data is encoded as JSON.
func (t *Trail) Note(ctx context.Context, action, objectKind string, objectID uuid.UUID, data any) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return t.store.InTx(ctx, func(ctx context.Context) error {
		return t.Record(ctx, Fact{
			TenantID: sc.TenantID, Action: action, ObjectKind: objectKind, ObjectID: objectID, Actor: sc.Actor, Data: encoded,
		})
	})
}
