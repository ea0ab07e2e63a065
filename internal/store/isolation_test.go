package store_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/migrate"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants/scope"
)

// Covers D1-2 and D3: two tenants that are equal in all but their ids, every
// entity and every table, each wall by itself and both together.
func TestNoTenantReachesAnother(t *testing.T) {
	t.Parallel()
	if len(entities()) != len(migrate.Tables) {
		t.Errorf("%d entities and %d tables: %v", len(entities()), len(migrate.Tables), entities())
	}
	t.Run("ent", func(t *testing.T) {
		t.Parallel()
		w := newTwins(t)
		report(t, entWalkOf(w, through(w.store(t))).Walk(t.Context()))
	})
	t.Run("ent without row level security", func(t *testing.T) {
		t.Parallel()
		w := newTwins(t)
		w.AppURL = w.OwnerURL // a superuser: what is left is the guard
		report(t, entWalkOf(w, through(w.store(t))).Walk(t.Context()))
	})
	t.Run("SQL", func(t *testing.T) {
		t.Parallel()
		w := newTwins(t)
		report(t, rawWalkOf(w, opener(t)).Walk(t.Context()))
	})
	t.Run("foreign keys", func(t *testing.T) {
		t.Parallel()
		w := newTwins(t)
		report(t, foreignKeys{w.a, w.b, w.owner}.Walk(t.Context()))
	})
}

func report(t *testing.T, found findings) {
	t.Helper()
	slices.Sort(found)
	for _, hole := range found {
		t.Error(hole)
	}
}

// Covers E8-1: an unguarded client is reported for every entity and operation.
func TestTheEntWalkCanFail(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	found := entWalkOf(w, func(ctx context.Context, f func(context.Context, *ent.Client) error) error {
		return f(ctx, unguarded(w.owner))
	}).Walk(t.Context())
	for _, entity := range entities() {
		for _, operations := range []map[string]operation{reads, updates} {
			for name := range operations {
				wantFinding(t, found, entity+"."+name+" reaches another tenant's row")
				wantFinding(t, found, entity+"."+name+" works without a scope")
			}
		}
		for name := range updates {
			wantFinding(t, found, entity+"."+name+" changed another tenant's row")
		}
		wantFinding(t, found, entity+".Update of all rows changed another tenant's row")
		wantFinding(t, found, entity+".Create works without a scope")
		wantFinding(t, found, entity+".CreateBulk works without a scope")
	}
	wantFinding(t, found, "Attachment.Delete reaches another tenant's row") // nothing refers to one
}

// A guard that forgets one thing is reported as well.
func TestTheEntWalkFindsAHalfGuardedClient(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	full := w.store(t)
	half := unguarded(w.owner)
	half.Intercept(ent.InterceptFunc(func(next ent.Querier) ent.Querier {
		return ent.QuerierFunc(func(ctx context.Context, q ent.Query) (ent.Value, error) {
			if _, err := scope.From(ctx); err != nil {
				return nil, err
			}
			return next.Query(ctx, q)
		})
	}))
	half.Use(stampOnly)
	found := entWalkOf(w, func(ctx context.Context, f func(context.Context, *ent.Client) error) error {
		return full.InTx(ctx, func(ctx context.Context) error { return f(ctx, half) })
	}).Walk(t.Context())
	wantFinding(t, found, "Contact.All reaches another tenant's row")
	wantFinding(t, found, "Contact.UpdateOneID reaches another tenant's row")
	wantFinding(t, found, "APIKey.Create makes a row of tenant "+w.b.TenantID.String())
	wantFinding(t, found, "Number.Create below another tenant is accepted")
	wantFinding(t, found, "Number.CreateBulk below another tenant is accepted")
}

// stampOnly is a hook that gives rows ids and believes whose they are.
func stampOnly(next ent.Mutator) ent.Mutator {
	return ent.MutateFunc(func(ctx context.Context, m ent.Mutation) (ent.Value, error) {
		if _, err := scope.From(ctx); err != nil {
			return nil, err
		}
		if withID, ok := m.(interface{ SetID(uuid.UUID) }); ok && m.Op().Is(ent.OpCreate) {
			withID.SetID(id.New())
		}
		return next.Mutate(ctx, m)
	})
}

// Covers E8-1: every kind of hole in the second wall is reported.
func TestTheRawWalkCanFail(t *testing.T) {
	t.Parallel()
	const anyone = " TO trellis_app USING (true)"
	for name, c := range map[string]struct{ tamper, finds string }{
		"policy dropped":       {"DROP POLICY tenant ON messages", "messages: a tenant sees 0 rows and owns 1"},
		"security off":         {"ALTER TABLE contacts DISABLE ROW LEVEL SECURITY", "contacts: a tenant sees 1 rows of another"},
		"reading allowed":      {"CREATE POLICY hole ON sessions FOR SELECT" + anyone, "sessions: a tenant sees 2 rows and owns 1"},
		"blind update allowed": {"CREATE POLICY hole ON channels FOR UPDATE" + anyone, "channels: a tenant blindly updates 2 rows"},
		"update allowed":       {"CREATE POLICY hole ON api_keys" + anyone, "api_keys: a tenant updates 1 rows of another"},
		"delete allowed":       {"CREATE POLICY hole ON opt_outs" + anyone + "; GRANT DELETE ON opt_outs TO trellis_app", "opt_outs: a tenant deletes 1 rows of another"},
		"insert allowed":       {"CREATE POLICY hole ON events FOR INSERT TO trellis_app WITH CHECK (true)", "events: a tenant inserts a row of another"},
		"giving away allowed":  {"CREATE POLICY hole ON users FOR UPDATE TO trellis_app USING (false) WITH CHECK (true)", "users: a tenant gives its row to another"},
		"subtree open":         {"CREATE POLICY hole ON numbers" + anyone, "numbers: a tenant sees 2 rows and owns 1"},
		"tree open":            {"CREATE POLICY hole ON tenants" + anyone, "tenants: a tenant updates 1 rows of another"},
		"no settings, all rows": {
			"CREATE POLICY hole ON attachments TO trellis_app USING (nullif(current_setting('app.tenant_id', true), '') IS NULL)",
			"attachments: 2 rows without settings",
		},
		"no nullif": {
			"DROP POLICY tenant ON interactions; CREATE POLICY tenant ON interactions TO trellis_app USING (tenant_id = current_setting('app.tenant_id', true)::uuid)",
			"interactions: 0 rows without settings on a used connection (pq: invalid input syntax",
		},
		"system sees more":  {"CREATE POLICY system ON contacts TO trellis_system USING (true); GRANT SELECT ON contacts TO trellis_system", "contacts: the system role sees 2 rows"},
		"system sees less":  {"REVOKE SELECT ON messages FROM trellis_system", "messages: the system role sees nothing"},
		"tenant may not":    {"REVOKE INSERT ON provider_events FROM trellis_app", "provider_events: a tenant cannot insert a row of its own"},
		"table without row": {"CREATE TABLE forgotten (id uuid, tenant_id uuid)", "forgotten: the twins have no row of it"},
		"table of nobody":   {"CREATE TABLE forgotten (id uuid)", "forgotten: nothing says whose its rows are"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTwins(t)
			mustExec(t, w.owner, c.tamper)
			wantFinding(t, rawWalkOf(w, opener(t)).Walk(t.Context()), c.finds)
		})
	}
}

func TestTheForeignKeyWalkCanFail(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ tamper, finds string }{
		"plain key added": {
			"ALTER TABLE opt_outs ADD CONSTRAINT plain FOREIGN KEY (channel_id) REFERENCES channels (id)",
			"plain: opt_outs points at channels without its tenant",
		},
		"plain key instead": {
			"ALTER TABLE contacts DROP CONSTRAINT h_contacts_channel, ADD CONSTRAINT plain FOREIGN KEY (channel_id) REFERENCES channels (id)",
			"plain: contacts.channel_id points at another tenant's row of channels",
		},
		"key dropped": {"ALTER TABLE sessions DROP CONSTRAINT h_sessions_user", "sessions.user_id: no foreign key checks it"},
		"new table": {
			"CREATE TABLE notes (id uuid, tenant_id uuid REFERENCES tenants, contact_id uuid REFERENCES contacts (id))",
			"notes_contact_id_fkey: notes points at contacts without its tenant",
		},
		"new table without keys": {"CREATE TABLE notes (id uuid, tenant_id uuid, contact_id uuid)", "notes.contact_id: no foreign key checks it"},
		"key added": {
			"ALTER TABLE users ADD FOREIGN KEY (tenant_id, created_by_id) REFERENCES users (tenant_id, id)",
			"users.created_by_id: is checked by now",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTwins(t)
			mustExec(t, w.owner, c.tamper)
			wantFinding(t, foreignKeys{w.a, w.b, w.owner}.Walk(t.Context()), c.finds)
		})
	}
}

func wantFinding(t *testing.T, found findings, start string) {
	t.Helper()
	if !slices.ContainsFunc(found, func(f string) bool { return strings.HasPrefix(f, start) }) {
		t.Errorf("not reported: %s\nbut %d others, such as %v", start, len(found), found[:min(3, len(found))])
	}
}

func entWalkOf(w twins, do func(context.Context, func(context.Context, *ent.Client) error) error) entWalk {
	return entWalk{mine: w.a, theirs: w.b, all: unguarded(w.owner), do: do}
}

// through runs work as services do.
func through(s *store.Store) func(context.Context, func(context.Context, *ent.Client) error) error {
	return func(ctx context.Context, f func(context.Context, *ent.Client) error) error {
		return s.InTx(ctx, func(ctx context.Context) error { return f(ctx, s.Ent(ctx)) })
	}
}

// unguarded is a client without the store.
func unguarded(db *sql.DB) *ent.Client {
	return ent.NewClient(ent.Driver(entsql.OpenDB(dialect.Postgres, db)))
}

// opener opens bare pools of lib/pq.
func opener(t *testing.T) func(string) *sql.DB {
	return func(url string) *sql.DB {
		db, err := sql.Open("postgres", url)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
}

// systemEntities are those that work without a tenant may see.
var systemEntities = []string{"APIKey", "Attachment", "Brand", "BrandHost", "BrandLogo", "Channel", "CustomRole", "Message", "Number", "OptOut", "Reminder", "Session", "Tenant", "User"}

func TestSystemWorkSeesWhatItHasAPolicyFor(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	walk := entWalkOf(w, through(s))
	for _, entity := range entities() {
		for _, sc := range []scope.Scope{w.a, w.b} {
			var saw bool
			err := s.InTx(scope.System(t.Context(), "a test"), func(ctx context.Context) (err error) {
				saw, err = reads["Get"](ctx, clientOf(s.Ent(ctx), entity), idOf(walk.rowOf(ctx, entity, sc)))
				return err
			})
			if want := slices.Contains(systemEntities, entity); saw != want || want && err != nil {
				t.Errorf("%s: saw = %v (%v), want %v", entity, saw, err, want)
			}
		}
	}
}

// System work must say whose row it creates.
func TestSystemWorkCreatesNoOrphans(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	s := w.store(t)
	err := s.InTx(scope.System(t.Context(), "a test"), func(ctx context.Context) error {
		return s.Ent(ctx).Session.Create().SetUserID(id.New()).SetNonce([]byte{1}).
			SetRotatedAt(testkit.Start).SetExpiresAt(testkit.Start).Exec(ctx)
	})
	if err == nil || !strings.Contains(err.Error(), "without tenant_id") {
		t.Errorf("got %v", err)
	}
}

func TestChangesAreStampedByTheClock(t *testing.T) {
	t.Parallel()
	w := newTwins(t)
	clk := clock.NewManual(testkit.Start)
	s := testkit.Open(t, w.Database, clk)
	var made, changed *ent.Contact
	err := s.InTx(in(t.Context(), w.a), func(ctx context.Context) (err error) {
		if made, err = s.Ent(ctx).Contact.Create().SetName("Eve").Save(ctx); err != nil {
			return err
		}
		clk.Advance(time.Minute)
		changed, err = s.Ent(ctx).Contact.UpdateOne(made).SetName("Eva").Save(ctx)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if made.Version != 1 || !made.CreatedAt.Equal(testkit.Start) || !made.UpdatedAt.Equal(testkit.Start) {
		t.Errorf("made %+v", made)
	}
	if changed.Version != 2 || !changed.CreatedAt.Equal(testkit.Start) || !changed.UpdatedAt.Equal(testkit.Start.Add(time.Minute)) {
		t.Errorf("changed %+v", changed)
	}
}

// Covers D1-4 and D3-6: every node of a tree sees the nodes, the numbers and
// the holdings of its own subtree.
func TestEveryNodeSeesItsSubtree(t *testing.T) {
	t.Parallel()
	d := testkit.NewDatabase(t)
	owner := d.Owner(t)
	tree := growTree(t, owner, 3)
	s := testkit.Open(t, d, clock.NewManual(testkit.Start))
	for _, node := range tree {
		var want []string
		for _, other := range tree {
			if strings.HasPrefix(other.Path, node.Path) {
				want = append(want, other.Path)
			}
		}
		slices.Sort(want)
		for what, got := range subtreeOf(in(t.Context(), node), t, s) {
			slices.Sort(got)
			if !slices.Equal(got, want) {
				t.Errorf("%s of %s: %d, want %d", what, node.Path, len(got), len(want))
			}
		}
	}
}

// growTree makes an operator and three levels below it, three children each.
// Every node holds a number.
func growTree(t *testing.T, db *sql.DB, branches int) []scope.Scope {
	t.Helper()
	level := []scope.Scope{seedNode(t, db, scope.Scope{Path: "/"}, "operator", "Operator")}
	all := slices.Clone(level)
	for _, kind := range []string{"reseller_l1", "reseller_l2", "customer"} {
		var next []scope.Scope
		for _, parent := range level {
			for branch := range branches {
				next = append(next, seedNode(t, db, parent, kind, string(rune('a'+branch))))
			}
		}
		all, level = append(all, next...), next
	}
	for n, node := range all {
		seedNumber(t, db, node, fmt.Sprintf("+1202555%04d", n))
	}
	return all
}

// subtreeOf lists the paths that a node sees, by where it looks.
func subtreeOf(ctx context.Context, t *testing.T, s *store.Store) map[string][]string {
	t.Helper()
	seen := map[string][]string{}
	err := s.Read(ctx, func(ctx context.Context) error {
		for what, query := range map[string]string{
			"tenants by SQL":  "SELECT path FROM tenants",
			"numbers by SQL":  "SELECT holder_path FROM numbers",
			"holdings by SQL": "SELECT holder_path FROM number_holdings",
		} {
			paths, err := column(ctx, query)
			if err != nil {
				return err
			}
			seen[what] = paths
		}
		nodes, err := s.Ent(ctx).Tenant.Query().All(ctx)
		for _, node := range nodes {
			seen["tenants by ent"] = append(seen["tenants by ent"], node.Path)
		}
		numbers, err2 := s.Ent(ctx).Number.Query().All(ctx)
		for _, number := range numbers {
			seen["numbers by ent"] = append(seen["numbers by ent"], number.HolderPath)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Error(err)
	}
	return seen
}

func column(ctx context.Context, query string) (values []string, err error) {
	rows, err := store.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var value string
		if err := rows.Scan(&value); err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, rows.Err()
}
