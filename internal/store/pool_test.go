package store_test

import (
	"context"
	"database/sql"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Covers D3-3: whatever becomes of a transaction, the next one on its
// connection sees its own tenant's rows and no others.
func TestAPooledConnectionCarriesNothingOver(t *testing.T) {
	t.Parallel()
	const workers, readsEach = 50, 120
	w := newTwins(t)
	s := open(t, w.Database, store.Config{MaxConns: 2, StatementTimeout: 10 * time.Second})
	var good, foreign, blind atomic.Int64
	var all sync.WaitGroup
	for n := range workers {
		all.Go(func() {
			random := rand.New(rand.NewPCG(1, uint64(n)))
			mine := []scope.Scope{w.a, w.b}[n%2]
			for range readsEach {
				for _, seen := range readAndFail(t, s, mine, random) {
					switch {
					case len(seen) == 0:
						blind.Add(1)
					case !slices.Equal(seen, []uuid.UUID{mine.TenantID}):
						foreign.Add(1)
					default:
						good.Add(1)
					}
				}
			}
		})
	}
	all.Wait()
	if foreign.Load() > 0 || blind.Load() > 0 {
		t.Errorf("%d reads saw foreign rows, %d saw none", foreign.Load(), blind.Load())
	}
	if good.Load() < 5000 {
		t.Errorf("only %d reads", good.Load())
	}
}

var errRolledBack = errors.New("rolled back on purpose")

// readAndFail reads all contacts twice without a condition and ends its
// transaction in a random way. It returns whose rows each read saw.
func readAndFail(t *testing.T, s *store.Store, mine scope.Scope, random *rand.Rand) (seen [][]uuid.UUID) {
	ctx, cancel := context.WithCancel(in(context.Background(), mine))
	defer cancel()
	defer func() { _ = recover() }()
	read := func(ctx context.Context) error {
		owners, err := contactOwners(ctx)
		if err == nil {
			seen = append(seen, owners)
		}
		return err
	}
	end := random.IntN(6)
	err := s.InTx(ctx, func(ctx context.Context) error {
		if err := errors.Join(read(ctx), read(ctx)); err != nil {
			return err
		}
		switch end {
		case 0:
			panic("on purpose")
		case 1:
			return errRolledBack
		case 2:
			cancel()
			return read(ctx)
		case 3:
			time.AfterFunc(time.Duration(random.IntN(int(time.Millisecond))), cancel)
			_, err := store.Exec(ctx, "SELECT pg_sleep($1)", 0.001)
			return err
		case 4:
			_, err := store.Exec(ctx, "SELECT 1/$1::int", 0)
			return err
		}
		return nil
	})
	if end == 5 && err != nil {
		t.Errorf("reading: %v", err)
	}
	return seen
}

func contactOwners(ctx context.Context) ([]uuid.UUID, error) {
	rows, err := store.Query(ctx, "SELECT tenant_id FROM contacts")
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var owners []uuid.UUID
	for rows.Next() {
		var owner uuid.UUID
		if err := rows.Scan(&owner); err != nil {
			return nil, err
		}
		owners = append(owners, owner)
	}
	return owners, rows.Err()
}

// The work ends the store's transaction behind its back to see the bare
// connection that would go back to the pool.
func TestNothingStaysSetOnAConnection(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.oneConnection(t)
	for name, end := range map[string]string{"commit": "COMMIT", "rollback": "ROLLBACK"} {
		var tenant, path string
		var visible int
		_ = s.InTx(in(t.Context(), w.a), func(ctx context.Context) error {
			if _, err := store.Exec(ctx, end); err != nil {
				t.Fatal(err)
			}
			return store.QueryRow(ctx, []any{&tenant, &path, &visible},
				"SELECT current_setting('app.tenant_id', true), current_setting('app.path', true), (SELECT count(*) FROM contacts)")
		})
		if tenant != "" || path != "" || visible != 0 {
			t.Errorf("after %s: tenant %q, path %q, %d contacts", name, tenant, path, visible)
		}
	}
	if err := s.InTx(in(t.Context(), w.a), selectOne); err != nil {
		t.Errorf("the pool did not get over it: %v", err)
	}
}

func TestAStatementOutsideATransactionIsRefused(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	ctx := in(t.Context(), w.a)
	pool := s.AppPool()
	for name, statement := range map[string]func() error{
		"pool: exec":             func() error { _, err := pool.ExecContext(ctx, "SELECT 1"); return err },
		"pool: exec, arguments":  func() error { _, err := pool.ExecContext(ctx, "SELECT $1::int", 1); return err },
		"pool: query":            func() error { rows, err := pool.QueryContext(ctx, "SELECT 1"); return closed(rows, err) },
		"pool: query, arguments": func() error { rows, err := pool.QueryContext(ctx, "SELECT $1::int", 1); return closed(rows, err) },
		"pool: prepare":          func() error { _, err := pool.PrepareContext(ctx, "SELECT 1"); return err }, //nolint:sqlclosecheck // it is refused
		"store: exec":            func() error { _, err := store.Exec(ctx, "SELECT 1"); return err },
		"store: query":           func() error { rows, err := store.Query(ctx, "SELECT 1"); return closed(rows, err) },
		"store: row":             func() error { return store.QueryRow(ctx, nil, "SELECT 1") },
		"ent: read":              func() error { _, err := s.Ent(ctx).Contact.Query().All(ctx); return err },
		"ent: write":             func() error { _, err := s.Ent(ctx).Contact.Update().SetName("x").Save(ctx); return err },
		"ent: delete":            func() error { _, err := s.Ent(ctx).Contact.Delete().Exec(ctx); return err },
		"below":                  func() error { return s.Below(ctx, w.a, selectOne) },
	} {
		if err := statement(); err == nil || !strings.Contains(err.Error(), "transaction") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func closed(rows *sql.Rows, err error) error {
	if err == nil {
		return errors.Join(rows.Close(), rows.Err())
	}
	return err
}

func TestATransactionKeepsItsScope(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	if err := s.InTx(t.Context(), selectOne); !errors.Is(err, scope.ErrMissing) {
		t.Errorf("without a scope: got %v", err)
	}
	if err := s.InTx(in(t.Context(), scope.Scope{TenantID: w.a.TenantID, Path: "/'; RESET ROLE; --/"}), selectOne); err == nil {
		t.Error("a path that is none was accepted")
	}
	err := s.InTx(in(t.Context(), w.a), func(ctx context.Context) error {
		for name, other := range map[string]context.Context{"tenant": in(ctx, w.b), "system": scope.System(ctx, "a test")} {
			if err := s.InTx(other, selectOne); !errors.Is(err, store.ErrScopeChanged) {
				t.Errorf("InTx under another %s: got %v", name, err)
			}
			if err := s.Read(other, selectOne); !errors.Is(err, store.ErrScopeChanged) {
				t.Errorf("Read under another %s: got %v", name, err)
			}
			// The guard would let these pass; the transaction's settings do not.
			if owners, err := contactOwners(other); err != nil || !slices.Equal(owners, []uuid.UUID{w.a.TenantID}) {
				t.Errorf("SQL under another %s saw %v, %v", name, owners, err)
			}
			if n, err := s.Ent(other).Contact.Query().Where(byTenant(w.b)).Count(other); n != 0 || err != nil {
				t.Errorf("ent under another %s saw %d, %v", name, n, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func TestNestedTransactionsJoin(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.oneConnection(t) // a second transaction would wait for ever
	ctx := in(t.Context(), w.a)
	transactionID := func(ctx context.Context) (n int64) {
		if err := store.QueryRow(ctx, []any{&n}, "SELECT txid_current()"); err != nil {
			t.Error(err)
		}
		return n
	}
	var outer, inner int64
	err := s.InTx(ctx, func(ctx context.Context) error {
		outer = transactionID(ctx)
		if !store.InTransaction(ctx) {
			t.Error("not in a transaction")
		}
		return s.Read(ctx, func(ctx context.Context) error {
			return s.InTx(ctx, func(ctx context.Context) error { inner = transactionID(ctx); return nil })
		})
	})
	if err != nil || outer == 0 || outer != inner {
		t.Errorf("transactions %d and %d, %v", outer, inner, err)
	}
	if store.InTransaction(ctx) {
		t.Error("in a transaction after it ended")
	}
	err = s.InTx(ctx, func(ctx context.Context) error {
		if err := s.InTx(ctx, renameContacts("Inner")); err != nil {
			return err
		}
		return errRolledBack
	})
	if !errors.Is(err, errRolledBack) || contactNamed(t, w, "Inner") {
		t.Errorf("the outer rollback kept the inner work (%v)", err)
	}
}

func renameContacts(name string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := store.Exec(ctx, "UPDATE contacts SET name = $1", name)
		return err
	}
}

func contactNamed(t *testing.T, w twins, name string) bool {
	t.Helper()
	var n int
	if err := w.owner.QueryRow("SELECT count(*) FROM contacts WHERE name = $1", name).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n > 0
}

func TestAfterCommitRunsOnlyAfterCommit(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.oneConnection(t)
	var ran []string
	note := func(ctx context.Context, what string) {
		store.AfterCommit(ctx, func() {
			if !contactNamed(t, w, "Durable") {
				t.Errorf("%s: ran before the commit", what)
			}
			ran = append(ran, what)
		})
	}
	ctx := in(t.Context(), w.a)
	for name, end := range map[string]func(context.Context) error{
		"error": func(context.Context) error { return errRolledBack },
		"panic": func(context.Context) error { panic("on purpose") },
		"failed statement that the work ignores": func(ctx context.Context) error {
			_, _ = store.Exec(ctx, "SELECT 1/$1::int", 0)
			return nil
		},
	} {
		var err error
		panicked := true
		func() {
			defer func() { _ = recover() }()
			err = s.InTx(ctx, func(ctx context.Context) error { note(ctx, name); return end(ctx) })
			panicked = false
		}()
		if err == nil && !panicked {
			t.Errorf("%s: InTx reports success", name)
		}
	}
	err := s.InTx(ctx, func(ctx context.Context) error {
		note(ctx, "outer")
		return errors.Join(
			s.InTx(ctx, func(ctx context.Context) error { note(ctx, "inner"); return renameContacts("Durable")(ctx) }),
			selectOne(ctx))
	})
	if err != nil || !slices.Equal(ran, []string{"outer", "inner"}) {
		t.Errorf("ran %v, %v", ran, err)
	}
}

func TestReadRefusesWrites(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	for name, sc := range map[string]func(context.Context) context.Context{
		"tenant": func(ctx context.Context) context.Context { return in(ctx, w.a) },
		"system": func(ctx context.Context) context.Context { return scope.System(ctx, "a test") },
	} {
		for how, write := range map[string]func(context.Context) error{
			"SQL": func(ctx context.Context) error { _, err := store.Exec(ctx, "UPDATE users SET name = 'x'"); return err },
			"ent": func(ctx context.Context) error { return s.Ent(ctx).User.Update().SetName("x").Exec(ctx) },
			"joined": func(ctx context.Context) error {
				return s.InTx(ctx, func(ctx context.Context) error { return s.Ent(ctx).User.Update().SetName("x").Exec(ctx) })
			},
		} {
			if err := s.Read(sc(t.Context()), write); err == nil || !strings.Contains(err.Error(), "read-only transaction") {
				t.Errorf("%s under %s: got %v", how, name, err)
			}
		}
	}
}

func TestBelowGoesDownAndBack(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	parent := scope.Scope{TenantID: parentOf(w.a), Path: strings.TrimSuffix(w.a.Path, w.a.TenantID.String()+"/")}
	ctx := in(t.Context(), parent)
	sees := func(ctx context.Context, n int) {
		t.Helper()
		if owners, err := contactOwners(ctx); err != nil || len(owners) != n {
			t.Errorf("saw %v, %v; want %d contacts", owners, err, n)
		}
	}
	err := s.InTx(ctx, func(ctx context.Context) error {
		sees(ctx, 0)
		if err := s.Below(ctx, w.a, func(ctx context.Context) error { sees(ctx, 1); return nil }); err != nil {
			return err
		}
		sees(ctx, 0)
		if err := s.Below(ctx, w.a, func(context.Context) error { return errRolledBack }); !errors.Is(err, errRolledBack) {
			t.Errorf("got %v", err)
		}
		sees(ctx, 0) // also where the work carries on after an error
		for name, to := range map[string]scope.Scope{"sideways": w.b, "up": {TenantID: parentOf(parent), Path: w.a.Path[:38]}} {
			if err := s.Below(ctx, to, selectOne); !errors.Is(err, store.ErrScopeChanged) {
				t.Errorf("%s: got %v", name, err)
			}
		}
		return s.InTx(ctx, selectOne)
	})
	if err != nil {
		t.Error(err)
	}
}

// parentOf reads the last but one id of a path.
func parentOf(sc scope.Scope) uuid.UUID {
	ids := strings.Split(strings.Trim(sc.Path, "/"), "/")
	return uuid.MustParse(ids[len(ids)-2])
}

func byTenant(sc scope.Scope) func(*entsql.Selector) {
	return entsql.FieldEQ("tenant_id", sc.TenantID)
}
