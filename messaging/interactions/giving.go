package interactions

import (
	"context"
	"encoding/json"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Waiting is a conversation that waits in a queue for somebody.
type Waiting struct {
	ID     uuid.UUID
	Status Status
	// LastWith is who had the customer in his last conversation before; nil for
	// nobody.
	LastWith *uuid.UUID
}

// Waits is the condition for what waits for somebody: in SQL, for rows of i.
const Waits = `i.assignee_id IS NULL AND i.status IN ('waiting_agent', 'open', 'waiting_customer') AND i.paused_at IS NULL`

// inTurn is the order in which what waits is given out, for rows of i.
const inTurn = `i.priority DESC, coalesce(i.waiting_since, i.created_at), i.id`

// lastWithSQL finds who had the customer of i in his last conversation before.
const lastWithSQL = `SELECT before.assignee_id FROM interactions before
	WHERE before.tenant_id = i.tenant_id AND before.contact_id = i.contact_id AND before.id <> i.id AND before.assignee_id IS NOT NULL
	ORDER BY before.last_message_at DESC, before.id DESC LIMIT 1`

// LockWaiting returns what waits in a queue over a kind of channel, in the order
// in which it is to be given out: the highest priority first, then who waits for
// longest. The rows are locked until the running transaction ends; those that
// somebody else has locked are left out.
func (s *Service) LockWaiting(ctx context.Context, queueID uuid.UUID, kind channel.Kind, limit int) ([]Waiting, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT i.id, i.status, (`+lastWithSQL+`)
		FROM interactions i JOIN channels c ON c.tenant_id = i.tenant_id AND c.id = i.channel_id AND c.kind = $3
		WHERE i.tenant_id = $1 AND i.queue_id = $2 AND `+Waits+`
		ORDER BY `+inTurn+` LIMIT $4
		FOR UPDATE OF i SKIP LOCKED`, sc.TenantID, queueID, string(kind), limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []Waiting
	for rows.Next() {
		var w Waiting
		if err := rows.Scan(&w.ID, &w.Status, &w.LastWith); err != nil {
			return nil, err
		}
		out = append(out, w)
	}
	return out, rows.Err()
}

// Way is what decides who gets a conversation.
type Way struct {
	Kind channel.Kind
	// LastWith is who had the customer in his last conversation before; nil for
	// nobody.
	LastWith   *uuid.UUID
	AssignedAt *time.Time
}

// WayOf returns what decides who gets a conversation, in the running
// transaction.
func (s *Service) WayOf(ctx context.Context, interactionID uuid.UUID) (w Way, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Way{}, err
	}
	err = store.QueryRow(ctx, []any{&w.Kind, &w.LastWith, &w.AssignedAt}, `
		SELECT c.kind, (`+lastWithSQL+`), i.assigned_at
		FROM interactions i JOIN channels c ON c.tenant_id = i.tenant_id AND c.id = i.channel_id
		WHERE i.tenant_id = $1 AND i.id = $2`, sc.TenantID, interactionID)
	return w, err
}

// AnyWaiting tells whether something waits in a queue over a kind of channel,
// locked or not.
func (s *Service) AnyWaiting(ctx context.Context, queueID uuid.UUID, kind channel.Kind) (bool, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return false, err
	}
	var there bool
	err = store.QueryRow(ctx, []any{&there}, `
		SELECT EXISTS (SELECT FROM interactions i JOIN channels c ON c.tenant_id = i.tenant_id AND c.id = i.channel_id AND c.kind = $3
			WHERE i.tenant_id = $1 AND i.queue_id = $2 AND `+Waits+`)`, sc.TenantID, queueID, string(kind))
	return there, err
}

// Gift is a conversation that was locked as it waited, and who gets it.
type Gift struct {
	Waiting
	QueueID  uuid.UUID
	UserID   uuid.UUID
	UserName string
	How      Handover
}

// GiveMany is give for several conversations at once, in a few statements
// however many they are.
func (s *Service) GiveMany(ctx context.Context, gifts []Gift) error {
	if len(gifts) == 0 {
		return nil
	}
	type entry struct {
		ID            uuid.UUID  `json:"id"`
		InteractionID uuid.UUID  `json:"interaction_id"`
		UserID        uuid.UUID  `json:"user_id"`
		Status        Status     `json:"status"`
		Kind          Handover   `json:"kind"`
		Text          string     `json:"text"`
		Details       LogDetails `json:"details"`
	}
	entries, facts := make([]entry, len(gifts)), make([]events.Fact, len(gifts))
	for i, g := range gifts {
		next, ok := Next(g.Status, GivenTo)
		if !ok {
			return wrongState(g.Status)
		}
		entries[i] = entry{
			ID: id.New(), InteractionID: g.ID, UserID: g.UserID, Status: next, Kind: g.How,
			Text:    g.How.sentence("", "", g.UserName),
			Details: LogDetails{UserID: &g.UserID, QueueID: &g.QueueID},
		}
		facts[i] = events.Fact{ObjectID: g.ID, Data: map[string]any{"how": g.How, "assignee_id": g.UserID, "from_user_id": nil}}
	}
	list, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	if err := s.insertGifts(ctx, string(list)); err != nil {
		return err
	}
	return s.events.PublishEach(ctx, "interaction.assigned", "interaction", facts)
}

// insertGifts writes what is to be given, who takes part, and the log.
func (s *Service) insertGifts(ctx context.Context, list string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	now := s.store.Now()
	_, err = store.Exec(ctx, `
		UPDATE interactions i SET assignee_id = g.user_id, assigned_at = $3, status = g.status, updated_at = $3, version = i.version + 1
		FROM jsonb_to_recordset($1::jsonb) AS g (interaction_id uuid, user_id uuid, status text)
		WHERE i.tenant_id = $2 AND i.id = g.interaction_id`, list, sc.TenantID, now)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO interaction_participants (tenant_id, interaction_id, user_id, created_at)
		SELECT $2, g.interaction_id, g.user_id, $3 FROM jsonb_to_recordset($1::jsonb) AS g (interaction_id uuid, user_id uuid)
		ON CONFLICT (tenant_id, interaction_id, user_id) DO NOTHING`, list, sc.TenantID, now)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO interaction_log (id, tenant_id, interaction_id, kind, text, actor_kind, actor_id, details, created_at)
		SELECT g.id, $2, g.interaction_id, g.kind, g.text, $4, NULL, g.details, $3
		FROM jsonb_to_recordset($1::jsonb) AS g (id uuid, interaction_id uuid, kind text, text text, details jsonb)`,
		list, sc.TenantID, now, string(scope.ActorSystem))
	return err
}

// TakeBack returns to its queue what somebody had of it when he went, in the
// running transaction: up to limit conversations that he was given until then.
// It tells how many, and whether some are left. C-37: never for a pause.
func (s *Service) TakeBack(ctx context.Context, queueID, userID uuid.UUID, until time.Time, limit int) (taken int, left bool, err error) {
	of := s.store.Ent(ctx).Interaction.Query().Where(
		interaction.QueueID(queueID), interaction.AssigneeID(userID), interaction.StatusIn(WaitingAgent, Open, WaitingCustomer),
		interaction.Or(interaction.AssignedAtIsNil(), interaction.AssignedAtLTE(until)))
	rows, err := of.Clone().Order(ent.Asc(interaction.FieldID)).Limit(limit).
		ForUpdate(entsql.WithLockAction(entsql.SkipLocked)).All(ctx)
	if err != nil {
		return 0, false, err
	}
	for _, row := range rows {
		if _, err := s.give(ctx, row, nil, Redistributed, ""); err != nil {
			return 0, false, err
		}
	}
	left, err = of.Exist(ctx)
	return len(rows), left, err
}

// HoldWaiting locks a conversation in the running transaction, and tells whether
// it waits in a queue, and over which kind of channel.
func (s *Service) HoldWaiting(ctx context.Context, interactionID, queueID uuid.UUID) (kind channel.Kind, waiting bool, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return "", false, err
	}
	err = store.QueryRow(ctx, []any{&kind, &waiting}, `
		SELECT c.kind, i.queue_id IS NOT DISTINCT FROM $3 AND `+Waits+`
		FROM interactions i JOIN channels c ON c.tenant_id = i.tenant_id AND c.id = i.channel_id
		WHERE i.tenant_id = $1 AND i.id = $2 FOR UPDATE OF i`, sc.TenantID, interactionID, queueID)
	return kind, waiting, err
}

// GiveHeld gives a conversation that HoldWaiting has found waiting to a user.
func (s *Service) GiveHeld(ctx context.Context, interactionID, userID uuid.UUID, how Handover) error {
	row, err := s.store.Ent(ctx).Interaction.Get(ctx, interactionID)
	if err == nil {
		_, err = s.give(ctx, row, &userID, how, "")
	}
	return err
}

// LeftBehind lists the queues to which conversations return that somebody had
// when he went.
func (s *Service) LeftBehind(ctx context.Context, userID uuid.UUID, until time.Time) ([]uuid.UUID, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return store.IDs(ctx, `
		SELECT DISTINCT i.queue_id FROM interactions i
		WHERE i.tenant_id = $1 AND i.assignee_id = $2 AND i.queue_id IS NOT NULL AND i.status IN ('waiting_agent', 'open', 'waiting_customer')
			AND (i.assigned_at IS NULL OR i.assigned_at <= $3)`, sc.TenantID, userID, until)
}

// WriteLog writes down what happened to an interaction outside of this package, in
// the running transaction.
func (s *Service) WriteLog(ctx context.Context, interactionID uuid.UUID, kind LogKind, text string, details LogDetails) error {
	return s.enter(ctx, interactionID, kind, text, details)
}

// UserName is a user's name for a sentence of the log.
func (s *Service) UserName(ctx context.Context, userID uuid.UUID) (string, error) {
	return s.userName(ctx, userID)
}
