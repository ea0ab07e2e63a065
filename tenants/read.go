package tenants

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Get returns a node of the scope's subtree. It fails with not_found for all
// others.
func (s *Service) Get(ctx context.Context, tenantID uuid.UUID) (Tenant, error) {
	var found Tenant
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.visible(ctx).Where(tenant.ID(tenantID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("tenant")
		}
		if err != nil {
			return fmt.Errorf("reading a tenant: %w", err)
		}
		found = show(ctx, row)
		return nil
	})
	return found, err
}

// Filter says which nodes a list holds. Zero values do not filter.
type Filter struct {
	// After is the Below of the node that the page before ended with.
	After *string
	// Limit is the greatest number of nodes to return.
	Limit int

	ParentID *uuid.UUID
	// Kind is any but KindSandbox where it is empty: twins are not in the way.
	Kind Kind
	// Statuses are those of Listed where there are none.
	Statuses []Status
	// NamePrefix is how the name begins, in capitals or not.
	NamePrefix string
}

// List returns nodes of the scope's subtree, its root among them, in the order
// of the tree: a node comes before what is below it, and siblings in the order
// of their creation. A page costs the same however large tree and subtree are,
// since the subtree is a range of the index that it is read from.
func (s *Service) List(ctx context.Context, f Filter) ([]Tenant, error) {
	if !searchable(f.NamePrefix) {
		return nil, nil // no name holds such characters
	}
	var found []Tenant
	err := s.store.Read(ctx, func(ctx context.Context) error {
		query, err := s.subtree(ctx, f)
		if err != nil {
			return err
		}
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if f.After != nil {
			query.Where(bytewise(tenant.FieldPath, ">", sc.Path+*f.After))
		}
		if f.ParentID != nil {
			query.Where(tenant.ParentID(*f.ParentID))
		}
		rows, err := query.Order(byBytes(tenant.FieldPath)).Limit(max(f.Limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing tenants: %w", err)
		}
		for _, row := range rows {
			shown := show(ctx, row)
			if f.ParentID != nil && shown.ParentID == nil {
				continue // the caller's own: who its parent is, is not told
			}
			shown.Below = strings.TrimPrefix(shown.Path, sc.Path)
			found = append(found, shown)
		}
		return nil
	})
	return found, err
}

// Place is where a node stands among the selectable ones.
type Place struct {
	Name string // as it is compared
	ID   uuid.UUID
}

// PlaceOf is the place of a node.
func PlaceOf(t Tenant) Place { return Place{nameKey(t.Name), t.ID} }

// Selectable returns the nodes that the caller may choose to work in, by name,
// behind a place. Those below his own are among them where below is set.
func (s *Service) Selectable(ctx context.Context, below bool, namePrefix string, after *Place, limit int) ([]Tenant, error) {
	if !searchable(namePrefix) {
		return nil, nil
	}
	r, _ := reachOf(ctx)
	r.Below = below
	ctx = WithReach(ctx, r)
	var found []Tenant
	err := s.store.Read(ctx, func(ctx context.Context) error {
		query, err := s.subtree(ctx, Filter{NamePrefix: namePrefix})
		if err != nil {
			return err
		}
		if after != nil {
			query.Where(behindPlace(*after))
		}
		rows, err := query.Order(byBytes(tenant.FieldNameKey), tenant.ByID()).Limit(max(limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing tenants: %w", err)
		}
		for _, row := range rows {
			found = append(found, show(ctx, row))
		}
		return nil
	})
	return found, err
}

func behindPlace(p Place) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString(`(`).Ident(s.C(tenant.FieldNameKey)).WriteString(` COLLATE "C", `).Ident(s.C(tenant.FieldID)).
				WriteString(`) > (`).Arg(p.Name).WriteString(`, `).Arg(p.ID).WriteString(`)`)
		}))
	}
}

// subtree begins a query of what the caller sees, as a range that an index
// serves.
func (s *Service) subtree(ctx context.Context, f Filter) (*ent.TenantQuery, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	query := s.visible(ctx)
	if !sc.IsSystem() {
		query.Where(bytewise(tenant.FieldPath, ">=", sc.Path), bytewise(tenant.FieldPath, "<", behind(sc.Path)))
	}
	if f.Kind != KindSandbox {
		query.Where(tenant.KindNEQ(tenant.KindSandbox))
	}
	if f.Kind != "" {
		query.Where(tenant.KindEQ(tenant.Kind(f.Kind)))
	}
	if prefix := nameKey(f.NamePrefix); prefix != "" {
		query.Where(bytewise(tenant.FieldNameKey, ">=", prefix), bytewise(tenant.FieldNameKey, "<", prefix+lastRune))
	}
	statuses := f.Statuses
	if len(statuses) == 0 {
		statuses = Listed()
	}
	var wanted []tenant.Status
	for _, status := range statuses {
		wanted = append(wanted, tenant.Status(status))
	}
	return query.Where(tenant.StatusIn(wanted...)), nil
}

// lastRune is greater than any character of a name.
const lastRune = "\U0010FFFF"

// bytewise compares a column byte by byte, as its index does.
func bytewise(column, operator, value string) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.Ident(s.C(column)).WriteString(` COLLATE "C" ` + operator + ` `).Arg(value)
		}))
	}
}

// byBytes orders by a column byte by byte.
func byBytes(column string) tenant.OrderOption {
	return func(s *entsql.Selector) { s.OrderExpr(entsql.Expr(s.C(column) + ` COLLATE "C"`)) }
}

// searchable refuses what PostgreSQL would not take for text.
func searchable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
