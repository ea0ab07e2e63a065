package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// noReseller is a tenant without a profile.
func noReseller(n *node) int {
	if n.parent == nil || n.Manager != nil {
		return http.StatusNotFound
	}
	return 0
}

// onFresh checks an operation that changes the state or the place of a tenant:
// on one that was just made, below each that may have one, and on the caller's
// own, which nobody changes himself.
func onFresh(body any, before ...string) func(*testing.T, *world, *caller, apitest.Operation) {
	return func(t *testing.T, w *world, c *caller, o apitest.Operation) {
		t.Helper()
		ask := func(at string, parent uuid.UUID) *apitest.Response {
			t.Helper()
			body := body
			if o.ID == "moveTenant" {
				body = apitest.Body{"parent_id": parent}
			}
			return c.Do(t, o.Method, fill(o.Path, map[string]string{"tenant_id": at}), body)
		}
		for _, n := range w.nodes {
			if n.Manager != nil || n.parent == nil {
				continue // nothing stands below a customer; below the operator only L1
			}
			fresh := n.boss.Post(t, "/v1/tenants", apitest.Body{"parent_id": n.ID, "kind": "customer", "name": uuid.NewString()}).
				Want(t, http.StatusCreated).String(t, "id")
			for _, step := range before {
				n.boss.Post(t, "/v1/tenants/"+fresh+"/"+step, map[string]any{
					"suspend": apitest.Body{"reason": "x"},
				}[step]).Want(t, http.StatusOK)
			}
			want := http.StatusOK
			switch {
			case c.role == "":
				want = http.StatusUnauthorized
			case !strings.Contains("OR", c.role) || !n.under(c.home):
				want = http.StatusNotFound
			}
			if r := ask(fresh, n.ID); r.Status != want {
				t.Errorf("%s below %s: %d, want %d: %s", c.name, n.name, r.Status, want, r.Content)
			}
			n.boss.Do(t, http.MethodDelete, "/v1/tenants/"+fresh, nil) // out of the lists
		}
		if c.home != nil {
			if r := ask(c.home.ID.String(), c.home.ID); r.Status != http.StatusForbidden {
				t.Errorf("%s at home: %d: %s", c.name, r.Status, r.Content)
			}
		}
	}
}
