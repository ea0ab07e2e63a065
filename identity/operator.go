package identity

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// CreateOperatorStaff makes a user with the role operator in the operator's
// tenant. It serves the command line, where whoever can reach the database is
// allowed to. It fails like CreateUser, and with not_found where the tenant is
// not the operator.
func (s *Service) CreateOperatorStaff(ctx context.Context, tenantID uuid.UUID, login, name, password string) (User, error) {
	node, err := s.cfg.Tenants.Node(ctx, tenantID)
	if err != nil {
		return User{}, err
	}
	if node.Kind != tenants.KindOperator {
		return User{}, fault.Missing("operator")
	}
	ctx = scope.With(ctx, scope.Scope{
		TenantID: node.ID, Path: node.Path, Actor: scope.Actor{Kind: scope.ActorSystem},
	})
	return s.CreateUser(ctx, NewUser{Login: login, Name: name, Role: authz.Operator, Password: password})
}
