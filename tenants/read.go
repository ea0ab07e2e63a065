package tenants

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
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
	// After is the id that the page before ended with.
	After *uuid.UUID
	// Limit is the greatest number of nodes to return.
	Limit int

	ParentID *uuid.UUID
	Kind     Kind
	// NamePrefix is how the name begins, in capitals or not.
	NamePrefix string
}

// List returns nodes of the scope's subtree, its root among them, in the order
// of their ids, which is that of their creation.
func (s *Service) List(ctx context.Context, f Filter) ([]Tenant, error) {
	if !searchable(f.NamePrefix) {
		return nil, nil // no name holds such characters
	}
	var found []Tenant
	err := s.store.Read(ctx, func(ctx context.Context) error {
		query := s.visible(ctx)
		if f.After != nil {
			query.Where(tenant.IDGT(*f.After))
		}
		if f.ParentID != nil {
			query.Where(tenant.ParentID(*f.ParentID))
		}
		if f.Kind != "" {
			query.Where(tenant.KindEQ(tenant.Kind(f.Kind)))
		}
		if f.NamePrefix != "" {
			query.Where(entsql.FieldHasPrefixFold(tenant.FieldName, f.NamePrefix))
		}
		rows, err := query.Order(tenant.ByID()).Limit(max(f.Limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing tenants: %w", err)
		}
		for _, row := range rows {
			shown := show(ctx, row)
			if f.ParentID != nil && shown.ParentID == nil {
				continue // the caller's own: who its parent is, is not told
			}
			found = append(found, shown)
		}
		return nil
	})
	return found, err
}

// searchable refuses what PostgreSQL would not take for text.
func searchable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }
