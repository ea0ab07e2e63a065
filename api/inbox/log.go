package inbox

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/interactions"
)

// LogEntry is one thing that happened to an interaction, as clients see it.
type LogEntry struct {
	ID        uuid.UUID  `json:"id" doc:"The entry."`
	Kind      string     `json:"kind" maxLength:"40" doc:"What happened: started, queued, self_assigned, assigned, assigned_automatically, assigned_returning_customer, transferred, released, status_changed, paused, unpaused, closed, reopened, subject_changed and others; new ones can come." example:"self_assigned"`
	Text      string     `json:"text" maxLength:"2000" doc:"The same in a sentence, with the names as they were then." example:"Ann assigned the conversation to themselves."`
	ActorKind string     `json:"actor_kind" enum:"user,api_key,system,provider" doc:"Who did it."`
	ActorID   *uuid.UUID `json:"actor_id" nullable:"true" doc:"The user or key; null for the system and for providers."`
	Details   LogDetails `json:"details" doc:"What the entry is about; fields that do not apply are missing."`
	CreatedAt time.Time  `json:"created_at" doc:"When it happened."`
}

// LogDetails are what an entry is about.
type LogDetails struct {
	UserID      *uuid.UUID `json:"user_id,omitempty" doc:"Who got it."`
	FromUserID  *uuid.UUID `json:"from_user_id,omitempty" doc:"Who had it."`
	QueueID     *uuid.UUID `json:"queue_id,omitempty" doc:"The queue it is in since then."`
	FromQueueID *uuid.UUID `json:"from_queue_id,omitempty" doc:"The queue it was in."`
	From        string     `json:"from,omitempty" maxLength:"500" doc:"What it was." example:"open"`
	To          string     `json:"to,omitempty" maxLength:"500" doc:"What it is." example:"solved"`
	Comment     string     `json:"comment,omitempty" maxLength:"2000" doc:"What somebody said about it." example:"speaks French"`
	Until       *time.Time `json:"until,omitempty" doc:"When it ends."`
}

func logEntryView(e interactions.LogEntry) LogEntry {
	var actor *uuid.UUID
	if e.Actor.ID != uuid.Nil {
		actor = &e.Actor.ID
	}
	return LogEntry{e.ID, string(e.Kind), e.Text, string(e.Actor.Kind), actor, LogDetails(e.Details), e.CreatedAt}
}

// ListLogInput is the input of listInteractionLog.
type ListLogInput struct {
	InteractionPath
	op.Page
	Order string `query:"order" enum:"asc,desc" default:"desc" doc:"The newest first, or the oldest."`
}

func (h handlers) log(ctx context.Context, in *ListLogInput) (*op.List[LogEntry], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Log(ctx, h.Caller(ctx), in.InteractionID, after.After(), in.Order == "asc", in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, logEntryView, func(e interactions.LogEntry) path.Key { return path.Key{ID: e.ID} })
}
