package interactions

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/queues"
	"github.com/trellishq/trellis/tenants/scope"
)

// QueueCounts are what lies in a queue in use, and who is there for it.
type QueueCounts struct {
	QueueID uuid.UUID
	Name    string
	OpenNow bool
	// Members are the active users who answer in it.
	Members int
	// Waiting is what nobody has, Assigned what somebody works on. What is solved
	// or closed is neither.
	Waiting, Assigned int
	// OldestWaitingAt is when the conversation began that waits longest; nil where
	// none waits.
	OldestWaitingAt *time.Time
}

// QueueCounts returns the counts of queues in use behind a given id, oldest
// first. They cost what is not closed, not what ever was.
func (s *Service) QueueCounts(ctx context.Context, after uuid.UUID, limit int) ([]QueueCounts, error) {
	var out []QueueCounts
	err := s.store.Read(ctx, func(ctx context.Context) error {
		list, err := s.queues.List(ctx, queues.Filter{}, after, limit)
		if err != nil || len(list) == 0 {
			return err
		}
		at := map[uuid.UUID]*QueueCounts{}
		ids := make([]uuid.UUID, len(list))
		out = make([]QueueCounts, len(list))
		for i, q := range list {
			ids[i], out[i] = q.ID, QueueCounts{QueueID: q.ID, Name: q.Name, OpenNow: q.Opening.Now}
			at[q.ID] = &out[i]
		}
		return countInQueues(ctx, ids, at)
	})
	return out, err
}

// A key that is kept to channels counts what came through these.
const queueCounts = `
	WITH asked AS (SELECT value::uuid AS id FROM jsonb_array_elements_text($2::jsonb)),
	counted AS (
		SELECT i.queue_id, count(*) FILTER (WHERE i.assignee_id IS NULL) AS waiting,
			count(i.assignee_id) AS assigned, min(i.created_at) FILTER (WHERE i.assignee_id IS NULL) AS oldest
		FROM interactions i JOIN asked ON asked.id = i.queue_id
		WHERE i.tenant_id = $1 AND i.status <> 'closed' AND i.status <> 'solved'
			AND ($3::jsonb IS NULL OR i.channel_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb)))
		GROUP BY i.queue_id
	),
	people AS (
		SELECT m.queue_id, count(*) AS members
		FROM queue_members m JOIN asked ON asked.id = m.queue_id
			JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id AND u.status = 'active'
		WHERE m.tenant_id = $1 GROUP BY m.queue_id
	)
	SELECT asked.id, coalesce(counted.waiting, 0), coalesce(counted.assigned, 0), counted.oldest, coalesce(people.members, 0)
	FROM asked LEFT JOIN counted ON counted.queue_id = asked.id LEFT JOIN people ON people.queue_id = asked.id`

func countInQueues(ctx context.Context, ids []uuid.UUID, at map[uuid.UUID]*QueueCounts) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	var channels *string
	if only := scope.Channels(ctx); len(only) > 0 {
		encoded, err := json.Marshal(only)
		if err != nil {
			return err
		}
		text := string(encoded)
		channels = &text
	}
	rows, err := store.Query(ctx, queueCounts, sc.TenantID, string(list), channels)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			queueID uuid.UUID
			c       QueueCounts
		)
		if err := rows.Scan(&queueID, &c.Waiting, &c.Assigned, &c.OldestWaitingAt, &c.Members); err != nil {
			return err
		}
		row := at[queueID]
		row.Waiting, row.Assigned, row.OldestWaitingAt, row.Members = c.Waiting, c.Assigned, c.OldestWaitingAt, c.Members
	}
	return rows.Err()
}

// ScreenPop is the address that is opened where an interaction is that came
// through a queue with one (QUE-37); empty for none. Faults: CodeNotFound.
func (s *Service) ScreenPop(ctx context.Context, c Caller, interactionID uuid.UUID) (string, error) {
	var out string
	err := s.store.Read(ctx, func(ctx context.Context) error {
		i, err := s.Get(ctx, c, interactionID)
		if err != nil || i.QueueID == nil {
			return err
		}
		from, err := s.queues.Get(ctx, *i.QueueID)
		if err != nil || from.ScreenPopURL == "" {
			return err
		}
		out = queues.ScreenPop(from.ScreenPopURL, map[string]string{
			"interaction_id": i.ID.String(), "contact_id": i.ContactID.String(), "address": i.Address,
			"channel_id": i.ChannelID.String(), "queue_id": from.ID.String(),
		})
		return nil
	})
	return out, err
}
