package api_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// A queue that assigns by itself is looked at when its members change, once; one
// that leaves everything to people is not.
func TestAQueueIsLookedAtWhenItsMembersChange(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	queue := s.queue(t, "Orders")
	put := func() {
		t.Helper()
		s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", queue),
			apitest.Body{"user_ids": []uuid.UUID{s.at.Agent.UserID}}).Want(t, http.StatusOK)
	}
	want := func(n int) {
		t.Helper()
		if got := s.Count(t, "SELECT count(*) FROM route_requests"); got != n {
			t.Errorf("%d requests wait, want %d", got, n)
		}
	}
	put()
	want(0)
	s.Tamper(t, "UPDATE queues SET strategy = 'round_robin' WHERE id = $1", queue)
	put()
	put()
	want(2)
	s.Work(t)
	want(0)
}
