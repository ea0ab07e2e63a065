package agents

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/agents"
)

// ListInput is the input of listAgents.
type ListInput struct {
	path.Tenant
	op.Page
	State   []string  `query:"state,explode" maxItems:"3" enum:"logged_off,available,paused" doc:"Only those in one of these states."`
	QueueID uuid.UUID `query:"queue_id" doc:"Only members of this queue."`
}

func (h handlers) list(ctx context.Context, in *ListInput) (*op.List[Agent], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := agents.Filter{QueueID: in.QueueID}
	for _, state := range in.State {
		f.States = append(f.States, agents.State(state))
	}
	rows, err := h.Agents.List(ctx, f, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, agentView, func(a agents.Agent) path.Key { return path.Key{ID: a.UserID} })
}

// Path names one agent.
type Path struct {
	path.Tenant
	UserID uuid.UUID `path:"user_id" doc:"The user."`
}

// Shown is the output of operations that show one agent.
type Shown struct {
	Body Agent
}

func shown(a agents.Agent, err error) (*Shown, error) {
	if err != nil {
		return nil, err
	}
	return &Shown{agentView(a)}, nil
}

func (h handlers) get(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.Agents.Get(ctx, in.UserID))
}

// StaffingInput is the input of listQueueStaffing.
type StaffingInput struct {
	path.Tenant
	op.Page
}

func (h handlers) staffing(ctx context.Context, in *StaffingInput) (*op.List[QueueStaffing], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Agents.Staffing(ctx, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, staffingView, func(q agents.Staffing) path.Key { return path.Key{ID: q.QueueID} })
}

// MineShown is the output of operations on the own session.
type MineShown struct {
	Body MyAgent
}

// showMine shows the caller as he is now, with warnings since a time.
func (h handlers) showMine(ctx context.Context, me uuid.UUID, since time.Time) (*MineShown, error) {
	a, err := h.Agents.Mine(ctx, me)
	if err != nil {
		return nil, err
	}
	warnings, err := h.Agents.Warnings(ctx, a, since)
	if err != nil {
		return nil, err
	}
	codes, err := h.Agents.Pauses(ctx, me)
	if err != nil {
		return nil, err
	}
	out := MyAgent{Agent: agentView(a), Warnings: warningsView(warnings), Choices: AgentChoices{States: []string{string(agents.Available), string(agents.Paused)}}}
	for _, strategy := range agents.Strategies() {
		out.Choices.Strategies = append(out.Choices.Strategies, string(strategy))
	}
	for _, c := range codes {
		out.Choices.Pauses = append(out.Choices.Pauses, codeView(c))
	}
	return &MineShown{out}, nil
}

// mineAfter does something about the caller's session, and shows it.
func (h handlers) mineAfter(ctx context.Context, do func(me uuid.UUID) error) (*MineShown, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	if err := do(me); err != nil {
		return nil, err
	}
	return h.showMine(ctx, me, time.Time{})
}

func (h handlers) mine(ctx context.Context, _ *path.Tenant) (*MineShown, error) {
	return h.mineAfter(ctx, func(uuid.UUID) error { return nil })
}

// LogInAgent is the body of startMyAgentSession.
type LogInAgent struct {
	Strategy *string `json:"strategy,omitempty" enum:"inbound" default:"inbound" doc:"What to work in: inbound is queues exclusively."`
	State    *string `json:"state,omitempty" enum:"available,paused" default:"available" doc:"How to begin."`
	AuxCode  *int    `json:"aux_code,omitempty" minimum:"1" maximum:"999" doc:"The reason, to begin with a pause; without it the default pause." example:"2"`
}

// LogInInput is the input of startMyAgentSession.
type LogInInput struct {
	path.Tenant
	Body LogInAgent
}

func (h handlers) logIn(ctx context.Context, in *LogInInput) (*MineShown, error) {
	l := agents.Login{Strategy: agents.Inbound, AuxCode: in.Body.AuxCode}
	l.Paused = in.Body.State != nil && *in.Body.State == string(agents.Paused)
	if l.AuxCode != nil && !l.Paused {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.aux_code", "is the reason of a pause, and state is available")
	}
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.LogIn(ctx, me, l) })
}

func (h handlers) logOut(ctx context.Context, _ *path.Tenant) (*MineShown, error) {
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.LogOff(ctx, me, false) })
}

// PauseAgent is the body of operations that pause.
type PauseAgent struct {
	AuxCode *int `json:"aux_code,omitempty" minimum:"1" maximum:"999" doc:"The reason; without it the default pause." example:"2"`
}

// PauseInput is the input of pauseMyAgentSession.
type PauseInput struct {
	path.Tenant
	Body PauseAgent
}

func (h handlers) pause(ctx context.Context, in *PauseInput) (*MineShown, error) {
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.Pause(ctx, me, in.Body.AuxCode) })
}

func (h handlers) resume(ctx context.Context, _ *path.Tenant) (*MineShown, error) {
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.Resume(ctx, me) })
}

func (h handlers) heartbeat(ctx context.Context, _ *path.Tenant) (*MineShown, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	before, err := h.Agents.Heartbeat(ctx, me)
	if err != nil {
		return nil, err
	}
	return h.showMine(ctx, me, before)
}

// QueuePath names one queue of the caller's.
type QueuePath struct {
	path.Tenant
	QueueID uuid.UUID `path:"queue_id" doc:"The queue."`
}

// LogOutOfQueue is the body of endMyQueueLogin.
type LogOutOfQueue struct {
	Confirm bool `json:"confirm" doc:"That he means it: true, or nothing happens." example:"true"`
	AuxCode *int `json:"aux_code,omitempty" minimum:"1" maximum:"999" doc:"The reason, which agents have to name." example:"2"`
}

// LeaveQueueInput is the input of endMyQueueLogin.
type LeaveQueueInput struct {
	QueuePath
	Body LogOutOfQueue
}

func (h handlers) logOutOfQueue(ctx context.Context, in *LeaveQueueInput) (*MineShown, error) {
	if !in.Body.Confirm {
		return nil, fault.InvalidField(fault.CodeInvalid, "body.confirm", "must be true: ask the agent whether he means it")
	}
	l := agents.QueueLogout{AuxCode: in.Body.AuxCode, NeedsReason: !h.Supervises(ctx)}
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.LogOutOfQueue(ctx, me, in.QueueID, l) })
}

func (h handlers) logInToQueue(ctx context.Context, in *QueuePath) (*MineShown, error) {
	return h.mineAfter(ctx, func(me uuid.UUID) error { return h.Agents.LogInToQueue(ctx, me, in.QueueID) })
}
