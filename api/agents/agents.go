// Package agents serves who is at work: sessions, pauses, aux codes, and how
// much everybody can take.
package agents

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/agents"
)

// Tag is the chapter of agents in the document.
const Tag = "Agents"

// Config is what the operations need.
type Config struct {
	Agents *agents.Service
	// Supervises tells whether the caller may pause others and log them off: he
	// needs no reasons.
	Supervises func(ctx context.Context) bool
}

type handlers struct{ Config }

const (
	listPath  = "/v1/tenants/{tenant_id}/agents"
	minePath  = listPath + "/me"
	agentPath = listPath + "/{user_id}"
	codesPath = "/v1/tenants/{tenant_id}/aux-codes"
	codePath  = codesPath + "/{code}"
)

// Register opens the operations on agents.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	h.registerList(s)
	h.registerMine(s)
	h.registerOthers(s)
	h.registerCodes(s)
	h.registerCapacity(s)
}

func (h handlers) registerList(s *op.Surface) {
	op.Register(s, authz.AgentsRead, op.Spec{
		ID: "listAgents", Method: http.MethodGet, Path: listPath, Tag: Tag,
		Summary: "List agents",
		Description: "Lists the tenant's active agents and managers with the state that each is in and since when, how much he has, " +
			"and the queues that he answers in; narrowed to states or to the members of a queue. Oldest user first.",
		Codes: []fault.Code{fault.CodeNotFound},
	}, h.list)
	op.Register(s, authz.AgentsRead, op.Spec{
		ID: "getAgent", Method: http.MethodGet, Path: agentPath, Tag: Tag,
		Summary: "Show an agent", Description: "Shows one agent or manager, as listAgents does.",
	}, h.get)
	op.Register(s, authz.AgentsRead, op.Spec{
		ID: "listQueueStaffing", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/queues/staffing", Tag: Tag,
		Summary: "List who is there in each queue",
		Description: "Counts for each queue in use its members, those logged in, available and paused, and those who can take one conversation more: " +
			"what a dialog needs that transfers a conversation. Oldest queue first.",
	}, h.staffing)
}

var workCodes = []fault.Code{fault.CodeNotAtWork, fault.CodeWrongState}

func (h handlers) registerMine(s *op.Surface) {
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "getMyAgent", Method: http.MethodGet, Path: minePath, Tag: Tag,
		Summary: "Show the own session at work",
		Description: "Shows the caller as an agent: state, queues, load, what he can choose at login, and warnings, for example of a queue " +
			"that he was taken out of. Where a session has ended by itself, it says why.",
	}, h.mine)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "startMyAgentSession", Method: http.MethodPost, Path: minePath + "/login", Tag: Tag, BodyOptional: true,
		Summary: "Log in to work",
		Description: "Begins a session at work in all queues of the caller, available or paused. Who is in no queue and no campaign is refused. " +
			"The session ends by endMyAgentSession, with the sign-in, or when no heartbeat comes for 90 seconds.",
		Codes: []fault.Code{fault.CodeInNoQueue, fault.CodeWrongState, fault.CodeNotFound},
	}, h.logIn)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "endMyAgentSession", Method: http.MethodPost, Path: minePath + "/logout", Tag: Tag,
		Summary: "Log out of work", Description: "Ends the caller's session at work in all queues. He stays signed in.",
		Codes: workCodes,
	}, h.logOut)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "pauseMyAgentSession", Method: http.MethodPost, Path: minePath + "/pause", Tag: Tag, BodyOptional: true,
		Summary: "Pause",
		Description: "Keeps new conversations away from the caller, in all queues, for a reason from the list of aux codes; without one it is the " +
			"default pause. What he has goes on. While paused, another pause changes the reason and begins anew.",
		Codes: append([]fault.Code{fault.CodeNotFound}, workCodes...),
	}, h.pause)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "resumeMyAgentSession", Method: http.MethodPost, Path: minePath + "/resume", Tag: Tag,
		Summary: "End the pause", Description: "Makes the caller available again. No pause ends by itself.",
		Codes: workCodes,
	}, h.resume)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "sendAgentHeartbeat", Method: http.MethodPost, Path: minePath + "/heartbeat", Tag: Tag,
		Summary: "Say that the client is there",
		Description: "To be called every 30 seconds while the caller is at work. Without it for 90 seconds the session ends, and what the agent has is given to others. " +
			"The answer has the state, in case somebody has changed it, and warnings that came up since the last heartbeat. Where the session has ended, " +
			"the problem says why, and whether logging in again can help.",
		Codes: workCodes,
	}, h.heartbeat)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "endMyQueueLogin", Method: http.MethodPost, Path: minePath + "/queues/{queue_id}/logout", Tag: Tag,
		Summary: "Log out of one queue",
		Description: "Keeps new conversations of one queue away from the caller, until he logs in to it again or to work. It asks for confirmation, and agents name a " +
			"reason from the list of aux codes; who may supervise needs none.",
		Codes: append([]fault.Code{fault.CodeNotFound}, workCodes...),
	}, h.logOutOfQueue)
	op.Register(s, authz.AgentsWork, op.Spec{
		ID: "startMyQueueLogin", Method: http.MethodPost, Path: minePath + "/queues/{queue_id}/login", Tag: Tag,
		Summary: "Log in to one queue again", Description: "Ends what endMyQueueLogin began.",
		Codes: workCodes,
	}, h.logInToQueue)
}

func (h handlers) registerOthers(s *op.Surface) {
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "endAgentSession", Method: http.MethodPost, Path: agentPath + "/logout", Tag: Tag,
		Summary: "Log somebody out of work", Description: "Ends another's session at work. He stays signed in and can log in again; disconnectUser ends his sign-in.",
		Codes: workCodes,
	}, h.forceLogOut)
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "pauseAgentSession", Method: http.MethodPost, Path: agentPath + "/pause", Tag: Tag, BodyOptional: true,
		Summary: "Pause somebody", Description: "Keeps new conversations away from another, as pauseMyAgentSession does.",
		Codes: append([]fault.Code{fault.CodeNotFound}, workCodes...),
	}, h.forcePause)
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "resumeAgentSession", Method: http.MethodPost, Path: agentPath + "/resume", Tag: Tag,
		Summary: "End somebody's pause", Description: "Makes another available again.",
		Codes: workCodes,
	}, h.forceResume)
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "endAgentQueueLogin", Method: http.MethodPost, Path: agentPath + "/queues/{queue_id}/logout", Tag: Tag, BodyOptional: true,
		Summary: "Log somebody out of one queue", Description: "Keeps new conversations of one queue away from another. It needs no reason.",
		Codes: append([]fault.Code{fault.CodeNotFound}, workCodes...),
	}, h.forceOutOfQueue)
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "startAgentQueueLogin", Method: http.MethodPost, Path: agentPath + "/queues/{queue_id}/login", Tag: Tag,
		Summary: "Log somebody in to one queue again", Description: "Ends that another is logged out of one queue.",
		Codes: workCodes,
	}, h.forceIntoQueue)
	op.Register(s, authz.AgentsSupervise, op.Spec{
		ID: "listAgentLog", Method: http.MethodGet, Path: agentPath + "/log", Tag: Tag,
		Summary:     "List what an agent did",
		Description: "Lists logins and logouts, pauses with their reasons, and the same for single queues, the newest first. Entries never change.",
	}, h.log)
}
