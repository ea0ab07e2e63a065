package identity_test

import (
	"encoding/hex"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

// sessionRow is what the database holds of a session.
type sessionRow struct {
	generation int
	reason     string
}

func (w *world) session(t *testing.T, id uuid.UUID) sessionRow {
	t.Helper()
	var row sessionRow
	err := w.database.Owner(t).QueryRow(`SELECT generation, revoked_reason FROM sessions WHERE id = $1`, id).
		Scan(&row.generation, &row.reason)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func (w *world) refresh(t *testing.T, token string) identity.Tokens {
	t.Helper()
	tokens, err := w.Refresh(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
	w.clock.Advance(time.Hour)
	second := w.refresh(t, first.RefreshToken.Reveal())
	if second.RefreshToken.Equal(first.RefreshToken) || second.AccessToken.Equal(first.AccessToken) ||
		second.SessionID != first.SessionID || second.UserID != first.UserID || second.TenantID != first.TenantID {
		t.Errorf("got %+v", second)
	}
	w.authenticate(t, second.AccessToken.Reveal())
	if got := w.session(t, first.SessionID); got != (sessionRow{2, ""}) {
		t.Errorf("the session is %+v", got)
	}
}

// Covers D5-2: a repeat within the grace gets the same successor, and only the
// immediately preceding token has one.
func TestRefreshGrace(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.login(t, w.user(t, w.customer, authz.Agent, "ann")).RefreshToken.Reveal()
	second := w.refresh(t, first)
	for _, wait := range []time.Duration{0, 5 * time.Second, 5 * time.Second} { // the last at exactly 10 s
		w.clock.Advance(wait)
		if again := w.refresh(t, first); !again.RefreshToken.Equal(second.RefreshToken) {
			t.Error("the repeat got another successor")
		}
	}
	if got := w.session(t, second.SessionID); got != (sessionRow{2, ""}) {
		t.Errorf("the session is %+v", got)
	}
	w.clock.Advance(time.Microsecond)
	_, err := w.Refresh(t.Context(), first)
	wantCode(t, err, fault.CodeTokenReused)
}

func TestReuseEndsTheSession(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rotations int
		wait      time.Duration
	}{
		"late":                         {1, 11 * time.Second},
		"two generations old, at once": {2, 0},
		"many generations old":         {5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			u := w.user(t, w.customer, authz.Agent, "ann")
			other := w.login(t, u)
			first := w.login(t, u)
			latest := first
			for range c.rotations {
				latest = w.refresh(t, latest.RefreshToken.Reveal())
			}
			w.authenticate(t, latest.AccessToken.Reveal())
			w.clock.Advance(c.wait)

			_, err := w.Refresh(t.Context(), first.RefreshToken.Reveal())
			wantCode(t, err, fault.CodeTokenReused)
			if got := w.session(t, first.SessionID); got != (sessionRow{c.rotations + 1, "reuse"}) {
				t.Errorf("the session is %+v", got)
			}
			for _, token := range []string{latest.RefreshToken.Reveal(), first.RefreshToken.Reveal()} {
				_, err := w.Refresh(t.Context(), token)
				wantCode(t, err, fault.CodeInvalidToken)
			}
			_, err = w.Authenticate(t.Context(), latest.AccessToken.Reveal())
			wantCode(t, err, fault.CodeInvalidToken)
			if w.log.of("session.reuse_detected", first.SessionID) != 1 || w.log.of("session.ended", first.SessionID) != 1 {
				t.Error("the events are not there once each")
			}
			w.refresh(t, other.RefreshToken.Reveal())
		})
	}
}

func TestForgeriesChangeNothing(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	tokens, other := w.login(t, u), w.login(t, u)
	good := tokens.RefreshToken.Reveal()
	parts := strings.SplitN(strings.TrimPrefix(good, "trl_refresh_"), "_", 3)
	code := parts[2]
	otherID := hex.EncodeToString(other.SessionID[:])
	token := func(session string, generation int, code string) string {
		return "trl_refresh_" + session + "_" + strconv.Itoa(generation) + "_" + code
	}
	for name, forged := range map[string]string{
		"nothing":               "",
		"access token":          tokens.AccessToken.Reveal(),
		"another generation":    token(parts[0], 2, code),
		"no generation":         token(parts[0], 0, code),
		"negative generation":   token(parts[0], -1, code),
		"overflow":              "trl_refresh_" + parts[0] + "_99999999999999999999_" + code,
		"zeros in front":        "trl_refresh_" + parts[0] + "_01_" + code,
		"another session":       token(otherID, 1, code),
		"unknown session":       token(strings.Repeat("0", 32), 1, code),
		"capitals":              token(strings.ToUpper(parts[0]), 1, code),
		"other code":            token(parts[0], 1, strings.Repeat("A", 43)),
		"short code":            token(parts[0], 1, code[:42]),
		"padded code":           good + "=",
		"line break":            good[:len(good)-1] + "\n" + good[len(good)-1:],
		"space":                 good + " ",
		"bits beyond the code":  good[:len(good)-1] + string(good[len(good)-1]+1),
		"another prefix":        strings.Replace(good, "refresh", "reload_", 1),
		"a very long one":       good + strings.Repeat("A", 10_000),
		"the parts of a cookie": "refresh=" + good,
	} {
		_, err := w.Refresh(t.Context(), forged)
		if err == nil {
			t.Errorf("%s was accepted", name)
			continue
		}
		wantCode(t, err, fault.CodeInvalidToken)
	}
	for _, s := range []identity.Tokens{tokens, other} {
		if got := w.session(t, s.SessionID); got != (sessionRow{1, ""}) {
			t.Errorf("a session is %+v", got)
		}
		w.refresh(t, s.RefreshToken.Reveal())
	}
}

// A new master key in front must not log everybody out.
func TestRefreshSurvivesTheRotationOfTheMasterKey(t *testing.T) {
	t.Parallel()
	w := setup(t)
	tokens := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
	rotated, _ := w.replica(t, func(c *identity.Config) { c.Keyring = keyring(t, 2, 1) })
	next, err := rotated.Refresh(t.Context(), tokens.RefreshToken.Reveal())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := rotated.Refresh(t.Context(), next.RefreshToken.Reveal()); err != nil {
		t.Error(err)
	}
	if _, err := rotated.Authenticate(t.Context(), tokens.AccessToken.Reveal()); err != nil {
		t.Error(err)
	}
}

func TestManyRefreshesAtOnceAreOneStep(t *testing.T) {
	t.Parallel()
	w := setup(t)
	first := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
	elsewhere, _ := w.replica(t, nil)
	var (
		all        sync.WaitGroup
		mu         sync.Mutex
		successors = map[string]int{}
		start      = make(chan struct{})
	)
	for i := range 20 {
		s := []*identity.Service{w.Service, elsewhere}[i%2]
		all.Go(func() {
			<-start
			tokens, err := s.Refresh(t.Context(), first.RefreshToken.Reveal())
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
				return
			}
			successors[tokens.RefreshToken.Reveal()]++
		})
	}
	close(start)
	all.Wait()
	if len(successors) != 1 {
		t.Errorf("%d different successors", len(successors))
	}
	if got := w.session(t, first.SessionID); got != (sessionRow{2, ""}) {
		t.Errorf("the session is %+v", got)
	}
}

func TestRefreshOfADisabledUser(t *testing.T) {
	t.Parallel()
	w := setup(t)
	u := w.user(t, w.customer, authz.Agent, "ann")
	tokens := w.login(t, u)
	// As if the sessions had been forgotten: the user's own state counts too.
	if _, err := w.database.Owner(t).Exec(`UPDATE users SET status = 'disabled' WHERE id = $1`, u.ID); err != nil {
		t.Fatal(err)
	}
	_, err := w.Refresh(t.Context(), tokens.RefreshToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
	_, err = w.Authenticate(t.Context(), tokens.AccessToken.Reveal())
	wantCode(t, err, fault.CodeInvalidToken)
}

func FuzzParseRefresh(f *testing.F) {
	good := "trl_refresh_" + strings.Repeat("0a", 16) + "_12_" + strings.Repeat("A", 43)
	f.Add(good)
	f.Add(strings.Replace(good, "_12_", "_+12_", 1))
	f.Add(good + "\n")
	f.Add("trl_refresh___")
	f.Fuzz(func(t *testing.T, token string) {
		if identity.ParseRefresh(token) && identity.SpellRefresh(token) != token {
			t.Errorf("%q has two spellings", token)
		}
	})
}
