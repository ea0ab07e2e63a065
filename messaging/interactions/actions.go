package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Expectation is what a caller believes of an interaction when he acts on it.
// Empty fields believe nothing.
type Expectation struct {
	Status Status
	// Assignee is who has it, uuid.Nil for nobody.
	Assignee *uuid.UUID
	// Check is asked about the version; nil passes every one.
	Check func(version int64) error
}

func (e Expectation) check(row *ent.Interaction) error {
	if e.Check != nil {
		if err := e.Check(int64(row.Version)); err != nil {
			return err
		}
	}
	if e.Status != "" && e.Status != row.Status {
		return wrongState(row.Status)
	}
	if e.Assignee != nil && *e.Assignee != holder(row) {
		return wrongAssignee(row)
	}
	return nil
}

// act is do for what agents and users do with their own alone (decisions C-07).
func (s *Service) act(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation, change func(context.Context, *ent.Interaction) error) (Interaction, error) {
	return s.do(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if err := c.has(row); err != nil {
			return err
		}
		return change(ctx, row)
	})
}

// do changes one interaction in a transaction and returns it as it then is. If
// anything has changed, it is noted who did it (INT-43).
func (s *Service) do(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation, change func(context.Context, *ent.Interaction) error) (Interaction, error) {
	return s.touch(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if err := change(ctx, row); err != nil {
			return err
		}
		return s.changedBy(ctx, row)
	})
}

// changedBy notes the present actor as the one who changed an interaction last,
// if its row is not any more what it was. It is no change of its own.
func (s *Service) changedBy(ctx context.Context, before *ent.Interaction) error {
	sc, err := scope.From(ctx)
	if err != nil || sc.Actor.ID == uuid.Nil {
		return err
	}
	_, err = store.Exec(ctx, `UPDATE interactions SET changed_by_id = $1
		WHERE tenant_id = $2 AND id = $3 AND version <> $4 AND changed_by_id IS DISTINCT FROM $1`,
		sc.Actor.ID, sc.TenantID, before.ID, before.Version)
	return err
}

// touch is do for what is no change of the conversation itself, as reading it.
func (s *Service) touch(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation, change func(context.Context, *ent.Interaction) error) (Interaction, error) {
	var out Interaction
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, c, interactionID)
		if err != nil {
			return err
		}
		if err := e.check(row); err != nil {
			return err
		}
		if err := change(ctx, row); err != nil {
			return err
		}
		row, err = s.store.Ent(ctx).Interaction.Get(ctx, interactionID)
		if err == nil {
			out, err = s.shown(ctx, c, row)
		}
		return err
	})
	return out, err
}
