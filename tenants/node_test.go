package tenants_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

func TestSuspensionCascadesWithinASecond(t *testing.T) {
	t.Parallel()
	b := setup(t)
	replica := tenants.New(b.store, b.log)
	setStatus := func(status tenants.Status) {
		t.Helper()
		if _, err := b.Update(in(t.Context(), b.operator), b.l1.ID, tenants.Change{Status: &status}, nil); err != nil {
			t.Fatal(err)
		}
	}
	status := func(s *tenants.Service, id uuid.UUID) tenants.Status {
		t.Helper()
		n, err := s.Node(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		return n.Status
	}

	for _, id := range []uuid.UUID{b.deep.ID, b.l1.ID, b.operator.ID, b.foreign.ID} {
		if got := status(replica, id); got != tenants.StatusActive {
			t.Fatalf("before: %s", got)
		}
	}
	setStatus(tenants.StatusSuspended)
	if got := status(b.Service, b.deep.ID); got != tenants.StatusSuspended {
		t.Errorf("where it was changed: %s", got)
	}
	b.clock.Advance(449 * time.Millisecond)
	if got := status(replica, b.deep.ID); got != tenants.StatusActive {
		t.Errorf("the replica read again too soon: %s", got)
	}
	b.clock.Advance(time.Millisecond)
	for id, want := range map[uuid.UUID]tenants.Status{
		b.l1.ID: tenants.StatusSuspended, b.deep.ID: tenants.StatusSuspended,
		b.operator.ID: tenants.StatusActive, b.foreign.ID: tenants.StatusActive,
	} {
		if got := status(replica, id); got != want {
			t.Errorf("after its time: %s, want %s", got, want)
		}
	}
	setStatus(tenants.StatusActive)
	b.clock.Advance(time.Second)
	if got := status(replica, b.deep.ID); got != tenants.StatusActive {
		t.Errorf("afterwards: %s", got)
	}
}

func TestNodeOfNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 2 { // read, and remembered
		_, err := b.Node(t.Context(), uuid.Nil)
		wantCode(t, err, fault.CodeNotFound)
	}
	if _, err := b.ReadNode(in(t.Context(), b.l1), b.l1.ID); err == nil {
		t.Error("a tenant's own work saw the nodes above")
	}
}

func TestScopeFor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	actor := scope.Actor{Kind: scope.ActorProvider}
	got, err := b.ScopeFor(t.Context(), b.deep.ID, actor)
	if want := (scope.Scope{TenantID: b.deep.ID, Path: b.deep.Path, Actor: actor}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	_, err = b.ScopeFor(t.Context(), uuid.New(), actor)
	wantCode(t, err, fault.CodeNotFound)
}
