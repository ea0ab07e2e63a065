package interactions

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// LogKind says what happened to an interaction. Clients may switch on it; the
// text beside it is for people.
type LogKind string

// The kinds of log entries that are not about who has an interaction (see
// Handover for those).
const (
	LogStarted LogKind = "started"
	LogQueued  LogKind = "queued"
	LogClosed  LogKind = "closed"

	LogStatus      LogKind = "status_changed"
	LogPaused      LogKind = "paused"
	LogUnpaused    LogKind = "unpaused"
	LogReopened    LogKind = "reopened"
	LogSubject     LogKind = "subject_changed"
	LogPriority    LogKind = "priority_changed"
	LogSubStatus   LogKind = "sub_status_changed"
	LogWaitingLong LogKind = "waiting_long"
	// The conversation was offered to members of its queue, and one declined.
	LogOffered       LogKind = "offered"
	LogOfferRejected LogKind = "offer_rejected"
)

// LogEntry is one thing that happened to an interaction.
type LogEntry struct {
	ID        uuid.UUID
	CreatedAt time.Time
	Kind      LogKind
	// Text says it in a sentence, with the names as they were then.
	Text    string
	Actor   scope.Actor
	Details LogDetails
}

// LogDetails are what an entry is about. Fields that do not apply are empty.
type LogDetails struct {
	UserID      *uuid.UUID `json:"user_id,omitempty"`
	FromUserID  *uuid.UUID `json:"from_user_id,omitempty"`
	QueueID     *uuid.UUID `json:"queue_id,omitempty"`
	FromQueueID *uuid.UUID `json:"from_queue_id,omitempty"`
	// From and To are what was changed: statuses, priorities, subjects.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	// Comment is what somebody said about it.
	Comment string `json:"comment,omitempty"`
	// Until is when it ends.
	Until *time.Time `json:"until,omitempty"`
}

// enter writes down what happened to an interaction, in the running
// transaction. Events tell programs; this tells people, in the conversation.
func (s *Service) enter(ctx context.Context, interactionID uuid.UUID, kind LogKind, text string, details LogDetails) error {
	return s.enterMany(ctx, []uuid.UUID{interactionID}, kind, text, details)
}

// enterMany is enter for several interactions to which the same happened.
func (s *Service) enterMany(ctx context.Context, interactionIDs []uuid.UUID, kind LogKind, text string, details LogDetails) error {
	sc, err := scope.From(ctx)
	if err != nil || len(interactionIDs) == 0 {
		return err
	}
	content, err := json.Marshal(details)
	if err != nil {
		return err
	}
	entries := make([]map[string]uuid.UUID, len(interactionIDs))
	for i, interactionID := range interactionIDs {
		entries[i] = map[string]uuid.UUID{"id": id.New(), "interaction_id": interactionID}
	}
	list, err := json.Marshal(entries)
	if err != nil {
		return err
	}
	var actor *uuid.UUID
	if sc.Actor.ID != uuid.Nil {
		actor = &sc.Actor.ID
	}
	_, err = store.Exec(ctx, `
		INSERT INTO interaction_log (id, tenant_id, interaction_id, kind, text, actor_kind, actor_id, details, created_at)
		SELECT e.id, $2, e.interaction_id, $3, $4, $5, $6, $7, $8
		FROM jsonb_to_recordset($1::jsonb) AS e (id uuid, interaction_id uuid)`,
		string(list), sc.TenantID, string(kind), text, string(sc.Actor.Kind), actor, string(content), s.store.Now())
	return err
}

// Log returns what happened to an interaction that the caller may see, behind a
// given entry, the newest first unless oldestFirst. Faults: CodeNotFound.
func (s *Service) Log(ctx context.Context, c Caller, interactionID, after uuid.UUID, oldestFirst bool, limit int) ([]LogEntry, error) {
	var out []LogEntry
	err := s.store.Read(ctx, func(ctx context.Context) error {
		seen, err := s.reads(ctx, c, interactionID)
		if err == nil && !seen {
			err = fault.Missing("interaction")
		}
		if err != nil {
			return err
		}
		out, err = logEntries(ctx, interactionID, after, oldestFirst, limit)
		return err
	})
	return out, err
}

const logColumns = `SELECT id, created_at, kind, text, actor_kind, actor_id, details FROM interaction_log
	WHERE tenant_id = $1 AND interaction_id = $2`

func logEntries(ctx context.Context, interactionID, after uuid.UUID, oldestFirst bool, limit int) ([]LogEntry, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	behind := ` AND ($3 = '00000000-0000-0000-0000-000000000000'::uuid OR id < $3) ORDER BY id DESC LIMIT $4`
	if oldestFirst {
		behind = ` AND id > $3 ORDER BY id LIMIT $4`
	}
	rows, err := store.Query(ctx, logColumns+behind, sc.TenantID, interactionID, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []LogEntry
	for rows.Next() {
		var (
			e       LogEntry
			actor   uuid.NullUUID
			details []byte
		)
		if err := rows.Scan(&e.ID, &e.CreatedAt, &e.Kind, &e.Text, &e.Actor.Kind, &actor, &details); err != nil {
			return nil, err
		}
		e.Actor.ID = actor.UUID
		if err := json.Unmarshal(details, &e.Details); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
	return out, rows.Err()
}

// userName is a user's name for a sentence of the log.
func (s *Service) userName(ctx context.Context, userID uuid.UUID) (string, error) {
	name, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID)).Select(user.FieldName).String(ctx)
	if ent.IsNotFound(err) {
		return "Somebody", nil
	}
	return name, err
}

// queueName is a queue's name for a sentence of the log; empty for none.
func (s *Service) queueName(ctx context.Context, queueID *uuid.UUID) (string, error) {
	if queueID == nil {
		return "", nil
	}
	return s.store.Ent(ctx).Queue.Query().Where(queue.ID(*queueID)).Select(queue.FieldName).String(ctx)
}

// actorName is the present actor's name for a sentence of the log.
func actorName(ctx context.Context) string {
	if name := scope.OriginOf(ctx).Name; name != "" {
		return name
	}
	return "The system"
}

// recordStart says that a conversation began, and in which queue it waits.
func (s *Service) recordStart(ctx context.Context, row *ent.Interaction) error {
	name, err := s.queueName(ctx, row.QueueID)
	if err != nil {
		return err
	}
	text := "Conversation started."
	if name != "" {
		text = "Conversation started in queue " + name + "."
	}
	return s.enter(ctx, row.ID, LogStarted, text, LogDetails{QueueID: row.QueueID})
}

// recordQueued says that a conversation waits in a queue now.
func (s *Service) recordQueued(ctx context.Context, row *ent.Interaction) error {
	name, err := s.queueName(ctx, row.QueueID)
	if err != nil {
		return err
	}
	return s.enter(ctx, row.ID, LogQueued, "Conversation waits in queue "+name+".", LogDetails{QueueID: row.QueueID})
}

// recordClose says that a conversation was closed, by whom, and in which queue.
func (s *Service) recordClose(ctx context.Context, row *ent.Interaction, end ending) error {
	name, err := s.queueName(ctx, row.QueueID)
	if err != nil {
		return err
	}
	text := "Conversation closed"
	switch {
	case end.party == ClosedByCustomer:
		text += " by the customer"
	case end.party == ClosedBySurvey:
		text += " after the survey"
	case end.by != nil:
		text += " by " + actorName(ctx)
	}
	if name != "" {
		text += " in queue " + name
	}
	return s.enter(ctx, row.ID, LogClosed, text+".", LogDetails{QueueID: row.QueueID, FromUserID: row.AssigneeID, To: string(end.party), Comment: end.reason})
}
