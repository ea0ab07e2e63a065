package identity

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// authority is how far an actor may go with the users of one tenant (D2-4).
type authority struct {
	// program is set for the program's own work, which nobody limits.
	program bool
	caller  Principal
	policy  *authz.Policy
	node    tenants.Tenant
}

// errNoPrincipal is a mistake of the program: somebody acts, and his rights are
// not known.
var errNoPrincipal = errors.New("identity: the context does not know whose rights count")

// authority reads who acts in the scope's tenant.
func (s *Service) authority(ctx context.Context) (authority, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return authority{}, err
	}
	a := authority{policy: s.cfg.Policy, program: sc.Actor.Kind == scope.ActorSystem && !sc.IsSystem()}
	if !a.program {
		caller, known := From(ctx)
		if !known || caller.Actor() != sc.Actor {
			return authority{}, errNoPrincipal
		}
		a.caller = caller
	}
	a.node, err = s.cfg.Tenants.Get(ctx, sc.TenantID)
	return a, err
}

// isPerson tells whether a user himself acts, signed in.
func (a authority) isPerson(userID uuid.UUID) bool {
	return !a.program && a.caller.Kind == scope.ActorUser && a.caller.UserID == userID
}

// isSelf is isPerson, or a key of the user's.
func (a authority) isSelf(userID uuid.UUID) bool { return !a.program && a.caller.UserID == userID }

// mayGive fails with role_not_assignable where the actor may not make somebody
// a role here, and with forbidden where he may not manage users at all.
func (a authority) mayGive(role authz.Role) error {
	if role == authz.Operator && a.node.Kind != tenants.KindOperator {
		return cannotGive(role)
	}
	if a.program {
		return nil
	}
	if !a.caller.May(a.policy, authz.UsersWrite, a.node.Path) {
		return lacks(authz.UsersWrite)
	}
	given := grantAt(a.node.Kind, a.node.Path, role)
	if !slices.ContainsFunc(a.caller.Grants, func(g authz.Grant) bool { return isWithin(given, g) }) ||
		!a.keyCovers(given.Role) {
		return cannotGive(role)
	}
	return nil
}

// mayChange is mayGive for the role that a user has: whoever changes a user, or
// his password, could act as he does.
func (a authority) mayChange(target *ent.User) error { return a.mayGive(authz.Role(target.Role)) }

// isWithin tells whether the holder of one grant may give another.
func isWithin(given, own authz.Grant) bool {
	if !strings.HasPrefix(given.Path, own.Path) {
		return false
	}
	switch own.Role {
	case authz.Operator:
		return true
	case authz.ResellerAdmin:
		return given.Role != authz.Operator
	case authz.TenantAdmin:
		return given.Path == own.Path && given.Role != authz.Operator && given.Role != authz.ResellerAdmin
	default:
		return false
	}
}

// keyCovers keeps a narrow key from making a wide user: it gives a role only if
// it holds each permission of the role that its creator could have put into it.
func (a authority) keyCovers(role authz.Role) bool {
	if a.caller.Kind != scope.ActorKey {
		return true
	}
	creator := a.caller
	creator.Kind = scope.ActorUser
	for _, permission := range a.policy.PermissionsOf(role) {
		if creator.May(a.policy, permission, a.caller.Path) && !slices.Contains(a.caller.Permissions, permission) {
			return false
		}
	}
	return true
}

func cannotGive(role authz.Role) error {
	return fault.New(fault.Forbidden, fault.CodeRoleTooHigh,
		"This caller cannot make somebody %s here, nor change who is.", role).
		At("body.role", "is beyond what the caller may give")
}

func lacks(permission authz.Permission) error {
	return fault.New(fault.Forbidden, fault.CodeForbidden, "This needs the permission %s.", permission)
}
