package audit

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Place is where an entry stands in a list: by time, and by id where times are
// the same.
type Place struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// Place is where the entry stands.
func (e Entry) Place() Place { return Place{e.CreatedAt, e.ID} }

// Filter says which entries a list holds. Zero values do not filter.
type Filter struct {
	// Behind is the place that the page before ended with.
	Behind *Place
	// Limit is the greatest number of entries to return.
	Limit int

	// Subtree is for the entries of all tenants in the scope's subtree instead
	// of the scope's tenant alone.
	Subtree bool
	// ActorID is a user with all his keys, or one key.
	ActorID            *uuid.UUID
	Action, ObjectKind string
	ObjectID           *uuid.UUID
	// From is the first moment, To the first one behind the last.
	From, To *time.Time
	// ActAs is for what happened in act-as sessions, ActAsID for one of them.
	ActAs   bool
	ActAsID *uuid.UUID
}

// List returns entries, the newest first.
func (t *Trail) List(ctx context.Context, f Filter) ([]Entry, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var found []Entry
	err = t.store.Read(ctx, func(ctx context.Context) error {
		q := f.query(sc)
		if f.Subtree {
			few, err := fewTenants(ctx, sc)
			if err != nil {
				return err
			}
			q.overSubtree(sc, few)
		}
		found, err = readEntries(ctx, q.text(), q.args...)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return found, nil
}

// exportPage is how many entries an export holds in memory.
const exportPage = 500

// Each calls with every entry of the filter, the newest first, in pages: memory
// does not grow with the log. Between pages it asks whether it may go on.
func (t *Trail) Each(ctx context.Context, f Filter, mayGoOn func(context.Context) error, with func(Entry) error) error {
	for f.Limit = exportPage; ; {
		page, err := t.List(ctx, f)
		if err != nil {
			return err
		}
		for _, e := range page {
			if err := with(e); err != nil {
				return err
			}
		}
		if len(page) < exportPage {
			return nil
		}
		last := page[len(page)-1].Place()
		f.Behind = &last
		if err := mayGoOn(ctx); err != nil {
			return err
		}
	}
}

// columns are those of an entry, for scan.
const columns = `e.id, e.tenant_id, e.action, e.object_kind, e.object_id, e.actor_kind, e.actor_id, e.actor_name,
	e.user_id, e.actor_home, e.act_as_id, e.address, e.request_id, e.details, e.changes, e.created_at`

func (e *Entry) fields() []any {
	return []any{
		&e.ID, &e.TenantID, &e.Action, &e.ObjectKind, &e.ObjectID, &e.Actor.Kind, &e.Actor.ID, &e.Actor.Name,
		&e.Actor.UserID, &e.Actor.HomePath, &e.ActAsID, &e.Address, &e.RequestID, &e.Details, &e.Changes, &e.CreatedAt,
	}
}

func readEntries(ctx context.Context, query string, args ...any) ([]Entry, error) {
	rows, err := store.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []Entry
	for rows.Next() {
		var e Entry
		var seq sql.NullInt64
		if err := rows.Scan(append(e.fields(), &seq, &e.Hash)...); err != nil {
			return nil, err
		}
		e.Seq = seq.Int64
		found = append(found, e)
	}
	return found, rows.Err()
}

// query is a statement that is put together.
type query struct {
	from       string
	conditions []string
	limit      string
	args       []any
}

func (q *query) arg(value any) string {
	q.args = append(q.args, value)
	return fmt.Sprintf("$%d", len(q.args))
}

func (q *query) when(format string, values ...any) {
	var names []any
	for _, value := range values {
		names = append(names, q.arg(value))
	}
	q.conditions = append(q.conditions, fmt.Sprintf(format, names...))
}

func (f Filter) query(sc scope.Scope) *query {
	q := &query{from: "audit_entries e"}
	if !f.Subtree {
		q.when("e.tenant_id = %s", sc.TenantID)
	}
	if f.Behind != nil {
		q.when("(e.created_at, e.id) < (%s, %s)", f.Behind.At, f.Behind.ID)
	}
	if f.ActorID != nil {
		q.when("(e.user_id = %[1]s OR e.actor_id = %[1]s)", *f.ActorID)
	}
	if f.ObjectID != nil {
		q.when("e.object_id = %s", *f.ObjectID)
	}
	if f.ActAsID != nil {
		q.when("e.act_as_id = %s", *f.ActAsID)
	}
	if f.ActAs {
		q.when("e.act_as_id IS NOT NULL")
	}
	if f.Action != "" {
		q.when("e.action = %s", f.Action)
	}
	if f.ObjectKind != "" {
		q.when("e.object_kind = %s", f.ObjectKind)
	}
	if f.From != nil {
		q.when("e.created_at >= %s", *f.From)
	}
	if f.To != nil {
		q.when("e.created_at < %s", *f.To)
	}
	q.limit = q.arg(max(f.Limit, 1))
	return q
}

const newestFirst = "ORDER BY e.created_at DESC, e.id DESC LIMIT "

func (q *query) where() string {
	if len(q.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(q.conditions, " AND ")
}

func (q *query) text() string {
	return "SELECT " + columns + ", c.seq, c.hash FROM (SELECT e.* FROM " + q.from + q.where() + " " + newestFirst + q.limit +
		") e LEFT JOIN audit_chain c ON c.entry_id = e.id ORDER BY e.created_at DESC, e.id DESC"
}

// manyTenants is where a subtree's entries are better found by time than by
// tenant: each of its tenants is one probe of an index.
const manyTenants = 500

// fewTenants tells whether the scope's subtree has few tenants, counting no
// further than it has to.
func fewTenants(ctx context.Context, sc scope.Scope) (bool, error) {
	var n int
	from, to := bounds(sc.Path)
	err := store.QueryRow(ctx, []any{&n}, `
		SELECT count(*) FROM (SELECT FROM tenants WHERE path ~>=~ $1 AND path ~<~ $2 LIMIT $3) t`, from, to, manyTenants+1)
	return n <= manyTenants, err
}

// bounds are where the paths below a path begin and end, bytewise: zero is the
// character behind the slash.
func bounds(path string) (from, to string) {
	return path, strings.TrimSuffix(path, "/") + "0"
}

// overSubtree makes the query one over the scope's subtree. With few tenants
// the newest entries of each are merged; with many the log is read by time, and
// most of what is read is theirs. Row level security holds for both.
func (q *query) overSubtree(sc scope.Scope, few bool) {
	from, to := bounds(sc.Path)
	from, to = q.arg(from), q.arg(to)
	inside := "t.path ~>=~ " + from + " AND t.path ~<~ " + to
	if !few {
		q.conditions = append(q.conditions, "EXISTS (SELECT FROM tenants t WHERE t.id = e.tenant_id AND "+inside+")")
		return
	}
	conditions := append([]string{"e.tenant_id = t.id"}, q.conditions...)
	q.from = "tenants t CROSS JOIN LATERAL (SELECT e.* FROM audit_entries e WHERE " +
		strings.Join(conditions, " AND ") + " " + newestFirst + q.limit + ") e"
	q.conditions = []string{inside}
}
