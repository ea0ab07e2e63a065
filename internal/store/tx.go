package store

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/tenants/scope"
)

// ErrScopeChanged is a mistake of the program: work under one scope was begun
// inside a transaction of another.
var ErrScopeChanged = errors.New("store: the scope changed inside a transaction")

// errNoTransaction is a mistake of the program as well.
var errNoTransaction = errors.New("store: no transaction in the context")

type txKey struct{}

// tx is a running transaction in a context.
type tx struct {
	sql    *sql.Tx
	scope  scope.Scope
	client *ent.Client // made when first asked for
	after  []func()
}

// InTx runs fn in a transaction under the context's scope. A transaction that
// is already running is joined, if its scope is the same. fn's error rolls
// everything back; work registered with AfterCommit runs once it is durable.
//
// An outage of the database becomes a fault of kind Unavailable. When the
// connection is lost during COMMIT nobody knows the outcome: the fault says so,
// and a repeat under the same Idempotency-Key finds out.
func (s *Store) InTx(ctx context.Context, fn func(context.Context) error) error {
	return s.inTx(ctx, false, fn)
}

// Read is InTx for work that writes nothing; the server refuses writes.
func (s *Store) Read(ctx context.Context, fn func(context.Context) error) error {
	return s.inTx(ctx, true, fn)
}

func (s *Store) inTx(ctx context.Context, readOnly bool, fn func(context.Context) error) error {
	wanted, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if running, ok := ctx.Value(txKey{}).(*tx); ok {
		if running.scope != wanted {
			return ErrScopeChanged
		}
		return fn(ctx)
	}
	return s.begin(ctx, wanted, readOnly, fn)
}

func (s *Store) begin(ctx context.Context, wanted scope.Scope, readOnly bool, fn func(context.Context) error) error {
	pool := s.app
	if wanted.IsSystem() {
		pool = s.system
	}
	sqlTx, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: readOnly})
	if err != nil {
		return translate(ctx, err)
	}
	running := &tx{sql: sqlTx, scope: wanted}
	defer func() {
		// A no-op after COMMIT; the way out of a panic otherwise.
		_ = sqlTx.Rollback()
	}()
	if err := fn(context.WithValue(ctx, txKey{}, running)); err != nil {
		return translate(ctx, err)
	}
	if err := ctx.Err(); err != nil {
		return err // whether Commit would see it by now is chance
	}
	if err := sqlTx.Commit(); err != nil {
		return commitFailed(ctx, err)
	}
	for _, f := range running.after {
		f()
	}
	return nil
}

// Below runs fn in the running transaction under the scope of a node below the
// present one: a reseller's work on its child, of which a part belongs to the
// child. Upwards and sideways there is no way.
func (s *Store) Below(ctx context.Context, to scope.Scope, fn func(context.Context) error) error {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return errNoTransaction
	}
	from := running.scope
	if from.IsSystem() || to.IsSystem() || !strings.HasPrefix(to.Path, from.Path) {
		return ErrScopeChanged
	}
	if err := running.enter(ctx, to); err != nil {
		return err
	}
	workErr := fn(scope.With(ctx, to))
	// Also after an error, for a caller that carries on. Where a statement has
	// failed the server refuses this one too, and all that could follow.
	return cmp.Or(workErr, running.enter(ctx, from))
}

func (t *tx) enter(ctx context.Context, to scope.Scope) error {
	settings, err := scopeSettings(to)
	if err != nil {
		return err
	}
	if _, err := t.sql.ExecContext(ctx, settings); err != nil {
		return err
	}
	t.scope = to
	return nil
}

// Outside returns the context without the transaction that runs in it, for a
// read that is not part of it, on another role's connection. It sees nothing of
// what the transaction has written, and must not wait for its locks.
func Outside(ctx context.Context) context.Context { return context.WithValue(ctx, txKey{}, nil) }

// Try runs fn as a part of the running transaction that may fail by itself: its
// error takes back what it has written, and the transaction goes on.
func Try(ctx context.Context, fn func() error) error {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return errNoTransaction
	}
	if _, err := running.sql.ExecContext(ctx, "SAVEPOINT try"); err != nil {
		return err
	}
	registered := len(running.after)
	if err := fn(); err != nil {
		running.after = running.after[:registered]
		_, undone := running.sql.ExecContext(ctx, "ROLLBACK TO SAVEPOINT try")
		return errors.Join(err, undone)
	}
	_, err := running.sql.ExecContext(ctx, "RELEASE SAVEPOINT try")
	return err
}

// AfterCommit runs f when the running transaction has become durable, and
// never if it does not. f must be quick and must not fail: a nudge.
func AfterCommit(ctx context.Context, f func()) {
	if running, ok := ctx.Value(txKey{}).(*tx); ok {
		running.after = append(running.after, f)
	}
}

// InTransaction tells whether the context holds a running transaction. Calls
// to the outside use it to refuse to hold one open.
func InTransaction(ctx context.Context) bool {
	_, ok := ctx.Value(txKey{}).(*tx)
	return ok
}

// Ent is the entities' client inside the running transaction.
func (s *Store) Ent(ctx context.Context) *ent.Client {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return refusingClient
	}
	if running.client == nil {
		running.client = ent.NewClient(ent.Driver(txDriver{entsql.Conn{ExecQuerier: running.sql}}))
		s.guard(running.client)
	}
	return running.client
}

// Exec runs a statement in the running transaction. Statements that are not
// ent's carry their tenant_id condition themselves; row level security stands
// behind them.
func Exec(ctx context.Context, query string, args ...any) (sql.Result, error) {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return nil, errNoTransaction
	}
	return running.sql.ExecContext(ctx, query, args...)
}

// Query runs a query in the running transaction.
func Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return nil, errNoTransaction
	}
	return running.sql.QueryContext(ctx, query, args...)
}

// IDs runs a statement that returns one id a row.
func IDs(ctx context.Context, statement string, args ...any) (ids []uuid.UUID, err error) {
	rows, err := Query(ctx, statement, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var found uuid.UUID
		if err := rows.Scan(&found); err != nil {
			return nil, err
		}
		ids = append(ids, found)
	}
	return ids, rows.Err()
}

// QueryRow runs a query for one row and scans it. It returns sql.ErrNoRows
// where there is none.
func QueryRow(ctx context.Context, dest []any, query string, args ...any) error {
	running, ok := ctx.Value(txKey{}).(*tx)
	if !ok {
		return errNoTransaction
	}
	return running.sql.QueryRowContext(ctx, query, args...).Scan(dest...)
}

// txDriver lets ent work inside a transaction that is not its own. ent opens a
// transaction for some updates by itself; inside one that is a no-op.
type txDriver struct{ entsql.Conn }

// Dialect implements dialect.Driver.
func (txDriver) Dialect() string { return dialect.Postgres }

// Close implements dialect.Driver; the store owns the transaction.
func (txDriver) Close() error { return nil }

// Tx implements dialect.Driver.
func (d txDriver) Tx(context.Context) (dialect.Tx, error) { return dialect.NopTx(d), nil }

// refusingClient answers every call made without a transaction.
var refusingClient = ent.NewClient(ent.Driver(refusingDriver{}))

type refusingDriver struct{}

// Exec implements dialect.Driver.
func (refusingDriver) Exec(context.Context, string, any, any) error { return errNoTransaction }

// Query implements dialect.Driver.
func (refusingDriver) Query(context.Context, string, any, any) error { return errNoTransaction }

// Tx implements dialect.Driver.
func (refusingDriver) Tx(context.Context) (dialect.Tx, error) { return nil, errNoTransaction }

// Close implements dialect.Driver.
func (refusingDriver) Close() error { return nil }

// Dialect implements dialect.Driver.
func (refusingDriver) Dialect() string { return dialect.Postgres }
