package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// received is the conversation that a customer's message begins, or joins.
func (s *scene) received(t *testing.T, from, body string) string {
	t.Helper()
	s.Receive(t, s.line, sim.Inbound{From: from, Body: body})
	r := s.manager.Get(t, s.at.Path("/interactions?address=%s", escape(from))).Want(t, http.StatusOK)
	if n := len(r.Items(t)); n != 1 {
		t.Fatalf("%d conversations with %s: %s", n, from, r.Content)
	}
	return r.String(t, "items.0.id")
}

// does asks for an action on a conversation.
func (s *scene) does(t *testing.T, c *apitest.Client, interaction, verb string, body apitest.Body, headers ...apitest.Header) *apitest.Response {
	t.Helper()
	path := s.at.Path("/interactions/%s/%s", interaction, verb)
	if body == nil && verb != "close" {
		return c.Post(t, path, nil, headers...)
	}
	if body == nil {
		body = apitest.Body{}
	}
	return c.Post(t, path, body, headers...)
}

// gives assigns a conversation to somebody.
func (s *scene) gives(t *testing.T, interaction string, to *apitest.Client) *apitest.Response {
	t.Helper()
	return s.does(t, s.manager, interaction, "assign", apitest.Body{"user_id": to.UserID}).Want(t, http.StatusOK)
}

func (s *scene) shown(t *testing.T, c *apitest.Client, interaction string) *apitest.Response {
	t.Helper()
	return c.Get(t, s.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK)
}

// wantState checks fields of a conversation as the manager sees it.
func (s *scene) wantState(t *testing.T, interaction string, fields map[string]any) *apitest.Response {
	t.Helper()
	r := s.shown(t, s.manager, interaction)
	for field, want := range fields {
		if got := r.Value(t, field); got != want {
			t.Errorf("%s is %v, want %v: %s", field, got, want, r.Content)
		}
	}
	return r
}

// says are the sentences of a conversation's log, the oldest first.
func (s *scene) says(t *testing.T, interaction string) []string {
	t.Helper()
	return texts(t, s.manager.Get(t, s.at.Path("/interactions/%s/log?order=asc&limit=200", interaction)), "text")
}

func wantSaid(t *testing.T, log []string, sentences ...string) {
	t.Helper()
	for _, sentence := range sentences {
		if !slices.Contains(log, sentence) {
			t.Errorf("the log does not say %q but %q", sentence, log)
		}
	}
}

// Every status is reached through the API, in the order of a conversation's life,
// and tells the next client what it did not expect.
//
// Covers: INT-01 INT-02 INT-13 INT-14 INT-15 INT-28 INT-29 INT-60
func TestTheLifeOfAConversation(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	orders := s.queue(t, "Orders", s.at.Agent)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	id := s.received(t, number(1), "hello")
	agent := s.at.Agent
	s.wantState(t, id, map[string]any{"status": "waiting_agent", "needs_reply": true, "last_message_direction": "inbound", "closed_by": nil})
	s.gives(t, id, agent)
	s.wantState(t, id, map[string]any{"status": "open", "needs_reply": true})
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "are you there?"})
	s.wantState(t, id, map[string]any{"status": "waiting_agent"})
	agent.Post(t, s.at.Path("/interactions/%s/messages", id), apitest.Body{"body": "yes"}).Want(t, http.StatusCreated)
	s.wantState(t, id, map[string]any{"status": "open", "needs_reply": false, "last_message_direction": "outbound"})

	s.does(t, agent, id, "resume", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, id, "wait", nil).Want(t, http.StatusOK)
	if r := s.does(t, agent, id, "wait", nil).WantProblem(t, http.StatusConflict, "wrong_state", ""); r.String(t, "current_status") != "waiting_customer" {
		t.Errorf("refused: %s", r.Content)
	}
	agent.Post(t, s.at.Path("/interactions/%s/messages", id), apitest.Body{"body": "still waiting for your photo"}).Want(t, http.StatusCreated)
	s.wantState(t, id, map[string]any{"status": "waiting_customer"})
	s.does(t, agent, id, "resume", apitest.Body{"expected_status": "waiting_customer"}).Want(t, http.StatusOK)
	s.does(t, agent, id, "wait", nil).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "here it is"})
	s.wantState(t, id, map[string]any{"status": "waiting_agent"})
	if r := s.does(t, agent, id, "solve", apitest.Body{"expected_status": "open"}).WantProblem(t, http.StatusConflict, "wrong_state", ""); r.String(t, "current_status") != "waiting_agent" {
		t.Errorf("refused: %s", r.Content)
	}
	s.does(t, agent, id, "solve", nil, apitest.Header{"If-Match": `"1"`}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.does(t, agent, id, "solve", nil).Want(t, http.StatusOK)
	closed := s.does(t, agent, id, "close", apitest.Body{"reason": "answered"}).Want(t, http.StatusOK)
	if closed.String(t, "closed_by") != "agent" || closed.ID(t, "closed_by_id") != agent.UserID || closed.Value(t, "open_since") != nil {
		t.Errorf("closed: %s", closed.Content)
	}
	wantSaid(t, s.says(t, id), "Conversation started in queue Orders.", "Ticket status updated from Open to Waiting for the customer",
		"Ticket status updated from Waiting for an agent to Solved")
}

// Covers: INT-16 INT-17
func TestWhatSolvedLocks(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	id := s.received(t, number(1), "hello")
	s.gives(t, id, s.at.Agent)
	s.does(t, s.at.Agent, id, "pause", nil).Want(t, http.StatusOK)
	solved := s.does(t, s.at.Agent, id, "solve", nil).Want(t, http.StatusOK)
	if solved.Value(t, "pause") != nil || solved.Value(t, "solved_at") == nil || solved.Value(t, "waiting_since") != nil {
		t.Errorf("solved: %s", solved.Content)
	}
	path := s.at.Path("/interactions/%s", id)
	for what, r := range map[string]*apitest.Response{
		"a message":  s.at.Agent.Post(t, path+"/messages", apitest.Body{"body": "x"}),
		"the status": s.does(t, s.at.Agent, id, "resume", nil),
		"waiting":    s.does(t, s.at.Agent, id, "wait", nil),
		"a pause":    s.does(t, s.at.Agent, id, "pause", nil),
		"an edit":    s.at.Agent.Patch(t, path, apitest.Body{"subject": "x"}),
		"a transfer": s.does(t, s.manager, id, "assign", apitest.Body{"user_id": s.manager.UserID}),
		"solving":    s.does(t, s.at.Agent, id, "solve", nil),
	} {
		r.WantProblem(t, http.StatusConflict, "wrong_state", "")
		if r.String(t, "current_status") != "solved" || !strings.HasPrefix(r.String(t, "detail"), "The conversation is solved: it cannot be edited") {
			t.Errorf("%s is refused with %s", what, r.Content)
		}
	}
	s.does(t, s.at.Agent, id, "read", nil)
	// The customer's next message ends it, and begins another that knows it.
	next := s.received(t, number(1), "one more thing")
	s.wantState(t, id, map[string]any{"status": "closed", "closed_by": "system", "close_reason": "customer_wrote_again", "missed": false})
	s.wantState(t, next, map[string]any{"status": "waiting_agent", "previous_id": id, "assignee_id": nil})
}

// What was solved is closed by itself after the time that the tenant has set.
//
// Covers: INT-16
func TestSolvedIsClosedByItself(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	never := s.received(t, number(1), "a")
	s.does(t, s.manager, never, "solve", nil).Want(t, http.StatusOK)
	s.admin.Patch(t, s.at.Path("/inbox-settings"), apitest.Body{"close_solved_after_hours": 48}).Want(t, http.StatusOK)
	id := s.received(t, number(2), "b")
	reopened := s.received(t, number(3), "c")
	for _, solved := range []string{id, reopened} {
		s.does(t, s.manager, solved, "solve", nil).Want(t, http.StatusOK)
	}
	s.does(t, s.manager, reopened, "close", nil).Want(t, http.StatusOK)
	s.Advance(t, 47*time.Hour)
	s.wantState(t, id, map[string]any{"status": "solved"})
	s.Advance(t, time.Hour)
	s.wantState(t, id, map[string]any{"status": "closed", "closed_by": "system", "close_reason": "solved", "missed": false})
	s.wantState(t, never, map[string]any{"status": "solved"})
	s.wantState(t, reopened, map[string]any{"closed_by": "supervisor"})
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'interaction.closed'")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM interaction_timers WHERE due_at IS NOT NULL")
}

// A pause leaves the status as it is and ends at its time, with the customer's
// message where the reason says so, or by hand.
//
// Covers: INT-07 INT-08
func TestPausesEnd(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.admin.Patch(t, s.at.Path("/inbox-settings"), apitest.Body{"pause_reasons": []apitest.Body{
		{"key": "holiday", "name": "Customer on holiday", "ends_with_message": true},
		{"key": "parts", "name": "Parts are ordered", "ends_with_message": false},
	}}).Want(t, http.StatusOK)
	id := s.received(t, number(1), "hello")
	s.gives(t, id, s.at.Agent)
	agent := s.at.Agent
	s.does(t, agent, id, "unpause", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, id, "pause", apitest.Body{"reason": "lunch"}).WantProblem(t, unprocessable, "not_found", "body.reason")
	for _, until := range []time.Time{s.Clock.Now(), s.Clock.Now().Add(-time.Hour), s.Clock.Now().Add(400 * 24 * time.Hour)} {
		s.does(t, agent, id, "pause", apitest.Body{"until": until}).WantProblem(t, unprocessable, "validation_failed", "body.until")
	}
	// Until a time; the reason is the tenant's first where nobody says which.
	until := s.Clock.Now().Add(time.Hour)
	r := s.does(t, agent, id, "pause", apitest.Body{"until": until, "note": "back at ten"}).Want(t, http.StatusOK)
	if r.String(t, "status") != "open" || r.String(t, "pause.reason") != "holiday" || r.String(t, "pause.note") != "back at ten" || r.Value(t, "pause.ends_with_message") != true {
		t.Errorf("paused: %s", r.Content)
	}
	s.Advance(t, 59*time.Minute)
	if s.shown(t, agent, id).Value(t, "pause") == nil {
		t.Error("the pause is over before its time")
	}
	s.Advance(t, time.Minute)
	s.wantState(t, id, map[string]any{"pause": nil, "status": "open"})
	s.Advance(t, time.Hour)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'interaction.unpaused'")

	// Another end replaces the first, and a pause by hand is not ended by an old timer.
	s.does(t, agent, id, "pause", apitest.Body{"until": s.Clock.Now().Add(time.Hour)}).Want(t, http.StatusOK)
	s.does(t, agent, id, "pause", apitest.Body{"reason": "parts"}).Want(t, http.StatusOK)
	s.Advance(t, 2*time.Hour)
	if got := s.shown(t, agent, id).String(t, "pause.reason"); got != "parts" {
		t.Errorf("the pause is for %s", got)
	}
	// These parts do not come sooner because the customer asks.
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "when?"})
	r = s.wantState(t, id, map[string]any{"status": "waiting_agent", "pause.reason": "parts", "unseen": float64(2)})
	s.does(t, agent, id, "unpause", apitest.Body{"expected_status": r.String(t, "status")}).Want(t, http.StatusOK)
	s.does(t, agent, id, "pause", apitest.Body{"reason": "holiday"}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "I am back"})
	s.wantState(t, id, map[string]any{"pause": nil, "status": "waiting_agent"})
	wantSaid(t, s.says(t, id), "Pause ended, because its time has come.", "Pause ended by the customer's message.")
	// Closing ends it, too.
	s.does(t, agent, id, "pause", nil).Want(t, http.StatusOK)
	s.does(t, agent, id, "close", nil).Want(t, http.StatusOK)
	s.wantState(t, id, map[string]any{"pause": nil})
	s.does(t, agent, id, "pause", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
}

// Who closed it decides what stays in the list of whose it was.
//
// Covers: INT-22 INT-23 INT-24 INT-25 INT-26 INT-38
func TestWhoClosedIt(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	_, key := apiKey(t, s.admin, s.at, apitest.Body{"permissions": []string{"interactions:close", "interactions:read"}})
	list := func(c *apitest.Client, view string) []string {
		got := texts(t, c.Get(t, s.at.Path("/interactions?limit=200&view=%s", view)), "preview")
		slices.Sort(got)
		return got
	}
	ids := map[string]string{}
	for n, c := range []struct {
		preview, party string
		by             *apitest.Client
		body           apitest.Body
	}{
		{"1 by whose it was", "agent", agent, nil},
		{"2 by a manager", "supervisor", s.manager, nil},
		{"3 by the customer", "customer", key, apitest.Body{"on_behalf_of": "customer"}},
		{"4 by the survey", "survey", s.manager, apitest.Body{"on_behalf_of": "survey"}},
		{"5 by a program", "system", key, nil},
	} {
		id := s.received(t, number(n), c.preview)
		s.gives(t, id, agent)
		ids[c.preview] = id
		r := s.does(t, c.by, id, "close", c.body).Want(t, http.StatusOK)
		if r.String(t, "closed_by") != c.party || r.Value(t, "listed") != (c.party != "agent") {
			t.Errorf("%s: %s", c.preview, r.Content)
		}
	}
	own := s.received(t, number(9), "6 the manager's own")
	s.gives(t, own, s.manager)
	s.wantState(t, own, map[string]any{"listed": true})
	if r := s.does(t, s.manager, own, "close", nil).Want(t, http.StatusOK); r.String(t, "closed_by") != "agent" {
		t.Errorf("his own: %s", r.Content)
	}
	open := s.received(t, number(10), "7 open")
	s.gives(t, open, agent)

	if got := list(agent, "assigned"); !slices.Equal(got, []string{"2 by a manager", "3 by the customer", "4 by the survey", "5 by a program", "7 open"}) {
		t.Errorf("the agent's list is %q", got)
	}
	if got := list(agent, "active"); !slices.Equal(got, []string{"7 open"}) {
		t.Errorf("active are %q", got)
	}
	if got := list(agent, "closed"); len(got) != 5 {
		t.Errorf("closed are %q", got)
	}
	// Closed, it is read only.
	seen := ids["2 by a manager"]
	agent.Get(t, s.at.Path("/interactions/%s/messages", seen)).Want(t, http.StatusOK)
	agent.Post(t, s.at.Path("/interactions/%s/messages", seen), apitest.Body{"body": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	agent.Patch(t, s.at.Path("/interactions/%s", seen), apitest.Body{"subject": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, seen, "close", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	// Hiding is for what others have closed, and for whose it was.
	s.does(t, s.manager, seen, "hide", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, open, "hide", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, ids["1 by whose it was"], "hide", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, agent, seen, "hide", nil).Want(t, http.StatusOK)
	s.does(t, agent, seen, "hide", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := list(agent, "assigned"); !slices.Equal(got, []string{"3 by the customer", "4 by the survey", "5 by a program", "7 open"}) {
		t.Errorf("the agent's list is %q", got)
	}
	if got := list(agent, "closed"); len(got) != 5 {
		t.Errorf("closed are %q", got)
	}
	s.does(t, agent, open, "close", apitest.Body{"on_behalf_of": "customer"}).WantProblem(t, http.StatusForbidden, "forbidden", "body.on_behalf_of")
}

// Closed before anybody has dealt with it, a conversation is missed.
//
// Covers: INT-36 INT-39 INT-40 INT-58
func TestMissed(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.queue(t, "Orders", s.at.Agent)
	missed := func() []string {
		got := texts(t, s.manager.Get(t, s.at.Path("/interactions?view=missed")), "preview")
		slices.Sort(got)
		return got
	}
	never := s.received(t, number(1), "1 anybody?")
	answered := s.received(t, number(2), "2 hello?")
	s.manager.Post(t, s.at.Path("/interactions/%s/messages", answered), apitest.Body{"body": "2 yes?"}).Want(t, http.StatusCreated)
	handled := s.received(t, number(3), "3 call me")
	s.gives(t, handled, s.at.Agent)
	given := s.received(t, number(4), "4 still nobody?")
	s.gives(t, given, s.at.Agent)
	solved := s.received(t, number(5), "5 done")
	s.does(t, s.manager, solved, "solve", nil).Want(t, http.StatusOK)
	if got := missed(); len(got) != 0 {
		t.Errorf("missed while open: %q", got)
	}
	for _, id := range []string{never, answered, given, solved} {
		s.does(t, s.manager, id, "close", nil).Want(t, http.StatusOK)
	}
	s.does(t, s.at.Agent, handled, "close", nil).Want(t, http.StatusOK)
	if got := missed(); !slices.Equal(got, []string{"1 anybody?", "4 still nobody?"}) {
		t.Errorf("missed are %q", got)
	}
	// What the requester has written is kept.
	if got := s.bodies(t, never); !slices.Equal(got, []string{"1 anybody?"}) {
		t.Errorf("it holds %q", got)
	}
	s.wantState(t, never, map[string]any{"missed": true, "closed_by": "supervisor"})
	s.does(t, s.manager, never, "reopen", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
}

// Covers: INT-40
func TestReopeningIsTheChannelsBusiness(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	channel := s.at.Path("/channels/%s", s.line.ChannelID)
	agent := s.at.Agent
	// Closing is permanent by default.
	first := s.received(t, number(1), "first")
	s.gives(t, first, agent)
	s.does(t, agent, first, "close", nil).Want(t, http.StatusOK)
	s.does(t, agent, first, "reopen", nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	r := s.does(t, s.manager, first, "reopen", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if r.String(t, "current_status") != "closed" {
		t.Errorf("refused: %s", r.Content)
	}
	second := s.received(t, number(1), "second")
	s.wantState(t, second, map[string]any{"previous_id": first, "assignee_id": nil, "reopened_at": nil})

	s.admin.Patch(t, channel, apitest.Body{"reopen_within_hours": -1}).Want(t, unprocessable)
	s.admin.Patch(t, channel, apitest.Body{"reopen_within_hours": 24}).Want(t, http.StatusOK)
	// There is a newer one.
	s.does(t, s.manager, first, "reopen", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.gives(t, second, agent)
	s.does(t, s.manager, second, "reopen", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.does(t, s.manager, second, "close", nil).Want(t, http.StatusOK)
	s.does(t, s.manager, second, "reopen", apitest.Body{"expected_status": "closed"}).Want(t, http.StatusOK)
	s.wantState(t, second, map[string]any{
		"status": "open", "closed_at": nil, "closed_by": nil, "closed_by_id": nil, "close_reason": "", "listed": true, "assignee_id": agent.UserID.String(),
	})
	if s.shown(t, agent, second).Value(t, "reopened_at") == nil {
		t.Error("nothing says that it was opened again")
	}
	// The customer's message opens it within the time, and it is still his.
	s.does(t, agent, second, "close", nil).Want(t, http.StatusOK)
	s.Advance(t, 24*time.Hour)
	if got := s.received(t, number(1), "third"); got != second {
		t.Errorf("the message went to %s", got)
	}
	s.wantState(t, second, map[string]any{"status": "waiting_agent", "assignee_id": agent.UserID.String(), "needs_reply": true})
	if got := s.bodies(t, second); !slices.Equal(got, []string{"second", "third"}) {
		t.Errorf("it holds %q", got)
	}
	wantSaid(t, s.says(t, second), "Conversation reopened by the customer's message.")
	// It is nobody's where whose it was is gone.
	s.does(t, agent, second, "close", nil).Want(t, http.StatusOK)
	s.admin.Patch(t, s.at.Path("/users/%s", agent.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	s.received(t, number(1), "fourth")
	s.wantState(t, second, map[string]any{"status": "waiting_agent", "assignee_id": nil})
	// Too late.
	s.does(t, s.manager, second, "close", nil).Want(t, http.StatusOK)
	s.Advance(t, 24*time.Hour+time.Second)
	s.does(t, s.manager, second, "reopen", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.wantState(t, s.received(t, number(1), "fifth"), map[string]any{"previous_id": second})
	// Solved is not revived, whatever the channel says.
	solved := s.received(t, number(2), "a")
	s.does(t, s.manager, solved, "solve", nil).Want(t, http.StatusOK)
	s.wantState(t, s.received(t, number(2), "b"), map[string]any{"previous_id": solved})
}

// Covers: INT-27 INT-36 INT-43 INT-57
func TestWhatStandsOnAConversation(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	id := s.received(t, number(1), "hello")
	path := s.at.Path("/interactions/%s", id)
	r := s.wantState(t, id, map[string]any{"subject": "", "priority": "normal", "sub_status": "", "changed_by_id": nil})
	s.at.Agent.Patch(t, path, apitest.Body{"subject": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.gives(t, id, s.at.Agent)
	s.wantState(t, id, map[string]any{"changed_by_id": s.manager.UserID.String()})
	// Two at once: the second has not seen what the first has written.
	stale := apitest.Header{"If-Match": r.Header.Get("ETag")}
	s.at.Agent.Patch(t, path, apitest.Body{"subject": "x"}, stale).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	now := s.shown(t, s.at.Agent, id)
	changed := s.at.Agent.Patch(t, path, apitest.Body{"subject": "  Broken \n door ", "priority": "urgent", "sub_status": "pending"},
		apitest.Header{"If-Match": now.Header.Get("ETag")}).Want(t, http.StatusOK)
	if changed.String(t, "subject") != "Broken door" || changed.String(t, "priority") != "urgent" || changed.String(t, "sub_status") != "pending" ||
		changed.ID(t, "changed_by_id") != s.at.Agent.UserID {
		t.Errorf("changed: %s", changed.Content)
	}
	// What changes nothing leaves nothing behind.
	s.manager.Patch(t, path, apitest.Body{"subject": "Broken door", "priority": "urgent"}).Want(t, http.StatusOK)
	s.wantState(t, id, map[string]any{"changed_by_id": s.at.Agent.UserID.String()})
	s.does(t, s.manager, id, "read", nil)
	s.wantState(t, id, map[string]any{"changed_by_id": s.at.Agent.UserID.String()})
	for location, body := range map[string]apitest.Body{
		"body.sub_status": {"sub_status": "nonsense"}, "body.priority": {"priority": "extreme"},
		"body.subject": {"subject": strings.Repeat("x", 201)}, "body.status": {"status": "solved"},
	} {
		if r := s.manager.Patch(t, path, body).Want(t, unprocessable); !strings.Contains(string(r.Content), location) {
			t.Errorf("%v: %s", body, r.Content)
		}
	}
	log := s.says(t, id)
	wantSaid(t, log, "Priority updated from normal to urgent.", "Sub-status set to Pending.")
	if n := len(slices.DeleteFunc(log, func(text string) bool { return !strings.HasPrefix(text, "Subject updated by ") })); n != 1 {
		t.Errorf("%d entries about the subject", n)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'interaction.updated' AND data::text NOT LIKE '%door%'")
	s.does(t, s.manager, id, "solve", nil).Want(t, http.StatusOK)
	s.wantState(t, id, map[string]any{"sub_status": "", "subject": "Broken door"})
}

// Rows carry since when the customer waits, when he was answered first, and who
// wrote last; what has waited for long is told once.
//
// Covers: INT-04 INT-42 INT-51
func TestTheTimesOfAConversation(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.admin.Patch(t, s.at.Path("/inbox-settings"), apitest.Body{"waiting_alert_minutes": 30}).Want(t, http.StatusOK)
	stamp := func() string { return s.Clock.Now().UTC().Format(time.RFC3339Nano) }
	began := stamp()
	id := s.received(t, number(1), "one")
	s.wantState(t, id, map[string]any{"waiting_since": began, "open_since": began, "first_response_at": nil})
	s.Advance(t, 10*time.Minute)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "two"})
	s.wantState(t, id, map[string]any{"waiting_since": began, "last_message_at": stamp()})
	answer := func() {
		t.Helper()
		s.manager.Post(t, s.at.Path("/interactions/%s/messages", id), apitest.Body{"body": "it is " + stamp()}).Want(t, http.StatusCreated)
	}
	warned := func(want int) {
		t.Helper()
		wantCount(t, s.Platform, want, "SELECT count(*) FROM events WHERE type = 'interaction.waiting_long'")
	}
	first := stamp()
	answer()
	s.wantState(t, id, map[string]any{"waiting_since": nil, "first_response_at": first, "open_since": began, "last_message_direction": "outbound"})
	s.Advance(t, time.Hour)
	warned(0)
	again := stamp()
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "three"})
	s.wantState(t, id, map[string]any{"waiting_since": again, "first_response_at": first})
	s.Advance(t, 29*time.Minute)
	warned(0)
	s.Advance(t, time.Minute)
	warned(1)
	s.Advance(t, 5*time.Hour)
	warned(1)
	wantSaid(t, s.says(t, id), "The customer has been waiting for an answer for 30 minutes.")
	answer()
	// Answered and asked again: the time counts from the question.
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "four"})
	s.Advance(t, 20*time.Minute)
	answer()
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "five"})
	s.Advance(t, 20*time.Minute)
	warned(1)
	s.Advance(t, 10*time.Minute)
	warned(2)
	// A conversation that the tenant has begun has no first response until it answers.
	s.send(t, number(2), "hello")
	begun := s.conversation(t, number(2))
	s.wantState(t, begun, map[string]any{"first_response_at": nil, "waiting_since": nil, "last_message_direction": "outbound"})
}

// Covers: INT-36
func TestInboxSettings(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	path := s.at.Path("/inbox-settings")
	r := s.at.Agent.Get(t, path).Want(t, http.StatusOK)
	if r.String(t, "pause_reasons.0.key") != "pause" || r.String(t, "sub_statuses.0.key") != "pending" || r.Value(t, "updated_at") != nil {
		t.Errorf("at first: %s", r.Content)
	}
	states := []apitest.Body{{"key": "parts", "name": " Parts ordered "}, {"key": "lab", "name": "In the lab"}}
	first := s.admin.Patch(t, path, apitest.Body{"sub_statuses": states}, apitest.Header{"If-Match": r.Header.Get("ETag")}).Want(t, http.StatusOK)
	if first.String(t, "sub_statuses.0.name") != "Parts ordered" || first.String(t, "pause_reasons.0.key") != "pause" {
		t.Errorf("then: %s", first.Content)
	}
	s.admin.Patch(t, path, apitest.Body{"waiting_alert_minutes": 5}, apitest.Header{"If-Match": r.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	// What a conversation has it keeps; nothing new gets it.
	id := s.received(t, number(1), "hello")
	conversation := s.at.Path("/interactions/%s", id)
	s.manager.Patch(t, conversation, apitest.Body{"sub_status": "lab"}).Want(t, http.StatusOK)
	s.admin.Patch(t, path, apitest.Body{"sub_statuses": []apitest.Body{}}).Want(t, http.StatusOK)
	s.wantState(t, id, map[string]any{"sub_status": "lab"})
	s.manager.Patch(t, conversation, apitest.Body{"sub_status": "parts"}).WantProblem(t, unprocessable, "not_found", "body.sub_status")
	s.manager.Patch(t, conversation, apitest.Body{"sub_status": ""}).Want(t, http.StatusOK)
	for _, body := range []apitest.Body{
		{"pause_reasons": []apitest.Body{}},
		{"pause_reasons": []apitest.Body{{"key": "A B", "name": "x", "ends_with_message": false}}},
		{"sub_statuses": []apitest.Body{{"key": "a", "name": "x"}, {"key": "a", "name": "y"}}},
		{"sub_statuses": []apitest.Body{{"key": "a", "name": "  "}}},
		{"waiting_alert_minutes": -1},
		{"close_solved_after_hours": 9000},
		{"nonsense": 1},
	} {
		s.admin.Patch(t, path, body).Want(t, unprocessable)
	}
	s.manager.Patch(t, path, apitest.Body{"waiting_alert_minutes": 5}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.tree.Other.Admin.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// A pause does not touch what is running. What an agent closes during it is not
// over for the customer: his next message opens it again, for somebody else.
//
// Covers: AGS-20 AGS-21
func TestClosedDuringAPause(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	orders := s.working(t, "Orders", agent)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	id := s.received(t, number(1), "hello")
	s.gives(t, id, agent)
	before := s.received(t, number(2), "closed before the pause")
	s.gives(t, before, agent)
	s.does(t, agent, before, "close", nil).Want(t, http.StatusOK)
	agent.Post(t, s.me("/pause"), nil).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "still there?"})
	s.wantState(t, id, map[string]any{"assignee_id": agent.UserID.String(), "unseen": float64(2)})
	// Another closes what is the agent's: that is no session of his any more.
	byManager := s.received(t, number(3), "closed by the manager")
	s.gives(t, byManager, agent)
	s.does(t, s.manager, byManager, "close", nil).Want(t, http.StatusOK)
	s.does(t, agent, id, "close", nil).Want(t, http.StatusOK)
	s.wantState(t, id, map[string]any{"status": "closed", "missed": false, "listed": false})

	if got := s.received(t, number(1), "one more thing"); got != id {
		t.Errorf("the message began %s", got)
	}
	r := s.wantState(t, id, map[string]any{"status": "waiting_agent", "assignee_id": nil, "queue_id": orders, "closed_by": nil})
	if r.Value(t, "reopened_at") == nil {
		t.Errorf("nothing says that it was opened again: %s", r.Content)
	}
	for closed, from := range map[string]string{before: number(2), byManager: number(3)} {
		s.wantState(t, s.received(t, from, "again"), map[string]any{"previous_id": closed})
	}
	// A day later it is another session.
	s.gives(t, id, agent)
	s.does(t, agent, id, "close", nil).Want(t, http.StatusOK)
	s.Clock.Advance(24*time.Hour + time.Second)
	s.wantState(t, s.received(t, number(1), "next day"), map[string]any{"previous_id": id})
}
