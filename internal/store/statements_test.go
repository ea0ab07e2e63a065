package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/lib/pq"

	"github.com/trellishq/trellis/internal/store"
)

func TestStatementsAreKeptWithinBounds(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.oneConnection(t)
	const different = 600 // more than twice what a connection keeps
	ctx := in(t.Context(), w.a)
	for range 2 {
		err := s.InTx(ctx, func(ctx context.Context) error {
			for n := range different {
				var got int
				if err := store.QueryRow(ctx, []any{&got}, fmt.Sprintf("SELECT $1::int + %d", n), 1); err != nil || got != n+1 {
					return fmt.Errorf("statement %d: got %d, %w", n, got, err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := preparedStatements(ctx, t, s); n < 200 || n > 256 {
		t.Errorf("the connection keeps %d statements", n)
	}
}

func preparedStatements(ctx context.Context, t *testing.T, s *store.Store) (n int) {
	t.Helper()
	err := s.InTx(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&n}, "SELECT count(*) FROM pg_prepared_statements")
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// A migration changes tables under statements that connections keep.
func TestAnOutdatedStatementIsPreparedAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"result":    "ALTER TABLE gadgets ALTER COLUMN size TYPE bigint",
		"new":       "ALTER TABLE gadgets ADD COLUMN color text",
		"argument":  "ALTER TABLE gadgets ALTER COLUMN kind TYPE text",
		"recreated": "DROP TABLE gadgets; CREATE TABLE gadgets (size text, kind int); GRANT SELECT ON gadgets TO trellis_app",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTwins(t)
			s := w.oneConnection(t)
			mustExec(t, w.owner, "CREATE TABLE gadgets (size int, kind int); GRANT SELECT ON gadgets TO trellis_app")
			ask := func() error {
				return s.InTx(in(t.Context(), w.a), func(ctx context.Context) error {
					rows, err := store.Query(ctx, "SELECT * FROM gadgets WHERE kind = $1", 1)
					return closed(rows, err)
				})
			}
			if err := ask(); err != nil {
				t.Fatal(err)
			}
			mustExec(t, w.owner, change)
			first := ask()
			if err := ask(); err != nil {
				t.Errorf("first %v, then %v", first, err)
			}
			if n := preparedStatements(in(t.Context(), w.a), t, s); n != 1 {
				t.Errorf("%d statements are kept", n)
			}
		})
	}
}

func mustExec(t testing.TB, db *sql.DB, statement string) {
	t.Helper()
	if _, err := db.Exec(statement); err != nil {
		t.Fatal(err)
	}
}

// One result at a time: what lib/pq cannot do is an error, not a mix-up.
func TestTwoResultsAtOnce(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	err := s.InTx(in(t.Context(), w.a), func(ctx context.Context) error {
		rows, err := store.Query(ctx, "SELECT generate_series(1, $1)", 1000)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		return errors.Join(selectOne(ctx), rows.Err())
	})
	if err == nil || pq.As(err) != nil {
		t.Errorf("got %v", err)
	}
	if err := s.InTx(in(t.Context(), w.a), selectOne); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}
