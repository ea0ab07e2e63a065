package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// Covers: QUE-01 QUE-37
func TestAQueueHasADescriptionAndManagers(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	made := s.admin.Post(t, s.at.Path("/queues"), apitest.Body{
		"name": "Orders", "description": " Orders and\nreturns ", "self_assign": true, "screen_pop_url": "https://crm.example/?phone={address}",
	}).Want(t, http.StatusCreated)
	if made.String(t, "description") != "Orders and\nreturns" || made.Value(t, "self_assign") != true || made.String(t, "screen_pop_url") == "" {
		t.Errorf("made: %s", made.Content)
	}
	orders := made.String(t, "id")
	path := s.at.Path("/queues/%s", orders)
	if bare := s.admin.Get(t, s.at.Path("/queues/%s", s.queue(t, "Bare"))); bare.String(t, "description") != "" || bare.Value(t, "self_assign") != false || bare.String(t, "screen_pop_url") != "" {
		t.Errorf("without settings: %s", bare.Content)
	}
	// What is not sent stays, what is sent as it was changes nothing.
	changed := s.admin.Patch(t, path, apitest.Body{"description": "", "self_assign": false}).Want(t, http.StatusOK)
	if changed.String(t, "name") != "Orders" || changed.String(t, "description") != "" || changed.String(t, "screen_pop_url") == "" {
		t.Errorf("changed: %s", changed.Content)
	}
	if same := s.admin.Patch(t, path, apitest.Body{"name": "Orders", "description": ""}).Want(t, http.StatusOK); same.Header.Get("ETag") != changed.Header.Get("ETag") {
		t.Errorf("nothing was changed, and the version is %s", same.Header.Get("ETag"))
	}
	for _, bad := range []string{"http://crm.example", "https://{address}.example", "javascript:alert(1)", "https://crm.example/{who}"} {
		s.admin.Patch(t, path, apitest.Body{"screen_pop_url": bad}).WantProblem(t, unprocessable, "validation_failed", "body.screen_pop_url")
	}
	s.admin.Patch(t, path, apitest.Body{"description": "x\u202e"}).WantProblem(t, unprocessable, "validation_failed", "body.description")
	s.admin.Patch(t, path, apitest.Body{"screen_pop_url": ""}).Want(t, http.StatusOK)

	// Managers and administrators are responsible, and find their queues.
	managers := path + "/managers"
	put := func(ids ...uuid.UUID) *apitest.Response {
		return s.admin.Do(t, http.MethodPut, managers, apitest.Body{"user_ids": ids})
	}
	for _, stranger := range []uuid.UUID{s.at.User.UserID, s.at.Agent.UserID, s.tree.Other.Manager.UserID, uuid.New()} {
		put(stranger).WantProblem(t, unprocessable, "not_found", "body.user_ids")
	}
	put(s.manager.UserID, s.admin.UserID, s.manager.UserID).Want(t, http.StatusOK)
	r := s.at.Agent.Get(t, managers).Want(t, http.StatusOK)
	got := []string{r.String(t, "user_ids.0"), r.String(t, "user_ids.1")}
	want := []string{s.manager.UserID.String(), s.admin.UserID.String()}
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the managers are %q, want %q", got, want)
	}
	put(s.manager.UserID).Want(t, http.StatusOK)
	s.admin.Do(t, http.MethodPut, path+"/members", apitest.Body{"user_ids": []uuid.UUID{s.at.Agent.UserID}}).Want(t, http.StatusOK)
	for query, names := range map[string][]string{
		"manager_id=" + s.manager.UserID.String():                                                       {"Orders"},
		"manager_id=" + s.admin.UserID.String():                                                         nil,
		"member_id=" + s.at.Agent.UserID.String():                                                       {"Orders"},
		"member_id=" + s.manager.UserID.String():                                                        nil,
		"member_id=" + s.at.Agent.UserID.String() + "&manager_id=" + s.manager.UserID.String():          {"Orders"},
		"member_id=" + s.at.Agent.UserID.String() + "&manager_id=" + s.tree.Other.Admin.UserID.String(): nil,
	} {
		if got := texts(t, s.manager.Get(t, s.at.Path("/queues?%s", query)), "name"); !slices.Equal(got, names) {
			t.Errorf("%s finds %q, want %q", query, got, names)
		}
	}
	s.manager.Do(t, http.MethodPut, managers, apitest.Body{"user_ids": []uuid.UUID{}}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.admin.Post(t, path+"/archive", nil).Want(t, http.StatusOK)
	put(s.manager.UserID).WantProblem(t, http.StatusConflict, "wrong_state", "")
}
