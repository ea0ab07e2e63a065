package api_test

import (
	"net/http"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
)

// Covers C10-2, D2-6 and D5-3: whatever takes rights away holds within a second
// in a process that has just seen the caller with them, with nothing between
// the two but the database.
func TestRightsEndOnEveryReplica(t *testing.T) {
	t.Parallel()
	one := apitest.Start(t)
	two := one.Replica(t)
	for name, c := range map[string]struct {
		// take takes the rights at the one process, ask asks with them at the other.
		take func(*testing.T, apitest.Tree)
		ask  func(apitest.Tree) (*apitest.Client, string)
		want int
	}{
		"a suspended reseller": {
			take: func(t *testing.T, tree apitest.Tree) {
				tree.Operator.Post(t, tree.L1.Path("/suspend"), apitest.Body{"reason": "unpaid"}).Want(t, http.StatusOK)
			},
			ask:  func(tree apitest.Tree) (*apitest.Client, string) { return tree.Customer.Agent, "/v1/me" },
			want: http.StatusForbidden,
		},
		"an archived user": {
			take: func(t *testing.T, tree apitest.Tree) {
				tree.Customer.Admin.Do(t, http.MethodDelete, tree.Customer.Path("/users/%s", tree.Customer.Agent.UserID), nil).Want(t, http.StatusNoContent)
			},
			ask:  func(tree apitest.Tree) (*apitest.Client, string) { return tree.Customer.Agent, "/v1/me" },
			want: http.StatusUnauthorized,
		},
		"a denied permission": {
			take: func(t *testing.T, tree apitest.Tree) {
				give(t, tree.Customer.Admin, tree.Customer, tree.Customer.Agent, apitest.Body{"denied_permissions": []string{"contacts:read"}}).Want(t, http.StatusOK)
			},
			ask: func(tree apitest.Tree) (*apitest.Client, string) {
				return tree.Customer.Agent, tree.Customer.Path("/contacts")
			},
			want: http.StatusForbidden,
		},
		"a tenant that was moved away": {
			take: func(t *testing.T, tree apitest.Tree) {
				tree.L1.Admin.Post(t, tree.Customer.Path("/move"), apitest.Body{"parent_id": tree.L1.ID}).Want(t, http.StatusOK)
			},
			ask:  func(tree apitest.Tree) (*apitest.Client, string) { return tree.L2.Admin, tree.Customer.Path("") },
			want: http.StatusNotFound,
		},
		"a service that was taken away": {
			take: func(t *testing.T, tree apitest.Tree) {
				tree.Operator.Patch(t, tree.L1.Path("/entitlements"), apitest.Body{"api": false}).Want(t, http.StatusOK)
			},
			ask: func(tree apitest.Tree) (*apitest.Client, string) {
				made := tree.Customer.Admin.Post(t, tree.Customer.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"contacts:read"}}).
					Want(t, http.StatusCreated)
				return one.Anonymous().As(made.String(t, "key")), tree.Customer.Path("/contacts")
			},
			want: http.StatusForbidden,
		},
	} {
		t.Run(name, func(t *testing.T) {
			one.Clock.Advance(2 * 60 * 1e9) // a minute has its sign-ins
			tree := one.Grow(t)
			caller, path := c.ask(tree)
			caller.At(two).Get(t, path).Want(t, http.StatusOK)
			c.take(t, tree)
			one.Clock.Advance(within)
			if r := caller.At(two).Get(t, path); r.Status != c.want {
				t.Errorf("a second later: %d, want %d: %s", r.Status, c.want, r.Content)
			}
		})
	}
}
