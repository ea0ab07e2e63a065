package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// ViewingFor is how long somebody counts as looking at an interaction after he
// has said so.
const ViewingFor = 20 * time.Second

// Look says that the caller looks at an interaction, and whether he writes in
// it, for ViewingFor. It returns who else does. Faults: CodeNotFound.
func (s *Service) Look(ctx context.Context, c Caller, interactionID uuid.UUID, typing bool) ([]Viewer, error) {
	var out []Viewer
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		now := s.store.Now()
		// What he no longer looks at goes with it, so that nobody leaves more
		// rows behind than he has tabs.
		_, err = store.Exec(ctx, `DELETE FROM interaction_viewers WHERE tenant_id = $1 AND user_id = $2 AND expires_at <= $3`,
			of.TenantID, c.UserID, now)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `
			INSERT INTO interaction_viewers (tenant_id, interaction_id, user_id, name, typing, since, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (tenant_id, interaction_id, user_id) DO UPDATE
			SET name = excluded.name, typing = excluded.typing, expires_at = excluded.expires_at`,
			of.TenantID, of.ID, c.UserID, scope.OriginOf(ctx).Name, typing, now, now.Add(ViewingFor))
		if err != nil {
			return err
		}
		out, err = s.viewers(ctx, c, of.ID)
		return err
	})
	return out, err
}

// LookAway says that the caller looks at an interaction no more. Faults:
// CodeNotFound.
func (s *Service) LookAway(ctx context.Context, c Caller, interactionID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `DELETE FROM interaction_viewers WHERE tenant_id = $1 AND interaction_id = $2 AND user_id = $3`,
			of.TenantID, of.ID, c.UserID)
		return err
	})
}

// Viewers returns who else looks at an interaction. Faults: CodeNotFound.
func (s *Service) Viewers(ctx context.Context, c Caller, interactionID uuid.UUID) ([]Viewer, error) {
	var out []Viewer
	err := s.store.Read(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err == nil {
			out, err = s.viewers(ctx, c, of.ID)
		}
		return err
	})
	return out, err
}

func (s *Service) viewers(ctx context.Context, c Caller, interactionID uuid.UUID) (out []Viewer, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT user_id, name, typing, since FROM interaction_viewers
		WHERE tenant_id = $1 AND interaction_id = $2 AND expires_at > $3 AND user_id <> $4
		ORDER BY since, user_id LIMIT $5`, sc.TenantID, interactionID, s.store.Now(), c.UserID, maxViewers)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var v Viewer
		if err := rows.Scan(&v.UserID, &v.Name, &v.Typing, &v.Since); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}

// maxViewers is how many of those who look at an interaction are shown.
const maxViewers = 50
