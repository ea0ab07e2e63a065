package api_test

import (
	"net/http"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
)

// A tenant's administrators decide what holds in it; name and status remain
// with those above.
//
// Covers: TEN-04
func TestSettingsOfATenant(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	own := "/v1/tenants/" + tree.Customer.ID.String()
	admin := tree.Customer.Admin

	r := admin.Get(t, own).Want(t, http.StatusOK)
	if r.String(t, "content_access") != "closed" || r.Value(t, "security_suite") != false || r.Value(t, "require_if_match") != false {
		t.Errorf("a new tenant has %s", r.Content)
	}
	tree.Customer.Manager.Patch(t, own, apitest.Body{"security_suite": false}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	r = admin.Patch(t, own, apitest.Body{
		"content_access": "open", "time_zone": "Europe/Paris",
		"allowed_origins": []string{"https://App.example.com", "https://app.example.com:443", "https://[2001:DB8::1]:8443"},
	}).Want(t, http.StatusOK)
	if r.String(t, "content_access") != "open" || r.String(t, "time_zone") != "Europe/Paris" ||
		r.String(t, "allowed_origins.0") != "https://app.example.com" || r.String(t, "allowed_origins.1") != "https://[2001:db8::1]:8443" {
		t.Errorf("changed to %s", r.Content)
	}
	// Under the security suite the administrator, whose password somebody else has
	// chosen, would have to change it first.
	tree.L2.Admin.Patch(t, own, apitest.Body{"security_suite": false}).Want(t, http.StatusOK)
	p.Clock.Advance(within)
	admin.Patch(t, own, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	admin.Patch(t, own, apitest.Body{"status": "suspended"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	for _, origin := range []string{
		"http://app.example.com", "https://app.example.com/", "https://app.example.com/x", "https://user@app.example.com", "*", "null",
		"https://*.example.com", "https://app.example.com:0", "https://app.example.com:070", "https://app.example.com:", "https://-a.example",
		"https://app.example.com?", "https://app.example.com#", "https://", "https://a..b", "javascript:alert(1)", "https://é.example",
	} {
		admin.Patch(t, own, apitest.Body{"allowed_origins": []string{origin}}).
			WantProblem(t, unprocessable, "validation_failed", "body.allowed_origins[0]")
	}
	// Last, since the strict rules hold for the one who turns them on as well.
	if r = admin.Patch(t, own, apitest.Body{"security_suite": true}).Want(t, http.StatusOK); r.Value(t, "security_suite") != true {
		t.Errorf("changed to %s", r.Content)
	}
}

// Whoever stands above a tenant chooses at its creation who may read its
// messages, and never again: neither with his own token nor with a key that he
// makes inside of it.
func TestNobodyAboveOpensATenantsContent(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	own := "/v1/tenants/" + tree.Customer.ID.String()
	key := func(by *apitest.Client) *apitest.Client {
		t.Helper()
		made := by.Post(t, tree.Customer.Path("/api-keys"), apitest.Body{
			"name": "Key", "permissions": []string{"settings:write"},
		}).Want(t, http.StatusCreated)
		return p.Anonymous().As(made.String(t, "key"))
	}
	for name, c := range map[string]*apitest.Client{
		"operator": tree.Operator, "l1": tree.L1.Admin, "l2": tree.L2.Admin,
		"a key from above": key(tree.L2.Admin), "a key": key(tree.Customer.Admin),
	} {
		r := c.Patch(t, own, apitest.Body{"content_access": "open"})
		if r.Status != http.StatusForbidden {
			t.Errorf("%s: %d %s", name, r.Status, r.Content)
		}
	}
	tree.L2.Admin.Patch(t, own, apitest.Body{"security_suite": true}).Want(t, http.StatusOK)
	open := tree.L2.Admin.Post(t, "/v1/tenants", apitest.Body{
		"parent_id": tree.L2.ID, "kind": "customer", "name": "Run by its reseller", "content_access": "open", "security_suite": true,
	}).Want(t, http.StatusCreated)
	if open.String(t, "content_access") != "open" || open.Value(t, "security_suite") != true {
		t.Errorf("made %s", open.Content)
	}
	tree.L2.Admin.Patch(t, "/v1/tenants/"+open.String(t, "id"), apitest.Body{"content_access": "closed"}).
		WantProblem(t, http.StatusForbidden, "forbidden", "body.content_access")
}

// With require_if_match nothing is changed blindly in the tenant (rules C5-1).
func TestATenantCanRequireIfMatch(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	admin, own := tree.Customer.Admin, "/v1/tenants/"+tree.Customer.ID.String()
	admin.Patch(t, own, apitest.Body{"require_if_match": true}).Want(t, http.StatusOK)
	user := tree.Customer.Path("/users/%s", tree.Customer.Agent.UserID)
	for _, c := range []*apitest.Client{admin, tree.L2.Admin} { // also for those above
		c.Patch(t, user, apitest.Body{"name": "Blind"}).
			WantProblem(t, http.StatusPreconditionRequired, "precondition_required", "header.If-Match")
	}
	seen := admin.Get(t, user).Want(t, http.StatusOK)
	admin.Patch(t, user, apitest.Body{"name": "Seen"}, apitest.Header{"If-Match": seen.Header.Get("ETag")}).Want(t, http.StatusOK)
	admin.Patch(t, user, apitest.Body{"name": "Late"}, apitest.Header{"If-Match": seen.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	// Elsewhere nothing has changed, and what has no version needs none.
	tree.Other.Admin.Patch(t, tree.Other.Path("/users/%s", tree.Other.Agent.UserID), apitest.Body{"name": "Blind"}).Want(t, http.StatusOK)
	admin.Post(t, tree.Customer.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"channels:read"}}).Want(t, http.StatusCreated)
}
