package authz_test

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/trellishq/trellis/authz"
)

var update = flag.Bool("update", false, "write the golden matrix anew")

func policy(t testing.TB) *authz.Policy {
	t.Helper()
	p, err := authz.New()
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// The matrix is what a person reviews: a change of the policy shows here as
// the cells that it changes.
func TestMatrix(t *testing.T) {
	p := policy(t)
	var b strings.Builder
	fmt.Fprintf(&b, "%-20s", "")
	for _, r := range authz.Roles() {
		fmt.Fprintf(&b, " %-14s", r)
	}
	for _, perm := range authz.Permissions() {
		fmt.Fprintf(&b, "\n%-20s", perm)
		for _, r := range authz.Roles() {
			cell := "-"
			if p.May(r, perm) {
				cell = "yes"
			}
			fmt.Fprintf(&b, " %-14s", cell)
		}
	}
	var lines []string
	for _, l := range strings.Split(b.String(), "\n") {
		lines = append(lines, strings.TrimRight(l, " "))
	}
	got := strings.Join(lines, "\n") + "\n"
	const file = "testdata/matrix.golden"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("the matrix has changed; review and run with -update:\n%s", got)
	}
}

func TestEveryPermissionIsGivenToSomebody(t *testing.T) {
	p := policy(t)
	for _, perm := range authz.Permissions() {
		given := false
		for _, r := range authz.Roles() {
			given = given || p.May(r, perm)
		}
		if !given {
			t.Errorf("nobody has %s: is it missing in policy.csv?", perm)
		}
	}
}

func TestPolicyNamesOnlyKnownPermissions(t *testing.T) {
	known := map[string]bool{}
	for _, p := range authz.Permissions() {
		known[string(p)] = true
	}
	text, err := os.ReadFile("policy.csv")
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range strings.Split(string(text), "\n") {
		words := strings.Split(strings.ReplaceAll(line, " ", ""), ",")
		if words[0] == "p" && !known[words[2]+":"+words[3]] {
			t.Errorf("policy.csv gives %s:%s, which is no permission", words[2], words[3])
		}
	}
}

func TestAllowsByPlaceInTheTree(t *testing.T) {
	p := policy(t)
	const operator, l1, l2, customer, sibling = "/o/", "/o/a/", "/o/a/b/", "/o/a/b/c/", "/o/z/"
	for _, c := range []struct {
		name   string
		rights authz.Rights
		perm   authz.Permission
		node   string
		want   bool
	}{
		{"operator administers all", p.RightsOf(authz.Operator, operator), authz.TenantsWrite, customer, true},
		{"operator reads no content", p.RightsOf(authz.Operator, operator), authz.InteractionsRead, customer, false},
		{"operator reads no content at home", p.RightsOf(authz.Operator, operator), authz.InteractionsRead, operator, false},
		{"reseller administers below", p.RightsOf(authz.ResellerAdmin, l1), authz.UsersWrite, customer, true},
		{"reseller reads no content below", p.RightsOf(authz.ResellerAdmin, l1), authz.InteractionsRead, l2, false},
		{"reseller reads its own content", p.RightsOf(authz.ResellerAdmin, l1), authz.InteractionsRead, l1, true},
		{"reseller does not see its parent", p.RightsOf(authz.ResellerAdmin, l2), authz.TenantsRead, l1, false},
		{"reseller does not see a sibling", p.RightsOf(authz.ResellerAdmin, l1), authz.TenantsRead, sibling, false},
		{"tenant admin stays at home", p.RightsOf(authz.TenantAdmin, l2), authz.UsersWrite, customer, false},
		{"tenant admin makes no tenants", p.RightsOf(authz.TenantAdmin, customer), authz.TenantsWrite, customer, false},
		{"a path is a prefix by whole ids", p.RightsOf(authz.ResellerAdmin, "/o/a/"), authz.TenantsRead, "/o/ab/", false},
	} {
		if got := c.rights.Allow(c.perm, c.node); got != c.want {
			t.Errorf("%s: got %v", c.name, got)
		}
	}
}

func TestSets(t *testing.T) {
	all := authz.SetOf(authz.Permissions()...)
	if got := all.List(); !slices.Equal(got, authz.Permissions()) {
		t.Errorf("all permissions make a set of %v", got)
	}
	two := authz.SetOf(authz.UsersRead, authz.ContactsRead, "no:permission")
	for name, holds := range map[string]bool{
		"has what was put in":           two.Has(authz.UsersRead) && two.Has(authz.ContactsRead),
		"has nothing else":              !two.Has(authz.UsersWrite) && !two.Has("no:permission") && len(two.List()) == 2,
		"is held by all":                all.Holds(two) && !two.Holds(all),
		"is empty without itself":       two.Without(two).Empty() && !two.Empty(),
		"meets another in what is both": two.And(authz.SetOf(authz.UsersRead)) == authz.SetOf(authz.UsersRead),
		"joins another":                 authz.SetOf(authz.UsersRead).Or(authz.SetOf(authz.ContactsRead)) == two,
		"knows what is about the tree":  two.Administrative() == authz.SetOf(authz.UsersRead),
	} {
		if !holds {
			t.Errorf("a set %s: it does not", name)
		}
	}
	if authz.Known("no:permission") || !authz.Known(authz.OptOutsRead) {
		t.Error("Known does not know the permissions")
	}
}

func BenchmarkAllow(b *testing.B) {
	rights := policy(b).RightsOf(authz.ResellerAdmin, "/o/a/")
	for b.Loop() {
		rights.Allow(authz.UsersWrite, "/o/a/b/c/")
	}
}
