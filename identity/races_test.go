package identity_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

// awaitLock returns when a statement of the test's database waits for a lock,
// or the work has ended without one.
func (w *world) awaitLock(t *testing.T, ended <-chan error) {
	t.Helper()
	owner := w.database.Owner(t)
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline) && len(ended) == 0; {
		var waiting bool
		err := owner.QueryRow(`SELECT EXISTS (SELECT FROM pg_stat_activity
			WHERE datname = current_database() AND wait_event_type = 'Lock')`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
		if waiting {
			return
		}
	}
}

// meanwhile changes a row that it holds while work comes upon it.
func (w *world) meanwhile(t *testing.T, table, change string, id uuid.UUID, work func() error) error {
	t.Helper()
	tx, err := w.database.Owner(t).Begin()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.Exec(`SELECT FROM `+table+` WHERE id = $1 FOR UPDATE`, id); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- work() }()
	w.awaitLock(t, ended)
	if _, err := tx.Exec(`UPDATE `+table+` SET `+change+` WHERE id = $1`, id); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
	return <-ended
}

// A login that was verified a moment ago must not leave a session behind for a
// user who is disabled, or has another password, by then.
func TestALoginOvertakenByAChange(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"disabled":         "status = 'disabled'",
		"another password": "password_hash = 'another'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			u := w.user(t, w.customer, authz.Agent, "ann")
			w.login(t, u)
			err := w.meanwhile(t, "users", change, u.ID, func() error {
				_, err := w.Login(context.Background(), u.Login, password, identity.Client{})
				return err
			})
			wantCode(t, err, fault.CodeInvalidLogin)
			var sessions int
			if err := w.database.Owner(t).QueryRow(`SELECT count(*) FROM sessions`).Scan(&sessions); err != nil || sessions != 1 {
				t.Errorf("%d sessions, %v", sessions, err)
			}
		})
	}
}

// A refresh that was judged a moment ago must not turn the session back.
func TestARefreshOvertakenByOthers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change string
		code   fault.Code
		left   sessionRow
	}{
		"two steps":  {"generation = 3", fault.CodeTokenReused, sessionRow{3, "reuse"}},
		"revocation": {"revoked_at = now(), revoked_reason = 'logout'", fault.CodeInvalidToken, sessionRow{1, "logout"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setup(t)
			tokens := w.login(t, w.user(t, w.customer, authz.Agent, "ann"))
			err := w.meanwhile(t, "sessions", c.change, tokens.SessionID, func() error {
				_, err := w.Refresh(context.Background(), tokens.RefreshToken.Reveal())
				return err
			})
			wantCode(t, err, c.code)
			if got := w.session(t, tokens.SessionID); got != c.left {
				t.Errorf("the session is %+v, want %+v", got, c.left)
			}
		})
	}
}

func TestTwoAdministratorsCannotRemoveEachOther(t *testing.T) {
	t.Parallel()
	w := setup(t)
	one := w.person(t, w.customer, authz.TenantAdmin, "one")
	two := w.person(t, w.customer, authz.TenantAdmin, "two")
	demote := func(ctx context.Context, id uuid.UUID) error {
		_, err := w.UpdateUser(ctx, id, identity.UserChange{Role: to(authz.Agent)}, nil)
		return err
	}
	ended := make(chan error, 1)
	first := w.as(t, one, authz.UsersWrite, w.customer)
	second := w.as(t, two, authz.UsersWrite, w.customer)
	err := w.store.InTx(first, func(ctx context.Context) error {
		if err := demote(ctx, two.UserID); err != nil {
			return err
		}
		go func() { ended <- demote(second, one.UserID) }()
		w.awaitLock(t, ended)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	wantCode(t, <-ended, fault.CodeConflict)
}
