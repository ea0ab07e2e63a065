package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// names are the names of a list, in its order.
func names(t *testing.T, r *apitest.Response) []string {
	t.Helper()
	return texts(t, r, "name")
}

// Covers: AGS-15 AGS-22 AGS-23
func TestAuxCodes(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	codes := s.at.Path("/aux-codes")
	code := func(n int) string { return s.at.Path("/aux-codes/%d", n) }
	if got := names(t, s.at.Agent.Get(t, codes)); !slices.Equal(got, []string{"Available", "Lunch", "Break", "Meeting", "Training"}) {
		t.Errorf("a tenant begins with %q", got)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM aux_codes")

	// Added, under a number of choice or the next one.
	made := s.admin.Post(t, codes, apitest.Body{"name": " Coaching "}).Want(t, http.StatusCreated)
	if made.Int(t, "code") != 6 || made.String(t, "name") != "Coaching" || made.Header.Get("Location") != code(6) {
		t.Errorf("made: %s", made.Content)
	}
	s.admin.Post(t, codes, apitest.Body{"name": "Fire drill", "code": 99}).Want(t, http.StatusCreated)
	s.admin.Post(t, codes, apitest.Body{"name": "Again", "code": 99}).WantProblem(t, http.StatusConflict, "conflict", "body.code")
	s.admin.Post(t, codes, apitest.Body{"name": "Again", "code": 2}).WantProblem(t, http.StatusConflict, "conflict", "body.code")
	s.admin.Post(t, codes, apitest.Body{"name": "Available now", "code": 1}).WantProblem(t, unprocessable, "validation_failed", "body.code")
	for _, taken := range []string{"coaching", "LUNCH"} { // also those that have no row
		s.admin.Post(t, codes, apitest.Body{"name": taken}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	}
	// In pages.
	first := s.admin.Get(t, codes+"?limit=5").Want(t, http.StatusOK)
	if rest := names(t, s.admin.Get(t, codes+"?limit=5&cursor="+first.String(t, "next_cursor"))); !slices.Equal(rest, []string{"Coaching", "Fire drill"}) {
		t.Errorf("the second page has %q", rest)
	}

	// Renamed, in its version.
	was := s.admin.Get(t, code(4)).Want(t, http.StatusOK).Header.Get("ETag")
	s.admin.Patch(t, code(4), apitest.Body{"name": "Team meeting"}, apitest.Header{"If-Match": was}).Want(t, http.StatusOK)
	s.admin.Patch(t, code(4), apitest.Body{"name": "x"}, apitest.Header{"If-Match": was}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Patch(t, code(5), apitest.Body{"name": "team MEETING"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	s.admin.Patch(t, code(77), apitest.Body{"name": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.Patch(t, code(1), apitest.Body{"name": "Ready"}).Want(t, http.StatusOK)

	// The default pause moves; there is always one, and it is a pause.
	s.admin.Patch(t, code(1), apitest.Body{"default_pause": true}).WantProblem(t, unprocessable, "validation_failed", "body.default_pause")
	s.admin.Patch(t, code(6), apitest.Body{"default_pause": true}).Want(t, http.StatusOK)
	if s.admin.Get(t, code(3)).Value(t, "default_pause") != false || s.admin.Get(t, code(6)).Value(t, "default_pause") != true {
		t.Error("there are two default pauses, or none")
	}

	// Deleting is guarded: by what is live, the default, and what says available.
	s.working(t, "Orders", s.at.Agent)
	if r := s.at.Agent.Post(t, s.me("/pause"), nil).Want(t, http.StatusOK); r.String(t, "pause.name") != "Coaching" {
		t.Errorf("the default pause is %s", r.Content)
	}
	s.at.Agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": 99}).Want(t, http.StatusOK)
	for _, n := range []int{1, 6, 99} {
		s.admin.Do(t, http.MethodDelete, code(n), nil).WantProblem(t, http.StatusConflict, "conflict", "")
	}
	s.at.Agent.Post(t, s.me("/resume"), nil).Want(t, http.StatusOK)
	for _, n := range []int{2, 99} {
		s.admin.Do(t, http.MethodDelete, code(n), nil).Want(t, http.StatusNoContent)
		s.admin.Do(t, http.MethodDelete, code(n), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
		s.at.Agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": n}).WantProblem(t, unprocessable, "not_found", "body.aux_code")
	}
	if got := names(t, s.at.Agent.Get(t, codes)); !slices.Equal(got, []string{"Ready", "Break", "Team meeting", "Training", "Coaching"}) {
		t.Errorf("what is left is %q", got)
	}
	// The log keeps what was; the number and the name are free.
	if r := s.manager.Get(t, s.at.Path("/agents/%s/log", s.at.Agent.UserID)); r.String(t, "items.1.reason.name") != "Fire drill" {
		t.Errorf("the log says %s", r.Content)
	}
	s.admin.Post(t, codes, apitest.Body{"name": "Lunch", "code": 99}).Want(t, http.StatusCreated)
	wantCount(t, s.Platform, 3, "SELECT count(*) FROM audit_entries WHERE action = 'aux_code.created'")
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM audit_entries WHERE action = 'aux_code.deleted'")
	s.manager.Post(t, codes, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Out of one queue, and in again; agents say why, those who supervise need not.
//
// Covers: AGS-17 AGS-24 QUE-32
func TestLoggingOutOfOneQueue(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	orders := s.queue(t, "Orders", agent, s.manager)
	support := s.working(t, "Support", agent, s.manager)
	out, in := s.at.Path("/agents/me/queues/%s/logout", orders), s.at.Path("/agents/me/queues/%s/login", orders)

	agent.Post(t, out, apitest.Body{"confirm": false, "aux_code": 2}).WantProblem(t, unprocessable, "validation_failed", "body.confirm")
	agent.Post(t, out, apitest.Body{"confirm": true}).WantProblem(t, unprocessable, "validation_failed", "body.aux_code")
	agent.Post(t, out, apitest.Body{"confirm": true, "aux_code": 1}).WantProblem(t, unprocessable, "not_found", "body.aux_code")
	agent.Post(t, in, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.Clock.Advance(time.Second)
	agent.Post(t, out, apitest.Body{"confirm": true, "aux_code": 2}).Want(t, http.StatusOK)
	agent.Post(t, out, apitest.Body{"confirm": true, "aux_code": 2}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.manager.Post(t, out, apitest.Body{"confirm": true}).Want(t, http.StatusOK)

	// As the members of the queue are listed, with who is there.
	members := s.manager.Get(t, s.at.Path("/agents?queue_id=%s", orders)).Want(t, http.StatusOK)
	if len(members.Items(t)) != 2 {
		t.Fatalf("the members are %s", members.Content)
	}
	for i := range 2 {
		at := func(field string) any { return members.Value(t, fmt.Sprintf("items.%d.%s", i, field)) }
		if at("queues.0.name") != "Orders" || at("queues.0.logged_in") != false || at("queues.1.logged_in") != true || at("state") != "available" {
			t.Errorf("member %d: %s", i, members.Content)
		}
		isAgent := at("id") == agent.UserID.String()
		if isAgent != (at("queues.0.reason") != nil) {
			t.Errorf("only the agent named a reason: %s", members.Content)
		}
	}
	s.admin.Do(t, http.MethodDelete, s.at.Path("/aux-codes/2"), nil).WantProblem(t, http.StatusConflict, "conflict", "")

	// A queue that is not his, or is gone, is none.
	others := s.queue(t, "Others", s.manager)
	for _, queue := range []string{others, uuid.NewString()} {
		agent.Post(t, s.at.Path("/agents/me/queues/%s/logout", queue), apitest.Body{"confirm": true, "aux_code": 2}).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	agent.Post(t, in, nil).Want(t, http.StatusOK)
	if r := s.state(t, agent); r.Value(t, "queues.0.logged_in") != true || r.Value(t, "queues.0.logged_out_at") != nil {
		t.Errorf("in again: %s", r.Content)
	}
	// By somebody who supervises, without a reason; logging in anew is logging in to all.
	s.manager.Post(t, s.at.Path("/agents/%s/queues/%s/logout", agent.UserID, support), nil).Want(t, http.StatusOK)
	s.manager.Post(t, s.at.Path("/agents/%s/queues/%s/login", agent.UserID, support), nil).Want(t, http.StatusOK)
	s.manager.Post(t, s.at.Path("/agents/%s/queues/%s/logout", agent.UserID, support), apitest.Body{"aux_code": 3}).Want(t, http.StatusOK)
	agent.Post(t, s.at.Path("/agents/%s/pause", s.manager.UserID), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Post(t, s.me("/logout"), nil).Want(t, http.StatusOK)
	agent.Post(t, out, apitest.Body{"confirm": true, "aux_code": 2}).WantProblem(t, http.StatusConflict, "agent_not_logged_in", "")
	if r := agent.Post(t, s.me("/login"), nil).Want(t, http.StatusOK); r.Value(t, "queues.1.logged_in") != true {
		t.Errorf("logged in anew: %s", r.Content)
	}
	log := s.manager.Get(t, s.at.Path("/agents/%s/log", agent.UserID))
	want := []string{"log_in", "log_off", "queue_logged_out", "queue_logged_in", "queue_logged_out", "queue_logged_in", "queue_logged_out", "log_in"}
	if got := texts(t, log, "action"); !slices.Equal(got, want) {
		t.Errorf("the log has %q", got)
	}
	if log.Value(t, "items.2.by_other") != true || log.Value(t, "items.6.by_other") != false || log.Value(t, "items.6.queue_id") != orders {
		t.Errorf("the log says %s", log.Content)
	}
}

// Who is taken out of a queue while he works is told at once, and once.
//
// Covers: AGS-10 AGS-11 AGS-25
func TestWarningOfARemoval(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	orders, support := s.queue(t, "Orders", agent, s.manager), s.working(t, "Support", agent)
	beat := func(want ...string) {
		t.Helper()
		s.Clock.Advance(10 * time.Second)
		r := agent.Post(t, s.me("/heartbeat"), nil).Want(t, http.StatusOK)
		if got := fieldsAt(t, r, "warnings", "kind"); !slices.Equal(got, want) {
			t.Errorf("the heartbeat warns of %q, want %q", got, want)
		}
	}
	remove := func(queue string) {
		t.Helper()
		s.Clock.Advance(time.Second)
		s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", queue), apitest.Body{"user_ids": []uuid.UUID{}}).Want(t, http.StatusOK)
	}
	beat()
	remove(orders) // the manager is not at work, and nobody warns him
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'agent.queue_removed' AND object_id = $1 AND data->>'queue_id' = $2", agent.UserID, orders)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'agent.queue_removed'")
	beat("removed_from_queue")
	beat()
	if r := agent.Get(t, s.me("")); r.String(t, "warnings.0.queue") != "Orders" {
		t.Errorf("his session shows %s", r.Content)
	}
	remove(support)
	beat("removed_from_queue", "in_no_queue")
	beat("in_no_queue")
	wantState(t, s.state(t, agent), "available", 52)
	// Back in it, all is well; logged out, there would be no way in again.
	s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", support), apitest.Body{"user_ids": []uuid.UUID{agent.UserID}}).Want(t, http.StatusOK)
	beat()
	remove(support)
	agent.Post(t, s.me("/logout"), nil).Want(t, http.StatusOK)
	agent.Post(t, s.me("/login"), nil).WantProblem(t, http.StatusConflict, "agent_in_no_queue", "")
}

// What a transfer dialog and a dashboard show.
//
// Covers: AGS-14 QUE-21 QUE-32
func TestWhoIsThere(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	a, b, c := s.at.Agent, s.NewUser(t, s.admin, s.at, "agent"), s.NewUser(t, s.admin, s.at, "agent")
	orders := s.queue(t, "Orders", a, b, c, s.manager)
	s.queue(t, "Empty")
	gone := s.queue(t, "Gone", a)
	s.admin.Post(t, s.at.Path("/queues/%s/archive", gone), nil).Want(t, http.StatusOK)
	for _, agent := range []*apitest.Client{a, b, s.manager} {
		agent.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	}
	s.manager.Post(t, s.me("/pause"), nil).Want(t, http.StatusOK)
	staffing := func(want ...int) {
		t.Helper()
		r := a.Get(t, s.at.Path("/queues/staffing")).Want(t, http.StatusOK)
		var got []int
		for _, field := range []string{"members", "logged_in", "available", "paused", "free"} {
			got = append(got, r.Int(t, "items.0."+field))
		}
		if !slices.Equal(got, want) || r.Int(t, "items.1.members") != 0 || len(r.Items(t)) != 2 {
			t.Errorf("members, logged in, available, paused, free: %v, want %v: %s", got, want, r.Content)
		}
	}
	staffing(4, 3, 2, 1, 2)
	// One has as much as he takes; another leaves the queue.
	s.admin.Patch(t, s.at.Path("/agents/%s/capacity", a.UserID), apitest.Body{"max_units": 1}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "hello"})
	s.admin.Post(t, s.at.Path("/interactions/%s/assign", s.conversation(t, number(1))), apitest.Body{"user_id": a.UserID}).Want(t, http.StatusOK)
	staffing(4, 3, 2, 1, 1)
	b.Post(t, s.at.Path("/agents/me/queues/%s/logout", orders), apitest.Body{"confirm": true, "aux_code": 2}).Want(t, http.StatusOK)
	staffing(4, 2, 1, 1, 0)

	list := func(query string, want ...*apitest.Client) {
		t.Helper()
		var got, wanted []string
		got = texts(t, s.at.Agent.Get(t, s.at.Path("/agents%s", query)), "id")
		for _, c := range want {
			wanted = append(wanted, c.UserID.String())
		}
		slices.Sort(wanted)
		if slices.Sort(got); !slices.Equal(got, wanted) {
			t.Errorf("%s lists %q, want %q", query, got, wanted)
		}
	}
	list("", a, b, c, s.manager)
	list("?state=available", a, b)
	list("?state=paused&state=logged_off", c, s.manager)
	list("?queue_id="+orders, a, b, c, s.manager)
	list("?state=logged_off&queue_id="+orders, c)
	first := a.Get(t, s.at.Path("/agents?limit=3")).Want(t, http.StatusOK)
	if rest := a.Get(t, s.at.Path("/agents?limit=3&cursor=%s", first.String(t, "next_cursor"))).Items(t); len(rest) != 1 {
		t.Errorf("the second page has %v", rest)
	}
	a.Get(t, s.at.Path("/agents?queue_id=%s", uuid.New())).WantProblem(t, http.StatusNotFound, "not_found", "")
	for _, nobody := range []uuid.UUID{s.admin.UserID, s.at.User.UserID, s.tree.Other.Agent.UserID, uuid.New()} {
		s.manager.Get(t, s.at.Path("/agents/%s", nobody)).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	s.at.User.Get(t, s.at.Path("/agents")).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Covers: QUE-13 QUE-14
func TestHowWorkIsMeasured(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	settings, own := s.at.Path("/agent-settings"), s.at.Path("/agents/%s/capacity", s.at.Agent.UserID)
	r := s.at.Agent.Get(t, settings).Want(t, http.StatusOK)
	if r.Int(t, "max_units") != 10 || r.Int(t, "channels.0.units") != 1 || r.Int(t, "channels.0.max_conversations") != 10 || r.Value(t, "updated_at") != nil {
		t.Errorf("a tenant begins with %s", r.Content)
	}
	changed := s.admin.Patch(t, settings, apitest.Body{"channels": []apitest.Body{{"kind": "sms", "units": 3}}}, apitest.Header{"If-Match": r.Header.Get("ETag")}).Want(t, http.StatusOK)
	if changed.Int(t, "max_units") != 10 || changed.Int(t, "channels.0.units") != 3 || changed.Int(t, "channels.0.units_waiting_customer") != 1 {
		t.Errorf("changed to %s", changed.Content)
	}
	s.admin.Patch(t, settings, apitest.Body{"max_units": 1}, apitest.Header{"If-Match": r.Header.Get("ETag")}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Patch(t, settings, apitest.Body{"max_units": -1}).WantProblem(t, unprocessable, "validation_failed", "body.max_units")
	s.admin.Patch(t, settings, apitest.Body{"channels": []apitest.Body{{"kind": "voice", "units": 3}}}).WantProblem(t, unprocessable, "validation_failed", "body.channels[0].kind")

	was := s.at.Agent.Get(t, own).Want(t, http.StatusOK)
	if was.Value(t, "max_units") != nil || was.Int(t, "effective.max_units") != 10 || was.Int(t, "effective.channels.0.units") != 3 {
		t.Errorf("at first he has %s", was.Content)
	}
	got := s.admin.Patch(t, own, apitest.Body{"max_units": 4}, apitest.Header{"If-Match": was.Header.Get("ETag")}).Want(t, http.StatusOK)
	if got.Int(t, "max_units") != 4 || got.Int(t, "effective.max_units") != 4 || got.Int(t, "effective.channels.0.max_conversations") != 10 {
		t.Errorf("his own: %s", got.Content)
	}
	s.admin.Patch(t, own, apitest.Body{"max_units": 5}, apitest.Header{"If-Match": was.Header.Get("ETag")}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	if got = s.admin.Patch(t, own, apitest.Body{"max_units": nil}).Want(t, http.StatusOK); got.Value(t, "max_units") != nil || got.Int(t, "effective.max_units") != 10 {
		t.Errorf("the tenant's again: %s", got.Content)
	}
	twice := []apitest.Body{{"kind": "sms", "max_conversations": 1}, {"kind": "sms", "max_conversations": 2}}
	s.admin.Patch(t, own, apitest.Body{"channels": twice}).WantProblem(t, unprocessable, "validation_failed", "body.channels")
	for _, nobody := range []uuid.UUID{s.admin.UserID, s.at.User.UserID, uuid.New()} {
		s.admin.Patch(t, s.at.Path("/agents/%s/capacity", nobody), apitest.Body{"max_units": 1}).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	s.manager.Patch(t, settings, apitest.Body{"max_units": 1}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM audit_entries WHERE action = 'agent_settings.updated'")
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM audit_entries WHERE action = 'agent.capacity_changed'")
}

// Whatever could let somebody be given more has his queues looked at again, and
// so has whatever takes offers from him.
func TestWhatHasQueuesLookedAtAgain(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	queue := s.queue(t, "Orders", agent)
	s.Work(t)
	asks := func(what string, n int, do func() *apitest.Response) {
		t.Helper()
		do().Want(t, http.StatusOK)
		if got := s.Count(t, "SELECT count(*) FROM route_requests WHERE user_id = $1", agent.UserID); got != n {
			t.Errorf("%s asks %d times, want %d", what, got, n)
		}
		s.Work(t)
	}
	asks("logging in", 1, func() *apitest.Response { return agent.Post(t, s.me("/login"), nil) })
	asks("pausing", 1, func() *apitest.Response { return agent.Post(t, s.me("/pause"), nil) })
	asks("resuming", 1, func() *apitest.Response { return agent.Post(t, s.me("/resume"), nil) })
	asks("leaving a queue", 0, func() *apitest.Response {
		return agent.Post(t, s.at.Path("/agents/me/queues/%s/logout", queue), apitest.Body{"confirm": true, "aux_code": 2})
	})
	asks("entering it again", 1, func() *apitest.Response { return agent.Post(t, s.at.Path("/agents/me/queues/%s/login", queue), nil) })
	asks("taking more", 1, func() *apitest.Response {
		return s.admin.Patch(t, s.at.Path("/agents/%s/capacity", agent.UserID), apitest.Body{"max_units": 20})
	})
	asks("all taking more", 1, func() *apitest.Response {
		return s.admin.Patch(t, s.at.Path("/agent-settings"), apitest.Body{"max_units": 20})
	})
	asks("a heartbeat", 0, func() *apitest.Response { return agent.Post(t, s.me("/heartbeat"), nil) })
	asks("logging out", 1, func() *apitest.Response { return agent.Post(t, s.me("/logout"), nil) })
}

// Two devices log in at the same moment: one session begins.
func TestOneSessionAtWork(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.queue(t, "Orders", s.at.Agent)
	var wait sync.WaitGroup
	statuses := make([]int, 8)
	for i := range statuses {
		wait.Go(func() {
			if r, err := s.at.Agent.Try(http.MethodPost, s.me("/login"), nil); err == nil {
				statuses[i] = r.Status
			}
		})
	}
	wait.Wait()
	slices.Sort(statuses)
	want := append([]int{http.StatusOK}, slices.Repeat([]int{http.StatusConflict}, 7)...)
	if !slices.Equal(statuses, want) {
		t.Errorf("the answers are %v", statuses)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM agent_sessions")
}

// Pauses are among the functions that people are kept from.
//
// Covers: USR-33
func TestWhoIsGivenNoPauses(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	s.working(t, "Orders", agent)
	disable := func(functions ...string) {
		t.Helper()
		s.admin.Patch(t, s.at.Path("/users/%s", agent.UserID), apitest.Body{"disabled_functions": append([]string{}, functions...)}).Want(t, http.StatusOK)
	}
	pauses := func(want ...string) {
		t.Helper()
		if got := fieldsAt(t, agent.Get(t, s.me("")), "choices.pauses", "name"); !slices.Equal(got, want) {
			t.Errorf("he may pause for %q, want %q", got, want)
		}
	}
	disable("custom_pause")
	pauses("Break")
	agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": 2}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Post(t, s.me("/pause"), apitest.Body{"aux_code": 3}).Want(t, http.StatusOK)
	disable("pause")
	pauses()
	agent.Post(t, s.me("/pause"), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Post(t, s.me("/resume"), nil).Want(t, http.StatusOK)
	agent.Post(t, s.me("/logout"), nil).Want(t, http.StatusOK)
	agent.Post(t, s.me("/login"), apitest.Body{"state": "paused"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	agent.Post(t, s.me("/login"), nil).Want(t, http.StatusOK)
	// Others may pause him all the same.
	s.manager.Post(t, s.at.Path("/agents/%s/pause", agent.UserID), apitest.Body{"aux_code": 2}).Want(t, http.StatusOK)
	disable()
	pauses("Lunch", "Break", "Meeting", "Training")
}
