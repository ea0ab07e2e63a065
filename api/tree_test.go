package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

// Where a tenant stands still, its people and keys do as well, within a second,
// and so does all below it; those above go on administering it.
//
// Covers: TEN-03 TEN-06
func TestATenantOutOfServiceStandsStill(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	made := tree.Customer.Admin.Post(t, tree.Customer.Path("/api-keys"), apitest.Body{
		"name": "Key", "permissions": []string{"channels:read"},
	}).Want(t, http.StatusCreated)
	key := p.Anonymous().As(made.String(t, "key"))
	login := tree.Customer.Admin.Get(t, "/v1/me").Want(t, http.StatusOK).String(t, "user.login")
	at := "/v1/tenants/" + tree.L2.ID.String()
	stopped := func(t *testing.T) {
		t.Helper()
		p.Clock.Advance(time.Second)
		tree.Customer.Admin.Get(t, tree.Customer.Path("/users")).WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
		key.Get(t, tree.Customer.Path("/channels")).WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
		p.Anonymous().Post(t, "/v1/auth/login", apitest.Body{"login": login, "password": apitest.Password}).
			WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
		tree.L2.Admin.Get(t, "/v1/me").WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
		tree.L1.Admin.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
	}
	works := func(t *testing.T) {
		t.Helper()
		p.Clock.Advance(time.Minute)
		tree.Customer.Admin.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
		key.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK)
	}
	works(t)
	r := tree.L1.Admin.Post(t, at+"/suspend", apitest.Body{"reason": "Invoice 7 is not paid."}).Want(t, http.StatusOK)
	if r.String(t, "status") != "suspended" || r.String(t, "suspended_reason") != "Invoice 7 is not paid." {
		t.Errorf("suspended: %s", r.Content)
	}
	stopped(t)
	tree.L1.Admin.Post(t, at+"/resume", nil).Want(t, http.StatusOK)
	works(t)
	tree.L1.Admin.Post(t, at+"/archive", nil).Want(t, http.StatusOK)
	stopped(t)
	listed := func(query string) []string {
		t.Helper()
		return texts(t, tree.L1.Admin.Get(t, "/v1/tenants?limit=200"+query).Want(t, http.StatusOK), "id")
	}
	if id := tree.L2.ID.String(); slices.Contains(listed(""), id) || !slices.Contains(listed("&status=archived&status=deleted"), id) {
		t.Error("an archived tenant is where it should not be, or is not where it should")
	}
	tree.L1.Admin.Post(t, at+"/restore", nil).Want(t, http.StatusOK)
	works(t)

	tree.L1.Admin.Do(t, http.MethodDelete, at, nil).WantProblem(t, http.StatusConflict, "conflict", "")
	customer := "/v1/tenants/" + tree.Customer.ID.String()
	gone := tree.L2.Admin.Do(t, http.MethodDelete, customer, nil).Want(t, http.StatusOK)
	if gone.String(t, "status") != "deleted" || gone.String(t, "purge_at") != p.Clock.Now().Add(30*24*time.Hour).Format(time.RFC3339) {
		t.Errorf("deleted: %s", gone.Content)
	}
	p.Clock.Advance(time.Second)
	tree.Customer.Admin.Get(t, "/v1/me").WantProblem(t, http.StatusForbidden, "tenant_suspended", "")
	tree.L1.Admin.Do(t, http.MethodDelete, at, nil, apitest.Header{"If-Match": `"1"`}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	tree.L1.Admin.Do(t, http.MethodDelete, at, nil).Want(t, http.StatusOK)
	tree.L1.Admin.Post(t, customer+"/restore", nil).WantProblem(t, http.StatusConflict, "conflict", "")
	tree.L1.Admin.Post(t, at+"/restore", nil).Want(t, http.StatusOK)
	tree.L1.Admin.Post(t, customer+"/restore", nil).Want(t, http.StatusOK)
	works(t)
}

// A tenant that moves takes everything along: people, rights, channels and
// numbers. Its old reseller sees it no more, its new one administers it.
//
// Covers: TEN-06
func TestATenantMovesWithAllItHas(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	line, number := p.CarrierLine(t, tree)
	other := p.NewTenant(t, tree.L1.Admin, tree.L1.ID, "reseller_l2")
	move := "/v1/tenants/" + tree.Customer.ID.String() + "/move"
	tree.L2.Admin.Post(t, move, apitest.Body{"parent_id": other.ID}).WantProblem(t, http.StatusNotFound, "not_found", "body.parent_id")
	other.Admin.Post(t, move, apitest.Body{"parent_id": other.ID}).WantProblem(t, http.StatusNotFound, "not_found", "")
	tree.L1.Admin.Post(t, move, apitest.Body{"parent_id": tree.Other.ID}).WantProblem(t, unprocessable, "wrong_parent", "body.parent_id")
	r := tree.L1.Admin.Post(t, move, apitest.Body{"parent_id": other.ID}).Want(t, http.StatusOK)
	if r.ID(t, "parent_id") != other.ID {
		t.Errorf("moved: %s", r.Content)
	}
	p.Clock.Advance(time.Second)
	tree.L2.Admin.Get(t, tree.Customer.Path("/users")).WantProblem(t, http.StatusNotFound, "not_found", "")
	other.Admin.Get(t, tree.Customer.Path("/users")).Want(t, http.StatusOK)
	tree.Customer.User.Post(t, tree.Customer.Path("/messages"), apitest.Body{
		"channel_id": line.ChannelID, "to": apitest.Customer, "body": "still here",
	}).Want(t, http.StatusCreated)
	p.Work(t)
	tree.L2.Admin.Get(t, tree.L2.Path("/numbers/%s", number)).WantProblem(t, http.StatusNotFound, "not_found", "")
	held := other.Admin.Get(t, other.Path("/numbers/%s", number)).Want(t, http.StatusOK)
	if held.ID(t, "holder_id") != tree.Customer.ID {
		t.Errorf("the number: %s", held.Content)
	}
}

// Who works in one tenant has one to choose; resellers and the operator have
// those below as well.
//
// Covers: TEN-07 TEN-08 TEN-14
func TestSelectableTenants(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	names := func(c *apitest.Client, query string) string {
		t.Helper()
		var all []string
		for next := "/v1/me/tenants?limit=2" + query; ; {
			r := c.Get(t, next).Want(t, http.StatusOK)
			all = append(all, texts(t, r, "id")...)
			if !strings.Contains(string(r.Content), "next_cursor") {
				return strings.Join(all, " ")
			}
			next = "/v1/me/tenants?limit=2" + query + "&cursor=" + r.String(t, "next_cursor")
		}
	}
	for _, c := range []*apitest.Client{tree.Customer.Admin, tree.Customer.Agent} {
		r := c.Get(t, "/v1/me/tenants").Want(t, http.StatusOK)
		if len(r.Items(t)) != 1 || r.ID(t, "items.0.id") != tree.Customer.ID || r.Value(t, "items.0.home") != true {
			t.Errorf("a customer's: %s", r.Content)
		}
	}
	rename := func(n apitest.Tenant, name string) {
		t.Helper()
		tree.L1.Admin.Patch(t, "/v1/tenants/"+n.ID.String(), apitest.Body{"name": name}).Want(t, http.StatusOK)
	}
	rename(tree.Customer, "alpha")
	rename(tree.Other, "Beta")
	rename(tree.L2, "Alps")
	want := []string{tree.Customer.ID.String(), tree.L2.ID.String(), tree.Other.ID.String(), tree.L1.ID.String()}
	if got := names(tree.L1.Admin, ""); got != strings.Join(want, " ") {
		t.Errorf("a reseller's: %s, want %s", got, want)
	}
	if got := names(tree.L1.Admin, "&q=AL"); got != strings.Join(want[:2], " ") {
		t.Errorf("by name: %s, want %s", got, want[:2])
	}
	tree.L1.Admin.Post(t, "/v1/tenants/"+tree.Other.ID.String()+"/archive", nil).Want(t, http.StatusOK)
	if got := names(tree.L1.Admin, ""); strings.Contains(got, tree.Other.ID.String()) {
		t.Error("an archived tenant can be chosen")
	}
}
