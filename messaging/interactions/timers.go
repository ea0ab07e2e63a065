package interactions

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// The kinds of timers: what is looked at when the time has come.
const (
	// timerPause: a pause ends.
	timerPause = "pause"
	// timerSolved: a solved interaction is closed.
	timerSolved = "solved"
	// timerWaiting: the customer has waited for long.
	timerWaiting = "waiting"
)

// autoClosedReason is why the program closes what was solved.
const autoClosedReason = "solved"

// setTimer makes a timer of an interaction due at a time, instead of whatever
// time it had. Timers are never taken back: when one is due, the interaction
// tells whether there is something to do.
func (s *Service) setTimer(ctx context.Context, row *ent.Interaction, kind string, at time.Time) error {
	_, err := store.Exec(ctx, `
		INSERT INTO interaction_timers (id, tenant_id, interaction_id, kind, due_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (tenant_id, interaction_id, kind) DO UPDATE SET due_at = EXCLUDED.due_at`,
		id.New(), row.TenantID, row.ID, kind, at, s.store.Now())
	return err
}

// HandleTimer does what a timer of an interaction was set for, if there is still
// something to do, under the scope of its tenant.
func (s *Service) HandleTimer(ctx context.Context, timerID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		var (
			interactionID uuid.UUID
			kind          string
		)
		err := store.QueryRow(ctx, []any{&interactionID, &kind},
			`SELECT interaction_id, kind FROM interaction_timers WHERE id = $1`, timerID)
		if store.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Interaction.Query().Where(interaction.ID(interactionID)).ForUpdate().Only(ctx)
		if err != nil {
			return err
		}
		again, err := s.ring(ctx, row, kind)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `UPDATE interaction_timers SET due_at = $1 WHERE tenant_id = $2 AND id = $3`, again, row.TenantID, timerID)
		return err
	})
}

// ring does what a timer is for and returns when it is to ring again; nil for
// never.
func (s *Service) ring(ctx context.Context, row *ent.Interaction, kind string) (*time.Time, error) {
	switch kind {
	case timerPause:
		return s.endPause(ctx, row)
	case timerSolved:
		return s.closeSolved(ctx, row)
	case timerWaiting:
		return s.warnOfWaiting(ctx, row)
	}
	return nil, nil
}

// endPause ends a pause whose time has come.
func (s *Service) endPause(ctx context.Context, row *ent.Interaction) (*time.Time, error) {
	if row.PausedUntil == nil {
		return nil, nil
	}
	if row.PausedUntil.After(s.store.Now()) {
		return row.PausedUntil, nil
	}
	if err := unpaused(row.Update()).Exec(ctx); err != nil {
		return nil, err
	}
	return nil, s.recordUnpause(ctx, row, "by_time", "Pause ended, because its time has come.")
}

// closeSolved closes what was solved long enough ago, by the tenant's settings
// as they are now.
func (s *Service) closeSolved(ctx context.Context, row *ent.Interaction) (*time.Time, error) {
	if row.Status != Solved || row.SolvedAt == nil {
		return nil, nil
	}
	settings, err := s.settings(ctx)
	if err != nil || settings.CloseSolvedAfterHours == 0 {
		return nil, err
	}
	due := row.SolvedAt.Add(hours(settings.CloseSolvedAfterHours))
	if due.After(s.store.Now()) {
		return &due, nil
	}
	return nil, s.close(ctx, row, bySystem(autoClosedReason))
}

// warnOfWaiting says that a customer has waited for long (INT-04). The event is
// what notifications are made of.
func (s *Service) warnOfWaiting(ctx context.Context, row *ent.Interaction) (*time.Time, error) {
	if row.WaitingSince == nil || row.Status == Solved || row.Status == Closed {
		return nil, nil
	}
	settings, err := s.settings(ctx)
	if err != nil || settings.WaitingAlertMinutes == 0 {
		return nil, err
	}
	due := row.WaitingSince.Add(time.Duration(settings.WaitingAlertMinutes) * time.Minute)
	if due.After(s.store.Now()) {
		return &due, nil
	}
	if err := s.enter(ctx, row.ID, LogWaitingLong, fmt.Sprintf("The customer has been waiting for an answer for %d minutes.",
		settings.WaitingAlertMinutes), LogDetails{QueueID: row.QueueID, UserID: row.AssigneeID}); err != nil {
		return nil, err
	}
	return nil, s.events.Publish(ctx, "interaction.waiting_long", "interaction", row.ID, map[string]any{
		"waiting_since": row.WaitingSince, "assignee_id": row.AssigneeID, "queue_id": row.QueueID,
	})
}
