package tenants_test

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

func TestMove(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operator := home(t.Context(), b.operator, true)
	replica := tenants.New(b.store, b.log)
	if _, err := replica.Node(t.Context(), b.deep.ID); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Suspend(home(t.Context(), b.l2, true), b.deep.ID, "x"); err != nil {
		t.Fatal(err)
	}
	moved, err := b.Move(operator, b.l2.ID, b.other.ID)
	if err != nil {
		t.Fatal(err)
	}
	if moved.Path != b.other.Path+b.l2.ID.String()+"/" || *moved.ParentID != b.other.ID || moved.Version != 2 {
		t.Errorf("moved to %+v", moved)
	}
	b.clock.Advance(time.Second)
	for _, s := range []*tenants.Service{b.Service, replica} {
		if node, err := s.Node(t.Context(), b.deep.ID); err != nil || node.Path != moved.Path+b.deep.ID.String()+"/" {
			t.Errorf("below it: %+v, %v", node, err)
		}
	}
	// The old reseller sees it no more, the new one does, and what was decided
	// within the subtree is still undone from there.
	_, err = b.Get(home(t.Context(), b.l1, true), b.deep.ID)
	wantCode(t, err, fault.CodeNotFound)
	if _, err := b.Get(home(t.Context(), b.other, true), b.deep.ID); err != nil {
		t.Error(err)
	}
	if deep, err := b.Get(home(t.Context(), b.other, true), b.deep.ID); err != nil || deep.Version != 2 {
		t.Errorf("below it: %+v, %v", deep, err)
	}
	if _, err := b.Resume(home(t.Context(), moved, true), b.deep.ID); err != nil {
		t.Error(err)
	}
	published := b.log.count()
	if same, err := b.Move(operator, b.l2.ID, b.other.ID); err != nil || same.Version != 2 || b.log.count() != published {
		t.Errorf("moved to where it was: %+v, %v", same, err)
	}
}

func TestMoveRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	l1, operator := home(t.Context(), b.l1, true), home(t.Context(), b.operator, true)
	second := b.create(t, b.l1, tenants.KindResellerL2, "Third")
	b.create(t, second, tenants.KindCustomer, "DEEP")
	for name, c := range map[string]struct {
		move func() error
		code fault.Code
	}{
		"to another reseller, by a reseller": {func() error { _, err := b.Move(l1, b.customer.ID, b.other.ID); return err }, fault.CodeNotFound},
		"upward":                             {func() error { _, err := b.Move(l1, b.l2.ID, b.operator.ID); return err }, fault.CodeNotFound},
		"oneself":                            {func() error { _, err := b.Move(l1, b.l1.ID, b.l2.ID); return err }, fault.CodeForbidden},
		"another's":                          {func() error { _, err := b.Move(l1, b.foreign.ID, b.l1.ID); return err }, fault.CodeNotFound},
		"below itself":                       {func() error { _, err := b.Move(operator, b.l1.ID, b.l2.ID); return err }, fault.CodeWrongParent},
		"onto itself":                        {func() error { _, err := b.Move(operator, b.l1.ID, b.l1.ID); return err }, fault.CodeWrongParent},
		"below a customer":                   {func() error { _, err := b.Move(l1, b.deep.ID, b.customer.ID); return err }, fault.CodeWrongParent},
		"an L2 below an L2":                  {func() error { _, err := b.Move(l1, b.l2.ID, second.ID); return err }, fault.CodeWrongParent},
		"a customer below the operator":      {func() error { _, err := b.Move(operator, b.deep.ID, b.operator.ID); return err }, fault.CodeWrongParent},
		"the operator":                       {func() error { _, err := b.Move(in(t.Context(), b.operator), b.operator.ID, b.l1.ID); return err }, fault.CodeForbidden},
		"to where the name is taken":         {func() error { _, err := b.Move(l1, b.deep.ID, second.ID); return err }, fault.CodeNameTaken},
	} {
		t.Run(name, func(t *testing.T) { wantCode(t, c.move(), c.code) })
	}
}

// Moves that would together make a circle, or lose what is made meanwhile.
func TestConcurrentMovesKeepTheTree(t *testing.T) {
	t.Parallel()
	b := setup(t)
	operator := home(t.Context(), b.operator, true)
	second := b.create(t, b.other, tenants.KindResellerL2, "Third")
	var wg sync.WaitGroup
	for n := range 12 {
		wg.Go(func() {
			to := []tenants.Tenant{b.l1, b.other}[n%2]
			if _, err := b.Move(operator, b.l2.ID, to.ID); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			to := []tenants.Tenant{b.l2, second}[n%2]
			if _, err := b.Move(operator, b.deep.ID, to.ID); err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			_, err := b.Create(operator, tenants.NewTenant{
				ParentID: b.l2.ID, Kind: tenants.KindCustomer, Name: strings.Repeat("x", n+1),
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	all, err := b.List(operator, tenants.Filter{Limit: 100})
	if err != nil || len(all) != 8+12 {
		t.Fatalf("%d nodes, %v", len(all), err)
	}
	paths := map[string]string{}
	for _, n := range all {
		paths[n.ID.String()] = n.Path
	}
	for _, n := range all[1:] {
		if n.Path != paths[n.ParentID.String()]+n.ID.String()+"/" {
			t.Errorf("%s stands at %s, its parent at %s", n.Name, n.Path, paths[n.ParentID.String()])
		}
	}
}

// The database refuses what the program would have to be wrong to write.
func TestTheDatabaseKeepsTheShape(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, statement := range map[string]string{
		"customer below the operator": "UPDATE tenants SET parent_id = '" + b.operator.ID.String() + "', path = '" + b.operator.Path + b.deep.ID.String() + "/' WHERE id = '" + b.deep.ID.String() + "'",
		"a path without its parent":   "UPDATE tenants SET path = '" + b.operator.Path + b.deep.ID.String() + "/' WHERE id = '" + b.deep.ID.String() + "'",
		"a second root":               "UPDATE tenants SET parent_id = NULL WHERE id = '" + b.other.ID.String() + "'",
		"another kind":                "UPDATE tenants SET kind = 'customer' WHERE id = '" + b.l2.ID.String() + "'",
		"parted from those below":     "UPDATE tenants SET path = '" + b.other.Path + b.l2.ID.String() + "/', parent_id = '" + b.other.ID.String() + "' WHERE id = '" + b.l2.ID.String() + "'",
	} {
		t.Run(name, func(t *testing.T) {
			ctx := in(t.Context(), b.operator)
			err := b.store.InTx(ctx, func(txCtx context.Context) error {
				_, err := store.Exec(txCtx, statement)
				return err
			})
			if err == nil {
				t.Error("the database took it")
			}
		})
	}
}

// Every column that holds a place in the tree moves with the tree.
func TestMovesKnowEveryPath(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known := tenants.PathColumns()
	err := b.store.Read(in(t.Context(), b.operator), func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT c.relname || '.' || a.attname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT a.attisdropped
			  AND (a.attname = 'path' OR a.attname LIKE '%\_path')`)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var column string
			if err := rows.Scan(&column); err != nil {
				return err
			}
			if !slices.Contains(known, column) {
				t.Errorf("%s holds a place in the tree, and does not move with it", column)
			}
		}
		return rows.Err()
	})
	if err != nil {
		t.Fatal(err)
	}
}
