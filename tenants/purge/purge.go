// Package purge removes what a deleted tenant leaves behind when its grace is
// over: its numbers go to the tenant above, its files and rows go for good. It
// never decides that a tenant goes; that is the tree's business.
package purge

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Config is what a Service needs.
type Config struct {
	Store   *store.Store
	Tenants *tenants.Service
	// Numbers returns what the scope's tenant holds to the tenant above it.
	Numbers func(ctx context.Context) error
	// Files erases the files of a tenant.
	Files func(ctx context.Context, tenantID uuid.UUID) error
}

// Service purges tenants. It is safe for concurrent use.
type Service struct{ Config }

// New makes the service.
func New(c Config) *Service { return &Service{c} }

const (
	// batch is how many rows one transaction deletes: locks are held shortly.
	batch = 500
	// batches is how many of them one run makes, so that it ends before its lease.
	batches = 20
)

// HandleDue goes on with a purge that is due, under the scope of its tenant. It
// can be killed anywhere and run twice: every step finds what is left to do.
func (s *Service) HandleDue(ctx context.Context, purgeID uuid.UUID) error {
	begun, err := s.Tenants.BeginPurge(ctx, purgeID)
	if err != nil || !begun {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	if err := s.Numbers(ctx); err != nil {
		return fmt.Errorf("returning the numbers of a tenant: %w", err)
	}
	if err := s.Files(ctx, sc.TenantID); err != nil {
		return fmt.Errorf("erasing the files of a tenant: %w", err)
	}
	done, err := s.deleteRows(ctx, sc.TenantID)
	if err != nil {
		return fmt.Errorf("deleting the rows of a tenant: %w", err)
	}
	if !done {
		return s.Tenants.GoOnPurging(ctx, purgeID)
	}
	return s.Tenants.Bury(ctx, purgeID)
}

// deleteRows deletes a bounded number of rows and tells whether none is left.
func (s *Service) deleteRows(ctx context.Context, tenantID uuid.UUID) (done bool, err error) {
	ctx = scope.System(ctx, "purging a deleted tenant")
	tables, err := s.tables(ctx)
	if err != nil {
		return false, err
	}
	left := batches
	for _, t := range tables {
		for {
			if left == 0 {
				return false, nil
			}
			n, err := s.deleteBatch(ctx, t, tenantID)
			if err != nil {
				return false, fmt.Errorf("%s: %w", t.name, err)
			}
			if n == 0 {
				break
			}
			left--
		}
	}
	return true, nil
}

// deleteBatch deletes the youngest rows first: a row may point at an older one
// of its own table.
func (s *Service) deleteBatch(ctx context.Context, t table, tenantID uuid.UUID) (deleted int64, err error) {
	statement := fmt.Sprintf(`DELETE FROM %s WHERE tenant_id = $1`, t.name)
	if t.hasID {
		statement += fmt.Sprintf(` AND id IN (SELECT id FROM %s WHERE tenant_id = $1 ORDER BY id DESC LIMIT %d)`, t.name, batch)
	}
	err = s.Store.InTx(ctx, func(ctx context.Context) error {
		result, err := store.Exec(ctx, statement, tenantID)
		if err != nil {
			return err
		}
		deleted, err = result.RowsAffected()
		return err
	})
	return deleted, err
}
