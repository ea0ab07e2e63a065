package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/lib/pq"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/trellishq/trellis/ent/migrate/migrations"
)

// Migrate brings the owner's database to the schema that this binary knows,
// under a lock that other starting replicas wait for. Passwords are for the
// runtime roles, by role; without one a role keeps the password it has.
func Migrate(ctx context.Context, ownerURL string, passwords map[string]string) error {
	db, err := openOwner(ownerURL)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	if err := ensureRoles(ctx, db, passwords); err != nil {
		return err
	}
	migrator, err := newMigrator(db)
	if err != nil {
		return err
	}
	if _, err := migrator.Up(ctx); err != nil {
		return fmt.Errorf("store: migrating: %w", err)
	}
	// The version table is goose's own; the servers read it when they start.
	// goose's lock is over by now, and another replica may do the same.
	return whileContended(ctx, func() error {
		_, err := db.ExecContext(ctx, `GRANT SELECT ON goose_db_version TO `+RoleApp+`, `+RoleSystem)
		return err
	})
}

func openOwner(ownerURL string) (*sql.DB, error) {
	dsn, err := withSettings(ownerURL, map[string]string{
		"application_name": "trellis-migrate", "connect_timeout": "5", "timezone": "UTC",
	})
	if err != nil {
		return nil, err
	}
	inner, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: the database URL: %w", hideURL(err))
	}
	return sql.OpenDB(inner), nil
}

func newMigrator(db *sql.DB) (*goose.Provider, error) {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return nil, err
	}
	return goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
}

// schemaVersion is the newest migration that this binary carries.
func schemaVersion() (int64, error) {
	sources, err := goose.NewProvider(goose.DialectPostgres, new(sql.DB), migrations.FS)
	if err != nil {
		return 0, err
	}
	all := sources.ListSources()
	return all[len(all)-1].Version, nil
}
