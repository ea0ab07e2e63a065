package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/tenants/scope"
)

// rawWalk tries every table with plain SQL, as the two runtime roles would if
// all of the program above them were wrong. It knows the tables by the catalog.
type rawWalk struct {
	mine, theirs       scope.Scope
	owner, app, system *sql.DB
}

// systemTables are those that work without a tenant may see. A new entry is a
// decision: the reasons stand in the migration.
var systemTables = []string{
	"act_as_sessions",
	"agent_sessions",
	"api_keys",
	"attachments",
	"audit_chain",
	"audit_entries",
	"audit_heads",
	"audit_pending",
	"channels",
	"custom_roles",
	"events",
	"idempotency_keys",
	"interaction_timers",
	"mails",
	"messages",
	"number_suppressions",
	"numbers",
	"opt_outs",
	"provider_events",
	"reminders",
	"sign_in_challenges",
	"sign_in_flows",
	"single_sign_on",
	"sign_in_attempts",
	"second_factors",
	"password_resets",
	"sessions",
	"signing_keys",
	"tenants",
	"usage_counters",
	"users",
	"brands", "brand_hosts", "brand_logos", "tenant_purges", "route_requests",
}

// ownerless tables belong to the platform: no tenant sees them.
var ownerless = []string{"audit_heads", "sign_in_attempts", "signing_keys"}

// readOnly tables are written by work without a tenant alone.
var readOnly = []string{"audit_chain"}

// byNumber tables belong to a number, and are seen by whoever holds it; the test
// of the numbers' walls is about them.
var byNumber = []string{"number_suppressions"}

// place is a table and the column that says whose its rows are.
type place struct{ table, column, timestamp string }

func (p place) is(sc scope.Scope) string {
	if p.column == "tenant_id" {
		return "tenant_id = '" + sc.TenantID.String() + "'"
	}
	return "starts_with(" + p.column + ", '" + sc.Path + "')"
}

func (p place) value(sc scope.Scope) string {
	if p.column == "tenant_id" {
		return sc.TenantID.String()
	}
	return sc.Path
}

func places(ctx context.Context, db *sql.DB) ([]place, error) {
	rows, err := db.QueryContext(ctx, `
		SELECT c.relname,
			coalesce((SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
				AND a.attname IN ('tenant_id', 'path', 'holder_path') ORDER BY a.attname DESC LIMIT 1), ''),
			coalesce((SELECT a.attname FROM pg_attribute a WHERE a.attrelid = c.oid AND NOT a.attisdropped
				AND a.atttypid = 'timestamptz'::regtype ORDER BY a.attnum LIMIT 1), '')
		FROM pg_class c
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND c.relname <> 'goose_db_version'
		ORDER BY c.relname`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var all []place
	for rows.Next() {
		var p place
		if err := rows.Scan(&p.table, &p.column, &p.timestamp); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, rows.Err()
}

// Walk returns what it found open.
func (w rawWalk) Walk(ctx context.Context) (found findings) {
	all, err := places(ctx, w.owner)
	if err != nil || len(all) == 0 {
		found.add("no tables: %v", err)
	}
	for _, p := range all {
		w.tryWithoutTenant(ctx, p, &found)
		switch {
		case slices.Contains(ownerless, p.table), slices.Contains(byNumber, p.table):
		case p.column == "":
			found.add("%s: nothing says whose its rows are", p.table)
		default:
			w.tryTable(ctx, p, &found)
		}
	}
	return found
}

func (w rawWalk) tryTable(ctx context.Context, p place, found *findings) {
	mine, theirs := w.count(ctx, p, w.mine), w.count(ctx, p, w.theirs)
	if mine == 0 || theirs == 0 {
		found.add("%s: the twins have no row of it (extend twins_test.go)", p.table)
		return
	}
	if n, err := w.asTenant(ctx, "SELECT FROM "+p.table); n != mine || err != nil {
		found.add("%s: a tenant sees %d rows and owns %d (%v)", p.table, n, mine, err)
	}
	if n, err := w.asTenant(ctx, "SELECT FROM "+p.table+" WHERE "+p.is(w.theirs)); n != 0 || err != nil {
		found.add("%s: a tenant sees %d rows of another (%v)", p.table, n, err)
	}
	for what, statement := range map[string]string{
		"updates": "UPDATE " + p.table + " SET " + p.column + " = " + p.column + " WHERE " + p.is(w.theirs),
		"deletes": "DELETE FROM " + p.table + " WHERE " + p.is(w.theirs),
	} {
		if n, err := w.asTenant(ctx, statement); n != 0 || err != nil && !isDenied(err) {
			found.add("%s: a tenant %s %d rows of another (%v)", p.table, what, n, err)
		}
	}
	// Updates that read nothing are not held by the policies for reading.
	if n, err := w.asTenant(ctx, "UPDATE "+p.table+" SET "+p.timestamp+" = 'epoch'"); n > mine || err != nil && !isDenied(err) {
		found.add("%s: a tenant blindly updates %d rows and owns %d (%v)", p.table, n, mine, err)
	}
	_, err := w.asTenant(ctx, "UPDATE "+p.table+" SET "+p.column+" = '"+p.value(w.theirs)+"'")
	if !isDenied(err) && !isRowRefused(err) {
		found.add("%s: a tenant gives its row to another (%v)", p.table, err)
	}
	if slices.Contains(readOnly, p.table) {
		if err := w.insertCopy(ctx, p, w.mine); !isDenied(err) {
			found.add("%s: a tenant writes it (%v)", p.table, err)
		}
		return
	}
	if err := w.insertCopy(ctx, p, w.theirs); !isRowRefused(err) {
		found.add("%s: a tenant inserts a row of another (%v)", p.table, err)
	}
	if err := w.insertCopy(ctx, p, w.mine); isRowRefused(err) || isDenied(err) {
		found.add("%s: a tenant cannot insert a row of its own (%v)", p.table, err)
	}
}

// insertCopy inserts a row once more under the tenant's settings. A policy
// speaks before the unique keys do.
func (w rawWalk) insertCopy(ctx context.Context, p place, of scope.Scope) error {
	var original string
	err := w.owner.QueryRowContext(ctx, "SELECT to_jsonb(t) FROM "+p.table+" t WHERE "+p.is(of)+" LIMIT 1").Scan(&original)
	if err != nil {
		return err
	}
	_, err = w.asTenant(ctx, "INSERT INTO "+p.table+" SELECT * FROM jsonb_populate_record(null::"+p.table+", "+pq.QuoteLiteral(original)+")")
	return err
}

// tryWithoutTenant looks with no settings at all, on a fresh connection and on
// one that has had settings, and as the system.
func (w rawWalk) tryWithoutTenant(ctx context.Context, p place, found *findings) {
	for what, before := range map[string]string{"fresh": "", "used": w.settings() + "; COMMIT; BEGIN; "} {
		n, err := inRawTx(ctx, w.app, before, "SELECT FROM "+p.table)
		if n != 0 || err != nil && !isDenied(err) {
			found.add("%s: %d rows without settings on a %s connection (%v)", p.table, n, what, err)
		}
	}
	n, err := inRawTx(ctx, w.system, "", "SELECT FROM "+p.table)
	switch {
	case !slices.Contains(systemTables, p.table) && (n != 0 || err != nil && !isDenied(err)):
		found.add("%s: the system role sees %d rows (%v)", p.table, n, err)
	case slices.Contains(systemTables, p.table) && err != nil:
		found.add("%s: the system role sees nothing: %v", p.table, err)
	}
}

func (w rawWalk) settings() string {
	return "SET LOCAL app.tenant_id = '" + w.mine.TenantID.String() + "'; SET LOCAL app.path = '" + w.mine.Path + "'"
}

// asTenant runs a statement under the tenant's settings and rolls it back.
func (w rawWalk) asTenant(ctx context.Context, statement string) (int64, error) {
	return inRawTx(ctx, w.app, w.settings(), statement)
}

// inRawTx runs a statement after another one in a transaction that is rolled
// back, and counts the rows.
func inRawTx(ctx context.Context, db *sql.DB, before, statement string) (n int64, err error) {
	conn, err := db.Conn(ctx)
	if err != nil {
		return 0, err
	}
	defer func() {
		_, rolledBack := conn.ExecContext(ctx, "ROLLBACK")
		err = errors.Join(err, rolledBack, conn.Close())
	}()
	if _, err := conn.ExecContext(ctx, "BEGIN; "+before); err != nil {
		return 0, fmt.Errorf("%s: %w", before, err)
	}
	result, err := conn.ExecContext(ctx, statement)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

func (w rawWalk) count(ctx context.Context, p place, of scope.Scope) (n int64) {
	_ = w.owner.QueryRowContext(ctx, "SELECT count(*) FROM "+p.table+" WHERE "+p.is(of)).Scan(&n)
	return n
}

// isDenied is a right that the role was never given.
func isDenied(err error) bool {
	return pq.As(err, pqerror.InsufficientPrivilege) != nil && strings.Contains(err.Error(), "permission denied")
}

// isRowRefused is the word of a policy; it has the same code.
func isRowRefused(err error) bool {
	return pq.As(err, pqerror.InsufficientPrivilege) != nil && strings.Contains(err.Error(), "row-level security policy")
}

// foreignKeys tries to make rows point from one tenant into another, as the
// owner: referential checks pass by row level security.
type foreignKeys struct {
	mine, theirs scope.Scope
	owner        *sql.DB
}

// loose columns hold ids that no foreign key checks.
var loose = map[string]string{
	"act_as_sessions.ended_by_id":    "may be a user of a node above",
	"act_as_sessions.home_id":        "the node above that the person is at home in",
	"act_as_sessions.session_id":     "of a node above",
	"act_as_sessions.user_id":        "of a node above",
	"agent_log.actor_id":             "a user or a key",
	"api_keys.creator_id":            "shown, and rights are read through the scoped client",
	"attachments.uploader_id":        "a user or a key",
	"audit_chain.entry_id":           "verifying looks for an entry that is gone",
	"audit_chain.tenant_id":          "as entry_id",
	"audit_entries.act_as_id":        "outlives the session",
	"audit_entries.actor_id":         "a user or a key",
	"audit_entries.object_id":        "of any kind",
	"audit_entries.user_id":          "may be a user of a node above",
	"audit_heads.tenant_id":          "the nil tenant's counts all",
	"audit_pending.entry_id":         "written with its entry, gone a moment later",
	"audit_pending.tenant_id":        "as entry_id",
	"events.actor_id":                "a user or a key",
	"events.object_id":               "of any kind",
	"interactions.transferred_by_id": "a user or a key",
	"interactions.closed_by_id":      "a user or a key",
	"interactions.changed_by_id":     "a user or a key",
	"mails.claim_id":                 "names a claim, not a row",
	"messages.claim_id":              "names a claim, not a row",
	"messages.sender_id":             "a user or a key",
	"messages.place":                 "a place in the order of ids, not a row",
	"interaction_log.actor_id":       "a user or a key",
	"number_holdings.actor_id":       "a user or a key",
	"provider_events.channel_id":     "a key's lock on a busy channel would make its callbacks wait",
	"provider_events.tenant_id":      "as channel_id",
	"idempotency_keys.tenant_id":     "written with every request, short-lived",
	"users.created_by_id":            "may be a user of a node above",

	"interaction_dispositions.actor_id": "a user or a key",
	"interaction_drafts.user_id":        "a user, also of a node above, or a key",
	"interaction_reads.user_id":         "a user, also of a node above, or a key",
	"interaction_viewers.user_id":       "a user, also of a node above, or a key",
	"internal_notes.author_id":          "a user or a key",

	"inbox_views.owner_id":           "a user or a key",
	"search_documents.owner_id":      "written by a trigger with its message or contact",
	"search_documents.tenant_id":     "as owner_id",
	"interaction_counts.assignee_id": "written by a trigger from a row that is checked; the nil id for nobody",
	"interaction_counts.channel_id":  "as assignee_id",
	"interaction_counts.queue_id":    "as assignee_id",
	"interaction_counts.tenant_id":   "as assignee_id",
}

// Walk returns what it found open.
func (w foreignKeys) Walk(ctx context.Context) (found findings) {
	w.tryKeys(ctx, &found)
	w.findUnchecked(ctx, &found)
	return found
}

// tryKeys takes every foreign key to a table with a tenant_id.
func (w foreignKeys) tryKeys(ctx context.Context, found *findings) {
	rows, err := w.owner.QueryContext(ctx, `
		SELECT k.conname, k.conrelid::regclass::text, k.confrelid::regclass::text,
			ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i)
				JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY u.i),
			ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(n, i)
				JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY u.i)
		FROM pg_constraint k
		WHERE k.contype = 'f' AND EXISTS (SELECT FROM pg_attribute a
			WHERE a.attrelid = k.confrelid AND a.attname = 'tenant_id' AND NOT a.attisdropped)`)
	if err != nil {
		found.add("foreign keys: %v", err)
		return
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name, child, parent string
		var from, to []string
		if err := rows.Scan(&name, &child, &parent, pq.Array(&from), pq.Array(&to)); err != nil {
			found.add("foreign keys: %v", err)
			return
		}
		if n := slices.Index(from, "tenant_id"); n < 0 || to[n] != "tenant_id" {
			found.add("%s: %s points at %s without its tenant", name, child, parent)
		}
		for n := range from {
			if from[n] != "tenant_id" {
				w.tryKey(ctx, name, child, from[n], parent, to[n], found)
			}
		}
	}
	if err := rows.Err(); err != nil {
		found.add("foreign keys: %v", err)
	}
}

func (w foreignKeys) tryKey(ctx context.Context, name, child, column, parent, target string, found *findings) {
	n, err := inRawTx(ctx, w.owner, "", fmt.Sprintf(
		`UPDATE %s SET %s = (SELECT %s FROM %s WHERE tenant_id = '%s' LIMIT 1) WHERE tenant_id = '%s'`,
		child, column, target, parent, w.theirs.TenantID, w.mine.TenantID))
	switch {
	case err == nil && n == 0:
		found.add("%s: the twins have no row of %s (extend twins_test.go)", name, child)
	case pq.As(err, pqerror.ForeignKeyViolation) == nil:
		found.add("%s: %s.%s points at another tenant's row of %s (%v)", name, child, column, parent, err)
	}
}

// findUnchecked finds columns with ids that no foreign key checks, and entries
// of the list that are true no more.
func (w foreignKeys) findUnchecked(ctx context.Context, found *findings) {
	rows, err := w.owner.QueryContext(ctx, `
		SELECT c.relname || '.' || a.attname
		FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
		WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND a.atttypid = 'uuid'::regtype
		  AND a.attname <> 'id' AND NOT a.attisdropped
		  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = c.oid AND a.attnum = ANY (k.conkey))`)
	if err != nil {
		found.add("columns: %v", err)
		return
	}
	defer func() { _ = rows.Close() }()
	seen := map[string]bool{}
	for rows.Next() {
		var column string
		if err := rows.Scan(&column); err != nil {
			found.add("columns: %v", err)
			return
		}
		seen[column] = true
		if _, known := loose[column]; !known {
			found.add("%s: no foreign key checks it", column)
		}
	}
	if err := rows.Err(); err != nil {
		found.add("columns: %v", err)
	}
	for column := range loose {
		if !seen[column] {
			found.add("%s: is checked by now; take it from the list", column)
		}
	}
}

// rawWalkOf connects as the roles do, without anything of the store.
func rawWalkOf(w twins, open func(url string) *sql.DB) rawWalk {
	return rawWalk{mine: w.a, theirs: w.b, owner: w.owner, app: open(w.AppURL), system: open(w.SystemURL)}
}
