package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestReplicasMigrateAtTheSameTime(t *testing.T) {
	t.Parallel()
	d := testkit.NewEmptyDatabase(t)
	if err := testkit.Open(t, d, clock.System{}).Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "run `trellis migrate`") {
		t.Errorf("an empty database was accepted: %v", err)
	}
	var all sync.WaitGroup
	failures := make([]error, 4)
	for n := range failures {
		all.Go(func() { failures[n] = store.Migrate(t.Context(), d.OwnerURL, nil) })
	}
	all.Wait()
	if err := errors.Join(failures...); err != nil {
		t.Fatal(err)
	}
	owner := d.Owner(t)
	before := schemaOf(t, owner)
	if err := store.Migrate(t.Context(), d.OwnerURL, nil); err != nil {
		t.Errorf("migrating again: %v", err)
	}
	if after := schemaOf(t, owner); !slices.Equal(before, after) {
		t.Errorf("migrating again changed %v to %v", before, after)
	}
	if template := schemaOf(t, testkit.NewDatabase(t).Owner(t)); !slices.Equal(before, template) {
		t.Errorf("migrated at the same time: %v\nalone: %v", before, template)
	}
	if err := testkit.Open(t, d, clock.System{}).Verify(t.Context()); err != nil {
		t.Error(err)
	}
}

// schemaOf lists columns, constraints, indexes, policies, rights and versions.
func schemaOf(t *testing.T, db *sql.DB) []string {
	t.Helper()
	rows, err := db.Query(`
		SELECT table_name || '.' || column_name || ' ' || data_type FROM information_schema.columns WHERE table_schema = 'public'
		UNION ALL SELECT conrelid::regclass || ' ' || pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
		UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'
		UNION ALL SELECT tablename || ' ' || policyname || coalesce(qual, '') || coalesce(with_check, '') FROM pg_policies
		UNION ALL SELECT relname || ' ' || coalesce(relacl::text, '') FROM pg_class WHERE relnamespace = 'public'::regnamespace
			AND relkind <> 'S' -- PostgreSQL names goose's sequence by what else is made at that moment
		UNION ALL SELECT 'version ' || version_id FROM goose_db_version
		ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var lines []string
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, line)
	}
	if rows.Err() != nil || len(lines) < 100 {
		t.Fatalf("%d lines, %v", len(lines), rows.Err())
	}
	return lines
}

func TestMigrateMakesTheRolesSafeAgain(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	owner := d.Owner(t)
	// Roles belong to the whole server: nothing here may open a wall to the
	// tests beside this one.
	for _, role := range []string{store.RoleApp, store.RoleSystem} {
		mustExec(t, owner, "ALTER ROLE "+role+" CREATEDB CREATEROLE INHERIT")
	}
	if err := store.Migrate(t.Context(), d.OwnerURL, nil); err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{store.RoleApp, store.RoleSystem} {
		var unsafe bool
		err := owner.QueryRow(`SELECT rolsuper OR rolbypassrls OR rolcreatedb OR rolcreaterole OR rolinherit OR rolreplication OR NOT rolcanlogin
			FROM pg_roles WHERE rolname = $1`, role).Scan(&unsafe)
		if err != nil || unsafe {
			t.Errorf("%s: unsafe = %v, %v", role, unsafe, err)
		}
	}
}

func TestMigrateHidesPasswords(t *testing.T) {
	t.Parallel()
	for name, url := range map[string]string{
		"no URL":      "postgres://owner:hunter2@[::1/trellis",
		"bad port":    "postgres://owner:hunter2@127.0.0.1:x/trellis",
		"nobody home": "postgres://owner:hunter2@127.0.0.1:1/trellis?sslmode=disable",
	} {
		err := store.Migrate(t.Context(), url, nil)
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// appendOnly tables are logs: rows come, and none is changed.
var appendOnly = []string{
	"interaction_dispositions",
	"agent_log", "audit_chain", "audit_entries", "audit_pending", "events", "interaction_log", "interaction_participants", "message_status_events",
}

// erasable are the rows that a role may delete: a new entry is a decision. What
// is no history and refers to nobody may go; keys of idempotency and mails are over after a while.
var erasable = map[string][]string{
	store.RoleApp: {
		"phrase_channels", "phrase_departments", "phrase_grams",
		"interaction_drafts", "interaction_tags", "interaction_viewers", "note_mentions",
		"brand_hosts", "brand_logos", "channel_members", "custom_roles", "departments", "department_members", "inbox_views", "interaction_counts", "queue_managers", "queue_members", "route_requests", "sender_ids", "user_avatars",
		"brand_hosts", "brand_logos", "channel_members", "contact_addresses", "custom_roles", "departments", "department_members", "queue_managers", "queue_members", "route_requests", "sender_ids", "staff_chat_members", "user_avatars",
	},
	store.RoleSystem: {"audit_pending", "idempotency_keys", "mails", "password_resets", "sign_in_attempts", "sign_in_challenges", "sign_in_flows"},
}

func TestTheRolesCannotRewriteHistory(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	contexts := map[string]context.Context{
		store.RoleApp:    in(t.Context(), w.a),
		store.RoleSystem: scope.System(t.Context(), "a test"),
	}
	all, err := places(t.Context(), w.owner)
	if err != nil {
		t.Fatal(err)
	}
	for role, ctx := range contexts {
		for _, p := range all {
			statements := []string{"TRUNCATE " + p.table, "ALTER TABLE " + p.table + " DISABLE ROW LEVEL SECURITY"}
			if !slices.Contains(erasable[role], p.table) {
				statements = append(statements, "DELETE FROM "+p.table)
			}
			if slices.Contains(appendOnly, p.table) {
				statements = append(statements, fmt.Sprintf("UPDATE %s SET %s = 'epoch'", p.table, p.timestamp))
			}
			for _, statement := range statements {
				var gone int64
				err := s.InTx(ctx, func(ctx context.Context) error {
					result, err := store.Exec(ctx, statement)
					if err == nil {
						gone, err = result.RowsAffected()
					}
					return err
				})
				if err == nil && gone == 0 && role == store.RoleSystem && purged(t, w, p.table) {
					continue // its right to purge is for tenants that are over, and there is none
				}
				if pq.As(err, pqerror.InsufficientPrivilege) == nil {
					t.Errorf("%s as %s: got %v", statement, role, err)
				}
			}
		}
	}
}

// purged tells whether a restrictive policy keeps deletions in a table to
// tenants whose grace is over.
func purged(t *testing.T, w twins, table string) bool {
	t.Helper()
	var bound bool
	err := w.owner.QueryRow(`SELECT EXISTS (SELECT FROM pg_policy WHERE polrelid = $1::regclass AND polname = 'purge'
		AND NOT polpermissive AND polcmd = 'd')`, table).Scan(&bound)
	if err != nil {
		t.Fatal(err)
	}
	return bound
}

// Every table that has tenants can be purged of one, or stays for a reason.
func TestEveryTableCanBePurged(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	all, err := places(t.Context(), w.owner)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range all {
		stays := p.table == "events" || p.table == "tenant_purges" || strings.HasPrefix(p.table, "audit")
		if p.column == "tenant_id" && !stays && !purged(t, w, p.table) && !slices.Contains(erasable[store.RoleSystem], p.table) {
			t.Errorf("%s is not purged: its migration has to call h_open_purge()", p.table)
		}
	}
}

func TestTheRolesCannotBecomeMore(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	for _, statement := range []string{
		"SET ROLE trellis_owner", "SET ROLE trellis_system", "SET SESSION AUTHORIZATION trellis_owner",
		"CREATE TABLE mine (id int)", "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
		"ALTER ROLE trellis_app BYPASSRLS", "CREATE ROLE helper", "COPY contacts TO '/tmp/contacts'", "GRANT trellis_system TO trellis_app",
		"INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)",
	} {
		err := s.InTx(in(t.Context(), w.a), func(ctx context.Context) error { _, err := store.Exec(ctx, statement); return err })
		if pq.As(err, pqerror.InsufficientPrivilege) == nil {
			t.Errorf("%s: got %v", statement, err)
		}
	}
}
