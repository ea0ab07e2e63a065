package interactions

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
)

// Expectation is what a caller believes of an interaction when he acts on it.
// Empty fields believe nothing.
type Expectation struct {
	Status Status
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
	return nil
}

// act changes one interaction in a transaction and returns it as it then is.
func (s *Service) act(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation, change func(context.Context, *ent.Interaction) error) (Interaction, error) {
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

// Assign gives an interaction to an active user of the tenant. Faults:
// CodeNotFound, CodeStale, CodeWrongState for a closed one.
func (s *Service) Assign(ctx context.Context, c Caller, interactionID, userID uuid.UUID, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if row.Status == Closed || row.Status == Solved {
			return wrongState(row.Status)
		}
		known, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID), user.StatusEQ(user.StatusActive)).Exist(ctx)
		if err != nil {
			return err
		}
		if !known {
			return fault.InvalidField(fault.CodeNotFound, "body.user_id", "is no active user of this tenant", userID.String())
		}
		how := ByAssignment
		if userID == c.UserID {
			how = BySelf
		}
		_, err = s.give(ctx, row, &userID, how, "")
		return err
	})
}

// Close ends an interaction: it leaves the messages view and stays in the
// history. What the customer writes later begins a new one. Faults:
// CodeNotFound, CodeStale, CodeWrongState for a closed one.
func (s *Service) Close(ctx context.Context, c Caller, interactionID uuid.UUID, reason string, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		return s.close(ctx, row, &c.UserID, reason)
	})
}

// close ends a locked interaction; by is nil where the system does it.
func (s *Service) close(ctx context.Context, row *ent.Interaction, by *uuid.UUID, reason string) error {
	next, ok := Next(row.Status, ClosedBy)
	if !ok {
		return wrongState(row.Status)
	}
	err := row.Update().SetStatus(next).SetClosedAt(s.store.Now()).SetNillableClosedByID(by).SetCloseReason(reason).Exec(ctx)
	if err != nil {
		return err
	}
	if err := s.recordClose(ctx, row, by != nil, reason); err != nil {
		return err
	}
	if err := s.moved(ctx, row.QueueID, row.AssigneeID); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.closed", "interaction", row.ID, map[string]any{"reason": reason})
}
