package numbers

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/number"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Views of a tenant's numbers (decisions C-04).
const (
	// Mine are those that the tenant holds itself.
	Mine = "mine"
	// Shared are those that it has handed down, to a child or further.
	Shared = "shared"
	// All are both.
	All = "all"
)

// Filter chooses numbers; empty fields choose all.
type Filter struct {
	View string
	// Address in full, AddressPrefix from its start.
	Address, AddressPrefix string
	Provider               string
	HolderID               uuid.UUID
	// Status is empty for all that are in the inventory still.
	Status string
}

// visible begins a query of the numbers that the caller may see: those of the
// scope's subtree, or of his own tenant alone where his permission ends there.
func (s *Service) visible(ctx context.Context) *ent.NumberQuery {
	q := s.store.Ent(ctx).Number.Query()
	if path, own := tenants.OwnNodeOnly(ctx); own {
		q.Where(number.HolderPath(path))
	}
	return q
}

// holder finds a tenant of the same reach that may hold a number: a sandbox may
// not. Faults: ent's not found.
func (s *Service) holder(ctx context.Context, tenantID uuid.UUID) (*ent.Tenant, error) {
	q := s.store.Ent(ctx).Tenant.Query().Where(tenant.ID(tenantID), tenant.KindNEQ(tenant.KindSandbox))
	if path, own := tenants.OwnNodeOnly(ctx); own {
		q.Where(tenant.Path(path))
	}
	return q.Only(ctx)
}

// List returns numbers behind a given id, oldest first.
func (s *Service) List(ctx context.Context, f Filter, after uuid.UUID, limit int) ([]Number, error) {
	var out []Number
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		q := s.visible(ctx).Where(number.IDGT(after))
		f.narrow(q, sc)
		rows, err := q.Order(ent.Asc(number.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, s.view(sc, row))
		}
		return err
	})
	return out, err
}

func (f Filter) narrow(q *ent.NumberQuery, sc scope.Scope) {
	switch f.View {
	case Mine:
		q.Where(number.HolderID(sc.TenantID))
	case Shared:
		q.Where(number.HolderIDNEQ(sc.TenantID))
	}
	if f.Address != "" {
		q.Where(number.Address(f.Address))
	}
	if f.AddressPrefix != "" {
		q.Where(number.AddressHasPrefix(f.AddressPrefix))
	}
	if f.Provider != "" {
		q.Where(number.Provider(f.Provider))
	}
	if f.HolderID != uuid.Nil {
		q.Where(number.HolderID(f.HolderID))
	}
	if f.Status != "" {
		q.Where(number.StatusEQ(number.Status(f.Status)))
	} else {
		q.Where(number.StatusNEQ(number.StatusRetired))
	}
}

// Holding is a stretch of time in which a tenant held a number.
type Holding struct {
	ID       uuid.UUID
	HolderID uuid.UUID
	// Cause is how it began: added, assigned, reclaimed or returned.
	Cause     string
	StartedAt time.Time
	EndedAt   *time.Time
}

// History returns who held a number, the latest first, behind a given id. It
// tells of the scope's subtree alone: who held it elsewhere is not named.
// Faults: CodeNotFound.
func (s *Service) History(ctx context.Context, numberID, after uuid.UUID, limit int) ([]Holding, error) {
	var out []Holding
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		known, err := s.visible(ctx).Where(number.ID(numberID)).Exist(ctx)
		if err != nil {
			return err
		}
		if !known {
			return fault.Missing("number")
		}
		if after == uuid.Nil {
			after = uuid.Max
		}
		_, own := tenants.OwnNodeOnly(ctx)
		out, err = holdings(ctx, sc, own, numberID, after, limit)
		return err
	})
	return out, err
}

func holdings(ctx context.Context, sc scope.Scope, own bool, numberID, after uuid.UUID, limit int) (out []Holding, err error) {
	rows, err := store.Query(ctx, `
		SELECT id, holder_id, cause, started_at, ended_at FROM number_holdings
		WHERE number_id = $1 AND starts_with(holder_path, $2) AND id < $3 AND (NOT $5 OR holder_path = $2)
		ORDER BY id DESC LIMIT $4`, numberID, sc.Path, after, limit, own)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var h Holding
		if err := rows.Scan(&h.ID, &h.HolderID, &h.Cause, &h.StartedAt, &h.EndedAt); err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, rows.Err()
}
