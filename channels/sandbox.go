package channels

import (
	"context"
	"fmt"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent/tenant"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants/scope"
)

// fitsSandbox refuses every carrier but the built-in one where the scope's
// tenant is a sandbox: no call leaves from there. A trigger in the database
// stands behind it.
func (s *Service) fitsSandbox(ctx context.Context, name provider.Name) error {
	if name == provider.Sandbox {
		return nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	inside, err := s.store.Ent(ctx).Tenant.Query().
		Where(tenant.ID(sc.TenantID), tenant.KindEQ(tenant.KindSandbox)).Exist(ctx)
	if err != nil {
		return fmt.Errorf("asking whether a tenant is a sandbox: %w", err)
	}
	if inside {
		return fault.InvalidField(fault.CodeInvalid, "body.provider", "must be sandbox: a sandbox reaches no carrier", string(name))
	}
	return nil
}
