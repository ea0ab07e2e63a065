package store_test

import (
	"context"
	"database/sql"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
)

// BenchmarkInTx shows what the store costs: one row by its id in a transaction
// of its own, against what lib/pq needs for the same by itself.
func BenchmarkInTx(b *testing.B) {
	w := newTwins(b)
	var contact uuid.UUID
	if err := w.owner.QueryRow("SELECT id FROM contacts WHERE tenant_id = $1", w.a.TenantID).Scan(&contact); err != nil {
		b.Fatal(err)
	}
	const byID = "SELECT name FROM contacts WHERE id = $1"
	b.Run("lib-pq", func(b *testing.B) {
		db, err := sql.Open("postgres", w.AppURL)
		if err != nil {
			b.Fatal(err)
		}
		defer func() { _ = db.Close() }()
		ctx, cancel := context.WithCancel(b.Context()) // as a request has one
		defer cancel()
		for b.Loop() {
			if err := bareTransaction(ctx, db, w.a.TenantID.String(), byID, contact); err != nil {
				b.Fatal(err)
			}
		}
	})
	s := w.store(b)
	ctx, cancel := context.WithCancel(in(b.Context(), w.a))
	defer cancel()
	for name, work := range map[string]func(context.Context) error{
		"store": func(ctx context.Context) error {
			var contactName string
			return store.QueryRow(ctx, []any{&contactName}, byID, contact)
		},
		"store-ent":   func(ctx context.Context) error { _, err := s.Ent(ctx).Contact.Get(ctx, contact); return err },
		"store-empty": func(context.Context) error { return nil },
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if err := s.InTx(ctx, work); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// bareTransaction is a tenant's transaction without the store.
func bareTransaction(ctx context.Context, db *sql.DB, tenant, query string, id uuid.UUID) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	if _, err := tx.ExecContext(ctx, "SELECT set_config('app.tenant_id', $1, true)", tenant); err != nil {
		return err
	}
	var name string
	if err := tx.QueryRowContext(ctx, query, id).Scan(&name); err != nil {
		return err
	}
	return tx.Commit()
}
