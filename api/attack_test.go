package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// waiting lets a customer write and returns the interaction.
func waiting(t *testing.T, s *scene, from string) string {
	t.Helper()
	s.Receive(t, s.line, sim.Inbound{From: from, Body: "not for everybody"})
	list := s.manager.Get(t, s.at.Path("/interactions?address=%s", strings.ReplaceAll(from, "+", "%2B"))).Want(t, http.StatusOK)
	return list.String(t, "items.0.id")
}

// Writing to a number is no way into what others have said with it.
func TestStartingGivesNobodyAnothersConversation(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	user := s.at.User
	id := waiting(t, s, number(1))
	user.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "hello"}).
		WantProblem(t, http.StatusConflict, "wrong_state", "")
	user.Get(t, s.at.Path("/interactions/%s/messages", id)).Want(t, http.StatusNotFound)
	// One that he opens himself is his.
	sent := user.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(2), "body": "hello"}).
		Want(t, http.StatusCreated)
	user.Get(t, s.at.Path("/interactions/%s", sent.String(t, "interaction_id"))).Want(t, http.StatusOK)
}

// Resending is no way around the right to start, nor into a colleague's
// conversation.
func TestResendingOpensNoConversationForAnAgent(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	agent := s.at.Agent
	id := waiting(t, s, number(1))
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", id), apitest.Body{"user_id": agent.UserID}).Want(t, http.StatusOK)
	s.script(t, number(1), sim.Script{Behaviour: "reject", Code: "21211"})
	failed := agent.Post(t, s.at.Path("/interactions/%s/messages", id), apitest.Body{"body": "mine"}).Want(t, http.StatusCreated).String(t, "id")
	s.Work(t)
	resend := s.at.Path("/messages/%s/resend", failed)
	agent.Post(t, s.at.Path("/interactions/%s/close", id), apitest.Body{}).Want(t, http.StatusOK)
	agent.Post(t, resend, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if n := len(s.manager.Get(t, s.at.Path("/interactions")).Items(t)); n != 0 {
		t.Errorf("resending has opened %d conversations", n)
	}
	next := waiting(t, s, number(1))
	agent.Post(t, resend, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := s.manager.Get(t, s.at.Path("/interactions/%s", next)).String(t, "status"); got != "waiting_agent" {
		t.Errorf("the colleague's conversation is %s", got)
	}
}

func TestAttachmentsAreSeenWithTheirMessage(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	upload := func(c *apitest.Client) string {
		return c.Upload(t, s.at.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
	}
	managers, agents := upload(s.manager), upload(s.at.Agent)
	s.at.Agent.Get(t, s.at.Path("/attachments/%s", managers)).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Get(t, s.at.Path("/attachments/%s", agents)).Want(t, http.StatusOK)
	s.manager.Get(t, s.at.Path("/attachments/%s", agents)).Want(t, http.StatusOK)
	s.at.User.Post(t, s.at.Path("/messages"), apitest.Body{
		"channel_id": s.line.ChannelID, "to": number(1), "attachment_ids": []string{agents},
	}).WantProblem(t, http.StatusUnprocessableEntity, "not_found", "body.attachment_ids[0]")
	sent := s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
		"channel_id": s.line.ChannelID, "to": number(1), "attachment_ids": []string{managers},
	}).Want(t, http.StatusCreated)
	s.at.Agent.Get(t, s.at.Path("/attachments/%s", managers)).Want(t, http.StatusNotFound)
	s.admin.Get(t, s.at.Path("/attachments/%s", sent.String(t, "attachments.0.id"))).Want(t, http.StatusOK)
}

// What is queued waits while the tenant is suspended, and goes out afterwards.
func TestASuspendedTenantSendsNothing(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	s.script(t, number(1), sim.Script{Behaviour: "429", RetryAfter: 30 * time.Second, Times: 1})
	sent := s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "hello"}).
		Want(t, http.StatusCreated).String(t, "id")
	s.Work(t)
	s.tree.Operator.Patch(t, s.at.Path(""), apitest.Body{"status": "suspended"}).Want(t, http.StatusOK)
	s.Advance(t, 2*time.Minute)
	s.Advance(t, 2*time.Minute)
	if n := len(s.accepted(number(1))); n != 0 {
		t.Fatalf("the carrier has %d messages of a suspended tenant", n)
	}
	// Nobody below brings back what was suspended from above.
	s.tree.L2.Admin.Patch(t, s.at.Path(""), apitest.Body{"status": "active"}).WantProblem(t, http.StatusForbidden, "forbidden", "body.status")
	s.tree.Operator.Patch(t, s.at.Path(""), apitest.Body{"status": "active"}).Want(t, http.StatusOK)
	s.Advance(t, 2*time.Minute)
	s.Advance(t, 2*time.Minute)
	s.wantMessage(t, sent, "delivered", "")
}

// Who signs a callback may be hostile: it was his own account.
func TestCallbacksHaveBounds(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Clickatell)
	var replies []any
	for i := range 101 {
		replies = append(replies, map[string]any{
			"channel": "sms", "messageId": fmt.Sprint("m", i), "from": "15145550199",
			"to": strings.TrimPrefix(s.line.Address, "+"), "timestamp": 1772895845000, "content": "x",
		})
	}
	before := s.Count(t, "SELECT count(*) FROM provider_events")
	r := s.Call(t, s.line, apitest.Callback{Body: map[string]any{"event": map[string]any{"moText": replies}}})
	if r.Status != http.StatusUnprocessableEntity {
		t.Errorf("got %d: %s", r.Status, r.Content)
	}
	if n := s.Count(t, "SELECT count(*) FROM provider_events") - before; n != 0 {
		t.Errorf("%d events were stored", n)
	}
}

// The token in a hook URL is half of what proves a callback.
func TestHookURLsAreShownToWhoMayConfigure(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Twilio)
	path := s.at.Path("/channels/%s", s.line.ChannelID)
	if url := s.admin.Get(t, path).String(t, "inbound_url"); url == "" {
		t.Error("the tenant admin is not shown where callbacks go")
	}
	shown := s.at.Agent.Get(t, path).Want(t, http.StatusOK)
	for _, field := range []string{"inbound_url", "status_url", "credentials_hint"} {
		if got := shown.String(t, field); got != "" {
			t.Errorf("an agent is shown the %s %s", field, got)
		}
	}
}
