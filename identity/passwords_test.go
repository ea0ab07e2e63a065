package identity_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

func TestHashesKeepTheirParameters(t *testing.T) {
	t.Parallel()
	old, now := identity.NewPasswords(weakest), identity.NewPasswords(cheap)
	hash, err := old.Hash(t.Context(), password)
	if err != nil || !strings.HasPrefix(hash, "$argon2id$v=19$m=8,t=1,p=1$") {
		t.Fatalf("%q, %v", hash, err)
	}
	again, _ := old.Hash(t.Context(), password)
	if again == hash {
		t.Error("two hashes of one password are the same")
	}
	for name, c := range map[string]struct {
		by          *identity.Passwords
		hash, given string
		right, weak bool
	}{
		"as it was made":   {old, hash, password, true, false},
		"weaker than now":  {now, hash, password, true, true},
		"wrong":            {now, hash, password + "!", false, false},
		"wrong capitals":   {now, hash, strings.ToUpper(password), false, false},
		"unknown user":     {now, "", password, false, false},
		"nothing, unknown": {now, "", "", false, false},
	} {
		right, weak, err := c.by.Verify(t.Context(), c.hash, c.given)
		if err != nil || right != c.right || weak != c.weak {
			t.Errorf("%s: right %v, weak %v, %v", name, right, weak, err)
		}
	}
}

func TestAPasswordIsTheSameFromEveryKeyboard(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords(weakest)
	hash, err := p.Hash(t.Context(), "caf\u00e9 au lait")
	if err != nil {
		t.Fatal(err)
	}
	if right, _, err := p.Verify(t.Context(), hash, "cafe\u0301 au lait"); !right || err != nil {
		t.Errorf("the decomposed spelling: %v, %v", right, err)
	}
}

func TestDamagedHashes(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords(weakest)
	good, _ := p.Hash(t.Context(), password)
	for _, hash := range []string{
		"plain", "$argon2id$", strings.Replace(good, "argon2id", "argon2i", 1), strings.Replace(good, "v=19", "v=16", 1),
		strings.Replace(good, "m=8", "m=99999999", 1), strings.Replace(good, "t=1", "t=0", 1),
		strings.Replace(good, "p=1", "p=01", 1), good + "=", good[:len(good)-30],
	} {
		if right, _, err := p.Verify(t.Context(), hash, password); right || err == nil {
			t.Errorf("%q was read: %v", hash, err)
		}
	}
}

func TestAFloodOfLoginsIsTurnedAway(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords(weakest)
	if want := min(4, (runtime.GOMAXPROCS(0)+1)/2); p.Slots() != want {
		t.Errorf("%d slots, want %d", p.Slots(), want)
	}
	working, finish := make(chan struct{}, 100), make(chan struct{})
	p.SetDerive(func(string) []byte {
		working <- struct{}{}
		<-finish
		return make([]byte, 32)
	})
	var all sync.WaitGroup
	hash := func() {
		if _, err := p.Hash(t.Context(), password); err != nil {
			t.Error(err)
		}
	}
	for range p.Slots() {
		all.Go(hash)
	}
	for range p.Slots() {
		<-working
	}
	for range identity.MaxHashingQueue {
		all.Go(hash)
	}
	for p.Waiting() < identity.MaxHashingQueue {
		runtime.Gosched()
	}
	_, err := p.Hash(t.Context(), password)
	wantCode(t, err, fault.CodeUnavailable)
	if f, _ := fault.As(err); f == nil || f.Kind != fault.Unavailable || f.RetryAfter == 0 {
		t.Errorf("got %+v", f)
	}
	close(finish)
	all.Wait()
	if p.Waiting() != 0 || p.Operations() != int64(p.Slots()+identity.MaxHashingQueue) {
		t.Errorf("%d still wait, %d ran", p.Waiting(), p.Operations())
	}
}

// Suspects are served one at a time, and are in nobody's way.
func TestSuspectsHaveALaneOfTheirOwn(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords(weakest)
	good, err := p.Hash(t.Context(), password)
	if err != nil {
		t.Fatal(err)
	}
	if right, _, err := p.VerifySuspect(t.Context(), good, password); !right || err != nil {
		t.Errorf("the right password of a suspect: %t, %v", right, err)
	}
	working, finish := make(chan struct{}, 100), make(chan struct{})
	p.SetDerive(func(string) []byte {
		working <- struct{}{}
		<-finish
		return make([]byte, 32)
	})
	var all sync.WaitGroup
	for range identity.MaxSuspected {
		all.Go(func() {
			if _, _, err := p.VerifySuspect(t.Context(), good, password); err != nil {
				t.Error(err)
			}
		})
	}
	<-working
	for p.Suspected() < identity.MaxSuspected {
		runtime.Gosched()
	}
	_, _, err = p.VerifySuspect(t.Context(), good, password)
	wantCode(t, err, fault.CodeRateLimited)
	if p.Waiting() != 0 || len(working) != 0 {
		t.Errorf("%d suspects wait where everybody does, %d work beside the one", p.Waiting(), len(working))
	}
	close(finish)
	all.Wait()
	if p.Suspected() != 0 {
		t.Errorf("%d suspects are left", p.Suspected())
	}
}

func TestWhoLeavesTheQueueIsGone(t *testing.T) {
	t.Parallel()
	p := identity.NewPasswords(weakest)
	working, finish := make(chan struct{}, 10), make(chan struct{})
	p.SetDerive(func(string) []byte { working <- struct{}{}; <-finish; return nil })
	var all sync.WaitGroup
	for range p.Slots() {
		all.Go(func() { _, _ = p.Hash(context.Background(), password) })
	}
	for range p.Slots() {
		<-working
	}
	ctx, leave := context.WithCancel(t.Context())
	leave()
	if _, err := p.Hash(ctx, password); !errors.Is(err, context.Canceled) || p.Waiting() != 0 {
		t.Errorf("%v, %d wait", err, p.Waiting())
	}
	close(finish)
	all.Wait()
}

func TestPasswordRules(t *testing.T) {
	t.Parallel()
	const login = "maria.lopez@example.com"
	for given, fine := range map[string]bool{
		"seven77":                        false,
		"eight888":                       true,
		"ñandúes!":                       true,
		strings.Repeat("ab", 64):         true,
		strings.Repeat("ab", 64) + "c":   false,
		strings.Repeat("é", 128):         false, // one character
		strings.Repeat("éa", 64):         true,
		"Maria.Lopez@example.com":        false,
		"maria.lopez":                    false,
		"Lopez2026!":                     false,
		"lopez-maria-1":                  false,
		"example.com1":                   false,
		"Trellis2026":                    false,
		"Konstantinopolitan77":           false, // the name
		"Maria plays the lute":           true,
		"Password123":                    false,
		"P@ssw0rd!!":                     false,
		"123dragon!":                     false,
		"qwertyuiop":                     false,
		"xxxxxxxxxxxx":                   false,
		"broken \xff text":               false,
		"only small letters are enough!": true,
	} {
		err := identity.CheckPassword(false, login, "Maria Konstantinopolitan", given)
		if fine && err != nil {
			t.Errorf("%q: %v", given, err)
		}
		if !fine {
			wantCode(t, err, fault.CodeWeakPassword, "body.password")
		}
	}
}

// Covers: SEC-04
func TestTheStrictRule(t *testing.T) {
	t.Parallel()
	for given, fine := range map[string]bool{
		"only small letters are enough!": false,
		"Only small and capital!":        false,
		"Digits 4 but nothing":           false, // a blank is no special character
		"Digits4butnothing":              false,
		"digits4but-no-capital":          false,
		"DIGITS4BUT-NO-SMALL":            false,
		"Tr0ub4dor&3":                    true,
		"Été-à-la-mer-7":                 true,
		"Sh0rt-7":                        false,
	} {
		err := identity.CheckPassword(true, "ann@example.com", "Ann", given)
		if (err == nil) != fine {
			t.Errorf("%q: %v", given, err)
		}
	}
	// Each of the manual's characters counts, and the full stop as well (C-41).
	for _, special := range "~!@#$%^&-_=+[{]}." {
		if err := identity.CheckPassword(true, "ann@example.com", "Ann", "Harvest7moon"+string(special)); err != nil {
			t.Errorf("%q: %v", special, err)
		}
	}
}

func TestLogins(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ann@Example.COM":                        "ann@example.com",
		"a.b+tag@sub.example.co":                 "a.b+tag@sub.example.co",
		"o'brien@example.ie":                     "o'brien@example.ie",
		"":                                       "",
		"ann":                                    "",
		"ann@localhost":                          "",
		"ann@example.1":                          "",
		"ann@127.0.0.1":                          "",
		"ann@[127.0.0.1]":                        "",
		" ann@example.com":                       "",
		"ann@example.com\n":                      "",
		"Ann <ann@example.com>":                  "",
		"<ann@example.com>":                      "",
		"ann@example.com, bob@example.com":       "",
		`"ann b"@example.com`:                    "",
		"ann(comment)@example.com":               "",
		"a..b@example.com":                       "",
		".a@example.com":                         "",
		"ann@-example.com":                       "",
		"ann@example..com":                       "",
		"ánn@example.com":                        "",
		"ann\x00@example.com":                    "",
		strings.Repeat("a", 65) + "@example.com": "",
		"a@" + strings.Repeat("abcdefgh.", 28) + "com":  "",
		"a@" + strings.Repeat("a", 64) + ".example.com": "",
	} {
		got, err := identity.CleanLogin(given)
		if got != want || (err == nil) != (want != "") {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
}
