package api_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

func (s *scene) remind(t *testing.T, c *apitest.Client, interaction string, in time.Duration, with ...apitest.Body) *apitest.Response {
	t.Helper()
	body := apitest.Body{"remind_at": s.Clock.Now().Add(in), "note": "Call back"}
	for _, more := range with {
		for name, value := range more {
			body[name] = value
		}
	}
	return c.Post(t, s.at.Path("/interactions/%s/reminders", interaction), body)
}

// view are the addresses in somebody's list.
func (s *scene) view(t *testing.T, c *apitest.Client, name string) []string {
	t.Helper()
	return texts(t, c.Get(t, s.at.Path("/interactions?view=%s", name)), "address")
}

func TestAReminderFallsDueAndIsDone(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	agent := s.at.Agent
	made := s.remind(t, agent, interaction, time.Hour).Want(t, http.StatusCreated)
	id, tag := made.String(t, "id"), apitest.Header{"If-Match": made.Header.Get("ETag")}
	if made.Header.Get("Location") != s.at.Path("/reminders/%s", id) || made.String(t, "status") != "pending" || made.Value(t, "because") != nil {
		t.Errorf("made %s", made.Content)
	}
	get := func() *apitest.Response {
		t.Helper()
		return agent.Get(t, s.at.Path("/reminders/%s", id)).Want(t, http.StatusOK)
	}
	list := func(c *apitest.Client, query string) []string {
		t.Helper()
		return texts(t, c.Get(t, s.at.Path("/reminders?%s", query)), "status")
	}
	// It is nobody else's, and hides nothing.
	s.manager.Get(t, s.at.Path("/reminders/%s", id)).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantTexts(t, "the manager's", list(s.manager, ""))
	wantTexts(t, "the active list", s.view(t, agent, "active"), apitest.Customer)

	agent.Patch(t, s.at.Path("/reminders/%s", id), apitest.Body{"remind_at": s.Clock.Now().Add(2 * time.Hour)}, tag).Want(t, http.StatusOK)
	agent.Patch(t, s.at.Path("/reminders/%s", id), apitest.Body{"note": "x"}, tag).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.Advance(t, time.Hour)
	wantTexts(t, "after an hour", list(agent, ""), "pending")
	s.Receive(t, s.line, sim.Inbound{Body: "anything new?"}) // it does not snooze
	wantTexts(t, "after a message", list(agent, ""), "pending")
	s.Advance(t, time.Hour)
	due := get()
	if due.String(t, "status") != "due" || due.String(t, "because") != "time" || due.Value(t, "due_since") == nil {
		t.Errorf("due is %s", due.Content)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'reminder.due' AND object_id = $1", id)
	wantTexts(t, "due", list(agent, "status=due"), "due")

	// Put off once more, and done.
	agent.Patch(t, s.at.Path("/reminders/%s", id), apitest.Body{"remind_at": s.Clock.Now().Add(time.Minute)}).Want(t, http.StatusOK)
	if again := get(); again.String(t, "status") != "pending" || again.Value(t, "because") != nil || again.Value(t, "due_since") != nil {
		t.Errorf("again it is %s", again.Content)
	}
	s.Advance(t, time.Minute)
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'reminder.due' AND object_id = $1", id)
	done := agent.Post(t, s.at.Path("/reminders/%s/done", id), nil).Want(t, http.StatusOK)
	if done.String(t, "status") != "done" || done.Value(t, "done_at") == nil {
		t.Errorf("done is %s", done.Content)
	}
	if got := agent.Post(t, s.at.Path("/reminders/%s/done", id), nil).WantProblem(t, http.StatusConflict, "wrong_state", "").String(t, "current_status"); got != "done" {
		t.Errorf("it is %s", got)
	}
	agent.Patch(t, s.at.Path("/reminders/%s", id), apitest.Body{"note": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	wantTexts(t, "the list", list(agent, ""))
	wantTexts(t, "what is done", list(agent, "status=done&interaction_id="+interaction), "done")

	// One that is done before its time does not fall due.
	early := s.remind(t, agent, interaction, time.Hour).Want(t, http.StatusCreated).String(t, "id")
	agent.Post(t, s.at.Path("/reminders/%s/done", early), nil).Want(t, http.StatusOK)
	s.Advance(t, 2*time.Hour)
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE type = 'reminder.due' AND object_id = $1", early)

	for i := range 3 {
		s.remind(t, agent, interaction, time.Duration(3-i)*time.Hour, apitest.Body{"note": strings.Repeat("x", i+1)}).Want(t, http.StatusCreated)
	}
	page := agent.Get(t, s.at.Path("/reminders?limit=2")).Want(t, http.StatusOK)
	next := agent.Get(t, s.at.Path("/reminders?limit=2&cursor=%s", page.String(t, "next_cursor")))
	wantTexts(t, "in order", append(texts(t, page, "note"), texts(t, next, "note")...), "xxx", "xx", "x")
}

func TestASnoozeHidesAnInteractionFromOnePerson(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	agent := s.at.Agent
	snooze := apitest.Body{"snooze": true}
	s.remind(t, agent, interaction, time.Hour, snooze).Want(t, http.StatusCreated)
	s.remind(t, agent, interaction, 2*time.Hour, snooze).WantProblem(t, http.StatusConflict, "conflict", "")
	plain := s.remind(t, agent, interaction, 5*time.Hour).Want(t, http.StatusCreated).String(t, "id")
	agent.Patch(t, s.at.Path("/reminders/%s", plain), snooze).WantProblem(t, http.StatusConflict, "conflict", "")

	wantTexts(t, "active", s.view(t, agent, "active"))
	wantTexts(t, "snoozed", s.view(t, agent, "snoozed"), apitest.Customer)
	wantTexts(t, "all", s.view(t, agent, "all"), apitest.Customer)
	wantTexts(t, "the manager's", s.view(t, s.manager, "active"), apitest.Customer)
	wantTexts(t, "snoozed by the manager", s.view(t, s.manager, "snoozed"))
	s.Advance(t, time.Hour)
	wantTexts(t, "active again", s.view(t, agent, "active"), apitest.Customer)
	wantTexts(t, "snoozed no more", s.view(t, agent, "snoozed"))

	// The customer's writing ends it.
	id := s.remind(t, agent, interaction, time.Hour, snooze).Want(t, http.StatusCreated).String(t, "id")
	s.Receive(t, s.line, sim.Inbound{Body: "are you there?"})
	wantTexts(t, "after a message", s.view(t, agent, "active"), apitest.Customer)
	if r := agent.Get(t, s.at.Path("/reminders/%s", id)).Want(t, http.StatusOK); r.String(t, "status") != "due" || r.String(t, "because") != "customer_wrote" {
		t.Errorf("it is %s", r.Content)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'reminder.due' AND object_id = $1", id)
	s.Advance(t, 2*time.Hour)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'reminder.due' AND object_id = $1", id)
}

func TestWhoMaySetAReminder(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	s.remind(t, s.at.User, interaction, time.Hour).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.remind(t, s.manager, interaction, -time.Second).WantProblem(t, unprocessable, "validation_failed", "body.remind_at")
	s.remind(t, s.manager, interaction, 400*24*time.Hour).WantProblem(t, unprocessable, "validation_failed", "body.remind_at")
	s.remind(t, s.manager, interaction, time.Hour, apitest.Body{"note": strings.Repeat("x", 501)}).WantProblem(t, unprocessable, "validation_failed", "body.note")

	// A key's reminder is its maker's.
	key := s.manager.As(s.admin.Post(t, s.at.Path("/api-keys"), apitest.Body{
		"name": "Key", "permissions": []string{"interactions:read", "interactions:mark"},
	}).Want(t, http.StatusCreated).String(t, "key"))
	id := s.remind(t, key, interaction, time.Hour).Want(t, http.StatusCreated).String(t, "id")
	s.admin.Get(t, s.at.Path("/reminders/%s", id)).Want(t, http.StatusOK)

	// Who acts in the tenant from above has no list here.
	s.admin.Patch(t, s.at.Path(""), apitest.Body{"content_access": "open"}).Want(t, http.StatusOK)
	acting := s.tree.L2.Admin.As(s.tree.L2.Admin.Post(t, s.at.Path("/act-as"), apitest.Body{"reason": "a reason that will do"}).
		Want(t, http.StatusCreated).String(t, "access_token"))
	acting.Get(t, s.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK)
	s.remind(t, acting, interaction, time.Hour).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
