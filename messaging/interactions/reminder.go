package interactions

import (
	"context"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/reminder"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// ReminderStatus is how far a reminder has come.
type ReminderStatus = reminder.Status

// The statuses of a reminder.
const (
	ReminderPending = reminder.StatusPending
	ReminderDue     = reminder.StatusDue
	ReminderDone    = reminder.StatusDone
)

// ReminderStatuses lists all statuses of a reminder.
func ReminderStatuses() []ReminderStatus {
	return []ReminderStatus{ReminderPending, ReminderDue, ReminderDone}
}

// ReminderAction is what moves a reminder.
type ReminderAction string

// The actions.
const (
	// Fire: its time has come, or the customer has written where it snoozes.
	Fire ReminderAction = "fire"
	// Move: another time is chosen.
	Move ReminderAction = "move"
	// Finish: the user has done what it is about, or needs it no more.
	Finish ReminderAction = "finish"
)

// ReminderActions lists all actions.
func ReminderActions() []ReminderAction { return []ReminderAction{Fire, Move, Finish} }

// reminders says where an action leads; what is not there is refused.
var reminders = map[ReminderAction]map[ReminderStatus]ReminderStatus{
	Fire:   {ReminderPending: ReminderDue},
	Move:   {ReminderPending: ReminderPending, ReminderDue: ReminderPending},
	Finish: {ReminderPending: ReminderDone, ReminderDue: ReminderDone},
}

// NextReminder is the status that an action leads to. ok is false where the
// status forbids the action.
func NextReminder(from ReminderStatus, action ReminderAction) (to ReminderStatus, ok bool) {
	to, ok = reminders[action][from]
	return to, ok
}

// Reminder is what a user has set for himself on an interaction.
type Reminder struct {
	ID            uuid.UUID
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Version       int
	InteractionID uuid.UUID
	RemindAt      time.Time
	Note          string
	// Snooze hides the interaction from the user's active list until it is due.
	Snooze bool
	Status ReminderStatus
	// Because is why it is due: time or customer_wrote; empty before.
	Because  string
	DueSince *time.Time
	DoneAt   *time.Time
}

func reminderView(row *ent.Reminder) Reminder {
	out := Reminder{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		InteractionID: row.InteractionID, RemindAt: row.RemindAt, Note: row.Note, Snooze: row.Snooze, Status: row.Status,
		DueSince: row.DueSince, DoneAt: row.DoneAt,
	}
	if row.Because != nil {
		out.Because = string(*row.Because)
	}
	return out
}

// person is the user of this tenant who asks, himself or by a key of his. Who
// is at home elsewhere has no list here on which a reminder could stand.
func (s *Service) person(ctx context.Context) (uuid.UUID, error) {
	userID := scope.OriginOf(ctx).UserID
	here, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID)).Exist(ctx)
	if err == nil && !here {
		err = fault.New(fault.Forbidden, fault.CodeForbidden, "Reminders are for the people of the tenant.")
	}
	return userID, err
}

// NewReminder is a reminder to be set.
type NewReminder struct {
	At     time.Time
	Note   string
	Snooze bool
}

// Remind sets a reminder for the caller on an interaction that he may see.
// Faults: CodeNotFound, CodeInvalid, CodeForbidden, CodeConflict for a second
// one that snoozes.
func (s *Service) Remind(ctx context.Context, c Caller, interactionID uuid.UUID, n NewReminder) (Reminder, error) {
	if err := s.fitsCalendar("body.remind_at", n.At); err != nil {
		return Reminder{}, err
	}
	var out Reminder
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		seen, err := s.sees(ctx, c, interactionID)
		if err == nil && !seen {
			err = fault.Missing("interaction")
		}
		if err != nil {
			return err
		}
		userID, err := s.person(ctx)
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Reminder.Create().SetInteractionID(interactionID).SetUserID(userID).
			SetRemindAt(n.At).SetDueAt(n.At).SetNote(n.Note).SetSnooze(n.Snooze).Save(ctx)
		if err != nil {
			return snoozedAlready(err)
		}
		out = reminderView(row)
		return s.publishReminder(ctx, "reminder.created", row)
	})
	return out, err
}

func snoozedAlready(err error) error {
	if store.Violates(err, "h_reminders_snoozing") {
		return fault.New(fault.Conflict, fault.CodeConflict, "Another reminder of yours snoozes the interaction: move that one.")
	}
	return err
}

func (s *Service) publishReminder(ctx context.Context, kind string, row *ent.Reminder) error {
	return s.events.Publish(ctx, kind, "reminder", row.ID, map[string]any{
		"interaction_id": row.InteractionID, "user_id": row.UserID, "remind_at": row.RemindAt, "snooze": row.Snooze, "because": row.Because,
	})
}

// ReminderFilter chooses reminders; empty fields choose all.
type ReminderFilter struct {
	Statuses      []ReminderStatus
	InteractionID uuid.UUID
}

// ReminderPlace is where a reminder stands in a list.
type ReminderPlace struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// Reminders returns the caller's own reminders behind a place, the earliest
// first.
func (s *Service) Reminders(ctx context.Context, f ReminderFilter, after *ReminderPlace, limit int) ([]Reminder, error) {
	var out []Reminder
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Reminder.Query().Where(reminder.UserID(scope.OriginOf(ctx).UserID))
		if len(f.Statuses) > 0 {
			q.Where(reminder.StatusIn(f.Statuses...))
		}
		if f.InteractionID != uuid.Nil {
			q.Where(reminder.InteractionID(f.InteractionID))
		}
		if after != nil {
			q.Where(func(sel *entsql.Selector) {
				sel.Where(entsql.CompositeGT([]string{sel.C(reminder.FieldRemindAt), sel.C(reminder.FieldID)}, after.At, after.ID))
			})
		}
		rows, err := q.Order(ent.Asc(reminder.FieldRemindAt, reminder.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, reminderView(row))
		}
		return err
	})
	return out, err
}

// Reminder returns one of the caller's reminders. Faults: CodeNotFound.
func (s *Service) Reminder(ctx context.Context, reminderID uuid.UUID) (Reminder, error) {
	var out Reminder
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.myReminder(ctx, reminderID).Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("reminder")
		}
		if err == nil {
			out = reminderView(row)
		}
		return err
	})
	return out, err
}

func (s *Service) myReminder(ctx context.Context, reminderID uuid.UUID) *ent.ReminderQuery {
	return s.store.Ent(ctx).Reminder.Query().Where(reminder.ID(reminderID), reminder.UserID(scope.OriginOf(ctx).UserID))
}

// ReminderChange is a partial update; nil fields stay as they are.
type ReminderChange struct {
	At     *time.Time
	Note   *string
	Snooze *bool
}

// UpdateReminder changes one of the caller's reminders; with another time one
// that was due is pending again. Faults: those of the check, CodeNotFound,
// CodeInvalid, CodeWrongState, CodeConflict for a second one that snoozes.
func (s *Service) UpdateReminder(ctx context.Context, reminderID uuid.UUID, c ReminderChange, check func(version int64) error) (Reminder, error) {
	return s.changeReminder(ctx, reminderID, Move, check, func(ctx context.Context, row *ent.Reminder, to ReminderStatus) (*ent.Reminder, error) {
		update := row.Update()
		if c.At != nil {
			if err := s.fitsCalendar("body.remind_at", *c.At); err != nil {
				return nil, err
			}
			update.SetStatus(to).SetRemindAt(*c.At).SetDueAt(*c.At).ClearDueSince().ClearBecause()
		}
		if c.Note != nil {
			update.SetNote(*c.Note)
		}
		if c.Snooze != nil {
			update.SetSnooze(*c.Snooze)
		}
		row, err := update.Save(ctx)
		if err != nil {
			return nil, snoozedAlready(err)
		}
		return row, s.publishReminder(ctx, "reminder.updated", row)
	})
}

// FinishReminder takes one of the caller's reminders off his list. Faults: those
// of the check, CodeNotFound, CodeWrongState for one that is done.
func (s *Service) FinishReminder(ctx context.Context, reminderID uuid.UUID, check func(version int64) error) (Reminder, error) {
	return s.changeReminder(ctx, reminderID, Finish, check, func(ctx context.Context, row *ent.Reminder, to ReminderStatus) (*ent.Reminder, error) {
		row, err := row.Update().SetStatus(to).SetDoneAt(s.store.Now()).ClearDueAt().Save(ctx)
		if err != nil {
			return nil, err
		}
		return row, s.publishReminder(ctx, "reminder.done", row)
	})
}

func (s *Service) changeReminder(ctx context.Context, reminderID uuid.UUID, action ReminderAction, check func(version int64) error,
	change func(context.Context, *ent.Reminder, ReminderStatus) (*ent.Reminder, error),
) (Reminder, error) {
	var out Reminder
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.myReminder(ctx, reminderID).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("reminder")
		}
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		to, ok := NextReminder(row.Status, action)
		if !ok {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The reminder is %s.", row.Status).Showing(string(row.Status))
		}
		if row, err = change(ctx, row, to); err == nil {
			out = reminderView(row)
		}
		return err
	})
	return out, err
}

// HandleReminder tells that a reminder's time has come, under the scope of its
// tenant. A second run does nothing.
func (s *Service) HandleReminder(ctx context.Context, reminderID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Reminder.Query().
			Where(reminder.ID(reminderID), reminder.StatusEQ(ReminderPending)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if row.RemindAt.After(s.store.Now()) { // it was moved
			return row.Update().SetDueAt(row.RemindAt).Exec(ctx)
		}
		return s.fire(ctx, row, reminder.BecauseTime)
	})
}

// fire makes a locked reminder due.
func (s *Service) fire(ctx context.Context, row *ent.Reminder, because reminder.Because) error {
	to, _ := NextReminder(row.Status, Fire)
	row, err := row.Update().SetStatus(to).SetBecause(because).SetDueSince(s.store.Now()).ClearDueAt().Save(ctx)
	if err != nil {
		return err
	}
	return s.publishReminder(ctx, "reminder.due", row)
}

// wakeUp ends the snoozing of a conversation into which the customer writes.
func (s *Service) wakeUp(ctx context.Context, interactionID uuid.UUID) error {
	rows, err := s.store.Ent(ctx).Reminder.Query().Where(reminder.InteractionID(interactionID),
		reminder.StatusEQ(ReminderPending), reminder.Snooze(true)).Order(ent.Asc(reminder.FieldID)).ForUpdate().All(ctx)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if err := s.fire(ctx, row, reminder.BecauseCustomerWrote); err != nil {
			return err
		}
	}
	return nil
}

// putOff are the conditions on interactions, called i, that come of what the
// caller snoozes. It is read apart, since it is one person's and little: the
// list of who snoozes nothing is not changed.
func (s *Service) putOff(ctx context.Context, q *statement, c Caller, v View) ([]string, error) {
	if v != ActiveView && v != AssignedView && v != SnoozedView {
		return nil, nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	snoozed, err := store.IDs(ctx, `SELECT interaction_id FROM reminders
		WHERE tenant_id = $1 AND user_id = $2 AND status = 'pending' AND snooze`, sc.TenantID, c.UserID)
	switch {
	case err != nil:
		return nil, err
	case v == SnoozedView:
		return []string{q.in("i.id", snoozed)}, nil
	case len(snoozed) > 0:
		return []string{"NOT " + q.in("i.id", snoozed)}, nil
	}
	return nil, nil
}
