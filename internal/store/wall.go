package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/trellishq/trellis/tenants/scope"
)

// Verify proves that the database is the one this binary was built for and that
// its walls stand: the right version, row level security enabled and forced on
// every table, and two roles that own nothing and bypass nothing. A server
// that cannot prove it must not start.
func (s *Store) Verify(ctx context.Context) error {
	ctx = scope.System(ctx, "proving the database's walls")
	var found []error
	for role, pool := range map[string]*sql.DB{RoleApp: s.app, RoleSystem: s.system} {
		if err := verifyAs(ctx, pool, role); err != nil {
			found = append(found, err)
		}
	}
	if err := errors.Join(found...); err != nil {
		return fmt.Errorf("store: the database is not safe to use:\n%w", err)
	}
	return nil
}

func verifyAs(ctx context.Context, pool *sql.DB, role string) error {
	tx, err := pool.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	return errors.Join(verifyVersion(ctx, tx), verifyRole(ctx, tx, role), verifyTables(ctx, tx))
}

func verifyVersion(ctx context.Context, tx *sql.Tx) error {
	want, err := schemaVersion()
	if err != nil {
		return err
	}
	var have int64
	if err := tx.QueryRowContext(ctx, `SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied`).Scan(&have); err != nil {
		return fmt.Errorf("the schema's version cannot be read (run `trellis migrate`): %w", err)
	}
	switch {
	case have < want:
		return fmt.Errorf("the schema is version %d and this binary needs %d: run `trellis migrate`", have, want)
	case have > want:
		return fmt.Errorf("the schema is version %d and this binary knows only %d: use a newer binary", have, want)
	}
	return nil
}

func verifyRole(ctx context.Context, tx *sql.Tx, want string) error {
	var (
		name               string
		super, bypass, own bool
	)
	err := tx.QueryRowContext(ctx, `SELECT current_user, rolsuper, rolbypassrls,
		EXISTS (SELECT FROM pg_class c WHERE c.relowner = r.oid AND c.relnamespace = 'public'::regnamespace)
		FROM pg_roles r WHERE rolname = current_user`).Scan(&name, &super, &bypass, &own)
	if err != nil {
		return err
	}
	var wrong []string
	if name != want {
		wrong = append(wrong, "is not "+want)
	}
	if super {
		wrong = append(wrong, "is a superuser")
	}
	if bypass {
		wrong = append(wrong, "bypasses row level security")
	}
	if own {
		wrong = append(wrong, "owns tables")
	}
	if len(wrong) > 0 {
		return fmt.Errorf("the login role %q %s", name, strings.Join(wrong, " and "))
	}
	return nil
}

// verifyTables finds tables without their wall. A view that runs with its
// owner's rights would be a hole of the same size.
func verifyTables(ctx context.Context, tx *sql.Tx) error {
	rows, err := tx.QueryContext(ctx, `
		SELECT c.relname || ': ' || CASE
			WHEN NOT c.relrowsecurity THEN 'row level security is off'
			WHEN NOT c.relforcerowsecurity THEN 'row level security is not forced'
			ELSE 'has no policy' END
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p')
		  AND c.relname <> 'goose_db_version'
		  AND NOT (c.relrowsecurity AND c.relforcerowsecurity
		           AND EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname NOT LIKE 'purge%'))
		UNION ALL
		SELECT c.relname || ': a view that is not security_invoker'
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('v', 'm')
		  AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)`)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var found []error
	for rows.Next() {
		var hole string
		if err := rows.Scan(&hole); err != nil {
			return err
		}
		found = append(found, errors.New(hole))
	}
	return errors.Join(append(found, rows.Err())...)
}
