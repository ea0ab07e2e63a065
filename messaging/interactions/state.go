package interactions

import (
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
)

// Status of an interaction. docs/state-machines.md draws the table below.
type Status = interaction.Status

// The statuses of an interaction.
const (
	WaitingAgent    = interaction.StatusWaitingAgent
	Open            = interaction.StatusOpen
	WaitingCustomer = interaction.StatusWaitingCustomer
	Solved          = interaction.StatusSolved
	Closed          = interaction.StatusClosed
)

// Statuses lists all statuses, in the order of a conversation's life.
func Statuses() []Status { return []Status{WaitingAgent, Open, WaitingCustomer, Solved, Closed} }

// Action is what moves an interaction.
type Action string

// The actions.
const (
	// Received: the customer wrote.
	Received Action = "receive"
	// Replied: somebody of the tenant wrote.
	Replied Action = "reply"
	// ClosedBy: somebody, or the system, ended it.
	ClosedBy Action = "close"
)

// Actions lists all actions.
func Actions() []Action { return []Action{Received, Replied, ClosedBy} }

// transitions is the one place that says where an action leads. What is not
// there is refused. A message that arrives for a solved interaction does not
// revive it: the system closes it, and the message begins the next one.
var transitions = map[Action]map[Status]Status{
	Received: {WaitingAgent: WaitingAgent, Open: WaitingAgent, WaitingCustomer: WaitingAgent},
	Replied:  {WaitingAgent: Open, Open: Open, WaitingCustomer: WaitingCustomer},
	ClosedBy: {WaitingAgent: Closed, Open: Closed, WaitingCustomer: Closed, Solved: Closed},
}

// Next is the status that an action leads to. ok is false where the status
// forbids the action.
func Next(from Status, action Action) (to Status, ok bool) {
	to, ok = transitions[action][from]
	return to, ok
}

// wrongState is the refusal of an action, with the state that forbids it.
func wrongState(present Status) error {
	return fault.New(fault.Conflict, fault.CodeWrongState,
		"The interaction is %s.", present).Showing(string(present))
}
