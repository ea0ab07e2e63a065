package store_test

import (
	"context"
	"database/sql"
	"fmt"
	"testing"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

// numberWall is a database with a number in the hands of a customer and one in
// the hands of his twin.
type numberWall struct {
	twins
	app, system *sql.DB
}

func newNumberWall(t *testing.T) numberWall {
	w := newTwins(t)
	open := opener(t)
	n := numberWall{twins: w, app: open(w.AppURL), system: open(w.SystemURL)}
	for _, sc := range []scope.Scope{w.a, w.b} {
		seed(t, w.owner, "number_suppressions", row{
			"id": id.New(), "number_id": n.numberOf(t, sc), "address_hash": `\x01`, "source": "keyword", "started_at": testkit.Start,
		})
	}
	return n
}

func (w numberWall) numberOf(t *testing.T, sc scope.Scope) (found string) {
	t.Helper()
	err := w.owner.QueryRowContext(t.Context(), "SELECT id FROM numbers WHERE holder_id = $1", sc.TenantID).Scan(&found)
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// as runs statements in a tenant as the runtime role would, commits, and
// returns what the last one has changed.
func (w numberWall) as(ctx context.Context, db *sql.DB, sc scope.Scope, statements ...string) (n int64, err error) {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return 0, err
	}
	defer func() { _ = tx.Rollback() }()
	settings := fmt.Sprintf("SET LOCAL app.tenant_id = '%s'; SET LOCAL app.path = '%s'", sc.TenantID, sc.Path)
	if sc.Path == "" {
		settings = "SELECT"
	}
	for _, statement := range append([]string{settings}, statements...) {
		result, err := tx.ExecContext(ctx, statement)
		if err != nil {
			return 0, err
		}
		n, _ = result.RowsAffected()
	}
	return n, tx.Commit()
}

const newChannel = `INSERT INTO channels (id, created_at, updated_at, tenant_id, kind, provider, name, address, number_id, status)
	VALUES ('%s', now(), now(), '%s', 'sms', 'sim', 'x', '%s', '%s', '%s')`

// What services refuse about numbers, roles and nodes, the database refuses as
// well: a mistake above it gives nobody another's number.
func TestNumbersAreHeldByTheDatabase(t *testing.T) {
	t.Parallel()
	w := newNumberWall(t)
	mine, theirs := w.numberOf(t, w.a), w.numberOf(t, w.b)
	parent := parentIn(t, w.owner, w.a)
	channel := func(number, status string) string {
		return fmt.Sprintf(newChannel, id.New(), w.a.TenantID, "+1999"+number[:4], number, status)
	}
	for _, c := range []struct {
		name       string
		in         scope.Scope
		statements []string
		want       func(error) bool
	}{
		{"a channel of a number that it holds", w.a, []string{channel(mine, "active")}, passes},
		{"a channel of another's number", w.a, []string{channel(theirs, "active")}, breaks("h_channels_number_held")},
		{"a channel of no number", w.a, []string{channel(id.New().String(), "active")}, breaks("h_channels_number_held")},
		{
			"a released channel of another's number becomes active", w.a,
			[]string{channel(theirs, "released"), "UPDATE channels SET status = 'active' WHERE number_id = '" + theirs + "'"},
			breaks("h_channels_number_held"),
		},
		{"a number goes to a tenant that does not stand there", parent, []string{
			"UPDATE numbers SET holder_id = '" + w.b.TenantID.String() + "' WHERE id = '" + mine + "'",
		}, breaks("h_numbers_holder_path")},
		{"a holding of a tenant that does not stand there", parent, []string{fmt.Sprintf(`
			INSERT INTO number_holdings (id, number_id, holder_id, holder_path, actor_kind, started_at, ended_at)
			VALUES ('%s', '%s', '%s', '%s', 'user', now(), now())`, id.New(), mine, w.b.TenantID, w.a.Path)}, breaks("h_number_holdings_holder_path")},
		{"a number gets another address", parent, []string{"UPDATE numbers SET address = '+1999' WHERE id = '" + mine + "'"}, isDenied},
		{"a number gets another owner", parent, []string{"UPDATE numbers SET owner_id = holder_id WHERE id = '" + mine + "'"}, isDenied},
		{"a holding is written anew", parent, []string{"UPDATE number_holdings SET holder_id = number_id"}, isDenied},
		{"a node becomes the operator", parent, []string{"UPDATE tenants SET kind = 'operator'"}, isDenied},
		{"a user becomes the operator's staff", w.a, []string{"UPDATE users SET role = 'operator'"}, breaks("h_users_operator_role")},
		{"a user becomes an admin", w.a, []string{"UPDATE users SET role = 'tenant_admin'"}, passes},
	} {
		if _, err := w.as(t.Context(), w.app, c.in, c.statements...); !c.want(err) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

// A holder may ask for what is suppressed on his number, and sees neither when
// it began nor what is on another's.
func TestSuppressionsAreTheHoldersToAskFor(t *testing.T) {
	t.Parallel()
	w := newNumberWall(t)
	theirs := w.numberOf(t, w.b)
	for _, c := range []struct {
		name, statement string
		want            int64
		check           func(error) bool
	}{
		{"own", "SELECT number_id, address_hash FROM number_suppressions", 1, passes},
		{"another's", "SELECT number_id FROM number_suppressions WHERE number_id = '" + theirs + "'", 0, passes},
		{"since when", "SELECT started_at FROM number_suppressions", 0, isDenied},
		{"from where", "SELECT source FROM number_suppressions", 0, isDenied},
		{"ends another's", "UPDATE number_suppressions SET ended_at = now() WHERE number_id = '" + theirs + "'", 0, passes},
		{"blindly ends all", "UPDATE number_suppressions SET ended_at = now()", 1, passes},
		{"rewrites", "UPDATE number_suppressions SET address_hash = '\\x02'", 0, isDenied},
		{"removes", "DELETE FROM number_suppressions", 0, isDenied},
		{"writes one of another's", fmt.Sprintf(`INSERT INTO number_suppressions (id, number_id, address_hash, source, started_at)
			VALUES ('%s', '%s', '\x03', 'keyword', now())`, id.New(), theirs), 0, isRowRefused},
	} {
		if n, err := w.as(t.Context(), w.app, w.a, c.statement); n != c.want || !c.check(err) {
			t.Errorf("%s: %d rows, %v", c.name, n, err)
		}
	}
	if n, err := w.as(t.Context(), w.system, scope.Scope{}, "SELECT number_id FROM number_suppressions"); n != 2 || err != nil {
		t.Errorf("the system sees %d, %v", n, err)
	}
}

func parentIn(t *testing.T, db *sql.DB, sc scope.Scope) (parent scope.Scope) {
	t.Helper()
	err := db.QueryRowContext(t.Context(), "SELECT p.id, p.path FROM tenants t JOIN tenants p ON p.id = t.parent_id WHERE t.id = $1",
		sc.TenantID).Scan(&parent.TenantID, &parent.Path)
	if err != nil {
		t.Fatal(err)
	}
	return parent
}

func passes(err error) bool { return err == nil }

// breaks recognises the refusal of a constraint.
func breaks(constraint string) func(error) bool {
	return func(err error) bool {
		var refused *pq.Error
		for _, code := range []pqerror.Code{pqerror.ForeignKeyViolation, pqerror.CheckViolation} {
			if refused = pq.As(err, code); refused != nil && refused.Constraint == constraint {
				return true
			}
		}
		return false
	}
}
