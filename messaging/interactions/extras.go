package interactions

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Extras is what an interaction is shown with beside its own row.
type Extras struct {
	Tags []Tag
	// Disposition is what it came to; nil until somebody said so.
	Disposition *Disposed
	// Viewers are who looks at it now, without the caller.
	Viewers []Viewer
	// Unread counts the customer's messages that the caller has not read.
	Unread int
	// Unmanaged counts the contact's other interactions, as far as the caller
	// sees them, that wait for an agent and that nobody has (JRN-15).
	Unmanaged int
}

// Disposed is what an interaction came to.
type Disposed struct {
	DispositionID uuid.UUID  `json:"disposition_id"`
	Name          string     `json:"name"`
	Color         string     `json:"color"`
	Note          string     `json:"note"`
	ActorID       *uuid.UUID `json:"actor_id"`
	CreatedAt     time.Time  `json:"created_at"`
}

// Viewer is somebody who looks at an interaction.
type Viewer struct {
	UserID uuid.UUID `json:"user_id"`
	Name   string    `json:"name"`
	// Typing tells that he writes an answer.
	Typing bool      `json:"typing"`
	Since  time.Time `json:"since"`
}

// withExtras adds to a page of interactions what the caller is shown beside
// their rows: in a few statements, however long the page is.
func (s *Service) withExtras(ctx context.Context, c Caller, page []Interaction) error {
	if len(page) == 0 {
		return nil
	}
	byID := map[uuid.UUID]*Interaction{}
	ids := make([]uuid.UUID, len(page))
	for i := range page {
		ids[i], byID[page[i].ID] = page[i].ID, &page[i]
	}
	if err := s.readExtras(ctx, c, ids, byID); err != nil {
		return err
	}
	return s.countUnmanaged(ctx, c, page)
}

const selectExtras = `
	SELECT p.value::uuid,
		(SELECT jsonb_agg(jsonb_build_object('id', t.id, 'name', t.name, 'color', t.color) ORDER BY lower(t.name), t.id)
			FROM interaction_tags it JOIN tags t ON t.tenant_id = it.tenant_id AND t.id = it.tag_id
			WHERE it.tenant_id = $1 AND it.interaction_id = p.value::uuid),
		(SELECT jsonb_build_object('disposition_id', d.disposition_id, 'name', d.name, 'color', of.color, 'note', d.note,
				'actor_id', d.actor_id, 'created_at', d.created_at)
			FROM interaction_dispositions d JOIN dispositions of ON of.tenant_id = d.tenant_id AND of.id = d.disposition_id
			JOIN interactions i ON i.tenant_id = d.tenant_id AND i.id = d.interaction_id AND i.reopened_at IS NOT DISTINCT FROM d.reopened_at
			WHERE d.tenant_id = $1 AND d.interaction_id = p.value::uuid),
		(SELECT jsonb_agg(jsonb_build_object('user_id', v.user_id, 'name', v.name, 'typing', v.typing, 'since', v.since) ORDER BY v.since, v.user_id)
			FROM (SELECT * FROM interaction_viewers w
				WHERE w.tenant_id = $1 AND w.interaction_id = p.value::uuid AND w.expires_at > $3 AND w.user_id <> $4
				ORDER BY w.since, w.user_id LIMIT $5) v),
		coalesce((SELECT r.inbound FROM interaction_reads r
			WHERE r.tenant_id = $1 AND r.interaction_id = p.value::uuid AND r.user_id = $4), 0)
	FROM jsonb_array_elements_text($2::jsonb) p`

func (s *Service) readExtras(ctx context.Context, c Caller, ids []uuid.UUID, byID map[uuid.UUID]*Interaction) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	args, err := lists(ids)
	if err != nil {
		return err
	}
	rows, err := store.Query(ctx, selectExtras, sc.TenantID, args[0], s.store.Now(), c.UserID, maxViewers)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			interactionID              uuid.UUID
			tags, disposition, viewers []byte
			read                       int
		)
		if err := rows.Scan(&interactionID, &tags, &disposition, &viewers, &read); err != nil {
			return err
		}
		row := byID[interactionID]
		row.Unread = max(0, row.inbound-read)
		for text, to := range map[*[]byte]any{&tags: &row.Tags, &disposition: &row.Disposition, &viewers: &row.Viewers} {
			if len(*text) == 0 {
				continue
			}
			if err := json.Unmarshal(*text, to); err != nil {
				return fmt.Errorf("interactions: what belongs to %s: %w", interactionID, err)
			}
		}
	}
	return rows.Err()
}

// literally is a condition with its value in the statement: by a parameter the
// planner does not find the partial indexes behind the badges.
func literally(column, condition string) predicate.Interaction {
	return func(s *entsql.Selector) { s.Where(entsql.ExprP(s.C(column) + " " + condition)) }
}

// countUnmanaged counts what waits of the contacts of a page.
func (s *Service) countUnmanaged(ctx context.Context, c Caller, page []Interaction) error {
	contactIDs := make([]uuid.UUID, 0, len(page))
	for _, row := range page {
		contactIDs = append(contactIDs, row.ContactID)
	}
	q, err := s.visible(ctx, c)
	if err != nil {
		return err
	}
	var counts []struct {
		ContactID uuid.UUID `json:"contact_id"`
		Count     int       `json:"count"`
	}
	q.Where(interaction.ContactIDIn(contactIDs...), interaction.AssigneeIDIsNil(), literally(interaction.FieldStatus, "= 'waiting_agent'"))
	// Who has just passed an interaction on sees it once more, and counts it not.
	counted, err := amongThem(ctx, q.Clone(), page)
	if err != nil {
		return err
	}
	err = q.GroupBy(interaction.FieldContactID).Aggregate(ent.Count()).Scan(ctx, &counts)
	if err != nil {
		return err
	}
	waiting := map[uuid.UUID]int{}
	for _, n := range counts {
		waiting[n.ContactID] = n.Count
	}
	for i, row := range page {
		page[i].Unmanaged = waiting[row.ContactID]
		if counted[row.ID] {
			page[i].Unmanaged-- // itself
		}
	}
	return nil
}

// amongThem tells which interactions of a page a query finds.
func amongThem(ctx context.Context, q *ent.InteractionQuery, page []Interaction) (map[uuid.UUID]bool, error) {
	var ids []uuid.UUID
	for _, row := range page {
		if row.AssigneeID == nil && row.Status == WaitingAgent {
			ids = append(ids, row.ID)
		}
	}
	out := map[uuid.UUID]bool{}
	if len(ids) == 0 {
		return out, nil
	}
	found, err := q.Where(interaction.IDIn(ids...)).IDs(ctx)
	for _, interactionID := range found {
		out[interactionID] = true
	}
	return out, err
}
