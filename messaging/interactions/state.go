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
	// GivenTo: somebody has got it, by his own hand or another's.
	GivenTo Action = "assign"
	// GivenBack: it waits for somebody of the group again.
	GivenBack Action = "release"
	// Awaiting: the customer has to do something first.
	Awaiting Action = "wait"
	// Resumed: it is worked on (again).
	Resumed Action = "resume"
	// PausedBy: it is laid aside for a while. A pause is no status: it stands
	// beside one and leaves it as it is.
	PausedBy Action = "pause"
	// UnpausedBy: the pause is over.
	UnpausedBy Action = "unpause"
	// SolvedBy: all is done, and the customer may confirm it.
	SolvedBy Action = "solve"
	// ClosedBy: somebody, or the system, ended it.
	ClosedBy Action = "close"
	// ReopenedBy: somebody, or the customer's next message, opened it again. The
	// channel decides whether that is possible.
	ReopenedBy Action = "reopen"
)

// Actions lists all actions.
func Actions() []Action {
	return []Action{
		Received, Replied, GivenTo, GivenBack, Awaiting, Resumed, PausedBy, UnpausedBy, SolvedBy, ClosedBy, ReopenedBy,
	}
}

// transitions is the one place that says where an action leads. What is not
// there is refused. A message that arrives for a solved interaction does not
// revive it: the system closes it, and the message begins the next one.
var transitions = map[Action]map[Status]Status{
	Received:   {WaitingAgent: WaitingAgent, Open: WaitingAgent, WaitingCustomer: WaitingAgent},
	Replied:    {WaitingAgent: Open, Open: Open, WaitingCustomer: WaitingCustomer},
	GivenTo:    {WaitingAgent: Open, Open: Open, WaitingCustomer: WaitingCustomer},
	GivenBack:  {WaitingAgent: WaitingAgent, Open: WaitingAgent, WaitingCustomer: WaitingCustomer},
	Awaiting:   {WaitingAgent: WaitingCustomer, Open: WaitingCustomer},
	Resumed:    {WaitingAgent: Open, WaitingCustomer: Open},
	PausedBy:   {WaitingAgent: WaitingAgent, Open: Open, WaitingCustomer: WaitingCustomer},
	UnpausedBy: {WaitingAgent: WaitingAgent, Open: Open, WaitingCustomer: WaitingCustomer},
	SolvedBy:   {WaitingAgent: Solved, Open: Solved, WaitingCustomer: Solved},
	ClosedBy:   {WaitingAgent: Closed, Open: Closed, WaitingCustomer: Closed, Solved: Closed},
	ReopenedBy: {Closed: Open},
}

// Next is the status that an action leads to. ok is false where the status
// forbids the action.
func Next(from Status, action Action) (to Status, ok bool) {
	to, ok = transitions[action][from]
	return to, ok
}

// locked tells what a status forbids, in the manuals' words.
var locked = map[Status]string{
	Solved: "The conversation is solved: it cannot be edited, it cannot return to open or waiting, " +
		"it cannot be transferred, and no more messages can be sent in it. It can only be closed.",
	Closed: "The conversation is closed: it can be read, and nothing in it can be changed.",
}

// wrongState is the refusal of an action, with the state that forbids it.
func wrongState(present Status) error {
	text, ok := locked[present]
	if !ok {
		text = "The interaction is " + string(present) + "."
	}
	return fault.New(fault.Conflict, fault.CodeWrongState, "%s", text).Showing(string(present))
}

// named are the statuses for people, in the sentences of the log.
var named = map[Status]string{
	WaitingAgent:    "Waiting for an agent",
	Open:            "Open",
	WaitingCustomer: "Waiting for the customer",
	Solved:          "Solved",
	Closed:          "Closed",
}
