package api_test

import (
	"context"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/tenants/scope"
)

// me is a path of the caller's session at work.
func (s *scene) me(of string) string { return s.at.Path("/agents/me%s", of) }

// working puts somebody into a queue and logs him in.
func (s *scene) working(t *testing.T, name string, who ...*apitest.Client) string {
	t.Helper()
	queue := s.queue(t, name, who...)
	for _, c := range who {
		c.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	}
	return queue
}

// state is what a supervisor sees of an agent.
func (s *scene) state(t *testing.T, c *apitest.Client) *apitest.Response {
	t.Helper()
	return s.manager.Get(t, s.at.Path("/agents/%s", c.UserID)).Want(t, http.StatusOK)
}

func wantState(t *testing.T, r *apitest.Response, state string, seconds int) {
	t.Helper()
	if got := r.String(t, "state"); got != state || r.Int(t, "seconds_in_state") != seconds {
		t.Errorf("he is %s since %d s, want %s since %d s: %s", got, r.Int(t, "seconds_in_state"), state, seconds, r.Content)
	}
}

// Logging in to work, pausing, and logging out, with the clocks that are shown.
//
// Covers: AGS-01 AGS-02 AGS-03 AGS-04 AGS-13 AGS-14 AGS-15 AGS-16 AGS-17 AGS-18
func TestAnAgentsDay(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	// Nobody works who has no queue, and who is not at work does nothing.
	agent.Post(t, s.me("/login"), nil).WantProblem(t, http.StatusConflict, "agent_in_no_queue", "")
	for _, verb := range []string{"/logout", "/pause", "/resume", "/heartbeat"} {
		agent.Post(t, s.me(verb), nil).WantProblem(t, http.StatusConflict, "agent_not_logged_in", "")
	}
	orders, support := s.queue(t, "Orders", agent), s.queue(t, "Support", agent)
	s.queue(t, "Others", s.manager)

	// What he chooses from, and which queues are his.
	mine := agent.Get(t, s.me("")).Want(t, http.StatusOK)
	if mine.String(t, "state") != "logged_off" || mine.Value(t, "since") != nil {
		t.Errorf("before the first day: %s", mine.Content)
	}
	if got := fieldsAt(t, mine, "choices.pauses", "name"); !slices.Equal(got, []string{"Lunch", "Break", "Meeting", "Training"}) {
		t.Errorf("reasons to pause: %q", got)
	}
	if got := fieldsAt(t, mine, "queues", "queue_id"); !slices.Equal(got, []string{orders, support}) {
		t.Errorf("his queues: %q", got)
	}
	if mine.String(t, "choices.strategies.0") != "inbound" {
		t.Errorf("strategies: %s", mine.Content)
	}
	agent.Post(t, s.me("/login"), apitest.Body{"strategy": "outbound"}).WantProblem(t, unprocessable, "validation_failed", "body.strategy")
	agent.Post(t, s.me("/login"), apitest.Body{"aux_code": 2}).WantProblem(t, unprocessable, "validation_failed", "body.aux_code")

	in := agent.Post(t, s.me("/login"), apitest.Body{"strategy": "inbound"}).Want(t, http.StatusOK)
	wantState(t, in, "available", 0)
	if in.Value(t, "queues.0.logged_in") != true || in.Value(t, "queues.1.logged_in") != true {
		t.Errorf("logged in to all: %s", in.Content)
	}
	agent.Post(t, s.me("/login"), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	agent.Post(t, s.me("/resume"), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")

	// A pause has a reason, the default one if he names none; it can change.
	s.Clock.Advance(40 * time.Second)
	wantState(t, agent.Post(t, s.me("/heartbeat"), nil).Want(t, http.StatusOK), "available", 40)
	paused := agent.Post(t, s.me("/pause"), nil).Want(t, http.StatusOK)
	if wantState(t, paused, "paused", 0); paused.String(t, "pause.name") != "Break" {
		t.Errorf("the default pause: %s", paused.Content)
	}
	for _, code := range []int{1, 77} { // available is no pause
		agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": code}).WantProblem(t, unprocessable, "not_found", "body.aux_code")
	}
	s.Clock.Advance(30 * time.Second)
	paused = agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": 2}).Want(t, http.StatusOK)
	if wantState(t, paused, "paused", 0); paused.Int(t, "pause.aux_code") != 2 || paused.Int(t, "session.seconds") != 70 {
		t.Errorf("another reason: %s", paused.Content)
	}
	s.Clock.Advance(20 * time.Second)
	if r := s.state(t, agent); r.String(t, "pause.name") != "Lunch" || r.Int(t, "seconds_in_state") != 20 {
		t.Errorf("the supervisor sees %s", r.Content)
	}
	wantState(t, agent.Post(t, s.me("/resume"), nil).Want(t, http.StatusOK), "available", 0)

	out := agent.Post(t, s.me("/logout"), nil).Want(t, http.StatusOK)
	if wantState(t, out, "logged_off", 0); out.String(t, "last_session.reason") != "logged_off" || out.Value(t, "session") != nil {
		t.Errorf("logged out: %s", out.Content)
	}
	// He stays signed in, and can begin with a pause.
	in = agent.Post(t, s.me("/login"), apitest.Body{"state": "paused", "aux_code": 4}).Want(t, http.StatusOK)
	if wantState(t, in, "paused", 0); in.String(t, "pause.name") != "Meeting" {
		t.Errorf("begins with a meeting: %s", in.Content)
	}
	log := s.manager.Get(t, s.at.Path("/agents/%s/log", agent.UserID))
	if got := texts(t, log, "action"); !slices.Equal(got, []string{"log_in", "log_off", "resume", "pause", "pause", "log_in"}) {
		t.Errorf("the log has %q", got)
	}
	for kind, n := range map[string]int{"agent.logged_in": 2, "agent.paused": 2, "agent.resumed": 1, "agent.logged_off": 1, "agent.inactive": 0} {
		wantCount(t, s.Platform, n, "SELECT count(*) FROM events WHERE type = $1", kind)
	}
}

// fieldsAt are the values of a field in a list inside an answer.
func fieldsAt(t *testing.T, r *apitest.Response, list, field string) (out []string) {
	t.Helper()
	items, _ := r.Value(t, list).([]any)
	for _, item := range items {
		text, _ := item.(map[string]any)[field].(string)
		out = append(out, text)
	}
	return out
}

// A client that falls silent, a sign-in that ends, somebody else: whatever ends
// the session, it is over at once and says why.
//
// Covers: AGS-25
func TestWhatEndsASessionAtWork(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	queue := s.working(t, "Orders", agent)
	// 90 seconds without a heartbeat are too long, and a beat before them is in time.
	s.Advance(t, 89*time.Second)
	agent.Post(t, s.me("/heartbeat"), nil).Want(t, http.StatusOK)
	s.Advance(t, 89*time.Second)
	wantState(t, s.state(t, agent), "available", 178)
	s.Advance(t, time.Second)
	if r := s.state(t, agent); r.String(t, "state") != "logged_off" || r.String(t, "last_session.reason") != "heartbeat_missed" {
		t.Errorf("silent: %s", r.Content)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'agent.inactive' AND data->>'reason' = 'heartbeat_missed'")
	gone := agent.Post(t, s.me("/heartbeat"), nil).WantProblem(t, http.StatusConflict, "agent_not_logged_in", "")
	if want := "Your session at work has ended: nothing was heard from you for too long. Log in again."; gone.String(t, "detail") != want {
		t.Errorf("he is told %s", gone.Content)
	}

	// Somebody else logs him off; he is told so, and that he has no queue.
	agent.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	if r := s.manager.Post(t, s.at.Path("/agents/%s/logout", agent.UserID), nil).Want(t, http.StatusOK); r.String(t, "last_session.reason") != "forced" {
		t.Errorf("forced: %s", r.Content)
	}
	s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", queue), apitest.Body{"user_ids": []uuid.UUID{}}).Want(t, http.StatusOK)
	gone = agent.Post(t, s.me("/resume"), nil).WantProblem(t, http.StatusConflict, "agent_not_logged_in", "")
	if want := "Your session at work has ended: somebody logged you off. You are in no queue and in no campaign: ask an administrator for one."; gone.String(t, "detail") != want {
		t.Errorf("he is told %s", gone.Content)
	}
	// It is in the audit log, because somebody else did it; his own doings are not.
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM audit_entries WHERE action = 'agent.logged_off'")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM audit_entries WHERE action = 'agent.logged_in'")

	// The sign-in ends: by force, by himself, by being disabled.
	s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", queue), apitest.Body{"user_ids": []uuid.UUID{agent.UserID, s.manager.UserID}}).Want(t, http.StatusOK)
	for name, end := range map[string]func(*apitest.Client){
		"disconnected": func(c *apitest.Client) {
			s.admin.Post(t, s.at.Path("/users/%s/disconnect", c.UserID), nil).Want(t, http.StatusNoContent)
		},
		"signed out": func(c *apitest.Client) { c.Post(t, "/v1/auth/logout", nil).Want(t, http.StatusNoContent) },
		"disabled": func(c *apitest.Client) {
			s.admin.Patch(t, s.at.Path("/users/%s", c.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
		},
		"deleted": func(c *apitest.Client) {
			s.admin.Do(t, http.MethodDelete, s.at.Path("/users/%s", c.UserID), nil).Want(t, http.StatusNoContent)
		},
	} {
		c := s.NewUser(t, s.admin, s.at, "agent")
		s.working(t, name, c)
		end(c)
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM agent_sessions WHERE user_id = $1 AND state = 'logged_off' AND ended_reason = 'signed_out' AND due_at IS NULL", c.UserID)
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'agent.inactive' AND object_id = $1", c.UserID)
	}
}

// A job that runs twice, or late, ends nobody who is there.
func TestHeartbeatJobIsSafeToRepeat(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.working(t, "Orders", s.at.Agent)
	session := uuid.MustParse(s.at.Agent.Get(t, s.me("")).String(t, "session.id"))
	ctx := s.scope(t)
	for range 2 {
		if err := s.Agents.HandleDue(ctx, session); err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, s.state(t, s.at.Agent), "available", 0)
	s.Clock.Advance(2 * time.Minute)
	for range 2 {
		if err := s.Agents.HandleDue(ctx, session); err != nil {
			t.Fatal(err)
		}
	}
	wantState(t, s.state(t, s.at.Agent), "logged_off", 0)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'agent.inactive'")
	// The session that he begins now is another one.
	s.at.Agent.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	if err := s.Agents.HandleDue(ctx, session); err != nil {
		t.Fatal(err)
	}
	wantState(t, s.state(t, s.at.Agent), "available", 0)
}

// scope is a context of the customer's own work.
func (s *scene) scope(t *testing.T) context.Context {
	t.Helper()
	path := s.Text(t, "SELECT path FROM tenants WHERE id = $1", s.at.ID)
	return scope.With(t.Context(), scope.Scope{TenantID: s.at.ID, Path: path, Actor: scope.Actor{Kind: scope.ActorSystem}})
}

// candidates asks who can be given a conversation of a queue.
func (s *scene) candidates(t *testing.T, queue string, lock bool) map[uuid.UUID]agents.Candidate {
	t.Helper()
	out := map[uuid.UUID]agents.Candidate{}
	ctx := s.scope(t)
	err := s.Store.InTx(ctx, func(ctx context.Context) error {
		found, err := s.Agents.Candidates(ctx, uuid.MustParse(queue), agents.Kinds()[0], lock)
		for _, c := range found {
			out[c.UserID] = c
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// Who can be given a conversation, and why not: exactly, at any moment.
//
// Covers: QUE-13 QUE-14 AGS-20
func TestWhoCanBeGivenAConversation(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	a, b, off := s.at.Agent, s.NewUser(t, s.admin, s.at, "agent"), s.NewUser(t, s.admin, s.at, "agent")
	queue := s.queue(t, "Orders", a, b, off, s.manager)
	for _, c := range []*apitest.Client{a, b, s.manager} {
		c.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	}
	s.manager.Post(t, s.me("/pause"), apitest.Body{"aux_code": 2}).Want(t, http.StatusOK)
	b.Post(t, s.at.Path("/agents/me/queues/%s/logout", queue), apitest.Body{"confirm": true, "aux_code": 5}).Want(t, http.StatusOK)
	s.admin.Patch(t, s.at.Path("/agent-settings"), apitest.Body{"max_units": 5, "channels": []apitest.Body{
		{"kind": "sms", "units": 2, "units_waiting_customer": 1, "max_conversations": 3},
	}}).Want(t, http.StatusOK)

	want := func(what string, c *apitest.Client, reason agents.WhyNot, used, most, open, maxOpen int) agents.Candidate {
		t.Helper()
		got := s.candidates(t, queue, true)[c.UserID]
		if got.Reason != reason || got.Used != used || got.Max != most || got.Open != open || got.MaxOpen != maxOpen {
			t.Errorf("%s: %+v", what, got)
		}
		return got
	}
	want("nothing to do", a, "", 0, 5, 0, 3)
	if c := want("out of the queue", b, agents.OutOfQueue, 0, 5, 0, 3); c.Pause != "Training" {
		t.Errorf("he is out of the queue for %q", c.Pause)
	}
	if c := want("on pause", s.manager, agents.OnPause, 0, 5, 0, 3); c.Pause != "Lunch" {
		t.Errorf("he pauses for %q", c.Pause)
	}
	want("not there", off, agents.NotLoggedIn, 0, 5, 0, 3)

	// What he has, in units: 2 for each; only what goes on.
	var given []string
	for i := range 4 {
		s.Receive(t, s.line, sim.Inbound{From: number(i), Body: "hello"})
		given = append(given, s.conversation(t, number(i)))
	}
	give := func(i int) {
		t.Helper()
		s.Clock.Advance(time.Second)
		s.admin.Post(t, s.at.Path("/interactions/%s/assign", given[i]), apitest.Body{"user_id": a.UserID}).Want(t, http.StatusOK)
	}
	give(0)
	if c := want("one", a, "", 2, 5, 1, 3); c.LastAssignedAt == nil || !c.LastAssignedAt.Equal(s.Clock.Now()) || !c.IdleSince.Equal(s.Clock.Now()) {
		t.Errorf("given one at %v: %+v", s.Clock.Now(), c)
	}
	give(1)
	want("two of five units are left by none", a, agents.Full, 4, 5, 2, 3)
	s.Tamper(t, "UPDATE interactions SET status = 'waiting_customer' WHERE id = $1", given[1])
	if c := want("one waits for the customer", a, "", 3, 5, 2, 3); c.Workload() != 60 {
		t.Errorf("his workload is %d %%", c.Workload())
	}
	give(2)
	want("by hand he has as many as he may", a, agents.KindFull, 5, 5, 3, 3)
	give(3)
	want("by hand he has more", a, agents.KindFull, 7, 5, 4, 3)
	if r := s.state(t, a); r.Int(t, "workload_percent") != 140 || r.Int(t, "channels.0.open_conversations") != 4 || r.Int(t, "channels.0.waiting_customer") != 1 {
		t.Errorf("the dashboard shows %s", r.Content)
	}
	for _, id := range given[2:] {
		a.Post(t, s.at.Path("/interactions/%s/close", id), apitest.Body{}).Want(t, http.StatusOK)
	}
	want("closed ones do not count", a, "", 3, 5, 2, 3)

	// A pause stops what is new; what he has goes on.
	a.Post(t, s.me("/pause"), nil).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(0), Body: "still there?"})
	if r := a.Get(t, s.at.Path("/interactions/%s", given[0])).Want(t, http.StatusOK); r.Value(t, "assignee_id") != a.UserID.String() {
		t.Errorf("on pause he loses what he has: %s", r.Content)
	}
	want("on pause", a, agents.OnPause, 3, 5, 2, 3)
	a.Post(t, s.me("/resume"), nil).Want(t, http.StatusOK)

	// Limits of his own come before the tenant's.
	own := s.at.Path("/agents/%s/capacity", a.UserID)
	s.admin.Patch(t, own, apitest.Body{"max_units": 9, "channels": []apitest.Body{{"kind": "sms", "max_conversations": 2}}}).Want(t, http.StatusOK)
	want("limits of his own", a, agents.KindFull, 3, 9, 2, 2)
	s.admin.Patch(t, own, apitest.Body{"channels": []apitest.Body{{"kind": "sms", "max_conversations": nil}}}).Want(t, http.StatusOK)
	want("units of his own", a, "", 3, 9, 2, 3)

	// Who is not a member any more, or is disabled, is no candidate.
	s.admin.Patch(t, s.at.Path("/users/%s", off.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	if got := s.candidates(t, queue, false); len(got) != 3 {
		t.Errorf("the candidates are %v", got)
	}
}

// Two who give out work wait for each other: the second sees what the first
// has given, and so does what is given by hand.
func TestCandidatesAreLocked(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	queue := s.working(t, "Orders", s.at.Agent)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "hello"})
	conversation := s.conversation(t, number(1))
	ctx, second := s.scope(t), make(chan int, 1)
	err := s.Store.InTx(ctx, func(inner context.Context) error {
		if _, err := s.Agents.Candidates(inner, uuid.MustParse(queue), agents.Kinds()[0], true); err != nil {
			return err
		}
		started := make(chan struct{})
		go func() {
			close(started)
			var open int
			_ = s.Store.InTx(ctx, func(ctx context.Context) error {
				found, err := s.Agents.Candidates(ctx, uuid.MustParse(queue), agents.Kinds()[0], true)
				for _, c := range found {
					open = c.Open
				}
				return err
			})
			second <- open
		}()
		<-started
		// The one who waits is seen in the server, and has not got through.
		for s.Count(t, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%agent_sessions%'") == 0 {
			select {
			case open := <-second:
				t.Errorf("the second did not wait, and saw %d", open)
				second <- open
				return nil
			case <-time.After(time.Millisecond):
			}
		}
		_, err := store.Exec(inner, `UPDATE interactions SET assignee_id = $1 WHERE id = $2`, s.at.Agent.UserID, conversation)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if open := <-second; open != 1 {
		t.Errorf("the second saw %d conversations", open)
	}
}
