package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
)

// Wait notes that the customer has to do something first. Faults: CodeNotFound,
// CodeStale, CodeWrongState.
func (s *Service) Wait(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		return s.move(ctx, row, Awaiting, row.Update())
	})
}

// Resume notes that a conversation is worked on again. Faults: CodeNotFound,
// CodeStale, CodeWrongState.
func (s *Service) Resume(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		return s.move(ctx, row, Resumed, row.Update())
	})
}

// Solve notes that all is done: from now on the conversation can only be closed,
// by somebody, or by itself after the time that the tenant has set (decisions
// C-13). Faults: CodeNotFound, CodeStale, CodeWrongState.
func (s *Service) Solve(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		now := s.store.Now()
		// Whoever says that it is done has dealt with it.
		update := unpaused(row.Update()).SetSolvedAt(now).SetManaged(true).SetSubStatus("").ClearWaitingSince()
		if err := s.move(ctx, row, SolvedBy, update); err != nil {
			return err
		}
		if err := s.moved(ctx, row.QueueID, row.AssigneeID); err != nil {
			return err
		}
		settings, err := s.settings(ctx)
		if err != nil || settings.CloseSolvedAfterHours == 0 {
			return err
		}
		return s.setTimer(ctx, row, timerSolved, now.Add(hours(settings.CloseSolvedAfterHours)))
	})
}

func hours(n int) time.Duration { return time.Duration(n) * time.Hour }

// move takes a locked interaction to where an action of somebody's leads, and
// says so in the log and in an event.
func (s *Service) move(ctx context.Context, row *ent.Interaction, action Action, update *ent.InteractionUpdateOne) error {
	next, ok := Next(row.Status, action)
	if !ok {
		return wrongState(row.Status)
	}
	if err := update.SetStatus(next).Exec(ctx); err != nil {
		return err
	}
	// The words of INT-20.
	text := "Ticket status updated from " + named[row.Status] + " to " + named[next]
	if err := s.enter(ctx, row.ID, LogStatus, text, LogDetails{From: string(row.Status), To: string(next)}); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.status_changed", "interaction", row.ID,
		map[string]any{"from": row.Status, "to": next})
}
