package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

const (
	remindersPath = "/v1/tenants/{tenant_id}/reminders"
	reminderPath  = remindersPath + "/{reminder_id}"
)

func (h handlers) registerReminders(s *op.Surface) {
	op.Register(s, authz.InteractionsMark, op.Spec{
		ID: "createReminder", Method: http.MethodPost, Path: interactionPath + "/reminders", Tag: InteractionsTag, Status: http.StatusCreated,
		Summary: "Set a reminder",
		Description: "Sets a reminder for the caller on an interaction. At its time it is `due` and stays on his list until it is done. " +
			"With `snooze` the interaction is not in his active list until then, or until the customer writes, which makes the reminder due as well; others see it as before. A key sets reminders for whoever made it." + ownOnly,
		Codes: []fault.Code{fault.CodeConflict, fault.CodeForbidden},
	}, h.remind)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listReminders", Method: http.MethodGet, Path: remindersPath, Tag: InteractionsTag,
		Summary: "List one's reminders", Description: "Lists the caller's own reminders, the earliest first: those that are pending or due, unless others are asked for.",
	}, h.reminders)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getReminder", Method: http.MethodGet, Path: reminderPath, Tag: InteractionsTag,
		Summary: "Show a reminder", Description: "Shows one of the caller's own reminders.",
	}, h.reminder)
	op.Register(s, authz.InteractionsMark, op.Spec{
		ID: "updateReminder", Method: http.MethodPatch, Path: reminderPath, Tag: InteractionsTag,
		Summary: "Change a reminder", Description: "Changes one of the caller's own reminders that is not done. With another time one that was due is pending again.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeConflict},
	}, h.updateReminder)
	op.Register(s, authz.InteractionsMark, op.Spec{
		ID: "finishReminder", Method: http.MethodPost, Path: reminderPath + "/done", Tag: InteractionsTag,
		Summary: "Finish a reminder", Description: "Takes one of the caller's own reminders off his list, whether or not it is due yet.",
		Codes: []fault.Code{fault.CodeWrongState},
	}, h.finishReminder)
}

// Reminder is a reminder as its owner sees it.
type Reminder struct {
	ID            uuid.UUID  `json:"id" doc:"The reminder."`
	InteractionID uuid.UUID  `json:"interaction_id" doc:"The interaction that it is about."`
	RemindAt      time.Time  `json:"remind_at" doc:"When it falls due."`
	Note          string     `json:"note" maxLength:"500" doc:"What one wanted to be reminded of; may be empty." example:"Ask whether it works now"`
	Snooze        bool       `json:"snooze" doc:"The interaction is not in one's active list while the reminder is pending."`
	Status        string     `json:"status" enum:"pending,due,done" doc:"due: its time has come, or the customer has written."`
	Because       string     `json:"because,omitempty" enum:"time,customer_wrote" doc:"Why it is due, or was; left out before."`
	DueSince      *time.Time `json:"due_since" doc:"Since when it is due, or null."`
	DoneAt        *time.Time `json:"done_at" doc:"When it was done, or null."`
	CreatedAt     time.Time  `json:"created_at" doc:"When it was set."`
	UpdatedAt     time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func reminderView(r interactions.Reminder) Reminder {
	return Reminder{
		ID: r.ID, InteractionID: r.InteractionID, RemindAt: r.RemindAt, Note: r.Note, Snooze: r.Snooze, Status: string(r.Status),
		Because: r.Because, DueSince: r.DueSince, DoneAt: r.DoneAt, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
}

// CreateReminder is the body of createReminder.
type CreateReminder struct {
	RemindAt time.Time `json:"remind_at" doc:"When: in the future, a year ahead at most."`
	Note     string    `json:"note,omitempty" maxLength:"500" doc:"What one wants to be reminded of." example:"Ask whether it works now"`
	Snooze   bool      `json:"snooze,omitempty" doc:"Take the interaction out of one's active list until then, or until the customer writes."`
}

// CreateReminderInput is the input of createReminder.
type CreateReminderInput struct {
	InteractionPath
	Body CreateReminder
}

// ReminderCreated is the output of createReminder.
type ReminderCreated struct {
	op.Location
	op.ETag
	Body Reminder
}

func (h handlers) remind(ctx context.Context, in *CreateReminderInput) (*ReminderCreated, error) {
	r, err := h.Interactions.Remind(ctx, h.Caller(ctx), in.InteractionID,
		interactions.NewReminder{At: in.Body.RemindAt, Note: in.Body.Note, Snooze: in.Body.Snooze})
	if err != nil {
		return nil, err
	}
	return &ReminderCreated{op.At("/v1/tenants/%s/reminders/%s", in.TenantID, r.ID), op.Version(int64(r.Version)), reminderView(r)}, nil
}

// ListRemindersInput is the input of listReminders.
type ListRemindersInput struct {
	path.Tenant
	op.Page
	Status        []string  `query:"status,explode" enum:"pending,due,done" maxItems:"3" doc:"Only these; pending and due where it is left out."`
	InteractionID uuid.UUID `query:"interaction_id" doc:"Only those about this interaction."`
}

func (h handlers) reminders(ctx context.Context, in *ListRemindersInput) (*op.List[Reminder], error) {
	after, err := op.After[interactions.ReminderPlace](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := interactions.ReminderFilter{InteractionID: in.InteractionID}
	for _, status := range in.Status {
		f.Statuses = append(f.Statuses, interactions.ReminderStatus(status))
	}
	if len(f.Statuses) == 0 {
		f.Statuses = []interactions.ReminderStatus{interactions.ReminderPending, interactions.ReminderDue}
	}
	rows, err := h.Interactions.Reminders(ctx, f, after, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, reminderView, func(r interactions.Reminder) interactions.ReminderPlace {
		return interactions.ReminderPlace{At: r.RemindAt, ID: r.ID}
	})
}

// ReminderPath names one reminder.
type ReminderPath struct {
	path.Tenant
	ReminderID uuid.UUID `path:"reminder_id" doc:"The reminder."`
}

// ReminderShown is the output of operations that show one reminder.
type ReminderShown struct {
	op.ETag
	Body Reminder
}

func reminderShown(r interactions.Reminder, err error) (*ReminderShown, error) {
	if err != nil {
		return nil, err
	}
	return &ReminderShown{op.Version(int64(r.Version)), reminderView(r)}, nil
}

func (h handlers) reminder(ctx context.Context, in *ReminderPath) (*ReminderShown, error) {
	return reminderShown(h.Interactions.Reminder(ctx, in.ReminderID))
}

// UpdateReminder is the body of updateReminder.
type UpdateReminder struct {
	RemindAt op.Optional[time.Time] `json:"remind_at,omitzero" nullable:"false" doc:"When: in the future, a year ahead at most."`
	Note     op.Optional[string]    `json:"note,omitzero" nullable:"false" maxLength:"500" doc:"What one wants to be reminded of." example:"Ask whether it works now"`
	Snooze   op.Optional[bool]      `json:"snooze,omitzero" nullable:"false" doc:"Whether the interaction is out of one's active list until then."`
}

// UpdateReminderInput is the input of updateReminder.
type UpdateReminderInput struct {
	ReminderPath
	op.IfMatch
	Body UpdateReminder
}

func (h handlers) updateReminder(ctx context.Context, in *UpdateReminderInput) (*ReminderShown, error) {
	return reminderShown(h.Interactions.UpdateReminder(ctx, in.ReminderID, interactions.ReminderChange{
		At: in.Body.RemindAt.Pointer(), Note: in.Body.Note.Pointer(), Snooze: in.Body.Snooze.Pointer(),
	}, in.Check))
}

// FinishReminderInput is the input of finishReminder.
type FinishReminderInput struct {
	ReminderPath
	op.IfMatch
}

func (h handlers) finishReminder(ctx context.Context, in *FinishReminderInput) (*ReminderShown, error) {
	return reminderShown(h.Interactions.FinishReminder(ctx, in.ReminderID, in.Check))
}
