package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// logOf are the sentences of what happened to a conversation, oldest first.
func (s *scene) logOf(t *testing.T, c *apitest.Client, interaction string) []string {
	t.Helper()
	return texts(t, c.Get(t, s.at.Path("/interactions/%s/log?order=asc&limit=200", interaction)), "text")
}

// How a conversation began, who had it and how it ended stands in it, for those
// who see it.
//
// Covers: INT-29 INT-60 QUE-29
func TestAConversationKeepsALog(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	orders := s.queue(t, "Orders", s.at.Agent, s.manager)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "an order"})
	order := s.conversation(t, number(1))
	assign := func(to *apitest.Client) {
		t.Helper()
		s.manager.Post(t, s.at.Path("/interactions/%s/assign", order), apitest.Body{"user_id": to.UserID}).Want(t, http.StatusOK)
	}
	assign(s.manager)
	assign(s.at.Agent)
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/close", order), apitest.Body{"reason": "answered"}).Want(t, http.StatusOK)

	name := func(c *apitest.Client) string {
		t.Helper()
		return s.admin.Get(t, s.at.Path("/users/%s", c.UserID)).Want(t, http.StatusOK).String(t, "name")
	}
	manager, agent := name(s.manager), name(s.at.Agent)
	want := []string{
		"Conversation started in queue Orders.",
		manager + " assigned the conversation to themselves.",
		manager + " assigned the conversation to " + agent + ".",
		"Conversation closed by " + agent + " in queue Orders.",
	}
	if got := s.logOf(t, s.at.Agent, order); !slices.Equal(got, want) {
		t.Errorf("the log says %q, want %q", got, want)
	}
	newest := s.manager.Get(t, s.at.Path("/interactions/%s/log?limit=1", order)).Want(t, http.StatusOK)
	if got := texts(t, newest, "kind"); !slices.Equal(got, []string{"closed"}) || newest.Value(t, "next_cursor") == nil {
		t.Errorf("the newest entry is %s", newest.Content)
	}
	second := s.NewUser(t, s.admin, s.at, "agent")
	second.Get(t, s.at.Path("/interactions/%s/log", order)).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM interaction_participants WHERE interaction_id = $1", order)
}
