package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

func TestADraftIsItsAuthorsUntilItIsSent(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	one, two := s.written(t, 1, "hello"), s.written(t, 2, "hello")
	s.assign(t, one, agent)
	s.assign(t, two, agent)
	draft := func(interaction string) string { return s.at.Path("/interactions/%s/draft", interaction) }
	save := func(c *apitest.Client, interaction, body, etag string) *apitest.Response {
		t.Helper()
		header := apitest.Header{}
		if etag != "" {
			header["If-Match"] = etag
		}
		return c.Do(t, http.MethodPut, draft(interaction), apitest.Body{"body": body}, header)
	}
	agent.Get(t, draft(one)).WantProblem(t, http.StatusNotFound, "not_found", "")
	first := save(agent, one, "We are", "").Want(t, http.StatusOK).Header.Get("ETag")
	second := save(agent, one, "We are open", first).Want(t, http.StatusOK).Header.Get("ETag")
	save(agent, one, "We are", first).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	if r := agent.Get(t, draft(one)).Want(t, http.StatusOK); r.String(t, "body") != "We are open" || r.Header.Get("ETag") != second {
		t.Errorf("the draft is %s", r.Content)
	}
	s.manager.Get(t, draft(one)).WantProblem(t, http.StatusNotFound, "not_found", "")
	save(s.manager, one, "the manager's", "").Want(t, http.StatusOK)
	save(agent, two, "and the other", "").Want(t, http.StatusOK)
	save(s.at.User, one, "x", "").WantProblem(t, http.StatusNotFound, "not_found", "")
	list := s.at.Path("/drafts")
	if got := texts(t, agent.Get(t, list), "body"); !slices.Equal(got, []string{"and the other", "We are open"}) {
		t.Errorf("the agent's drafts are %q", got)
	}
	page := agent.Get(t, list+"?limit=1").Want(t, http.StatusOK)
	if got := texts(t, agent.Get(t, list+"?limit=1&cursor="+page.String(t, "next_cursor")), "interaction_id"); !slices.Equal(got, []string{one}) {
		t.Errorf("the second page has %q", got)
	}

	// Answering removes the author's, and nobody else's.
	agent.Post(t, s.at.Path("/interactions/%s/messages", one), apitest.Body{"body": "We are open until six."}).Want(t, http.StatusCreated)
	agent.Get(t, draft(one)).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.manager.Get(t, draft(one)).Want(t, http.StatusOK)
	// The version of what was thrown away is no version of what comes after it.
	s.Clock.Advance(time.Second)
	save(agent, one, "once more", second).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	if again := save(agent, one, "once more", "").Want(t, http.StatusOK).Header.Get("ETag"); again == first || again == second {
		t.Errorf("the new draft has the old version %s", again)
	}
	agent.Do(t, http.MethodDelete, draft(one), nil, apitest.Header{"If-Match": first}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	agent.Do(t, http.MethodDelete, draft(one), nil).Want(t, http.StatusNoContent)
	agent.Do(t, http.MethodDelete, draft(one), nil).Want(t, http.StatusNoContent)

	// What the author no longer sees he is not shown.
	s.assign(t, two, s.manager)
	if got := texts(t, agent.Get(t, list), "body"); got != nil {
		t.Errorf("the agent's drafts are %q", got)
	}
	agent.Get(t, draft(two)).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE data::text LIKE '%the other%'")
}
