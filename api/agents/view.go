package agents

import (
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/messaging/agents"
)

// Agent is an agent or manager as clients see him.
type Agent struct {
	ID              uuid.UUID          `json:"id" doc:"The user."`
	Name            string             `json:"name" maxLength:"200" doc:"What people call him." example:"Ada Lovelace"`
	Role            string             `json:"role" enum:"agent,manager,tenant_admin,user,operator" doc:"His role."`
	State           string             `json:"state" enum:"logged_off,available,paused" doc:"Whether he is at work, and whether he receives what is new."`
	Since           *time.Time         `json:"since" doc:"When he came into the state; null for who has never been at work."`
	SecondsInState  *int64             `json:"seconds_in_state" format:"int64" minimum:"0" maximum:"10000000000" doc:"How long ago that was, by the server's clock; null as since." example:"184"`
	Pause           *AuxReason         `json:"pause,omitempty" doc:"Why he is paused; absent while he is not."`
	Session         *AgentSession      `json:"session,omitempty" doc:"The session at work; absent while he is logged off."`
	LastSession     *AgentSessionEnd   `json:"last_session,omitempty" doc:"How the last session ended; absent while he is at work, and where there was none."`
	UsedUnits       int                `json:"used_units" minimum:"0" maximum:"1000000000" doc:"What his conversations that are not over weigh together." example:"4"`
	MaxUnits        int                `json:"max_units" minimum:"0" maximum:"10000" doc:"What he can take at once, over all his queues." example:"10"`
	WorkloadPercent int                `json:"workload_percent" minimum:"0" maximum:"1000000000" doc:"used_units of max_units. More than 100 where somebody gave him more by hand." example:"40"`
	Channels        []AgentChannelLoad `json:"channels" maxItems:"20" doc:"What he has of each kind of channel."`
	Queues          []AgentQueue       `json:"queues" maxItems:"1000" doc:"The queues in use that he answers in, by name."`
}

// AuxReason is an aux code as it was when somebody gave it as a reason.
type AuxReason struct {
	AuxCode int    `json:"aux_code" minimum:"1" maximum:"999" doc:"The number of the aux code." example:"2"`
	Name    string `json:"name" maxLength:"200" doc:"Its name." example:"Lunch"`
}

// AgentSession is a time at work.
type AgentSession struct {
	ID         uuid.UUID `json:"id" doc:"The session."`
	Strategy   string    `json:"strategy" enum:"inbound" doc:"What the agent works in: inbound is queues exclusively."`
	LoggedInAt time.Time `json:"logged_in_at" doc:"When he logged in."`
	Seconds    int64     `json:"seconds" format:"int64" minimum:"0" maximum:"10000000000" doc:"How long ago that was, by the server's clock." example:"3600"`
	SeenAt     time.Time `json:"seen_at" doc:"When his client was heard last."`
	LapsesAt   time.Time `json:"lapses_at" doc:"When the session ends by itself unless a heartbeat comes."`
}

// AgentSessionEnd is how a time at work ended.
type AgentSessionEnd struct {
	EndedAt time.Time `json:"ended_at" doc:"When it ended."`
	Reason  string    `json:"reason" enum:"logged_off,forced,signed_out,heartbeat_missed" doc:"Why: by himself, by somebody else, with his sign-in, or because nothing was heard of his client."`
}

// AgentChannelLoad is what somebody has of a kind of channel.
type AgentChannelLoad struct {
	Kind             string `json:"kind" enum:"sms" doc:"The kind of channel."`
	Open             int    `json:"open_conversations" minimum:"0" maximum:"1000000000" doc:"His conversations that are neither solved, closed nor paused." example:"3"`
	WaitingCustomer  int    `json:"waiting_customer" minimum:"0" maximum:"1000000" doc:"Those of them that wait for the customer." example:"1"`
	MaxConversations int    `json:"max_conversations" minimum:"0" maximum:"1000" doc:"How many he can have at once." example:"10"`
}

// AgentQueue is a queue that somebody answers in.
type AgentQueue struct {
	QueueID     uuid.UUID  `json:"queue_id" doc:"The queue."`
	Name        string     `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	LoggedIn    bool       `json:"logged_in" doc:"He is at work and has not logged out of this queue." example:"true"`
	LoggedOutAt *time.Time `json:"logged_out_at" doc:"When he logged out of this queue; null where he has not."`
	Reason      *AuxReason `json:"reason,omitempty" doc:"Why he logged out of it; absent where nobody named a reason."`
}

func agentView(a agents.Agent) Agent {
	out := Agent{
		ID: a.UserID, Name: a.Name, Role: a.Role, State: string(a.State), Since: a.Since, SecondsInState: a.Seconds,
		Pause: reasonView(a.Pause), UsedUnits: a.Used, MaxUnits: a.Max, WorkloadPercent: a.Workload(),
	}
	if x := a.Session; x != nil {
		out.Session = &AgentSession{x.ID, string(x.Strategy), x.LoggedInAt, x.Seconds, x.SeenAt, x.SeenAt.Add(agents.SilentFor)}
	}
	if e := a.Ended; e != nil {
		out.LastSession = &AgentSessionEnd{e.At, string(e.Reason)}
	}
	for _, c := range a.Channels {
		out.Channels = append(out.Channels, AgentChannelLoad{string(c.Kind), c.Open, c.Resting, c.Max})
	}
	for _, q := range a.Queues {
		out.Queues = append(out.Queues, AgentQueue{q.QueueID, q.Name, q.LoggedIn, q.LoggedOutAt, reasonView(q.Reason)})
	}
	return out
}

func reasonView(c *agents.Code) *AuxReason {
	if c == nil {
		return nil
	}
	return &AuxReason{c.Code, c.Name}
}

// MyAgent is the caller as an agent.
type MyAgent struct {
	Agent
	Choices  AgentChoices   `json:"choices" doc:"What can be chosen at login and for a pause."`
	Warnings []AgentWarning `json:"warnings" maxItems:"51" doc:"What he should know: queues that he was taken out of during the session, and that he is in none."`
}

// AgentChoices are what an agent chooses from.
type AgentChoices struct {
	Strategies []string  `json:"strategies" maxItems:"3" enum:"inbound" doc:"Working strategies." example:"[\"inbound\"]"`
	States     []string  `json:"states" maxItems:"2" enum:"available,paused" doc:"Login states."`
	Pauses     []AuxCode `json:"pauses" maxItems:"999" doc:"Reasons for which he may pause. Without the function custom_pause it is the default one alone, without pause none."`
}

// AgentWarning is what somebody at work should know.
type AgentWarning struct {
	Kind    string     `json:"kind" enum:"removed_from_queue,in_no_queue" doc:"What it is about."`
	QueueID *uuid.UUID `json:"queue_id" nullable:"true" doc:"The queue; null where the warning is about none."`
	Queue   string     `json:"queue" maxLength:"200" doc:"Its name; empty where the warning is about none." example:"Orders"`
	At      *time.Time `json:"at" doc:"When it happened; null for what is so now."`
}

func warningsView(all []agents.Warning) (out []AgentWarning) {
	for _, w := range all {
		out = append(out, AgentWarning{w.Kind, w.QueueID, w.Queue, w.At})
	}
	return out
}

// QueueStaffing is who is there in a queue, in numbers.
type QueueStaffing struct {
	ID        uuid.UUID `json:"id" doc:"The queue."`
	Name      string    `json:"name" maxLength:"200" doc:"What people call it." example:"Orders"`
	Members   int       `json:"members" minimum:"0" maximum:"1000000" doc:"Its active members." example:"12"`
	LoggedIn  int       `json:"logged_in" minimum:"0" maximum:"1000000" doc:"Those at work who have not logged out of the queue: available and paused." example:"7"`
	Available int       `json:"available" minimum:"0" maximum:"1000000" doc:"Those who receive what is new." example:"5"`
	Paused    int       `json:"paused" minimum:"0" maximum:"1000000" doc:"Those on pause." example:"2"`
	Free      int       `json:"free" minimum:"0" maximum:"1000000" doc:"Available ones whose capacity is not used up." example:"3"`
}

func staffingView(q agents.Staffing) QueueStaffing {
	return QueueStaffing{q.QueueID, q.Name, q.Members, q.LoggedIn, q.Available, q.Paused, q.Free}
}

// AgentLogEntry is one thing that an agent did, or that was done to him.
type AgentLogEntry struct {
	ID        uuid.UUID  `json:"id" doc:"The entry."`
	CreatedAt time.Time  `json:"created_at" doc:"When it happened."`
	SessionID uuid.UUID  `json:"session_id" doc:"The session at work."`
	Action    string     `json:"action" enum:"log_in,pause,resume,log_off,lapse,queue_logged_out,queue_logged_in,queue_removed" doc:"What happened; lapse is an end that nobody wished."`
	QueueID   *uuid.UUID `json:"queue_id" nullable:"true" doc:"The queue, where it concerned one alone."`
	Reason    *AuxReason `json:"reason,omitempty" doc:"The aux code, where one was named, as it was called then."`
	ByOther   bool       `json:"by_other" doc:"Somebody else did it." example:"false"`
}

func entryView(e agents.Entry) AgentLogEntry {
	return AgentLogEntry{e.ID, e.At, e.SessionID, e.Action, e.QueueID, reasonView(e.Reason), e.ByOther}
}
