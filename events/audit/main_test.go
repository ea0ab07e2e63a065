package audit_test

import (
	"context"
	"database/sql"
	"os"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/events/audit"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// keys are the one that signs and the one before it.
var keys = [][]byte{[]byte("the present key of the test, long"), []byte("the one before it, just as long..")}

// world is a reseller with two customers, and their log.
type world struct {
	*audit.Chain
	trail    *audit.Trail
	log      *events.Log
	clock    *clock.Manual
	database testkit.Database
	store    *store.Store
	owner    *sql.DB
	tree     *tenants.Service

	operator, reseller, customer, other tenants.Tenant
}

func setup(t *testing.T) *world {
	t.Helper()
	w := &world{clock: clock.NewManual(testkit.Start), database: testkit.NewDatabase(t)}
	w.store = testkit.Open(t, w.database, w.clock)
	w.owner = w.database.Owner(t)
	w.log = events.New(w.store)
	w.trail = w.log.Trail()
	w.Chain = audit.NewChain(w.trail, keys)
	w.tree = tenants.New(w.store, w.log)
	var err error
	if w.operator, err = w.tree.CreateOperator(scope.System(t.Context(), "test"), "Operator"); err != nil {
		t.Fatal(err)
	}
	w.reseller = w.create(t, w.operator, tenants.KindResellerL1, "Reseller")
	w.customer = w.create(t, w.reseller, tenants.KindCustomer, "Customer")
	w.other = w.create(t, w.reseller, tenants.KindCustomer, "Other")
	return w
}

func (w *world) create(t *testing.T, parent tenants.Tenant, kind tenants.Kind, name string) tenants.Tenant {
	t.Helper()
	made, err := w.tree.Create(in(t.Context(), parent), tenants.NewTenant{ParentID: parent.ID, Kind: kind, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

var somebody = uuid.MustParse("0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00")

// in is a context in which somebody works in a tenant.
func in(ctx context.Context, at tenants.Tenant) context.Context {
	return scope.With(ctx, scope.Scope{
		TenantID: at.ID, Path: at.Path, Actor: scope.Actor{Kind: scope.ActorUser, ID: somebody},
	})
}

// happen writes n administrative events of a tenant.
func (w *world) happen(t *testing.T, at tenants.Tenant, n int) {
	t.Helper()
	ctx := in(t.Context(), at)
	for i := range n {
		err := w.store.InTx(ctx, func(ctx context.Context) error {
			return w.log.Publish(ctx, "channel.updated", "channel", uuid.New(), events.Change{
				Data: map[string]int{"n": i}, Before: map[string]int{"n": i - 1}, After: map[string]int{"n": i},
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// tamper works as the owner of the database does, past every wall.
func (w *world) tamper(t *testing.T, statement string, args ...any) {
	t.Helper()
	if _, err := w.owner.Exec(statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (w *world) drain(t *testing.T) {
	t.Helper()
	if err := w.Drain(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (w *world) verify(t *testing.T, tenantID uuid.UUID, anchors ...audit.Anchor) audit.Report {
	t.Helper()
	r, err := w.Verify(t.Context(), tenantID, anchors)
	if err != nil {
		t.Fatal(err)
	}
	return r
}
