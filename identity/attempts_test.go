package identity_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

func TestDelays(t *testing.T) {
	t.Parallel()
	for failures, want := range map[int]time.Duration{
		0: 0, 4: 0, 5: time.Second, 6: 2 * time.Second, 10: 32 * time.Second, 14: 512 * time.Second,
		15: 15 * time.Minute, 16: 15 * time.Minute, 1000: 15 * time.Minute,
	} {
		if got := identity.DelayAfter(failures); got != want {
			t.Errorf("after %d: %v, want %v", failures, got, want)
		}
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64",
		"fe80::1%eth0": "fe80::/64", "": "", "nonsense": "",
	} {
		if got := identity.NetworkOf(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
}

func from(ip string) identity.Client { return identity.Client{IP: ip} }

// tryLogin tells whether a login succeeded and how many hashes it took.
func (w *world) tryLogin(t *testing.T, login, given, ip string) (ok bool, hashes int64) {
	t.Helper()
	before := w.hashes.Operations()
	_, err := w.Login(t.Context(), login, given, from(ip))
	if err != nil {
		wantCode(t, err, fault.CodeInvalidLogin)
	}
	return err == nil, w.hashes.Operations() - before
}

// Guessing slows down before a hash is made, and is never locked for good.
func TestGuessingSlowsDown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	for range 5 {
		if ok, hashes := w.tryLogin(t, u.Login, "wrong", "192.0.2.1"); ok || hashes != 1 {
			t.Fatalf("ok %t, %d hashes", ok, hashes)
		}
	}
	wait := time.Second
	for range 12 {
		if ok, hashes := w.tryLogin(t, u.Login, password, "192.0.2.1"); ok || hashes != 0 {
			t.Fatalf("before %v: ok %t, %d hashes", wait, ok, hashes)
		}
		w.clock.Advance(wait)
		if ok, hashes := w.tryLogin(t, u.Login, "wrong", "192.0.2.1"); ok || hashes != 1 {
			t.Fatalf("after %v: ok %t, %d hashes", wait, ok, hashes)
		}
		wait = min(2*wait, 15*time.Minute)
	}
	w.clock.Advance(15 * time.Minute)
	if ok, _ := w.tryLogin(t, u.Login, password, "192.0.2.1"); !ok {
		t.Error("the owner is locked out")
	}
	for range 4 { // the count has begun anew
		if _, hashes := w.tryLogin(t, u.Login, "wrong", "192.0.2.1"); hashes != 1 {
			t.Error("success did not count")
		}
	}
}

// An unknown login is slowed down in the same way.
func TestGuessingAtNobodySlowsDown(t *testing.T) {
	t.Parallel()
	w := setup(t)
	for i := range 7 {
		if _, hashes := w.tryLogin(t, "nobody@customer.example", "wrong", "192.0.2.1"); hashes != int64(btoi(i < 5)) {
			t.Errorf("attempt %d: %d hashes", i, hashes)
		}
	}
}

func btoi(b bool) int {
	if b {
		return 1
	}
	return 0
}

// Attackers who come from everywhere slow one another down, and not the owner
// where he has been before, nor other accounts.
func TestAnAttackKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u, other := w.user(t, w.customer, authz.Agent, "ann"), w.user(t, w.customer, authz.Agent, "bob")
	if ok, _ := w.tryLogin(t, u.Login, password, "198.51.100.1"); !ok {
		t.Fatal("the owner cannot sign in")
	}
	tried := int64(0)
	for i := range 50 {
		_, hashes := w.tryLogin(t, u.Login, "wrong", fmt.Sprintf("192.0.2.%d", i))
		tried += hashes
	}
	if tried != 5 {
		t.Errorf("%d passwords were tried from 50 addresses", tried)
	}
	if ok, _ := w.tryLogin(t, u.Login, password, "198.51.100.1"); !ok {
		t.Error("the owner is kept out where he has been before")
	}
	if ok, _ := w.tryLogin(t, other.Login, password, "192.0.2.1"); !ok {
		t.Error("another account is kept out")
	}
	w.clock.Advance(time.Hour + 15*time.Minute)
	if ok, _ := w.tryLogin(t, u.Login, password, "203.0.113.1"); !ok {
		t.Error("the owner is kept out of a new place after the attack")
	}
}

// A network that fails at one account after the other gets the lane for
// suspects, and nobody else does: not even from there, where he is known.
func TestAFailingNetworkIsSuspect(t *testing.T) {
	t.Parallel()
	w := setup(t)
	known, other := w.user(t, w.customer, authz.Agent, "ann"), w.user(t, w.customer, authz.Agent, "bob")
	const office = "192.0.2.1"
	if ok, _ := w.tryLogin(t, known.Login, password, office); !ok {
		t.Fatal("the owner cannot sign in")
	}
	suspects := func(login, given, ip string) (n int64) {
		t.Helper()
		w.hashes.Watch(func() { n = w.hashes.Suspected() })
		if _, hashes := w.tryLogin(t, login, given, ip); hashes != 1 {
			t.Fatalf("%d hashes", hashes)
		}
		return n
	}
	for i := range 3 {
		if suspects(fmt.Sprintf("victim%d@customer.example", i), "wrong", office) != 0 {
			t.Errorf("suspected at failure %d", i)
		}
	}
	if suspects("victim6@customer.example", "wrong", office) != 1 {
		t.Error("four failures are not suspect")
	}
	if suspects(known.Login, password, office) != 0 {
		t.Error("who is known there is suspected")
	}
	if suspects("victim7@customer.example", "wrong", "198.51.100.7") != 0 {
		t.Error("another network is suspected")
	}
	if suspects(other.Login, password, office) != 1 || suspects(other.Login, password, office) != 0 {
		t.Error("who signs in from a suspect network for the first time, and then again")
	}
	w.clock.Advance(2 * time.Hour)
	if suspects("victim8@customer.example", "wrong", office) != 0 {
		t.Error("failures are never forgotten")
	}
}

// Many attempts at once are no way around the count.
func TestManyAttemptsAtOnceAreCounted(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	elsewhere, _ := w.replica(t, nil)
	before := w.hashes.Operations()
	var all sync.WaitGroup
	for i := range 40 {
		service := []*identity.Service{w.Service, elsewhere}[i%2]
		all.Go(func() { _, _ = service.Login(t.Context(), u.Login, "wrong", from("192.0.2.1")) })
	}
	all.Wait()
	if n := w.hashes.Operations() - before; n != 5 {
		t.Errorf("%d hashes were made", n)
	}
}

// Guessing the present password with a stolen session slows down as well.
func TestGuessingThePresentPassword(t *testing.T) {
	t.Parallel()
	w := setup(t)
	p := w.person(t, w.customer, authz.Agent, "ann")
	ctx := w.as(t, p, authz.SignedIn, w.customer)
	for range 5 {
		wantCode(t, w.ChangePassword(ctx, "wrong", "another horse entirely", from("192.0.2.1")), fault.CodeInvalid, "body.old_password")
	}
	wantCode(t, w.ChangePassword(ctx, password, "another horse entirely", from("192.0.2.1")), fault.CodeRateLimited)
	w.clock.Advance(time.Second)
	if err := w.ChangePassword(ctx, password, "another horse entirely", from("192.0.2.1")); err != nil {
		t.Error(err)
	}
}
