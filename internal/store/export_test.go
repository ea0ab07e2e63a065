package store

import (
	"context"
	"database/sql"
)

// AppPool is the pool behind the walls, for tests that go past InTx.
func (s *Store) AppPool() *sql.DB { return s.app }

// MigrateTo is Migrate up to a version, for tests of what a migration does with
// rows that are there.
func MigrateTo(ctx context.Context, ownerURL string, version int64) error {
	db, err := openOwner(ownerURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	migrator, err := newMigrator(db)
	if err != nil {
		return err
	}
	_, err = migrator.UpTo(ctx, version)
	return err
}
