package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// later schedules a message as the agent, in a time from now.
func (s *scene) later(t *testing.T, interaction, body string, in time.Duration, with ...apitest.Body) *apitest.Response {
	t.Helper()
	content := apitest.Body{"body": body, "send_at": s.Clock.Now().Add(in)}
	for _, more := range with {
		for name, value := range more {
			content[name] = value
		}
	}
	return s.reply(t, s.at.Agent, interaction, content)
}

func (s *scene) interactionNow(t *testing.T, id string) *apitest.Response {
	t.Helper()
	return s.manager.Get(t, s.at.Path("/interactions/%s", id)).Want(t, http.StatusOK)
}

func TestAMessageIsSentLater(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	r := s.later(t, interaction, "see you tomorrow", time.Hour).Want(t, http.StatusCreated)
	id := r.String(t, "id")
	if r.String(t, "status") != "scheduled" || r.String(t, "send_at") == "" {
		t.Errorf("scheduled %s", r.Content)
	}
	// Nobody has answered yet.
	if i := s.interactionNow(t, interaction); i.Value(t, "needs_reply") != true || i.String(t, "preview") != "hello" {
		t.Errorf("the interaction is %s", i.Content)
	}
	// It holds up nothing, and stands at the end until it is sent.
	s.Work(t)
	s.reply(t, s.at.Agent, interaction, apitest.Body{"body": "at once"}).Want(t, http.StatusCreated)
	s.Work(t)
	wantTexts(t, "the conversation", s.bodies(t, interaction), "hello", "at once", "see you tomorrow")
	newest := s.manager.Get(t, s.at.Path("/interactions/%s/messages?limit=1", interaction)).Want(t, http.StatusOK)
	wantTexts(t, "newest first", texts(t, newest, "body"), "see you tomorrow")
	next := s.manager.Get(t, s.at.Path("/interactions/%s/messages?limit=1&cursor=%s", interaction, newest.String(t, "next_cursor")))
	wantTexts(t, "the next page", texts(t, next, "body"), "at once")
	if got := s.accepted(apitest.Customer); len(got) != 1 {
		t.Errorf("the carrier has %+v", got)
	}
	s.Advance(t, 59*time.Minute)
	s.wantMessage(t, id, "scheduled", "")
	s.Advance(t, time.Minute)
	s.wantMessage(t, id, "delivered", "")
	s.reply(t, s.at.Agent, interaction, apitest.Body{"body": "afterwards"}).Want(t, http.StatusCreated)
	s.Work(t)
	wantTexts(t, "at last", s.bodies(t, interaction), "hello", "at once", "see you tomorrow", "afterwards")
	if i := s.interactionNow(t, interaction); i.Value(t, "needs_reply") != false || i.String(t, "status") != "open" {
		t.Errorf("the interaction is %s", i.Content)
	}
	// The transcript has it where and when it was sent, and not what is still to come.
	s.later(t, interaction, "next week", 7*24*time.Hour).Want(t, http.StatusCreated)
	file := s.manager.Get(t, s.at.Path("/interactions/%s/transcript?format=json", interaction)).Want(t, http.StatusOK)
	var said []string
	for _, line := range file.Value(t, "lines").([]any) {
		if l := line.(map[string]any); l["kind"] != "event" {
			said = append(said, l["text"].(string))
		}
	}
	wantTexts(t, "the transcript", said, "hello", "at once", "see you tomorrow", "afterwards")
	if n := s.attempts(apitest.Customer); n != 3 {
		t.Errorf("the carrier was asked %d times", n)
	}
}

func TestWhatCannotBeScheduled(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	s.later(t, interaction, "x", 0).WantProblem(t, unprocessable, "validation_failed", "body.send_at")
	s.later(t, interaction, "x", -time.Minute).WantProblem(t, unprocessable, "validation_failed", "body.send_at")
	s.later(t, interaction, "x", 367*24*time.Hour).WantProblem(t, unprocessable, "validation_failed", "body.send_at")
	s.later(t, interaction, "x", 365*24*time.Hour).Want(t, http.StatusCreated)
	s.later(t, interaction, " ", time.Hour).WantProblem(t, unprocessable, "empty_message", "body.body")
	s.reply(t, s.at.Agent, interaction, apitest.Body{"body": "x", "unless_answered": true}).WantProblem(t, unprocessable, "validation_failed", "body.unless_answered")
	// A new conversation can begin with what is sent later.
	r := s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
		"channel_id": s.line.ChannelID, "to": number(4), "body": "good morning", "send_at": s.Clock.Now().Add(time.Hour),
	}).Want(t, http.StatusCreated)
	s.Receive(t, s.line, sim.Inbound{Body: "STOP"})
	s.later(t, interaction, "x", time.Hour).WantProblem(t, http.StatusConflict, "recipient_opted_out", "body.send_at")
	s.reply(t, s.at.Agent, interaction, apitest.Body{"body": "a live answer"}).Want(t, http.StatusCreated)
	s.Advance(t, time.Hour)
	s.wantMessage(t, r.String(t, "id"), "delivered", "")
}

func TestAScheduledMessageIsMovedAndTakenBack(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	r := s.later(t, interaction, "first", time.Hour).Want(t, http.StatusCreated)
	id, tag := r.String(t, "id"), apitest.Header{"If-Match": r.Header.Get("ETag")}
	second := s.later(t, interaction, "second", 2*time.Hour).Want(t, http.StatusCreated).String(t, "id")
	third := s.later(t, interaction, "third", 3*time.Hour).Want(t, http.StatusCreated).String(t, "id")
	move := func(id string, at any, headers ...apitest.Header) *apitest.Response {
		t.Helper()
		return s.at.Agent.Patch(t, s.at.Path("/messages/%s", id), apitest.Body{"send_at": at}, headers...)
	}
	cancel := func(id string, headers ...apitest.Header) *apitest.Response {
		t.Helper()
		return s.at.Agent.Post(t, s.at.Path("/messages/%s/cancel", id), nil, headers...)
	}
	list := func(c *apitest.Client) []string {
		t.Helper()
		return texts(t, c.Get(t, s.at.Path("/scheduled-messages")), "body")
	}
	move(id, s.Clock.Now().Add(150*time.Minute), tag).Want(t, http.StatusOK)
	move(id, s.Clock.Now().Add(time.Minute), tag).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	move(id, s.Clock.Now()).WantProblem(t, unprocessable, "validation_failed", "body.send_at")
	cancel(id, tag).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	wantTexts(t, "all that is scheduled", list(s.at.Agent), "second", "first", "third")
	wantTexts(t, "by the manager", list(s.manager), "second", "first", "third")
	wantTexts(t, "by a stranger", list(s.at.User))
	page := s.manager.Get(t, s.at.Path("/scheduled-messages?limit=2")).Want(t, http.StatusOK)
	wantTexts(t, "the rest", texts(t, s.manager.Get(t, s.at.Path("/scheduled-messages?limit=2&cursor=%s", page.String(t, "next_cursor"))), "body"), "third")
	wantTexts(t, "the conversation", s.bodies(t, interaction), "hello", "second", "first", "third")
	s.at.User.Post(t, s.at.Path("/messages/%s/cancel", id), nil).WantProblem(t, http.StatusNotFound, "not_found", "")

	canceled := cancel(third).Want(t, http.StatusOK)
	if canceled.String(t, "status") != "canceled" || canceled.String(t, "error.code") != "canceled" {
		t.Errorf("canceled: %s", canceled.Content)
	}
	if got := cancel(third).WantProblem(t, http.StatusConflict, "wrong_state", "").String(t, "current_status"); got != "canceled" {
		t.Errorf("it is %s", got)
	}
	move(third, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.Advance(t, time.Hour)
	s.wantMessage(t, id, "scheduled", "")
	move(second, nil).Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, second, "delivered", "")
	move(second, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.Advance(t, 90*time.Minute)
	s.wantMessage(t, id, "delivered", "")
	s.Advance(t, 2*time.Hour)
	s.wantMessage(t, third, "canceled", "")
	wantTexts(t, "in the end", s.bodies(t, interaction), "hello", "third", "second", "first")
	wantCount(t, s.Platform, 2, "SELECT used FROM usage_counters WHERE tenant_id = $1 AND quota = 'messages_per_month'", s.at.ID)
}

// What waits its turn can be taken back as well, and what waits behind it goes on.
func TestAQueuedMessageIsTakenBack(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.RateLimit, Times: 1})
	first := s.send(t, number(1), "first")
	second := s.send(t, number(1), "second")
	s.Work(t)
	s.wantMessage(t, second, "queued", "")
	wantCount(t, s.Platform, 2, "SELECT used FROM usage_counters WHERE tenant_id = $1 AND quota = 'messages_per_month'", s.at.ID)
	s.admin.Post(t, s.at.Path("/messages/%s/cancel", first), nil).Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, second, "delivered", "")
	s.admin.Post(t, s.at.Path("/messages/%s/cancel", second), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	wantCount(t, s.Platform, 1, "SELECT used FROM usage_counters WHERE tenant_id = $1 AND quota = 'messages_per_month'", s.at.ID)
	if got := s.accepted(number(1)); len(got) != 1 || got[0].Body != "second" {
		t.Errorf("the carrier has %+v", got)
	}
}

func TestWhatStopsAScheduledMessage(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		with         apitest.Body
		meanwhile    func(*testing.T, *scene, string)
		status, code string
	}{
		"closing": {nil, func(t *testing.T, s *scene, interaction string) {
			s.at.Agent.Post(t, s.at.Path("/interactions/%s/close", interaction), apitest.Body{}).Want(t, http.StatusOK)
		}, "canceled", "interaction_closed"},
		"an answer": {apitest.Body{"unless_answered": true}, func(t *testing.T, s *scene, _ string) {
			s.Receive(t, s.line, sim.Inbound{Body: "never mind"})
		}, "canceled", "customer_wrote"},
		"an answer that does not matter": {nil, func(t *testing.T, s *scene, _ string) {
			s.Receive(t, s.line, sim.Inbound{Body: "by the way"})
		}, "delivered", ""},
		"no answer": {apitest.Body{"unless_answered": true}, func(*testing.T, *scene, string) {}, "delivered", ""},
		"an opt-out": {nil, func(t *testing.T, s *scene, _ string) {
			s.Receive(t, s.line, sim.Inbound{Body: "STOP"})
		}, "canceled", "recipient_opted_out"},
		"an opt-out that ended": {nil, func(t *testing.T, s *scene, _ string) {
			s.Receive(t, s.line, sim.Inbound{Body: "STOP"})
			s.Receive(t, s.line, sim.Inbound{Body: "START"})
		}, "delivered", ""},
		"a channel that was switched off": {nil, func(t *testing.T, s *scene, _ string) {
			s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"status": "inactive"}).Want(t, http.StatusOK)
		}, "failed", "channel_inactive"},
		"a quota": {nil, func(t *testing.T, s *scene, _ string) {
			s.tree.L2.Admin.Patch(t, s.at.Path("/quotas"), apitest.Body{"messages_per_month": 0}).Want(t, http.StatusOK)
		}, "failed", "quota_exceeded"},
		"a program that was away": {nil, func(_ *testing.T, s *scene, _ string) { s.Clock.Advance(4 * time.Hour) }, "expired", "expired"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := twilio(t)
			interaction := s.conversationOf(t, "Ada")
			id := s.later(t, interaction, "later", time.Hour, v.with).Want(t, http.StatusCreated).String(t, "id")
			v.meanwhile(t, s, interaction)
			s.Advance(t, time.Hour)
			m := s.wantMessage(t, id, v.status, v.code)
			want := 0
			if v.status == "delivered" {
				want = 1
			}
			if n := s.attempts(apitest.Customer); n != want {
				t.Errorf("the carrier was asked %d times: %s", n, m.Content)
			}
			wantCount(t, s.Platform, want, "SELECT coalesce(sum(used), 0) FROM usage_counters WHERE tenant_id = $1 AND quota = 'messages_per_month'", s.at.ID)
		})
	}
}

// While the tenant is suspended its message waits, for as long as another would.
func TestASuspendedTenantsMessageWaits(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada")
	first := s.later(t, interaction, "first", time.Hour).Want(t, http.StatusCreated).String(t, "id")
	second := s.later(t, interaction, "second", 10*time.Hour).Want(t, http.StatusCreated).String(t, "id")
	suspend := func(how string) {
		t.Helper()
		s.tree.L2.Admin.Post(t, s.at.Path("/%s", how), apitest.Body{"reason": "unpaid"}).Want(t, http.StatusOK)
	}
	status := func(id string) string { return s.Text(t, "SELECT status FROM messages WHERE id = $1", id) }
	suspend("suspend")
	for range 5 {
		s.Advance(t, time.Hour)
	}
	if status(first) != "expired" || status(second) != "scheduled" {
		t.Errorf("they are %s and %s", status(first), status(second))
	}
	s.Advance(t, 6*time.Hour)
	if status(second) != "scheduled" {
		t.Errorf("the second is %s", status(second))
	}
	s.tree.L2.Admin.Post(t, s.at.Path("/resume"), nil).Want(t, http.StatusOK)
	s.Advance(t, 2*time.Minute)
	if status(second) != "delivered" || s.attempts(apitest.Customer) != 1 {
		t.Errorf("the second is %s after %d attempts", status(second), s.attempts(apitest.Customer))
	}
}
