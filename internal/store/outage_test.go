package store_test

import (
	"context"
	"database/sql"
	"errors"
	"io"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

func TestAFrozenServerHoldsNobody(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	for name, work := range moments {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.remote(t)
			began := time.Now()
			err := work(r, r.ctx, r.proxy.Freeze)
			if took := time.Since(began); took > silence {
				t.Errorf("took %v, want at most %v", took, silence)
			}
			_ = wantOutage(t, err)
			r.proxy.Thaw()
			wantRecovery(t, r)
		})
	}
}

func TestAFrozenServerDoesNotOutlastTheContext(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	for name, end := range endings {
		for moment, work := range moments {
			t.Run(name+" "+moment, func(t *testing.T) {
				t.Parallel()
				r := w.remote(t)
				ctx, cancel := end.of(r.ctx)
				defer cancel()
				began := time.Now()
				err := work(r, ctx, r.proxy.Freeze)
				if took := time.Since(began); took > patience+promptly {
					t.Errorf("took %v, want about %v", took, patience)
				}
				if !errors.Is(err, end.want) {
					t.Errorf("got %v, want %v", err, end.want)
				}
				r.proxy.Thaw()
				wantRecovery(t, r)
			})
		}
	}
}

func TestAPingHonoursItsContext(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	r.proxy.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	began := time.Now()
	if err := r.Ping(ctx); err == nil || time.Since(began) > 200*time.Millisecond+promptly {
		t.Errorf("got %v after %v", err, time.Since(began))
	}
}

// A statement's own context may be shorter than its transaction's.
func TestAStatementHonoursItsOwnDeadline(t *testing.T) {
	t.Parallel()
	for name, frozen := range map[string]bool{"healthy": false, "frozen": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			began := time.Now()
			err := r.InTx(r.ctx, func(ctx context.Context) error {
				if frozen {
					r.proxy.Freeze()
				}
				ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
				defer cancel()
				return sleepLong(ctx)
			})
			if took := time.Since(began); took > 100*time.Millisecond+promptly {
				t.Errorf("took %v", took)
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if f, ok := fault.As(err); ok {
				t.Errorf("the program's own deadline became the outage %v", f)
			}
			r.proxy.Thaw()
			wantRecovery(t, r)
		})
	}
}

// A context that ends between two statements says nothing about the next one.
func TestAnEndedStatementContextIsForgotten(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	err := r.InTx(r.ctx, func(ctx context.Context) error {
		short, cancel := context.WithCancel(ctx)
		err := selectOne(short)
		cancel()
		mustExec(t, r.owner, "SELECT pg_sleep(0.05)") // the end is heard meanwhile
		for range 3 {                                 // longer together than a given up statement may take
			_, slept := store.Exec(ctx, "SELECT pg_sleep($1)", (shortTimeout / 2).Seconds())
			err = errors.Join(err, slept)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAHealthyServerStopsWhatItsCallerGaveUp(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := open(t, w.Database, store.Config{MaxConns: 1, StatementTimeout: 30 * time.Second})
	for end, e := range endings {
		for name, work := range map[string]func(context.Context) error{
			"prepared": sleepLong,
			"plain":    func(ctx context.Context) error { _, err := store.Exec(ctx, "SELECT pg_sleep(60)"); return err },
		} {
			ctx, cancel := e.of(in(t.Context(), w.a))
			defer cancel()
			began := time.Now()
			err := s.InTx(ctx, work)
			if took := time.Since(began); !errors.Is(err, e.want) || took > patience+promptly {
				t.Errorf("%s by %s: got %v after %v", name, end, err, took)
			}
		}
	}
	eventually(t, "the server still sleeps", func() bool {
		var asleep int
		err := w.owner.QueryRow(`SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%' AND pid <> pg_backend_pid()`).Scan(&asleep)
		return err == nil && asleep == 0
	})
}

func TestAContextThatEndsBesideTheDatabaseIsNoOutage(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	for name, next := range map[string]func(context.Context) error{
		"then commits":  func(context.Context) error { return nil },
		"then asks":     selectOne,
		"then asks ent": func(ctx context.Context) error { _, err := s.Ent(ctx).Contact.Query().Count(ctx); return err },
	} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(in(t.Context(), w.a))
			err := s.InTx(ctx, func(ctx context.Context) error {
				if err := selectOne(ctx); err != nil {
					return err
				}
				cancel()
				return next(ctx)
			})
			if !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
			if f, ok := fault.As(err); ok {
				t.Errorf("became the outage %v", f)
			}
		})
	}
	ctx, cancel := context.WithTimeout(in(t.Context(), w.a), 50*time.Millisecond)
	defer cancel()
	err := s.InTx(ctx, func(ctx context.Context) error { <-ctx.Done(); return nil })
	if _, ok := fault.As(err); ok || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a deadline that passed before COMMIT: got %v", err)
	}
}

func TestAResetConnectionIsAnOutage(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	for name, work := range moments {
		if name == "before BEGIN" || name == "while connecting" {
			continue // a new connection is made, and nobody notices
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := w.remote(t)
			_ = wantOutage(t, work(r, r.ctx, r.proxy.Reset))
			wantRecovery(t, r)
		})
	}
}

func TestAServerThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	_ = r.proxy.listener.Close()
	r.proxy.Reset()
	_ = wantOutage(t, r.try(r.ctx))
	_ = wantOutage(t, r.try(r.ctx))
}

// Every connection of the pool is dead, and not one caller sees it.
func TestIdleConnectionsMayDie(t *testing.T) {
	t.Parallel()
	for name, kill := range map[string]func(*testing.T, remote){
		"reset":    func(_ *testing.T, r remote) { r.proxy.Reset() },
		"restart":  terminateAll,
		"at BEGIN": func(_ *testing.T, r remote) { r.proxy.CutAt("BEGIN", false) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			for range 3 {
				fillPool(t, r)
				kill(t, r)
				if err := r.try(r.ctx); err != nil {
					t.Errorf("the transaction after: %v", err)
				}
			}
		})
	}
}

// fillPool makes both of the pool's connections live and idle.
func fillPool(t *testing.T, r remote) {
	t.Helper()
	err := r.InTx(r.ctx, func(context.Context) error { return r.try(r.ctx) })
	if err != nil {
		t.Fatal(err)
	}
}

func terminateAll(t *testing.T, r remote) {
	t.Helper()
	_, err := r.owner.Exec(`SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`)
	if err != nil {
		t.Fatal(err)
	}
}

func TestAServerThatRestartsInsideATransaction(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	err := r.InTx(r.ctx, func(ctx context.Context) error {
		if err := r.rename(ctx); err != nil {
			return err
		}
		terminateAll(t, r)
		return selectOne(ctx)
	})
	_ = wantOutage(t, err)
	wantRecovery(t, r)
	if r.renamed(t) {
		t.Error("half a transaction was kept")
	}
}

// Nothing was sent: what a swallowed error left behind is no unknown outcome.
func TestALostConnectionThatTheWorkIgnored(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	err := r.InTx(r.ctx, func(ctx context.Context) error {
		r.proxy.Reset()
		_ = r.rename(ctx)
		return nil
	})
	if f := wantOutage(t, err); strings.Contains(f.Message, "not known") {
		t.Errorf("says %q", f.Message)
	}
	if r.renamed(t) {
		t.Error("it was renamed")
	}
}

func TestACommitWithoutAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	for name, delivered := range map[string]bool{"lost on the way there": false, "lost on the way back": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRemote(t)
			r.proxy.CutAt("COMMIT", delivered)
			durable := false
			err := r.InTx(r.ctx, func(ctx context.Context) error {
				store.AfterCommit(ctx, func() { durable = true })
				return r.rename(ctx)
			})
			f := wantOutage(t, err)
			if !strings.Contains(f.Message, "not known whether the change was made") {
				t.Errorf("says %q", f.Message)
			}
			if durable {
				t.Error("AfterCommit ran")
			}
			if got := r.renamed(t); got != delivered {
				t.Errorf("renamed = %v, want %v", got, delivered)
			}
			wantRecovery(t, r)
		})
	}
}

func TestACommitThatOutlastsTheContextIsUnknown(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	ctx, cancel := context.WithTimeout(r.ctx, 200*time.Millisecond)
	defer cancel()
	err := r.InTx(ctx, func(ctx context.Context) error {
		defer r.proxy.Freeze()
		return r.rename(ctx)
	})
	f := wantOutage(t, err)
	if !strings.Contains(f.Message, "not known whether the change was made") || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// Without this the next to get the connection would be inside a transaction
// that failed, and the one after, too.
func TestAHalfBegunTransactionIsNotPooled(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	stop := r.proxy.Corrupt("app.path", "TimeZone")
	if err := r.try(r.ctx); pq.As(err, pqerror.InvalidParameterValue) == nil {
		t.Errorf("got %v", err)
	}
	stop()
	wantRecovery(t, r)
}

// lib/pq tries without TLS after a server has refused it.
func TestConnectingWithoutTLSLeavesNothingOpen(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	p, d := newProxy(t, w.Database)
	d.AppURL = elsewhere(t, d.AppURL, func(u *url.URL) { u.RawQuery = "sslmode=prefer" })
	s := open(t, d, store.Config{MaxConns: 1, StatementTimeout: shortTimeout})
	if err := s.InTx(in(t.Context(), w.a), selectOne); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the refused connection stays open", func() bool { return p.Open() == 1 })
}

func TestAStatementOverItsTimeoutIsAnOutage(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	_ = wantOutage(t, r.InTx(r.ctx, sleepLong))
	wantRecovery(t, r)
}

// Errors of the work itself are none of the database's.
func TestTheWorksOwnErrorsStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	own := errors.New("no such picture")
	for name, err := range map[string]error{
		"plain": own, "deadline": context.DeadlineExceeded, "no rows": sql.ErrNoRows, "end of file": io.EOF,
		"fault": fault.New(fault.NotFound, fault.CodeUnavailable, "gone"),
	} {
		if got := s.InTx(in(t.Context(), w.a), func(context.Context) error { return err }); got != err { //nolint:errorlint // the very same
			t.Errorf("%s: got %v", name, got)
		}
	}
}
