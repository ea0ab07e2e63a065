package authz_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/authz"
)

func TestEntitlementSets(t *testing.T) {
	t.Parallel()
	all := authz.AllEntitlements()
	if diff := cmp.Diff(authz.Entitlements(), all.List()); diff != "" {
		t.Errorf("all: %s", diff)
	}
	some := authz.EntitlementsOf(authz.Webhooks, authz.Bulk, authz.Bulk, "teleportation")
	if got := some.String(); got != "{bulk webhooks}" {
		t.Errorf("some: %s", got)
	}
	if got := authz.EntitlementsOfWords(append(some.Words(), "teleportation", "")); got != some {
		t.Errorf("read back: %s", got)
	}
	for _, e := range authz.Entitlements() {
		if !all.Has(e) || all.With(e, false).Has(e) || !authz.EntitlementSet(0).With(e, true).Has(e) {
			t.Errorf("%s is not kept", e)
		}
		if in := e == authz.Bulk || e == authz.Webhooks; some.Has(e) != in || all.Without(some).Has(e) == in {
			t.Errorf("%s in %s: %t", e, some, some.Has(e))
		}
	}
	if some.Has("teleportation") || !some.Has("") {
		t.Error("what is no entitlement is in the set, or nothing is not")
	}
	if got := some.And(authz.EntitlementsOf(authz.Bulk, authz.API)); got != authz.EntitlementsOf(authz.Bulk) {
		t.Errorf("both: %s", got)
	}
}

// A role is not enough for what a tenant was not given.
func TestNeeds(t *testing.T) {
	t.Parallel()
	for permission, want := range map[authz.Permission]authz.Entitlement{
		"campaigns:write": authz.Bulk, "campaigns:read": authz.Bulk, "webhooks:write": authz.Webhooks,
		authz.InteractionsStart: "", authz.APIKeysWrite: "", authz.Public: "", authz.Authenticated: "",
	} {
		if got := permission.Needs(); got != want {
			t.Errorf("%s needs %q, want %q", permission, got, want)
		}
	}
}
