package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Tally is how many interactions of a kind are not closed, and how many of them
// wait for somebody to read or to answer them.
type Tally struct{ Active, Unseen, NeedsReply int }

func (t *Tally) add(n int, unseen, needsReply bool) {
	t.Active += n
	if unseen {
		t.Unseen += n
	}
	if needsReply {
		t.NeedsReply += n
	}
}

// QueueTally is what a queue holds, as far as the caller sees it.
type QueueTally struct {
	QueueID uuid.UUID
	Name    string
	// All is what came into the queue, Unassigned what of it nobody has.
	All, Unassigned Tally
}

// Counters are the numbers beside the views of the inbox. They are exact, and
// cost the same however many interactions there are.
type Counters struct {
	// All is what the caller sees, Mine what is assigned to him, Unassigned what
	// nobody has.
	All, Mine, Unassigned Tally
	// ByStatus counts what the caller sees; ClosedToday what of it was closed
	// since midnight where the tenant is.
	ByStatus    map[Status]int
	ClosedToday int
	// Missed is what the caller sees of what was closed and never dealt with.
	Missed int
	// Queues are those in use that the caller sees.
	Queues []QueueTally
}

// Counters counts what the caller sees.
func (s *Service) Counters(ctx context.Context, c Caller) (Counters, error) {
	out := Counters{ByStatus: map[Status]int{}}
	err := s.store.Read(ctx, func(ctx context.Context) error {
		r, err := s.reach(ctx, c)
		if err != nil {
			return err
		}
		if err := out.readQueues(ctx, r); err != nil {
			return err
		}
		if err := out.readCounts(ctx, c, r); err != nil {
			return err
		}
		if !r.all {
			closed, missed, err := tookPartIn(ctx, r)
			if err != nil {
				return err
			}
			out.ByStatus[Closed] += closed
			out.Missed += missed
		}
		out.ClosedToday, err = s.closedToday(ctx, r)
		return err
	})
	return out, err
}

// readQueues lists the queues, so that an empty one has its zero.
func (out *Counters) readQueues(ctx context.Context, r reach) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	rows, err := store.Query(ctx, `
		SELECT id, name FROM queues WHERE tenant_id = $1 AND archived_at IS NULL AND ($2 OR id = ANY ($3::uuid[])) ORDER BY id`,
		sc.TenantID, r.all, idArray(r.queues))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var q QueueTally
		if err := rows.Scan(&q.QueueID, &q.Name); err != nil {
			return err
		}
		out.Queues = append(out.Queues, q)
	}
	return rows.Err()
}

// readCounts sums the rows that the trigger h_count_interactions keeps.
func (out *Counters) readCounts(ctx context.Context, c Caller, r reach) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	channels := scope.Channels(ctx)
	rows, err := store.Query(ctx, `
		SELECT assignee_id, queue_id, status, unseen, needs_reply, missed, sum(n)
		FROM interaction_counts
		WHERE tenant_id = $1 AND ($2 OR assignee_id = $3 OR assignee_id = $4 AND queue_id = ANY ($5::uuid[]) AND status <> 'closed')
		  AND ($6 OR channel_id = ANY ($7::uuid[]))
		GROUP BY 1, 2, 3, 4, 5, 6`,
		sc.TenantID, r.all, r.userID, uuid.Nil, idArray(r.queues), len(channels) == 0, idArray(channels))
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	place := make(map[uuid.UUID]*QueueTally, len(out.Queues))
	for n := range out.Queues {
		place[out.Queues[n].QueueID] = &out.Queues[n]
	}
	for rows.Next() {
		var k sortOf
		if err := rows.Scan(&k.assignee, &k.queue, &k.status, &k.unseen, &k.needsReply, &k.missed, &k.n); err != nil {
			return err
		}
		out.take(k, c, place[k.queue])
	}
	return rows.Err()
}

// sortOf is a sort of interactions, and how many there are.
type sortOf struct {
	assignee, queue            uuid.UUID // nil for none
	status                     Status
	unseen, needsReply, missed bool
	n                          int
}

func (out *Counters) take(k sortOf, c Caller, queue *QueueTally) {
	out.ByStatus[k.status] += k.n
	if k.missed {
		out.Missed += k.n
	}
	if k.status == Closed {
		return
	}
	tallies := []*Tally{&out.All}
	if queue != nil {
		tallies = append(tallies, &queue.All)
	}
	switch k.assignee {
	case uuid.Nil:
		tallies = append(tallies, &out.Unassigned)
		if queue != nil {
			tallies = append(tallies, &queue.Unassigned)
		}
	case c.UserID:
		tallies = append(tallies, &out.Mine)
	}
	for _, t := range tallies {
		t.add(k.n, k.unseen, k.needsReply)
	}
}

// tookPartIn counts the closed conversations of others that somebody has had,
// and what of them was missed.
// It costs what he has passed on, not what the tenant has.
func tookPartIn(ctx context.Context, r reach) (closed, missed int, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return 0, 0, err
	}
	channels := scope.Channels(ctx)
	err = store.QueryRow(ctx, []any{&closed, &missed}, `
		SELECT count(*), count(*) FILTER (WHERE NOT i.managed) FROM interaction_participants p
		JOIN interactions i ON i.tenant_id = p.tenant_id AND i.id = p.interaction_id
		WHERE p.tenant_id = $1 AND p.user_id = $2 AND i.status = 'closed' AND i.assignee_id IS DISTINCT FROM $2
		  AND ($3 OR i.channel_id = ANY ($4::uuid[]))`,
		sc.TenantID, r.userID, len(channels) == 0, idArray(channels))
	return closed, missed, err
}

// closedToday counts by an index of its own, which reads what one day closed.
func (s *Service) closedToday(ctx context.Context, r reach) (n int, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return 0, err
	}
	midnight, err := s.midnight(ctx, sc.TenantID)
	if err != nil {
		return 0, err
	}
	channels := scope.Channels(ctx)
	err = store.QueryRow(ctx, []any{&n}, `
		SELECT count(*) FROM interactions i
		WHERE tenant_id = $1 AND status = 'closed' AND closed_at >= $2
		  AND ($3 OR assignee_id = $4 OR EXISTS (SELECT FROM interaction_participants p
			WHERE p.tenant_id = i.tenant_id AND p.user_id = $4 AND p.interaction_id = i.id))
		  AND ($5 OR channel_id = ANY ($6::uuid[]))`,
		sc.TenantID, midnight, r.all, r.userID, len(channels) == 0, idArray(channels))
	return n, err
}

// midnight is when the present day began where the tenant is.
func (s *Service) midnight(ctx context.Context, tenantID uuid.UUID) (time.Time, error) {
	var name string
	if err := store.QueryRow(ctx, []any{&name}, `SELECT time_zone FROM tenants WHERE id = $1`, tenantID); err != nil {
		return time.Time{}, err
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		zone = time.UTC // a name of a time zone database that is newer than ours
	}
	year, month, day := s.store.Now().In(zone).Date()
	return time.Date(year, month, day, 0, 0, 0, 0, zone), nil
}
