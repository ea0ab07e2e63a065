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

const (
	shortTimeout = 500 * time.Millisecond
	// silence is how long a server that says nothing may hold a caller: the
	// statement timeout, its grace of 2 s, and a slow machine.
	silence = shortTimeout + 2*time.Second + time.Second
	// promptly is how late a context's end may be heard.
	promptly = time.Second
)

// remote is a store that talks to its server through a proxy.
type remote struct {
	twins
	*store.Store
	proxy *proxy
	ctx   context.Context // of tenant A
}

func newRemote(t *testing.T) remote {
	t.Helper()
	return newTwins(t).remote(t)
}

func (w twins) remote(t *testing.T) remote {
	t.Helper()
	p, d := newProxy(t, w.Database)
	s := open(t, d, store.Config{MaxConns: 2, StatementTimeout: shortTimeout})
	r := remote{twins: w, Store: s, proxy: p, ctx: in(t.Context(), w.a)}
	if err := r.try(r.ctx); err != nil {
		t.Fatal(err)
	}
	return r
}

// try runs a transaction with one statement.
func (r remote) try(ctx context.Context) error { return r.InTx(ctx, selectOne) }

func selectOne(ctx context.Context) error {
	var n int
	return store.QueryRow(ctx, []any{&n}, "SELECT $1::int", 1)
}

func sleepLong(ctx context.Context) error {
	_, err := store.Exec(ctx, "SELECT pg_sleep($1)", 60)
	return err
}

func (r remote) rename(ctx context.Context) error {
	_, err := store.Exec(ctx, "UPDATE contacts SET name = $1 WHERE tenant_id = $2", "Renamed", r.a.TenantID)
	return err
}

func (r remote) renamed(t *testing.T) bool {
	t.Helper()
	var n int
	if err := r.owner.QueryRow("SELECT count(*) FROM contacts WHERE name = 'Renamed'").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

// moments are the places at which a server can fall silent or away. Each work
// calls now at its moment.
var moments = map[string]func(r remote, ctx context.Context, now func()) error{
	"while connecting": func(r remote, ctx context.Context, now func()) error {
		r.AppPool().SetMaxIdleConns(0)
		now()
		return r.try(ctx)
	},
	"before BEGIN": func(r remote, ctx context.Context, now func()) error {
		now()
		return r.try(ctx)
	},
	"before a known statement": func(r remote, ctx context.Context, now func()) error {
		return r.InTx(ctx, func(ctx context.Context) error { now(); return selectOne(ctx) })
	},
	"before a new statement": func(r remote, ctx context.Context, now func()) error {
		return r.InTx(ctx, func(ctx context.Context) error { now(); return r.rename(ctx) })
	},
	"before a statement without arguments": func(r remote, ctx context.Context, now func()) error {
		return r.InTx(ctx, func(ctx context.Context) error {
			now()
			_, err := store.Exec(ctx, "SELECT 1")
			return err
		})
	},
	"among the rows of a result": func(r remote, ctx context.Context, now func()) error {
		return r.InTx(ctx, func(ctx context.Context) error {
			rows, err := store.Query(ctx, "SELECT repeat('x', 10000) FROM generate_series(1, $1)", 100000)
			if err != nil {
				return err
			}
			defer func() { _ = rows.Close() }()
			now()
			for rows.Next() {
				continue
			}
			return rows.Err()
		})
	},
	"before COMMIT": func(r remote, ctx context.Context, now func()) error {
		return r.InTx(ctx, func(ctx context.Context) error { now(); return nil })
	},
}

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
			wantOutage(t, err)
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

// ending is a way in which a context ends while work is under way.
type ending struct {
	of   func(context.Context) (context.Context, context.CancelFunc)
	want error
}

const patience = 200 * time.Millisecond

var endings = map[string]ending{
	"deadline": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, patience)
	}, context.DeadlineExceeded},
	"cancel": {func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(patience, cancel)
		return ctx, cancel
	}, context.Canceled},
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
			wantOutage(t, work(r, r.ctx, r.proxy.Reset))
			wantRecovery(t, r)
		})
	}
}

func TestAServerThatIsGone(t *testing.T) {
	t.Parallel()
	r := newRemote(t)
	_ = r.proxy.listener.Close()
	r.proxy.Reset()
	wantOutage(t, r.try(r.ctx))
	wantOutage(t, r.try(r.ctx))
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
	wantOutage(t, err)
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
	wantOutage(t, r.InTx(r.ctx, sleepLong))
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

// wantOutage checks that an error is what clients are told while the database
// is away.
func wantOutage(t *testing.T, err error) *fault.Fault {
	t.Helper()
	f, ok := fault.As(err)
	if !ok {
		t.Fatalf("got %v (%T), want a fault", err, err)
	}
	if f.Kind != fault.Unavailable || f.Code != fault.CodeUnavailable || f.RetryAfter <= 0 {
		t.Errorf("got %+v", f)
	}
	return f
}

// wantRecovery checks that no broken connection is left in the pool.
func wantRecovery(t *testing.T, r remote) {
	t.Helper()
	for range 4 {
		if err := r.try(r.ctx); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	}
	eventually(t, "a connection is not given back", func() bool { return r.AppPool().Stats().InUse == 0 })
}

// eventually waits for what another goroutine or the server is about to do.
func eventually(t *testing.T, complaint string, done func() bool) {
	t.Helper()
	deadline := time.Now().Add(5 * time.Second)
	for !done() {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}
