package jobs

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
)

// Kind is a table whose rows fall due; its name is the name of the work.
type Kind string

// The kinds of work.
const (
	// Messages: submit, look up a lost outcome, or ask for a late report.
	Messages Kind = "messages"
	// ProviderEvents: understand what a provider told us.
	ProviderEvents Kind = "provider_events"
	// Attachments: fetch a picture.
	Attachments Kind = "attachments"
	// Channels: look for inbound messages whose callback never came.
	Channels Kind = "channels"
	// Mails: send one.
	Mails Kind = "mails"
	// Reminders: tell that one is due.
	Reminders Kind = "reminders"
	// TenantPurges: go on removing what a deleted tenant leaves behind.
	TenantPurges Kind = "tenant_purges"
	// RouteRequests: look who gets what waits.
	RouteRequests Kind = "route_requests"
	// InteractionTimers: end a pause, close what was solved, tell who waits for long.
	InteractionTimers Kind = "interaction_timers"
	// AgentSessions: find out whether an agent at work is still there.
	AgentSessions Kind = "agent_sessions"
)

// Queue is an asynq queue. There are few: a dequeue tries each in turn.
type Queue string

// The queues, by urgency.
const (
	Critical Queue = "critical"
	Default  Queue = "default"
)

// weights say how often a queue is looked at first.
var weights = map[string]int{string(Critical): 6, string(Default): 2}

// queues says how urgent each kind is.
var queues = map[Kind]Queue{
	Messages: Critical, ProviderEvents: Critical, Attachments: Default, Channels: Default, Mails: Default, TenantPurges: Default,
	RouteRequests: Critical, AgentSessions: Default, InteractionTimers: Default, Reminders: Default,
}

// Kinds lists all kinds, the urgent ones first.
func Kinds() []Kind {
	return []Kind{ProviderEvents, Messages, RouteRequests, Mails, Attachments, AgentSessions, InteractionTimers, Reminders, Channels, TenantPurges}
}

// Task names one row that is due. Nothing else travels through Redis: no text,
// no address, no secret.
type Task struct {
	Kind     Kind      `json:"kind"`
	TenantID uuid.UUID `json:"tenant_id"`
	ID       uuid.UUID `json:"id"`
	// Round is when the row was handed out, in microseconds. It makes the task's
	// id new each time, so that a stuck or archived task never blocks its row.
	Round int64 `json:"round"`
}

func (t Task) key() string { return fmt.Sprintf("%s:%s:%d", t.Kind, t.ID, t.Round) }

func (t Task) encode() []byte {
	b, err := json.Marshal(t)
	if err != nil {
		panic("jobs: " + err.Error())
	}
	return b
}

// ParseTask reads a task's payload.
func ParseTask(payload []byte) (Task, error) {
	var t Task
	if err := json.Unmarshal(payload, &t); err != nil {
		return Task{}, fmt.Errorf("jobs: payload: %w", err)
	}
	if _, known := queues[t.Kind]; !known || t.ID == uuid.Nil || t.TenantID == uuid.Nil {
		return Task{}, fmt.Errorf("jobs: payload names no row")
	}
	return t, nil
}

// Lease is how long a row that was handed out is left alone. When its task was
// lost, it falls due again after that.
const Lease = 8 * time.Second
