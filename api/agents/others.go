package agents

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/agents"
)

// after does something to somebody's session, and shows him. Who is no agent of
// the tenant is not found.
func (h handlers) after(ctx context.Context, userID uuid.UUID, do func() error) (*Shown, error) {
	if _, err := h.Agents.Get(ctx, userID); err != nil {
		return nil, err
	}
	if err := do(); err != nil {
		return nil, err
	}
	return shown(h.Agents.Get(ctx, userID))
}

func (h handlers) forceLogOut(ctx context.Context, in *Path) (*Shown, error) {
	return h.after(ctx, in.UserID, func() error { return h.Agents.LogOff(ctx, in.UserID, true) })
}

// ForcePauseInput is the input of pauseAgentSession.
type ForcePauseInput struct {
	Path
	Body PauseAgent
}

func (h handlers) forcePause(ctx context.Context, in *ForcePauseInput) (*Shown, error) {
	return h.after(ctx, in.UserID, func() error { return h.Agents.PauseOther(ctx, in.UserID, in.Body.AuxCode) })
}

func (h handlers) forceResume(ctx context.Context, in *Path) (*Shown, error) {
	return h.after(ctx, in.UserID, func() error { return h.Agents.Resume(ctx, in.UserID) })
}

// OthersQueue names a queue of somebody's.
type OthersQueue struct {
	Path
	QueueID uuid.UUID `path:"queue_id" doc:"The queue."`
}

// ForceOutOfQueue is the body of endAgentQueueLogin.
type ForceOutOfQueue struct {
	AuxCode *int `json:"aux_code,omitempty" minimum:"1" maximum:"999" doc:"A reason, if there is one." example:"2"`
}

// ForceOutInput is the input of endAgentQueueLogin.
type ForceOutInput struct {
	OthersQueue
	Body ForceOutOfQueue
}

func (h handlers) forceOutOfQueue(ctx context.Context, in *ForceOutInput) (*Shown, error) {
	return h.after(ctx, in.UserID, func() error {
		return h.Agents.LogOutOfQueue(ctx, in.UserID, in.QueueID, agents.QueueLogout{AuxCode: in.Body.AuxCode})
	})
}

func (h handlers) forceIntoQueue(ctx context.Context, in *OthersQueue) (*Shown, error) {
	return h.after(ctx, in.UserID, func() error { return h.Agents.LogInToQueue(ctx, in.UserID, in.QueueID) })
}

// LogInput is the input of listAgentLog.
type LogInput struct {
	Path
	op.Page
}

func (h handlers) log(ctx context.Context, in *LogInput) (*op.List[AgentLogEntry], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Agents.Entries(ctx, in.UserID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, entryView, func(e agents.Entry) path.Key { return path.Key{ID: e.ID} })
}
