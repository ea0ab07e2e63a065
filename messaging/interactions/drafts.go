package interactions

import (
	"context"
	"database/sql"
	"errors"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// SavedDraft is what somebody has begun to write in an interaction. It is his
// alone.
type SavedDraft struct {
	InteractionID uuid.UUID
	Version       int64
	Body          string
	CreatedAt     time.Time
	UpdatedAt     time.Time
}

// Draft returns the caller's draft in an interaction. Faults: CodeNotFound, also
// where he has none.
func (s *Service) Draft(ctx context.Context, c Caller, interactionID uuid.UUID) (SavedDraft, error) {
	var out SavedDraft
	err := s.store.Read(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		found, err := draftsOf(ctx, c, []uuid.UUID{of.ID})
		if err == nil && len(found) == 0 {
			err = fault.Missing("draft")
		}
		if err == nil {
			out = found[interactionID]
		}
		return err
	})
	return out, err
}

// Drafts returns the caller's drafts in interactions that he sees, behind a given
// interaction, the conversation that began last first.
func (s *Service) Drafts(ctx context.Context, c Caller, after uuid.UUID, limit int) ([]SavedDraft, error) {
	var out []SavedDraft
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q, err := s.visible(ctx, c)
		if err != nil {
			return err
		}
		q.Where(withDraftOf(c.UserID))
		if after != uuid.Nil {
			q.Where(interaction.IDLT(after))
		}
		ids, err := q.Order(ent.Desc(interaction.FieldID)).Limit(limit).IDs(ctx)
		if err != nil {
			return err
		}
		found, err := draftsOf(ctx, c, ids)
		for _, interactionID := range ids {
			out = append(out, found[interactionID])
		}
		return err
	})
	return out, err
}

// withDraftOf keeps to interactions in which somebody has a draft.
func withDraftOf(userID uuid.UUID) predicate.Interaction {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM interaction_drafts d WHERE d.tenant_id = " + s.C(interaction.FieldTenantID) +
				" AND d.interaction_id = " + s.C(interaction.FieldID) + " AND d.user_id = ").Arg(userID).WriteString(")")
		}))
	}
}

// draftsOf reads the caller's drafts, by interaction.
func draftsOf(ctx context.Context, c Caller, interactionIDs []uuid.UUID) (map[uuid.UUID]SavedDraft, error) {
	out := map[uuid.UUID]SavedDraft{}
	sc, err := scope.From(ctx)
	if err != nil || len(interactionIDs) == 0 {
		return out, err
	}
	args, err := lists(interactionIDs)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT interaction_id, version, body, created_at, updated_at FROM interaction_drafts
		WHERE tenant_id = $1 AND user_id = $2 AND interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`,
		sc.TenantID, c.UserID, args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var d SavedDraft
		if err := rows.Scan(&d.InteractionID, &d.Version, &d.Body, &d.CreatedAt, &d.UpdatedAt); err != nil {
			return nil, err
		}
		out[d.InteractionID] = d
	}
	return out, rows.Err()
}

// SaveDraft keeps what the caller has begun to write, in place of what he kept
// before. Its version passes the check, or is 0 where there is none. Faults: those
// of the check, CodeNotFound.
func (s *Service) SaveDraft(ctx context.Context, c Caller, interactionID uuid.UUID, body string, check func(version int64) error) (SavedDraft, error) {
	out := SavedDraft{InteractionID: interactionID, Body: clean(body)}
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if err := checkDraftVersion(ctx, of, c, check); err != nil {
			return err
		}
		// A draft that is thrown away and begun anew must not have a version that
		// a client remembers of the old one: the first is the time.
		now := s.store.Now()
		return store.QueryRow(ctx, []any{&out.Version, &out.CreatedAt, &out.UpdatedAt}, `
			INSERT INTO interaction_drafts AS d (tenant_id, user_id, interaction_id, body, version, created_at, updated_at)
			VALUES ($1, $2, $3, $4, $5, $6, $6)
			ON CONFLICT (tenant_id, user_id, interaction_id) DO UPDATE
			SET body = excluded.body, version = d.version + 1, updated_at = excluded.updated_at
			RETURNING version, created_at, updated_at`, of.TenantID, c.UserID, of.ID, out.Body, now.UnixMicro(), now)
	})
	return out, err
}

// checkDraftVersion locks the caller's draft, if he has one, and checks its
// version.
func checkDraftVersion(ctx context.Context, of *ent.Interaction, c Caller, check func(version int64) error) error {
	var version int64
	err := store.QueryRow(ctx, []any{&version}, `
		SELECT version FROM interaction_drafts WHERE tenant_id = $1 AND user_id = $2 AND interaction_id = $3 FOR UPDATE`,
		of.TenantID, c.UserID, of.ID)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	return check(version)
}

// DropDraft throws the caller's draft away; where he has none, nothing happens.
// Faults: those of the check, CodeNotFound for the interaction.
func (s *Service) DropDraft(ctx context.Context, c Caller, interactionID uuid.UUID, check func(version int64) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if err := checkDraftVersion(ctx, of, c, check); err != nil {
			return err
		}
		return dropDraft(ctx, of, c.UserID)
	})
}

func dropDraft(ctx context.Context, of *ent.Interaction, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `DELETE FROM interaction_drafts WHERE tenant_id = $1 AND user_id = $2 AND interaction_id = $3`,
		of.TenantID, userID, of.ID)
	return err
}
