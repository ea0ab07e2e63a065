package store_test

import (
	"context"
	"testing"
	"time"

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
	ctx   context.Context //nolint:containedctx // of tenant A; the table of faults has it at hand
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
		return r.InTx(ctx, func(context.Context) error { now(); return nil })
	},
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
