package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

// Covers: INT-41
func TestWhoLooksAtAnInteractionIsSeen(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent, replica := s.at.Agent, s.Replica(t)
	one, two := s.written(t, 1, "hello"), s.written(t, 2, "hello")
	s.assign(t, one, agent)
	path := s.at.Path("/interactions/%s", one)
	look := func(c *apitest.Client, path string, body any) *apitest.Response {
		t.Helper()
		return c.Do(t, http.MethodPut, path+"/viewers/me", body)
	}
	// Others are seen on every replica, in the interaction, in lists and alone.
	want := func(what string, c *apitest.Client, names ...string) {
		t.Helper()
		var found [3][]string
		for i, at := range []struct{ path, prefix string }{
			{path, "viewers"}, {path + "/viewers", "viewers"}, {s.at.Path("/interactions?address=%s", escape(number(1))), "items.0.viewers"},
		} {
			r := c.At(replica).Get(t, at.path).Want(t, http.StatusOK)
			list, _ := r.Value(t, at.prefix).([]any)
			for n := range list {
				name := r.String(t, fmt.Sprintf("%s.%d.name", at.prefix, n))
				if r.Value(t, fmt.Sprintf("%s.%d.typing", at.prefix, n)).(bool) {
					name += " types"
				}
				found[i] = append(found[i], name)
			}
			if !slices.Equal(found[i], names) {
				t.Errorf("%s: at %s are %q, want %q", what, at.path, found[i], names)
			}
		}
	}
	names := map[*apitest.Client]string{}
	for _, c := range []*apitest.Client{agent, s.manager, s.admin} {
		names[c] = c.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.name")
	}
	want("at first", s.manager)
	before := s.manager.Get(t, path).Want(t, http.StatusOK).Header.Get("ETag")
	look(agent, path, nil).Want(t, http.StatusOK)
	s.manager.Get(t, path, apitest.Header{"If-None-Match": before}).Want(t, http.StatusOK)
	want("the agent looks", s.manager, names[agent])
	want("oneself", agent)
	s.Clock.Advance(time.Second)
	if r := look(s.manager, path, apitest.Body{"typing": true}).Want(t, http.StatusOK); r.String(t, "viewers.0.name") != names[agent] {
		t.Errorf("the manager is told %s", r.Content)
	}
	want("the manager types", agent, names[s.manager]+" types")
	want("both", s.admin, names[agent], names[s.manager]+" types")

	// Who says nothing for 20 seconds looks no more; who repeats it stays.
	s.Clock.Advance(18 * time.Second)
	look(s.manager, path, nil).Want(t, http.StatusOK)
	s.Clock.Advance(2 * time.Second)
	want("the agent is gone", s.admin, names[s.manager])
	s.manager.Do(t, http.MethodDelete, path+"/viewers/me", nil).Want(t, http.StatusNoContent)
	want("nobody", s.admin)
	s.manager.Do(t, http.MethodDelete, path+"/viewers/me", nil).Want(t, http.StatusNoContent)

	// What is over leaves nothing behind, and what is not seen is not looked at.
	look(agent, s.at.Path("/interactions/%s", two), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	look(agent, path, nil).Want(t, http.StatusOK)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM interaction_viewers")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE type LIKE '%view%' OR type LIKE '%typing%'")
}
