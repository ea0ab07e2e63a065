package agents

import "github.com/trellishq/trellis/internal/fault"

// State tells whether somebody is at work, and whether he receives any.
// docs/state-machines.md draws the table below.
type State string

// The states of an agent.
const (
	// LoggedOff: he is not at work.
	LoggedOff State = "logged_off"
	// Available: he is at work and receives conversations.
	Available State = "available"
	// Paused: he is at work, goes on with what he has, and receives nothing new.
	Paused State = "paused"
)

// States lists the states, in the order of a day.
func States() []State { return []State{LoggedOff, Available, Paused} }

// Action is what moves an agent from state to state.
type Action string

// The actions.
const (
	// LogIn begins a session that receives conversations.
	LogIn Action = "log_in"
	// LogInPaused begins a session that does not receive any yet.
	LogInPaused Action = "log_in_paused"
	// Pause stops what is new, for a reason. Who is paused may change the reason.
	Pause Action = "pause"
	// Resume ends a pause; nothing else does.
	Resume Action = "resume"
	// LogOff ends the session by hand.
	LogOff Action = "log_off"
	// Lapse ends it because the agent is gone: his sign-in ended, or his client
	// is silent.
	Lapse Action = "lapse"
)

// Actions lists the actions.
func Actions() []Action { return []Action{LogIn, LogInPaused, Pause, Resume, LogOff, Lapse} }

// transitions is the one place that says where an action leads. What is not
// there is refused.
var transitions = map[Action]map[State]State{
	LogIn:       {LoggedOff: Available},
	LogInPaused: {LoggedOff: Paused},
	Pause:       {Available: Paused, Paused: Paused},
	Resume:      {Paused: Available},
	LogOff:      {Available: LoggedOff, Paused: LoggedOff},
	Lapse:       {Available: LoggedOff, Paused: LoggedOff},
}

// Next is the state that an action leads to. ok is false where the state
// forbids the action.
func Next(from State, action Action) (to State, ok bool) {
	to, ok = transitions[action][from]
	return to, ok
}

// next is Next with the refusal.
func next(from State, action Action) (State, error) {
	if to, ok := Next(from, action); ok {
		return to, nil
	}
	return "", fault.New(fault.Conflict, fault.CodeWrongState, "The agent is %s.", from.words()).Showing(string(from))
}

func (s State) words() string {
	if s == LoggedOff {
		return "logged off"
	}
	return string(s)
}

// Strategy is what an agent works in during a session.
type Strategy string

// Inbound is to work in queues exclusively. There is no other strategy while
// there are no campaigns.
const Inbound Strategy = "inbound"

// Strategies lists what can be chosen at login.
func Strategies() []Strategy { return []Strategy{Inbound} }

// EndReason says why a session ended.
type EndReason string

// The reasons.
const (
	// EndedByAgent: he logged off.
	EndedByAgent EndReason = "logged_off"
	// EndedBySupervisor: somebody else logged him off.
	EndedBySupervisor EndReason = "forced"
	// EndedSignedOut: his sign-in ended: by himself, by an administrator who
	// disconnected or disabled him, or by a change of his rights.
	EndedSignedOut EndReason = "signed_out"
	// EndedSilent: no heartbeat came for too long.
	EndedSilent EndReason = "heartbeat_missed"
)

// Gone tells whether the agent did not leave by himself.
func (r EndReason) Gone() bool { return r != EndedByAgent }
