package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
)

// maxPause is the longest pause that has an end.
const maxPause = 366 * 24 * time.Hour

// NewPause is how a conversation is laid aside.
type NewPause struct {
	// Reason is a key of the tenant's list; empty for the first of them.
	Reason string
	Note   string
	// Until ends the pause; nil for one that somebody has to end, or the
	// customer's next message where the reason says so.
	Until *time.Time
}

// Pause lays a conversation aside. It stays whose it is, and what the customer
// writes is received. One that is paused gets the new reason and end. Faults:
// CodeNotFound, CodeStale, CodeWrongState, CodeInvalid.
func (s *Service) Pause(ctx context.Context, c Caller, interactionID uuid.UUID, p NewPause, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		next, ok := Next(row.Status, PausedBy)
		if !ok {
			return wrongState(row.Status)
		}
		now := s.store.Now()
		if p.Until != nil && (!p.Until.After(now) || p.Until.Sub(now) > maxPause) {
			return fault.InvalidField(fault.CodeInvalid, "body.until", "must be in the future, and within a year",
				p.Until.Format(time.RFC3339))
		}
		settings, err := s.settings(ctx)
		if err != nil {
			return err
		}
		reason, err := settings.pauseReason(p.Reason)
		if err != nil {
			return err
		}
		update := row.Update().SetStatus(next).SetPausedAt(now).
			SetPauseReason(reason.Key).SetPauseNote(p.Note).SetPauseEndsWithMessage(reason.EndsWithMessage)
		if p.Until == nil {
			update.ClearPausedUntil()
		} else {
			update.SetPausedUntil(*p.Until)
		}
		if err := update.Exec(ctx); err != nil {
			return err
		}
		if p.Until != nil {
			if err := s.setTimer(ctx, row, timerPause, *p.Until); err != nil {
				return err
			}
		}
		// What lies aside is no load: its assignee may get something else.
		if err := s.moved(ctx, nil, row.AssigneeID); err != nil {
			return err
		}
		return s.recordPause(ctx, row, reason, p)
	})
}

func (s *Service) recordPause(ctx context.Context, row *ent.Interaction, reason PauseReason, p NewPause) error {
	text := "Conversation paused by " + actorName(ctx) + ": " + reason.Name + "."
	details := LogDetails{To: reason.Key, Comment: p.Note, Until: p.Until}
	if err := s.enter(ctx, row.ID, LogPaused, text, details); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.paused", "interaction", row.ID,
		map[string]any{"reason": reason.Key, "until": p.Until})
}

// Unpause ends a pause. Faults: CodeNotFound, CodeStale, CodeWrongState for one
// that is not paused.
func (s *Service) Unpause(ctx context.Context, c Caller, interactionID uuid.UUID, e Expectation) (Interaction, error) {
	return s.act(ctx, c, interactionID, e, func(ctx context.Context, row *ent.Interaction) error {
		if _, ok := Next(row.Status, UnpausedBy); !ok {
			return wrongState(row.Status)
		}
		if row.PausedAt == nil {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The conversation is not paused.").Showing("not_paused")
		}
		if err := unpaused(row.Update()).Exec(ctx); err != nil {
			return err
		}
		return s.recordUnpause(ctx, row, "by_user", "Pause ended by "+actorName(ctx)+".")
	})
}

// unpaused takes everything about a pause out of an interaction.
func unpaused(u *ent.InteractionUpdateOne) *ent.InteractionUpdateOne {
	return u.ClearPausedAt().ClearPausedUntil().SetPauseReason("").SetPauseNote("").SetPauseEndsWithMessage(false)
}

func (s *Service) recordUnpause(ctx context.Context, row *ent.Interaction, how, text string) error {
	// It may go to somebody again.
	if err := s.moved(ctx, row.QueueID, nil); err != nil {
		return err
	}
	if err := s.enter(ctx, row.ID, LogUnpaused, text, LogDetails{From: row.PauseReason}); err != nil {
		return err
	}
	return s.events.Publish(ctx, "interaction.unpaused", "interaction", row.ID, map[string]any{"how": how})
}
