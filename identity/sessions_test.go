package identity_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

func TestLogin(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	tokens, err := w.Login(t.Context(), strings.ToUpper(u.Login), password, identity.Client{IP: "192.0.2.1\x00", UserAgent: "a\xffb"})
	if err != nil {
		t.Fatal(err)
	}
	if tokens.UserID != u.ID || tokens.TenantID != w.customer.ID ||
		!tokens.AccessExpiresAt.Equal(w.clock.Now().Add(15*time.Minute)) || !tokens.RefreshExpiresAt.Equal(w.clock.Now().Add(12*time.Hour)) {
		t.Errorf("got %+v", tokens)
	}
	p := w.authenticate(t, tokens.AccessToken.Reveal())
	if p.UserID != u.ID || p.SessionID != tokens.SessionID || p.TenantID != w.customer.ID || p.Path != w.customer.Path ||
		p.Login != u.Login || p.UserName != "ann" || p.Role != authz.Agent {
		t.Errorf("got %+v", p)
	}
	if w.log.of("session.started", tokens.SessionID) != 1 {
		t.Error("session.started was not published")
	}
}

// Nobody learns by an answer, or by the work behind it, whether a login exists
// (D4-4). The work is counted, not timed.
func TestEveryFailedLoginIsTheSame(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	gone := w.user(t, w.customer, authz.Agent, "gone")
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	if _, err := w.UpdateUser(w.as(t, admin, authz.UsersWrite, w.customer), gone.ID,
		identity.UserChange{Status: to(identity.UserDisabled)}, nil); err != nil {
		t.Fatal(err)
	}
	answers := map[string]bool{}
	for name, c := range map[string]struct{ login, password string }{
		"unknown":          {"nobody@customer.example", password},
		"no login at all":  {"'; --", password},
		"wrong password":   {u.Login, password + "!"},
		"empty password":   {u.Login, ""},
		"disabled":         {gone.Login, password},
		"disabled, wrong":  {gone.Login, "wrong"},
		"a long password":  {u.Login, strings.Repeat("x", 100_000)},
		"not even a login": {"\x00", "\x00"},
	} {
		before := w.hashes.Operations()
		_, err := w.Login(t.Context(), c.login, c.password, identity.Client{})
		wantCode(t, err, fault.CodeInvalidLogin)
		if n := w.hashes.Operations() - before; n != 1 {
			t.Errorf("%s: %d hashes were made, want 1", name, n)
		}
		answers[err.Error()] = true
	}
	if len(answers) != 1 {
		t.Errorf("the answers differ: %v", answers)
	}
}

func TestLoginStrengthensTheHash(t *testing.T) {
	t.Parallel()
	w := setup(t)
	old, _ := w.replica(t, func(c *identity.Config) { c.Passwords = identity.NewPasswords(weakest) })
	u, err := old.CreateUser(program(t.Context(), w.customer), identity.NewUser{
		Login: "old@customer.example", Name: "Old", Role: authz.Agent, Password: password,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int64{2, 1} { // verified and made anew; verified
		before := w.hashes.Operations()
		w.login(t, u)
		if n := w.hashes.Operations() - before; n != want {
			t.Errorf("%d hashes were made, want %d", n, want)
		}
	}
}

func TestLoginToASuspendedTenant(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.deep, authz.Agent, "ann")
	tokens := w.login(t, u)
	w.suspend(t, w.l1)
	w.clock.Advance(cacheLife)
	_, err := w.Login(t.Context(), u.Login, password, identity.Client{})
	wantCode(t, err, fault.CodeTenantSuspended)
	_, err = w.Login(t.Context(), u.Login, "wrong", identity.Client{})
	wantCode(t, err, fault.CodeInvalidLogin)
	_, err = w.Refresh(t.Context(), tokens.RefreshToken.Reveal())
	wantCode(t, err, fault.CodeTenantSuspended)
	_, err = w.Authenticate(t.Context(), tokens.AccessToken.Reveal())
	wantCode(t, err, fault.CodeTenantSuspended)
}

func (w *world) suspend(t *testing.T, at tenants.Tenant) {
	t.Helper()
	_, err := w.tree.Update(program(t.Context(), w.operator), at.ID, tenants.Change{Status: to(tenants.StatusSuspended)}, nil)
	if err != nil {
		t.Fatal(err)
	}
}

// Covers C-43: logging out ends every session of the user.
func TestLogoutEndsEverySession(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	neighbour := w.login(t, w.user(t, w.customer, authz.Agent, "bob"))
	one, two := w.login(t, u), w.login(t, u)
	elsewhere, _ := w.replica(t, nil)
	for _, tokens := range []identity.Tokens{one, two} {
		if _, err := elsewhere.Authenticate(t.Context(), tokens.AccessToken.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	p := w.authenticate(t, one.AccessToken.Reveal())
	if err := w.Logout(w.as(t, p, authz.Authenticated, w.customer), u.ID); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(cacheLife) // what the other replica may remember
	for _, tokens := range []identity.Tokens{one, two} {
		for _, s := range []*identity.Service{w.Service, elsewhere} {
			_, err := s.Authenticate(t.Context(), tokens.AccessToken.Reveal())
			wantCode(t, err, fault.CodeInvalidToken)
		}
		_, err := w.Refresh(t.Context(), tokens.RefreshToken.Reveal())
		wantCode(t, err, fault.CodeInvalidToken)
		if w.log.of("session.ended", tokens.SessionID) != 1 {
			t.Error("session.ended was not published once")
		}
	}
	w.authenticate(t, neighbour.AccessToken.Reveal())
}

func TestLoggingOutSomebodyElse(t *testing.T) {
	t.Parallel()
	w := setup(t)
	agent := w.login(t, w.user(t, w.customer, authz.Agent, "agent"))
	admin := w.person(t, w.customer, authz.TenantAdmin, "admin")
	manager := w.person(t, w.customer, authz.Manager, "manager")
	reseller := w.person(t, w.l1, authz.TenantAdmin, "reseller")
	stranger := w.person(t, w.foreign, authz.TenantAdmin, "stranger")

	err := w.Logout(w.as(t, manager, authz.Authenticated, w.customer), agent.UserID)
	wantCode(t, err, fault.CodeForbidden)
	err = w.Logout(w.as(t, stranger, authz.Authenticated, w.foreign), agent.UserID)
	wantCode(t, err, fault.CodeNotFound)
	narrow := w.key(t, admin, w.customer, authz.ChannelsRead)
	err = w.Logout(w.as(t, narrow, authz.Authenticated, w.customer), admin.UserID)
	wantCode(t, err, fault.CodeForbidden)
	w.authenticate(t, agent.AccessToken.Reveal())

	if err := w.Logout(w.as(t, reseller, authz.UsersWrite, w.customer), admin.UserID); err != nil {
		t.Error(err)
	}
	if err := w.Logout(w.as(t, reseller, authz.UsersWrite, w.customer), agent.UserID); err != nil {
		t.Error(err)
	}
	_, err = w.Authenticate(t.Context(), agent.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
}

func TestSessionsEndByThemselves(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")

	idle := w.login(t, u)
	w.clock.Advance(12 * time.Hour)
	_, err := w.Refresh(t.Context(), idle.RefreshToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)

	busy := w.login(t, u)
	for range 65 { // 30 days less 5 hours
		w.clock.Advance(11 * time.Hour)
		if busy, err = w.Refresh(t.Context(), busy.RefreshToken.Reveal()); err != nil {
			t.Fatal(err)
		}
	}
	if left := busy.RefreshExpiresAt.Sub(w.clock.Now()); left != 5*time.Hour {
		t.Errorf("%v are left", left)
	}
	w.clock.Advance(5 * time.Hour)
	_, err = w.Refresh(t.Context(), busy.RefreshToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
}

func TestSessionsAreKeptOutOfTransactions(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	tokens := w.login(t, u)
	err := w.store.InTx(program(t.Context(), w.customer), func(ctx context.Context) error {
		if _, err := w.Login(ctx, u.Login, password, identity.Client{}); err == nil {
			t.Error("logged in")
		}
		if _, err := w.Refresh(ctx, tokens.RefreshToken.Reveal()); err == nil {
			t.Error("refreshed")
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
