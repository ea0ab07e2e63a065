package identity_test

import (
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Covers C2-2 and D1-4: where each caller gets with an administrative and a
// content permission. "in" is admitted, "no" is forbidden, "-" does not exist.
func TestAdmit(t *testing.T) {
	t.Parallel()
	w := setup(t)
	places := []tenants.Tenant{w.operator, w.l1, w.l2, w.deep, w.customer, w.other, w.foreign}
	staff := w.person(t, w.operator, authz.Operator, "staff")
	l1Admin := w.person(t, w.l1, authz.TenantAdmin, "admin")
	customerAdmin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	tenantsKey := w.key(t, l1Admin, w.l2, authz.UsersRead)
	for name, c := range map[string]struct {
		p              identity.Principal
		admin, content [7]string // of users:read and contacts:read at places
	}{
		"operator": {
			staff,
			[7]string{"in", "in", "in", "in", "in", "in", "in"},
			[7]string{"no", "no", "no", "no", "no", "no", "no"},
		},
		"admin of the operator's tenant": {
			w.person(t, w.operator, authz.TenantAdmin, "admin"),
			[7]string{"in", "-", "-", "-", "-", "-", "-"},
			[7]string{"in", "-", "-", "-", "-", "-", "-"},
		},
		"reseller": {
			l1Admin,
			[7]string{"-", "in", "in", "in", "in", "-", "-"},
			[7]string{"-", "in", "no", "no", "no", "-", "-"},
		},
		"reseller's agent": {
			w.person(t, w.l1, authz.Agent, "agent"),
			[7]string{"-", "no", "-", "-", "-", "-", "-"},
			[7]string{"-", "in", "-", "-", "-", "-", "-"},
		},
		"second reseller": {
			w.person(t, w.l2, authz.TenantAdmin, "admin"),
			[7]string{"-", "-", "in", "in", "-", "-", "-"},
			[7]string{"-", "-", "in", "no", "-", "-", "-"},
		},
		"customer": {
			customerAdmin,
			[7]string{"-", "-", "-", "-", "in", "-", "-"},
			[7]string{"-", "-", "-", "-", "in", "-", "-"},
		},
		"customer's key": {
			w.key(t, customerAdmin, w.customer, authz.ContactsRead),
			[7]string{"-", "-", "-", "-", "no", "-", "-"},
			[7]string{"-", "-", "-", "-", "in", "-", "-"},
		},
		"reseller's key at home": {
			w.key(t, l1Admin, w.l1, authz.UsersRead, authz.ContactsRead),
			[7]string{"-", "in", "in", "in", "in", "-", "-"},
			[7]string{"-", "in", "no", "no", "no", "-", "-"},
		},
		"reseller's key for content": {
			w.key(t, l1Admin, w.l1, authz.ContactsRead),
			[7]string{"-", "no", "-", "-", "-", "-", "-"},
			[7]string{"-", "in", "-", "-", "-", "-", "-"},
		},
		"reseller's key below": {
			tenantsKey,
			[7]string{"-", "-", "in", "in", "-", "-", "-"},
			[7]string{"-", "-", "no", "no", "-", "-", "-"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			for permission, want := range map[authz.Permission][7]string{authz.UsersRead: c.admin, authz.ContactsRead: c.content} {
				for i, place := range places {
					ctx, err := w.Admit(t.Context(), c.p, permission, place.ID)
					switch want[i] {
					case "in":
						sc, scopeErr := scope.From(ctx)
						if err != nil || scopeErr != nil || sc.TenantID != place.ID || sc.Path != place.Path || sc.Actor != c.p.Actor() {
							t.Errorf("%s at %s: %+v, %v", permission, place.Name, sc, err)
						}
						if who, ok := identity.From(ctx); !ok || who.Actor() != c.p.Actor() {
							t.Errorf("%s at %s: the context does not know who acts", permission, place.Name)
						}
					case "no":
						wantCode(t, err, fault.CodeForbidden)
						if f, _ := fault.As(err); f != nil && f.Message != "This needs the permission "+string(permission)+"." {
							t.Errorf("got %q", f.Message)
						}
					default:
						_, random := w.Admit(t.Context(), c.p, permission, uuid.New())
						if err == nil || random == nil || err.Error() != random.Error() {
							t.Errorf("%s at %s: %v, and for a random id %v", permission, place.Name, err, random)
						}
						wantCode(t, err, fault.CodeNotFound)
					}
				}
			}
		})
	}
}

func TestAdmitToOnesOwn(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.person(t, w.customer, authz.User, "ann")
	for _, permission := range []authz.Permission{authz.Authenticated, authz.ContactsRead} {
		ctx, err := w.Admit(t.Context(), p, permission, uuid.Nil)
		if err != nil {
			t.Fatal(err)
		}
		if sc, _ := scope.From(ctx); sc.TenantID != w.customer.ID {
			t.Errorf("got %+v", sc)
		}
	}
	_, err := w.Admit(t.Context(), p, authz.TenantsRead, uuid.Nil)
	wantCode(t, err, fault.CodeForbidden)
	_, err = w.Admit(t.Context(), p, authz.Authenticated, w.deep.ID)
	wantCode(t, err, fault.CodeNotFound)
}

func TestASuspendedTenantIsAdministeredFromAbove(t *testing.T) {
	t.Parallel()
	w := setup(t)
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	insider := w.person(t, w.deep, authz.TenantAdmin, "insider")
	w.suspend(t, w.l2)
	w.clock.Advance(cacheLife)
	for _, permission := range []authz.Permission{authz.TenantsWrite, authz.UsersWrite, authz.UsersRead} {
		if _, err := w.Admit(t.Context(), reseller, permission, w.deep.ID); err != nil {
			t.Errorf("%s from above: %v", permission, err)
		}
	}
	_, err := w.Admit(t.Context(), reseller, authz.InteractionsReply, w.deep.ID)
	wantCode(t, err, fault.CodeForbidden)
	for _, permission := range []authz.Permission{authz.Authenticated, authz.UsersRead, authz.ContactsRead, authz.InteractionsReply} {
		_, err := w.Admit(t.Context(), insider, permission, w.deep.ID)
		wantCode(t, err, fault.CodeTenantSuspended)
	}
}

// The scope's path is a prefix. Who administers the operator's own tenant only
// must not see the tree through it.
func TestTheOperatorsOwnAdminDoesNotSeeTheTree(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]struct {
		p    identity.Principal
		want int
	}{
		"admin":    {w.person(t, w.operator, authz.TenantAdmin, "admin"), 1},
		"operator": {w.person(t, w.operator, authz.Operator, "staff"), 7},
		"reseller": {w.person(t, w.l1, authz.TenantAdmin, "admin"), 4},
		"customer": {w.person(t, w.customer, authz.TenantAdmin, "admin"), 1},
	} {
		ctx, err := w.Admit(t.Context(), c.p, authz.TenantsRead, uuid.Nil)
		if err != nil {
			t.Fatal(err)
		}
		list, err := w.tree.List(ctx, tenants.Filter{Limit: 100})
		if err != nil || len(list) != c.want {
			t.Errorf("%s sees %d tenants, want %d (%v)", name, len(list), c.want, err)
		}
	}
}

func TestMe(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.l1, authz.TenantAdmin, "admin")
	me, err := w.Me(w.as(t, admin, authz.Authenticated, w.l1), admin)
	if err != nil {
		t.Fatal(err)
	}
	if me.User == nil || me.User.ID != admin.UserID || me.User.Role != authz.TenantAdmin || me.Key != nil ||
		me.Role != authz.ResellerAdmin || me.Tenant.ID != w.l1.ID || me.Tenant.ParentID != nil ||
		!slices.Equal(me.Permissions, w.policy.Of(authz.ResellerAdmin).List()) {
		t.Errorf("got %+v", me)
	}
	key := w.key(t, admin, w.l2, authz.UsersRead)
	me, err = w.Me(w.as(t, key, authz.Authenticated, w.l2), key)
	if err != nil {
		t.Fatal(err)
	}
	if me.Key == nil || me.Key.ID != key.KeyID || me.User != nil || me.Tenant.ID != w.l2.ID ||
		!slices.Equal(me.Permissions, []authz.Permission{authz.UsersRead}) {
		t.Errorf("got %+v", me)
	}
}

// Covers D5-3 and D2-6: within a second on every replica, with nothing but the
// database.
func TestRightsChangeWithinASecondEverywhere(t *testing.T) {
	t.Parallel()
	w := setup(t)
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	tokens := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
	elsewhere, _ := w.replica(t, nil)
	if _, err := elsewhere.Authenticate(t.Context(), tokens.AccessToken.Reveal()); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(cacheLife - 1000)
	if _, err := w.UpdateUser(w.as(t, reseller, authz.UsersWrite, w.customer), tokens.UserID,
		identity.UserChange{Status: to(identity.UserDisabled)}, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := elsewhere.Authenticate(t.Context(), tokens.AccessToken.Reveal()); err != nil {
		t.Errorf("read again within a second: %v", err)
	}
	w.clock.Advance(1000)
	_, err := elsewhere.Authenticate(t.Context(), tokens.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
}

func TestCreateOperatorStaff(t *testing.T) {
	t.Parallel()
	w := setup(t)
	made, err := w.CreateOperatorStaff(t.Context(), w.operator.ID, "root@operator.example", "Root", password)
	if err != nil || made.Role != authz.Operator || made.TenantID != w.operator.ID || made.MustChangePassword {
		t.Fatalf("%+v, %v", made, err)
	}
	p := w.authenticate(t, w.login(t, made).AccessToken.Reveal())
	if p.Role != authz.Operator || p.Rights != w.policy.RightsOf(authz.Operator, w.operator.Path) {
		t.Errorf("got %+v", p)
	}
	_, err = w.CreateOperatorStaff(t.Context(), w.operator.ID, "root@operator.example", "Root", password)
	wantCode(t, err, fault.CodeLoginTaken)
	for _, at := range []uuid.UUID{w.l1.ID, uuid.New()} {
		_, err = w.CreateOperatorStaff(t.Context(), at, "root@l1.example", "Root", password)
		wantCode(t, err, fault.CodeNotFound)
	}
}

func TestTheConfigurationIsChecked(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for name, c := range map[string]identity.Config{
		"nothing":   {},
		"no issuer": {Store: w.store, Log: w.log, Tenants: w.tree, Departments: departments.New(w.store, w.log), Mail: w.letters(t), Policy: w.policy, Keyring: keyring(t, 1), Audience: audience},
	} {
		if _, err := identity.New(c); err == nil {
			t.Errorf("%s was accepted", name)
		}
	}
}

// What a tenant has not been given is refused by its name, to everybody who may
// know the tenant; what it has is a matter of rights.
//
// Covers: TEN-15 TEN-16 LIC-03
func TestAdmitAsksForEntitlements(t *testing.T) {
	t.Parallel()
	w := setup(t)
	const campaigns authz.Permission = "campaigns:write"
	callers := []identity.Principal{
		w.person(t, w.operator, authz.Operator, "staff"), w.person(t, w.l1, authz.TenantAdmin, "admin"),
		w.person(t, w.customer, authz.TenantAdmin, "admin"), w.person(t, w.customer, authz.Agent, "agent"),
	}
	try := func(code fault.Code, subject string) {
		t.Helper()
		for _, p := range callers {
			_, err := w.Admit(t.Context(), p, campaigns, w.customer.ID)
			wantCode(t, err, code)
			if f, _ := fault.As(err); f != nil && f.Subject != subject {
				t.Errorf("the fault is about %q, want %q", f.Subject, subject)
			}
		}
	}
	grant := func(at tenants.Tenant, on bool) {
		t.Helper()
		change := tenants.AllowanceChange{Entitlements: map[authz.Entitlement]bool{authz.Bulk: on}}
		if _, err := w.tree.SetAllowance(program(t.Context(), at), at.ID, change, nil); err != nil {
			t.Fatal(err)
		}
	}
	try(fault.CodeNotEntitled, "bulk")
	grant(w.l1, true)
	try(fault.CodeNotEntitled, "bulk")
	grant(w.customer, true)
	try(fault.CodeForbidden, "") // there are no campaigns yet, and so no right to them
	grant(w.l1, false)
	try(fault.CodeNotEntitled, "bulk")
	// A stranger is told nothing.
	_, err := w.Admit(t.Context(), w.person(t, w.other, authz.TenantAdmin, "admin"), campaigns, w.customer.ID)
	wantCode(t, err, fault.CodeNotFound)
}
