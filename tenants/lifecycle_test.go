package tenants_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// Every state with every action.
func TestTheLifeOfANode(t *testing.T) {
	t.Parallel()
	want := map[string]tenants.Status{
		"active suspend": tenants.StatusSuspended, "suspended resume": tenants.StatusActive,
		"active archive": tenants.StatusArchived, "suspended archive": tenants.StatusArchived,
		"archived restore": tenants.StatusActive, "deleted restore": tenants.StatusActive,
		"active delete": tenants.StatusDeleted, "suspended delete": tenants.StatusDeleted, "archived delete": tenants.StatusDeleted,
		"deleted purge": tenants.StatusPurged,
	}
	for _, from := range tenants.Statuses() {
		for _, action := range tenants.Actions() {
			pair := fmt.Sprintf("%s %s", from, action)
			got, ok := from.After(action)
			if to, possible := want[pair]; ok != possible || got != to {
				t.Errorf("%s: %s, %t", pair, got, ok)
			}
		}
	}
}

func TestLifecycle(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := home(t.Context(), b.l1, true)
	must := func(got tenants.Tenant, err error) tenants.Tenant {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	fails := func(code fault.Code) func(tenants.Tenant, error) {
		return func(_ tenants.Tenant, err error) {
			t.Helper()
			wantCode(t, err, code)
		}
	}

	suspended := must(b.Suspend(ctx, b.l2.ID, " unpaid "))
	if suspended.Status != tenants.StatusSuspended || suspended.SuspendedReason != "unpaid" || !suspended.SuspendedAt.Equal(b.clock.Now()) {
		t.Errorf("suspended %+v", suspended)
	}
	if e := b.log.last(); e.kind != "tenant.suspended" || e.object != b.l2.ID {
		t.Errorf("published %+v", e)
	}
	fails(fault.CodeWrongState)(b.Suspend(ctx, b.l2.ID, "again"))
	fails(fault.CodeInvalid)(b.Suspend(ctx, b.customer.ID, "  "))
	fails(fault.CodeWrongState)(b.Restore(ctx, b.l2.ID))
	// What was suspended before is suspended when it comes back.
	archived := must(b.Archive(ctx, b.l2.ID))
	if archived.Status != tenants.StatusArchived || archived.ArchivedAt == nil {
		t.Errorf("archived %+v", archived)
	}
	if node, err := b.Node(t.Context(), b.deep.ID); err != nil || node.Status != tenants.StatusArchived || !node.Suspended() {
		t.Errorf("below it: %+v, %v", node, err)
	}
	fails(fault.CodeWrongState)(b.Resume(ctx, b.l2.ID))
	_, err := b.Create(ctx, tenants.NewTenant{ParentID: b.l2.ID, Kind: tenants.KindCustomer, Name: "Late"})
	wantCode(t, err, fault.CodeWrongState, "body.parent_id")
	if back := must(b.Restore(ctx, b.l2.ID)); back.Status != tenants.StatusSuspended || back.SuspendedReason != "unpaid" || back.ArchivedAt != nil {
		t.Errorf("restored %+v", back)
	}
	if back := must(b.Resume(ctx, b.l2.ID)); back.Status != tenants.StatusActive || back.SuspendedAt != nil || back.SuspendedReason != "" {
		t.Errorf("resumed %+v", back)
	}

	// From below to above, and back from above to below.
	fails(fault.CodeConflict)(b.Delete(ctx, b.l2.ID, nil))
	deleted := must(b.Delete(ctx, b.deep.ID, nil))
	if deleted.Status != tenants.StatusDeleted || !deleted.PurgeAt.Equal(b.clock.Now().Add(30*24*time.Hour)) {
		t.Errorf("deleted %+v", deleted)
	}
	must(b.Delete(ctx, b.l2.ID, nil))
	fails(fault.CodeConflict)(b.Restore(ctx, b.deep.ID))
	must(b.Restore(ctx, b.l2.ID))
	must(b.Restore(ctx, b.deep.ID))
	must(b.Delete(ctx, b.deep.ID, nil))
	name := "Renamed"
	_, err = b.Update(ctx, b.deep.ID, tenants.Change{Name: &name}, nil)
	wantCode(t, err, fault.CodeWrongState)
	b.clock.Advance(30 * 24 * time.Hour)
	fails(fault.CodeWrongState)(b.Restore(ctx, b.deep.ID))
}

// What was decided higher up is not undone from below, and nobody decides about
// himself or about what is above him.
func TestTheStateIsChangedFromAbove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	high, low := home(t.Context(), b.l1, true), home(t.Context(), b.l2, true)
	if _, err := b.Suspend(high, b.deep.ID, "abuse"); err != nil {
		t.Fatal(err)
	}
	_, err := b.Resume(low, b.deep.ID)
	wantCode(t, err, fault.CodeForbidden)
	if _, err := b.Archive(low, b.deep.ID); err != nil {
		t.Fatal(err)
	}
	if back, err := b.Restore(low, b.deep.ID); err != nil || back.Status != tenants.StatusSuspended {
		t.Errorf("archiving and restoring made %+v, %v", back, err)
	}
	if _, err := b.Archive(high, b.deep.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Delete(low, b.deep.ID, nil); err != nil {
		t.Fatal(err)
	}
	_, err = b.Restore(low, b.deep.ID)
	wantCode(t, err, fault.CodeForbidden)
	if back, err := b.Restore(high, b.deep.ID); err != nil || back.Status != tenants.StatusSuspended {
		t.Errorf("restored %+v, %v", back, err)
	}
	for name, act := range map[string]func(tenants.Tenant) error{
		"suspend": func(at tenants.Tenant) error { _, err := b.Suspend(low, at.ID, "x"); return err },
		"archive": func(at tenants.Tenant) error { _, err := b.Archive(low, at.ID); return err },
		"delete":  func(at tenants.Tenant) error { _, err := b.Delete(low, at.ID, nil); return err },
		"move":    func(at tenants.Tenant) error { _, err := b.Move(low, at.ID, b.l2.ID); return err },
	} {
		t.Run(name, func(t *testing.T) {
			wantCode(t, act(b.l2), fault.CodeForbidden)
			for _, beyond := range []tenants.Tenant{b.l1, b.operator, b.customer, b.foreign} {
				wantCode(t, act(beyond), fault.CodeNotFound)
			}
		})
	}
	_, err = b.Archive(in(t.Context(), b.operator), b.operator.ID)
	wantCode(t, err, fault.CodeForbidden)
}

func TestNamesAreComparedWithoutCapitals(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := home(t.Context(), b.l1, true)
	b.create(t, b.l1, tenants.KindCustomer, "Café Straße")
	for _, name := range []string{"CAFÉ STRASSE", "cafe\u0301 straße", " Café Straße "} {
		_, err := b.Create(ctx, tenants.NewTenant{ParentID: b.l1.ID, Kind: tenants.KindCustomer, Name: name})
		wantCode(t, err, fault.CodeNameTaken, "body.name")
		_, err = b.Update(ctx, b.customer.ID, tenants.Change{Name: &name}, nil)
		wantCode(t, err, fault.CodeNameTaken, "body.name")
	}
	shout := "CUSTOMER"
	if renamed, err := b.Update(ctx, b.customer.ID, tenants.Change{Name: &shout}, nil); err != nil || renamed.Name != shout {
		t.Errorf("own name in capitals: %+v, %v", renamed, err)
	}
}
