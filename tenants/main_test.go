package tenants_test

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// bundle is a tree of every kind, in two branches:
//
//	operator ─ l1 ─ l2 ─ deep
//	         │    └ customer
//	         └ other ─ foreign
type bundle struct {
	*tenants.Service
	clock *clock.Manual
	store *store.Store
	log   *recorder

	operator, l1, l2, deep, customer, other, foreign tenants.Tenant
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{clock: clock.NewManual(testkit.Start), log: &recorder{}}
	b.store = testkit.OpenStore(t, b.clock)
	b.Service = tenants.New(b.store, b.log)
	var err error
	if b.operator, err = b.CreateOperator(scope.System(t.Context(), "test"), "Operator"); err != nil {
		t.Fatal(err)
	}
	b.l1 = b.create(t, b.operator, tenants.KindResellerL1, "First")
	b.l2 = b.create(t, b.l1, tenants.KindResellerL2, "Second")
	b.deep = b.create(t, b.l2, tenants.KindCustomer, "Deep")
	b.customer = b.create(t, b.l1, tenants.KindCustomer, "Customer")
	b.other = b.create(t, b.operator, tenants.KindResellerL1, "Other")
	b.foreign = b.create(t, b.other, tenants.KindCustomer, "Foreign")
	return b
}

func (b *bundle) create(t *testing.T, parent tenants.Tenant, kind tenants.Kind, name string) tenants.Tenant {
	t.Helper()
	made, err := b.Create(in(t.Context(), parent), tenants.NewTenant{ParentID: parent.ID, Kind: kind, Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// in is a context that works in a tenant.
func in(ctx context.Context, at tenants.Tenant) context.Context {
	return scope.With(ctx, scope.Scope{
		TenantID: at.ID, Path: at.Path, Actor: scope.Actor{Kind: scope.ActorUser, ID: uuid.New()},
	})
}

// home is in for a caller who belongs to the tenant.
func home(ctx context.Context, at tenants.Tenant, below bool) context.Context {
	return tenants.WithReach(in(ctx, at), tenants.Reach{Home: at.Path, Below: below})
}

func wantCode(t *testing.T, err error, code fault.Code, locations ...string) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Code != code {
		t.Errorf("got %v, want the fault %s", err, code)
		return
	}
	for i, location := range locations {
		if i >= len(f.Fields) || f.Fields[i].Location != location {
			t.Errorf("fields %+v, want them at %q", f.Fields, locations)
			return
		}
	}
}

// recorder is a log that keeps what it is told.
type recorder struct {
	mu     sync.Mutex
	events []event
}

type event struct {
	kind   string
	object uuid.UUID
	tenant uuid.UUID
	data   any
}

func (r *recorder) Publish(ctx context.Context, kind, _ string, object uuid.UUID, data any) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.events = append(r.events, event{kind, object, sc.TenantID, data})
	return nil
}

func (r *recorder) last() event {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.events) == 0 {
		return event{}
	}
	return r.events[len(r.events)-1]
}

func (r *recorder) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.events)
}
