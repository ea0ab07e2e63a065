package routing

// State is what became of an offer.
type State string

// The states of an offer.
const (
	// Open: it can be accepted.
	Open State = "open"
	// Accepted: the member has the conversation.
	Accepted State = "accepted"
	// Rejected: the member does not want it.
	Rejected State = "rejected"
	// Taken: somebody else has the conversation.
	Taken State = "taken"
	// Expired: the member did not answer in time.
	Expired State = "expired"
	// Withdrawn: there is nothing to be had any more, or the member has gone.
	Withdrawn State = "withdrawn"
)

// States lists all states of an offer.
func States() []State { return []State{Open, Accepted, Rejected, Taken, Expired, Withdrawn} }

// Action is what happens to an offer.
type Action string

// The actions.
const (
	Accept   Action = "accept"
	Reject   Action = "reject"
	Lose     Action = "lose"
	Expire   Action = "expire"
	Withdraw Action = "withdraw"
)

// Actions lists all actions.
func Actions() []Action { return []Action{Accept, Reject, Lose, Expire, Withdraw} }

// transitions is the one place that says where an action leads. What is not
// there is refused: an offer that is over stays what it became.
var transitions = map[Action]map[State]State{
	Accept:   {Open: Accepted},
	Reject:   {Open: Rejected},
	Lose:     {Open: Taken},
	Expire:   {Open: Expired},
	Withdraw: {Open: Withdrawn},
}

// Next is the state that an action leads to. ok is false where the state forbids
// the action.
func Next(from State, action Action) (to State, ok bool) {
	to, ok = transitions[action][from]
	return to, ok
}
