package mail

// State is where a mail stands.
type State string

// The states of a mail.
const (
	// Queued waits for its time.
	Queued State = "queued"
	// Sending is with a worker.
	Sending State = "sending"
	// Sent was taken by the mail server.
	Sent State = "sent"
	// Failed was refused for good, or could not be sent in time.
	Failed State = "failed"
)

// States lists the states in the order of a mail's way.
func States() []State { return []State{Queued, Sending, Sent, Failed} }

// Action is what happens to a mail.
type Action string

// The actions.
const (
	// Claim takes a mail for one worker.
	Claim Action = "claim"
	// Deliver is the mail server's yes.
	Deliver Action = "deliver"
	// Retry follows a refusal that passes, and an outcome that got lost: a mail
	// that comes twice is better than one that never comes.
	Retry Action = "retry"
	// Refuse is a refusal for good, or one too many.
	Refuse Action = "refuse"
	// Expire ends a mail that nobody needs any more.
	Expire Action = "expire"
)

// Actions lists the actions.
func Actions() []Action { return []Action{Claim, Deliver, Retry, Refuse, Expire} }

var table = map[State]map[Action]State{
	Queued:  {Claim: Sending, Expire: Failed},
	Sending: {Deliver: Sent, Retry: Queued, Refuse: Failed, Expire: Failed},
	Sent:    {},
	Failed:  {},
}

// Next is where an action leads from a state; false where it leads nowhere.
func Next(from State, a Action) (State, bool) {
	to, ok := table[from][a]
	return to, ok
}
