package identity_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

func TestCreateUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	made, err := w.CreateUser(w.as(t, admin, authz.UsersWrite, w.customer), identity.NewUser{
		Login: "New@Customer.Example", Name: " New ", Role: authz.Agent, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Login != "new@customer.example" || made.Name != "New" || made.TenantID != w.customer.ID || made.Role != authz.Agent ||
		made.Status != identity.UserActive || *made.CreatedByID != admin.UserID || !made.MustChangePassword || made.Version != 1 {
		t.Errorf("made %+v", made)
	}
	if w.log.of("user.created", made.ID) != 1 {
		t.Error("user.created was not published")
	}
	for _, e := range w.log.events {
		if strings.Contains(fmt.Sprintf("%+v", e.data), password) {
			t.Errorf("%s tells the password", e.kind)
		}
	}
	w.login(t, made)
}

func TestUsersThatAreRefused(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	here := w.user(t, w.customer, authz.Agent, "here")
	there := w.user(t, w.foreign, authz.Agent, "there")
	ctx := w.as(t, admin, authz.UsersWrite, w.customer)
	taken := map[string]bool{}
	for name, c := range map[string]struct {
		change func(*identity.NewUser)
		code   fault.Code
		field  string
	}{
		"no e-mail":        {func(n *identity.NewUser) { n.Login = "new" }, fault.CodeInvalid, "body.login"},
		"no name":          {func(n *identity.NewUser) { n.Name = "" }, fault.CodeInvalid, "body.name"},
		"unknown role":     {func(n *identity.NewUser) { n.Role = "boss" }, fault.CodeInvalid, "body.role"},
		"derived role":     {func(n *identity.NewUser) { n.Role = authz.ResellerAdmin }, fault.CodeInvalid, "body.role"},
		"weak password":    {func(n *identity.NewUser) { n.Password = "password1" }, fault.CodeWeakPassword, "body.password"},
		"login, here":      {func(n *identity.NewUser) { n.Login = here.Login }, fault.CodeLoginTaken, "body.login"},
		"login, elsewhere": {func(n *identity.NewUser) { n.Login = strings.ToUpper(there.Login) }, fault.CodeLoginTaken, "body.login"},
	} {
		t.Run(name, func(t *testing.T) {
			n := identity.NewUser{Login: "new@customer.example", Name: "New", Role: authz.Agent, Password: password}
			c.change(&n)
			_, err := w.CreateUser(ctx, n)
			wantCode(t, err, c.code, c.field)
			if f, ok := fault.As(err); ok && c.code == fault.CodeLoginTaken {
				taken[f.Message+f.Fields[0].Message] = true
			}
		})
	}
	if len(taken) != 1 {
		t.Errorf("the answer tells where a login is: %v", taken)
	}
	if _, err := w.CreateUser(t.Context(), identity.NewUser{
		Login: "new@customer.example", Name: "New", Role: authz.Agent, Password: password,
	}); err == nil {
		t.Error("a user was made without a scope")
	}
}

// Covers D2-4 as one table: who makes whom where. Each line lists the roles
// that succeed; all others are refused.
func TestWhoGivesWhichRole(t *testing.T) {
	t.Parallel()
	w := setup(t)
	places := map[string]tenants.Tenant{
		"operator": w.operator, "l1": w.l1, "l2": w.l2, "deep": w.deep, "customer": w.customer, "foreign": w.foreign,
	}
	const four = "tenant_admin manager agent user"
	for _, line := range []struct {
		home string
		role authz.Role
		at   map[string]string
	}{
		{"operator", authz.Operator, map[string]string{
			"operator": "operator " + four, "l1": four, "l2": four, "deep": four, "customer": four, "foreign": four,
		}},
		{"operator", authz.TenantAdmin, map[string]string{"operator": four}},
		{"operator", authz.Manager, nil},
		{"l1", authz.TenantAdmin, map[string]string{"l1": four, "l2": four, "deep": four, "customer": four}},
		{"l1", authz.Manager, nil},
		{"l2", authz.TenantAdmin, map[string]string{"l2": four, "deep": four}},
		{"customer", authz.TenantAdmin, map[string]string{"customer": four}},
		{"customer", authz.Manager, nil},
		{"customer", authz.Agent, nil},
		{"customer", authz.User, nil},
	} {
		p := w.person(t, places[line.home], line.role, "by-"+string(line.role))
		for place, node := range places {
			ctx, err := w.Admit(t.Context(), p, authz.UsersWrite, node.ID)
			if line.at[place] == "" {
				if err == nil {
					t.Errorf("%s of %s manages users of %s", line.role, line.home, place)
				}
				continue
			}
			if err != nil {
				t.Errorf("%s of %s at %s: %v", line.role, line.home, place, err)
				continue
			}
			for _, role := range identity.UserRoles() {
				_, err := w.CreateUser(ctx, identity.NewUser{
					Login: uuid.NewString() + "@made.example", Name: "Made", Role: role, Password: password,
				})
				allowed := strings.Contains(" "+line.at[place]+" ", " "+string(role)+" ")
				if allowed && err != nil {
					t.Errorf("%s of %s gives %s at %s: %v", line.role, line.home, role, place, err)
				}
				if !allowed {
					wantCode(t, err, fault.CodeRoleTooHigh, "body.role")
				}
			}
		}
	}
}

// The service refuses by itself what the gate should never let through.
func TestServicesDoNotTrustTheGate(t *testing.T) {
	t.Parallel()
	w := setup(t)
	agent := w.person(t, w.customer, authz.Agent, "agent")
	victim := w.user(t, w.customer, authz.Agent, "victim")
	ctx := w.as(t, agent, authz.Authenticated, w.customer)
	_, err := w.CreateUser(ctx, identity.NewUser{Login: "x@y.example", Name: "X", Role: authz.User, Password: password})
	wantCode(t, err, fault.CodeForbidden)
	_, err = w.UpdateUser(ctx, victim.ID, identity.UserChange{Role: to(authz.User)}, nil)
	wantCode(t, err, fault.CodeForbidden)
	wantCode(t, w.SetPassword(ctx, victim.ID, "another good one"), fault.CodeForbidden)
	wantCode(t, w.Logout(ctx, victim.ID), fault.CodeForbidden)

	// A scope that names a caller whose rights are not known.
	forged := identity.With(program(t.Context(), w.customer), identity.Principal{})
	if _, err := w.UpdateUser(forged, victim.ID, identity.UserChange{Name: to("Fine")}, nil); err != nil {
		t.Errorf("the program's own work: %v", err)
	}
	stolen := w.as(t, agent, authz.Authenticated, w.customer)
	stolen = identity.With(stolen, identity.Principal{})
	if _, err := w.UpdateUser(stolen, victim.ID, identity.UserChange{Name: to("No")}, nil); err == nil {
		t.Error("a scope without its principal was obeyed")
	}
}

func TestUpdateUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	u := w.user(t, w.customer, authz.Agent, "ann")
	stranger := w.user(t, w.foreign, authz.Agent, "stranger")
	ctx := w.as(t, admin, authz.UsersWrite, w.customer)
	update := func(id uuid.UUID, c identity.UserChange, check func(int64) error) (identity.User, error) {
		return w.UpdateUser(ctx, id, c, check)
	}
	first := func(version int64) error {
		if version != 1 {
			return fault.New(fault.Stale, fault.CodeStale, "changed")
		}
		return nil
	}

	updated, err := update(u.ID, identity.UserChange{Name: to("Anna"), Role: to(authz.Manager)}, first)
	if err != nil || updated.Name != "Anna" || updated.Role != authz.Manager || updated.Version != 2 {
		t.Errorf("updated %+v, %v", updated, err)
	}
	if n := w.log.of("user.updated", u.ID); n != 1 {
		t.Errorf("user.updated was published %d times", n)
	}
	same, err := update(u.ID, identity.UserChange{Name: to("Anna"), Role: to(authz.Manager), Status: to(identity.UserActive)}, nil)
	if err != nil || same.Version != 2 || w.log.of("user.updated", u.ID) != 1 {
		t.Errorf("an update without a change made %+v, %v", same, err)
	}
	_, err = update(u.ID, identity.UserChange{Name: to("Late")}, first)
	wantCode(t, err, fault.CodeStale)
	_, err = update(u.ID, identity.UserChange{Name: to("")}, nil)
	wantCode(t, err, fault.CodeInvalid, "body.name")
	_, err = update(u.ID, identity.UserChange{Role: to(authz.ResellerAdmin)}, nil)
	wantCode(t, err, fault.CodeInvalid, "body.role")
	_, err = update(u.ID, identity.UserChange{Status: to(identity.UserStatus("gone"))}, nil)
	wantCode(t, err, fault.CodeInvalid, "body.status")
	_, err = update(u.ID, identity.UserChange{Role: to(authz.Operator)}, nil)
	wantCode(t, err, fault.CodeRoleTooHigh, "body.role")
	for _, id := range []uuid.UUID{stranger.ID, uuid.New()} {
		_, err = update(id, identity.UserChange{Name: to("Mine")}, nil)
		wantCode(t, err, fault.CodeNotFound)
	}

	if _, err = update(admin.UserID, identity.UserChange{Name: to("Myself")}, nil); err != nil {
		t.Errorf("one's own name: %v", err)
	}
	for _, c := range []identity.UserChange{{Role: to(authz.Agent)}, {Status: to(identity.UserDisabled)}} {
		_, err = update(admin.UserID, c, nil)
		wantCode(t, err, fault.CodeForbidden)
	}
	key := w.key(t, admin, w.customer, w.policy.Of(authz.TenantAdmin).List()...)
	_, err = w.UpdateUser(w.as(t, key, authz.UsersWrite, w.customer), admin.UserID, identity.UserChange{Role: to(authz.Agent)}, nil)
	wantCode(t, err, fault.CodeForbidden)
}

func TestHigherUsersAreOutOfReach(t *testing.T) {
	t.Parallel()
	w := setup(t)
	staff := w.user(t, w.operator, authz.Operator, "staff")
	w.user(t, w.operator, authz.Operator, "another")
	local := w.person(t, w.operator, authz.TenantAdmin, "local")
	ctx := w.as(t, local, authz.UsersWrite, w.operator)
	_, err := w.UpdateUser(ctx, staff.ID, identity.UserChange{Name: to("Mine")}, nil)
	wantCode(t, err, fault.CodeRoleTooHigh)
	_, err = w.UpdateUser(ctx, staff.ID, identity.UserChange{Role: to(authz.Agent)}, nil)
	wantCode(t, err, fault.CodeRoleTooHigh)
	_, err = w.UpdateUser(ctx, staff.ID, identity.UserChange{Status: to(identity.UserDisabled)}, nil)
	wantCode(t, err, fault.CodeRoleTooHigh)
	wantCode(t, w.SetPassword(ctx, staff.ID, "mine from now on"), fault.CodeRoleTooHigh)
	wantCode(t, w.Logout(ctx, staff.ID), fault.CodeRoleTooHigh)
}

// A narrow key must not make itself a wide user, nor take one over.
func TestKeysDoNotClimbThroughUsers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	another := w.user(t, w.customer, authz.TenantAdmin, "another")
	agent := w.user(t, w.customer, authz.Agent, "agent")
	narrow := w.key(t, admin, w.customer, append(w.policy.Of(authz.Agent).List(), authz.UsersWrite)...)
	ctx := w.as(t, narrow, authz.UsersWrite, w.customer)
	create := func(role authz.Role) error {
		_, err := w.CreateUser(ctx, identity.NewUser{
			Login: string(role) + "@made.example", Name: "Made", Role: role, Password: password,
		})
		return err
	}
	for _, role := range []authz.Role{authz.TenantAdmin, authz.Manager, authz.User} { // a user starts interactions
		wantCode(t, create(role), fault.CodeRoleTooHigh)
	}
	if err := create(authz.Agent); err != nil {
		t.Errorf("a role that the key covers: %v", err)
	}
	_, err := w.UpdateUser(ctx, agent.ID, identity.UserChange{Role: to(authz.TenantAdmin)}, nil)
	wantCode(t, err, fault.CodeRoleTooHigh)
	wantCode(t, w.SetPassword(ctx, another.ID, "mine from now on"), fault.CodeRoleTooHigh)
	wantCode(t, w.SetPassword(ctx, admin.UserID, "mine from now on"), fault.CodeForbidden)
	wantCode(t, w.ChangePassword(w.as(t, narrow, authz.Authenticated, w.customer), password, "mine from now on", identity.Client{}), fault.CodeForbidden)
	if err := w.SetPassword(ctx, agent.ID, "mine from now on"); err != nil {
		t.Errorf("a user whom the key covers: %v", err)
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	t.Parallel()
	w := setup(t)
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	first := w.user(t, w.customer, authz.TenantAdmin, "first")
	second := w.user(t, w.customer, authz.TenantAdmin, "second")
	ctx := w.as(t, reseller, authz.UsersWrite, w.customer)
	update := func(id uuid.UUID, c identity.UserChange) error {
		_, err := w.UpdateUser(ctx, id, c, nil)
		return err
	}
	if err := update(first.ID, identity.UserChange{Status: to(identity.UserDisabled)}); err != nil {
		t.Fatal(err)
	}
	wantCode(t, update(second.ID, identity.UserChange{Status: to(identity.UserDisabled)}), fault.CodeConflict)
	wantCode(t, update(second.ID, identity.UserChange{Role: to(authz.Manager)}), fault.CodeConflict)
	if err := update(first.ID, identity.UserChange{Role: to(authz.Manager)}); err != nil {
		t.Errorf("one who is disabled is none: %v", err)
	}
}

func TestChangesOfRightsEndSessions(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*world, *testing.T, identity.Principal, identity.User) error{
		"role": func(w *world, t *testing.T, admin identity.Principal, u identity.User) error {
			_, err := w.UpdateUser(w.as(t, admin, authz.UsersWrite, w.customer), u.ID, identity.UserChange{Role: to(authz.Manager)}, nil)
			return err
		},
		"status": func(w *world, t *testing.T, admin identity.Principal, u identity.User) error {
			_, err := w.UpdateUser(w.as(t, admin, authz.UsersWrite, w.customer), u.ID, identity.UserChange{Status: to(identity.UserDisabled)}, nil)
			return err
		},
		"password": func(w *world, t *testing.T, admin identity.Principal, u identity.User) error {
			return w.SetPassword(w.as(t, admin, authz.UsersWrite, w.customer), u.ID, "another good one")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
			u := w.user(t, w.customer, authz.Agent, "ann")
			tokens := w.login(t, u)
			w.authenticate(t, tokens.AccessToken.Reveal())
			if err := change(w, t, admin, u); err != nil {
				t.Fatal(err)
			}
			_, err := w.Authenticate(t.Context(), tokens.AccessToken.Reveal())
			wantCode(t, err, fault.CodeInvalidToken)
			_, err = w.Refresh(t.Context(), tokens.RefreshToken.Reveal())
			wantCode(t, err, fault.CodeInvalidToken)
			if w.log.of("session.ended", tokens.SessionID) != 1 {
				t.Error("session.ended was not published")
			}
		})
	}
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.User, "ann")
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	if err := w.SetPassword(w.as(t, admin, authz.UsersWrite, w.customer), u.ID, "given by another"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, w.SetPassword(w.as(t, admin, authz.UsersWrite, w.customer), admin.UserID, "without the old"), fault.CodeForbidden)
	wantCode(t, w.SetPassword(w.as(t, admin, authz.UsersWrite, w.customer), u.ID, "short"), fault.CodeWeakPassword, "body.password")
	wantCode(t, w.SetPassword(w.as(t, admin, authz.UsersWrite, w.customer), uuid.New(), "nobody's at all"), fault.CodeNotFound)

	tokens, err := w.Login(t.Context(), u.Login, "given by another", identity.Client{})
	if err != nil {
		t.Fatal(err)
	}
	p := w.authenticate(t, tokens.AccessToken.Reveal())
	if !p.MustChangePassword {
		t.Error("somebody else knows the password, and nobody says so")
	}
	other, err := w.Login(t.Context(), u.Login, "given by another", identity.Client{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := w.as(t, p, authz.Authenticated, w.customer)
	wantCode(t, w.ChangePassword(ctx, "wrong", "a good new one", identity.Client{}), fault.CodeInvalid, "body.old_password")
	wantCode(t, w.ChangePassword(ctx, "given by another", "short", identity.Client{}), fault.CodeWeakPassword, "body.password")
	wantCode(t, w.ChangePassword(ctx, "given by another", "given by another", identity.Client{}), fault.CodeWeakPassword, "body.password")
	if err := w.ChangePassword(ctx, "given by another", "a good new one", identity.Client{}); err != nil {
		t.Fatal(err)
	}
	w.authenticate(t, tokens.AccessToken.Reveal()) // the session that did it goes on
	_, err = w.Authenticate(t.Context(), other.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
	_, err = w.Login(t.Context(), u.Login, "given by another", identity.Client{})
	wantCode(t, err, fault.CodeInvalidLogin)
	if tokens, err = w.Login(t.Context(), u.Login, "a good new one", identity.Client{}); err != nil {
		t.Fatal(err)
	}
	if w.authenticate(t, tokens.AccessToken.Reveal()).MustChangePassword {
		t.Error("the password is the user's own now")
	}
}

func TestListUsers(t *testing.T) {
	t.Parallel()
	w := setup(t)
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	w.user(t, w.customer, authz.Agent, "ann")
	w.user(t, w.customer, authz.Agent, "anton")
	w.user(t, w.customer, authz.Manager, "mary")
	w.user(t, w.foreign, authz.Agent, "ann")
	ctx := w.as(t, admin, authz.UsersRead, w.customer)
	gone := w.user(t, w.customer, authz.User, "gone")
	if _, err := w.UpdateUser(w.as(t, admin, authz.UsersWrite, w.customer), gone.ID,
		identity.UserChange{Status: to(identity.UserDisabled)}, nil); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		filter identity.UserFilter
		want   string
	}{
		"all":       {identity.UserFilter{}, "admin ann anton mary gone"},
		"role":      {identity.UserFilter{Role: authz.Agent}, "ann anton"},
		"status":    {identity.UserFilter{Status: identity.UserDisabled}, "gone"},
		"prefix":    {identity.UserFilter{Prefix: "AN"}, "ann anton"},
		"login":     {identity.UserFilter{Prefix: "mary@cust"}, "mary"},
		"wildcards": {identity.UserFilter{Prefix: "_nn"}, ""},
		"no text":   {identity.UserFilter{Prefix: "\x00"}, ""},
	} {
		c.filter.Limit = 100
		list, err := w.ListUsers(ctx, c.filter)
		var names []string
		for _, u := range list {
			names = append(names, u.Name)
		}
		if got := strings.Join(names, " "); err != nil || got != c.want {
			t.Errorf("%s: %q, %v, want %q", name, got, err, c.want)
		}
	}
	first, err := w.ListUsers(ctx, identity.UserFilter{Limit: 3})
	if err != nil || len(first) != 3 {
		t.Fatal(err)
	}
	rest, err := w.ListUsers(ctx, identity.UserFilter{Limit: 3, After: &first[2].ID})
	if err != nil || len(rest) != 2 || rest[1].Name != "gone" {
		t.Errorf("the second page is %+v, %v", rest, err)
	}
}

// With an Idempotency-Key a request runs in one transaction from its first
// statement to its last: the services must work inside of it.
func TestServicesWorkInsideATransaction(t *testing.T) {
	t.Parallel()
	w := setup(t)
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	u := w.user(t, w.customer, authz.Agent, "ann")
	inside := func(permission authz.Permission, at tenants.Tenant, work func(ctx context.Context) error) {
		t.Helper()
		if err := w.store.InTx(w.as(t, reseller, permission, at), work); err != nil {
			t.Error(err)
		}
	}
	inside(authz.UsersWrite, w.customer, func(ctx context.Context) error {
		if !store.InTransaction(ctx) {
			t.Error("no transaction")
		}
		_, err := w.CreateUser(ctx, identity.NewUser{Login: "x@y.example", Name: "X", Role: authz.TenantAdmin, Password: password})
		if err != nil {
			return err
		}
		if _, err = w.UpdateUser(ctx, u.ID, identity.UserChange{Role: to(authz.Manager)}, nil); err != nil {
			return err
		}
		if err = w.SetPassword(ctx, u.ID, "another good one"); err != nil {
			return err
		}
		return w.Logout(ctx, u.ID)
	})
	inside(authz.APIKeysWrite, w.customer, func(ctx context.Context) error {
		key, err := w.CreateKey(ctx, identity.NewKey{Name: "k", Permissions: []authz.Permission{authz.UsersRead}})
		if err != nil {
			return err
		}
		_, err = w.RevokeKey(ctx, key.ID)
		return err
	})
	inside(authz.TenantsWrite, w.l1, func(ctx context.Context) error {
		made, err := w.tree.Create(ctx, tenants.NewTenant{ParentID: w.l2.ID, Kind: tenants.KindCustomer, Name: "Inside"})
		if err != nil {
			return err
		}
		_, err = w.tree.Update(ctx, made.ID, tenants.Change{Status: to(tenants.StatusSuspended)}, nil)
		return err
	})
}
