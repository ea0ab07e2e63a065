package api_test

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/api/apitest"
)

// entitlements are what a tenant was granted, and what it has: two lists of
// words.
func entitlements(t *testing.T, by *apitest.Client, at apitest.Tenant) (granted, effective map[string]bool) {
	t.Helper()
	r := by.Get(t, at.Path("/entitlements")).Want(t, http.StatusOK)
	granted, effective = map[string]bool{}, map[string]bool{}
	for _, name := range []string{"bulk", "email", "live_chat", "voice", "social", "fax", "api", "webhooks"} {
		granted[name], _ = r.Value(t, name+".granted").(bool)
		effective[name], _ = r.Value(t, name+".effective").(bool)
	}
	return granted, effective
}

// Covers: TEN-01 TEN-16
func TestEntitlementsFlowDownTheTree(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	operator := apitest.Tenant{ID: p.OperatorTenant()}
	grant := func(by *apitest.Client, to apitest.Tenant, body apitest.Body) *apitest.Response {
		t.Helper()
		return by.Patch(t, to.Path("/entitlements"), body)
	}
	refused := func(r *apitest.Response) {
		t.Helper()
		r.WantProblem(t, http.StatusForbidden, "not_entitled", "body.bulk")
		if got := r.String(t, "entitlement"); got != "bulk" {
			t.Errorf("the problem is about %q: %s", got, r.Content)
		}
	}
	want := func(at apitest.Tenant, name string, granted, effective bool) {
		t.Helper()
		g, e := entitlements(t, at.Admin, at)
		if g[name] != granted || e[name] != effective {
			t.Errorf("%s: granted %t, effective %t; want %t, %t", name, g[name], e[name], granted, effective)
		}
	}
	on, off := apitest.Body{"bulk": true}, apitest.Body{"bulk": false}

	// At first everybody can build on the API, and nothing else; the operator
	// has everything.
	for _, at := range []apitest.Tenant{tree.L1, tree.L2, tree.Customer, tree.Other} {
		granted, effective := entitlements(t, at.Admin, at)
		for name := range granted {
			if basic := name == "api" || name == "webhooks"; granted[name] != basic || effective[name] != basic {
				t.Errorf("%s: granted %t, effective %t", name, granted[name], effective[name])
			}
		}
	}
	if _, all := entitlements(t, tree.Operator, operator); !all["bulk"] || !all["fax"] {
		t.Errorf("the operator has %v", all)
	}

	// What a reseller does not have it does not give, and nobody gives to himself.
	refused(grant(tree.L2.Admin, tree.Customer, on))
	refused(grant(tree.Operator, tree.L2, on)) // not while l1 lacks it
	grant(tree.L1.Admin, tree.L1, on).WantProblem(t, http.StatusForbidden, "forbidden", "")
	grant(tree.Operator, operator, off).WantProblem(t, http.StatusForbidden, "forbidden", "")
	grant(tree.Customer.Admin, tree.Customer, on).WantProblem(t, http.StatusForbidden, "forbidden", "")
	grant(tree.L2.Admin, tree.Other, on).WantProblem(t, http.StatusNotFound, "not_found", "")

	grant(tree.Operator, tree.L1, on).Want(t, http.StatusOK)
	grant(tree.L1.Admin, tree.L2, on).Want(t, http.StatusOK)
	want(tree.Customer, "bulk", false, false)
	if r := grant(tree.L2.Admin, tree.Customer, on).Want(t, http.StatusOK); r.Value(t, "bulk.effective") != true {
		t.Errorf("granted: %s", r.Content)
	}
	want(tree.Customer, "bulk", true, true)
	want(tree.Other, "bulk", false, false)

	// Taken at the top it is gone everywhere, and comes back everywhere.
	grant(tree.Operator, tree.L1, off).Want(t, http.StatusOK)
	want(tree.L1, "bulk", false, false)
	want(tree.L2, "bulk", true, false)
	want(tree.Customer, "bulk", true, false)
	grant(tree.L2.Admin, tree.Customer, on).Want(t, http.StatusOK) // nothing that it does not have
	want(tree.Customer, "bulk", true, false)
	grant(tree.L2.Admin, tree.Customer, off).Want(t, http.StatusOK)
	refused(grant(tree.L2.Admin, tree.Customer, on))
	grant(tree.Operator, tree.L1, on).Want(t, http.StatusOK)
	want(tree.L2, "bulk", true, true)
	want(tree.Customer, "bulk", false, false)

	// Changes are told in the tenant's own log, once for each.
	wantCount(t, p, 2, "SELECT count(*) FROM events WHERE type = 'tenant.allowance_updated' AND tenant_id = $1", tree.Customer.ID)

	// Two who change at once do not overwrite one another.
	read := tree.L2.Admin.Get(t, tree.Customer.Path("/entitlements")).Want(t, http.StatusOK)
	match := apitest.Header{"If-Match": read.Header.Get("ETag")}
	tree.L2.Admin.Patch(t, tree.Customer.Path("/entitlements"), on, match).Want(t, http.StatusOK)
	tree.L2.Admin.Patch(t, tree.Customer.Path("/entitlements"), off, match).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")

	for name, value := range map[string]any{"bulk": nil, "sms": true, "BULK": true, "api": "yes", "granted": true} {
		grant(tree.L2.Admin, tree.Customer, apitest.Body{name: value}).
			WantProblem(t, unprocessable, "validation_failed", "body."+name)
	}
}

// Covers: TEN-01
func TestANewTenantIsGivenWhatItsMakerHas(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	tree.Operator.Patch(t, tree.L1.Path("/entitlements"), apitest.Body{"bulk": true, "email": true, "webhooks": false}).Want(t, http.StatusOK)
	tree.Operator.Patch(t, tree.L1.Path("/quotas"), apitest.Body{"seats": 50}).Want(t, http.StatusOK)
	create := func(name string, more apitest.Body) *apitest.Response {
		t.Helper()
		body := apitest.Body{"parent_id": tree.L1.ID, "kind": "customer", "name": name}
		for key, value := range more {
			body[key] = value
		}
		return tree.L1.Admin.Post(t, "/v1/tenants", body)
	}
	made := apitest.Tenant{ID: create("Full", apitest.Body{
		"entitlements": apitest.Body{"bulk": true, "api": false}, "quotas": apitest.Body{"seats": 5, "messages_per_month": 100},
	}).Want(t, http.StatusCreated).ID(t, "id")}
	granted, effective := entitlements(t, tree.L1.Admin, made)
	for name := range granted {
		if only := name == "bulk"; granted[name] != only || effective[name] != only {
			t.Errorf("%s: granted %t, effective %t", name, granted[name], effective[name])
		}
	}
	limits := tree.L1.Admin.Get(t, made.Path("/quotas")).Want(t, http.StatusOK)
	if limits.Int(t, "seats.limit") != 5 || limits.Int(t, "messages_per_month.effective") != 100 || limits.Value(t, "storage_bytes.effective") != nil {
		t.Errorf("the limits are %s", limits.Content)
	}

	create("Voice", apitest.Body{"entitlements": apitest.Body{"voice": true}}).
		WantProblem(t, http.StatusForbidden, "not_entitled", "body.entitlements.voice")
	create("Crowd", apitest.Body{"quotas": apitest.Body{"seats": 51}}).
		WantProblem(t, unprocessable, "limit_too_high", "body.quotas.seats")
	create("Words", apitest.Body{"entitlements": []string{"bulk"}}).
		WantProblem(t, unprocessable, "validation_failed", "body.entitlements")
	create("Typo", apitest.Body{"entitlements": apitest.Body{"emial": true}}).
		WantProblem(t, unprocessable, "validation_failed", "body.entitlements.emial")
	wantCount(t, p, 1, "SELECT count(*) FROM tenants WHERE name IN ('Full', 'Voice', 'Crowd', 'Words', 'Typo')")
}

// Without the API a tenant's keys are refused by name, within a second, and are
// good again when it comes back.
//
// Covers: TEN-15 LIC-01
func TestKeysNeedTheAPI(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	tree := p.Grow(t)
	newKey := apitest.Body{"name": "Key", "permissions": []string{"channels:read", "tenants:read"}}
	key := func(at apitest.Tenant) *apitest.Client {
		t.Helper()
		return p.Anonymous().As(at.Admin.Post(t, at.Path("/api-keys"), newKey).Want(t, http.StatusCreated).String(t, "key"))
	}
	customers, resellers := key(tree.Customer), key(tree.L2)
	refused := func(r *apitest.Response) {
		t.Helper()
		r.WantProblem(t, http.StatusForbidden, "not_entitled", "")
		if r.String(t, "entitlement") != "api" {
			t.Errorf("the problem is %s", r.Content)
		}
	}
	take := func(at apitest.Tenant, on bool) {
		t.Helper()
		tree.Operator.Patch(t, at.Path("/entitlements"), apitest.Body{"api": on}).Want(t, http.StatusOK)
	}
	customers.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK)
	services := func(want ...any) {
		t.Helper()
		r := tree.Customer.Agent.Get(t, "/v1/me").Want(t, http.StatusOK)
		if got := r.Value(t, "entitlements"); !cmp.Equal(got, want) {
			t.Errorf("the agent is told %v, want %v", got, want)
		}
	}
	services("api", "webhooks")

	take(tree.Customer, false)
	services("webhooks")
	refused(customers.Get(t, tree.Customer.Path("/channels")))
	refused(customers.Get(t, "/v1/me"))
	refused(tree.Customer.Admin.Post(t, tree.Customer.Path("/api-keys"), newKey))
	refused(tree.L2.Admin.Post(t, tree.Customer.Path("/api-keys"), newKey))
	// People go on, keys can be looked at and ended, and the reseller's own key
	// administers the tenant: its tenant has the API.
	tree.Customer.Admin.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK)
	id := tree.Customer.Admin.Get(t, tree.Customer.Path("/api-keys")).Want(t, http.StatusOK).String(t, "items.0.id")
	resellers.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK)

	// Taken higher up, it is taken from all below.
	take(tree.Customer, true)
	take(tree.L1, false)
	refused(customers.Get(t, tree.Customer.Path("/channels")))
	refused(resellers.Get(t, tree.Customer.Path("/channels")))
	refused(resellers.Get(t, "/v1/tenants"))
	take(tree.L1, true)
	customers.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK)
	resellers.Get(t, "/v1/tenants").Want(t, http.StatusOK)

	take(tree.Customer, false)
	tree.Customer.Admin.Post(t, tree.Customer.Path("/api-keys/%s/revoke", id), nil).Want(t, http.StatusOK)
}
