package interactions

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// reach is what a caller sees, in parts that have no row in common. It says the
// same as visible, for statements that want each part from an index of its own.
type reach struct {
	// all is set for who sees everything; the rest says nothing then.
	all    bool
	userID uuid.UUID
	queues []uuid.UUID
}

// maxBranches bounds the parts that a list is merged from; beyond it the queues
// are one part together, which has to be sorted.
const maxBranches = 16

// reach tells what the caller sees.
func (s *Service) reach(ctx context.Context, c Caller) (reach, error) {
	if !c.OwnOnly {
		return reach{all: true}, nil
	}
	queues, err := queuesOf(ctx, c.UserID)
	return reach{userID: c.UserID, queues: queues}, err
}

// queuesOf are the queues in which a user answers.
func queuesOf(ctx context.Context, userID uuid.UUID) ([]uuid.UUID, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	return store.IDs(ctx, `SELECT queue_id FROM queue_members WHERE tenant_id = $1 AND user_id = $2`, sc.TenantID, userID)
}

// conditions are the parts, each for a row of interactions called i. Who sees
// everything and asks for some queues, channels or statuses gets a part for each.
func (r reach) conditions(q *statement, f Filter) []string {
	if r.all {
		switch {
		case len(f.QueueIDs) > 0:
			return each(q, "i.queue_id", f.QueueIDs, "")
		case len(f.ChannelIDs) > 0:
			return each(q, "i.channel_id", f.ChannelIDs, "")
		case len(f.Statuses) > 0:
			return ranks(f.Statuses)
		}
		return []string{"true"}
	}
	me := q.bind(r.userID)
	out := []string{"i.assignee_id = " + me}
	// What waits is not closed; of what is closed there is what he took part in.
	over := f.View == ClosedView || f.View == MissedView
	switch {
	case f.View == AllView:
		out = append(out, each(q, "i.queue_id", r.queues, " AND i.assignee_id IS NULL AND i.status <> 'closed'")...)
	case !over:
		out = append(out, each(q, "i.queue_id", r.queues, " AND i.assignee_id IS NULL")...)
	}
	if over || f.View == AllView {
		out = append(out, "i.status = 'closed' AND i.assignee_id IS DISTINCT FROM "+me+
			" AND EXISTS (SELECT FROM interaction_participants p WHERE p.tenant_id = i.tenant_id AND p.user_id = "+me+" AND p.interaction_id = i.id)")
	}
	return out
}

// each is a condition for every id, or one for all where they are too many.
func each(q *statement, column string, ids []uuid.UUID, also string) []string {
	ids = distinct(ids)
	if len(ids) > maxBranches {
		return []string{q.in(column, ids) + also}
	}
	out := make([]string, len(ids))
	for n, id := range ids {
		out[n] = column + " = " + q.bind(id) + also
	}
	return out
}

func ranks(statuses []Status) []string {
	var out []string
	for n, status := range Statuses() {
		if slices.Contains(statuses, status) {
			out = append(out, fmt.Sprintf("%s = %d", statusRank, n+1))
		}
	}
	return out
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	seen := map[uuid.UUID]bool{}
	var out []uuid.UUID
	for _, id := range ids {
		if !seen[id] {
			seen[id] = true
			out = append(out, id)
		}
	}
	return out
}
