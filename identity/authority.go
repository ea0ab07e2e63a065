package identity

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// authority is how far an actor may go with the users of one tenant (D2-4).
// One rule holds for everything that gives rights, be it by a role, a custom
// role, a single permission, a password or a restored account: nobody gives
// what he does not have himself.
type authority struct {
	// program is set for the program's own work, which nobody limits.
	program bool
	caller  Principal
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
	a := authority{program: sc.Actor.Kind == scope.ActorSystem && !sc.IsSystem()}
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
// what a holding amounts to here, and with forbidden where he may not manage
// users at all.
func (s *Service) mayGive(a authority, h holding) error {
	if h.role == authz.Operator && a.node.Kind != tenants.KindOperator {
		return cannotGive(h.role)
	}
	if a.program {
		return nil
	}
	if !a.caller.May(authz.UsersWrite, a.node.Path) {
		return lacks(authz.UsersWrite)
	}
	if !a.reaches(h.role) || !a.covers(s.rights(h, a.node.Kind, a.node.Path)) {
		return cannotGive(h.role)
	}
	return nil
}

// reaches tells whether the caller's permissions are about as much as they
// would be with a role: who sees only what is his own makes nobody who sees
// everything, whatever is denied to that one, and a key that is kept to some
// channels makes nobody, because people are kept to none.
func (a authority) reaches(role authz.Role) bool {
	return len(a.caller.Limits.ChannelIDs) == 0 && (role.OwnOnly() || !a.caller.Role.OwnOnly())
}

// mayChange is mayGive for what a user has: whoever changes a user, or his
// password, could act as he does.
func (s *Service) mayChange(ctx context.Context, a authority, target *ent.User) error {
	h, err := s.holdingOf(ctx, target)
	if err != nil {
		return err
	}
	return s.mayGive(a, h)
}

// covers tells whether the caller has all that he would give at the node.
// Administration he needs himself. Content he needs where he is at home; whoever
// administers a tenant from above has none of its content, and still provides
// it with people who have.
func (a authority) covers(given authz.Rights) bool {
	own := a.caller.Rights
	if !own.At(given.Path).Holds(given.Here.Administrative()) || !own.Below.Holds(given.Below) {
		return false
	}
	content := given.Here.Without(given.Here.Administrative())
	if a.caller.Kind == scope.ActorKey {
		// What its creator could have put into the key and did not.
		return own.Here.Holds(content.And(a.caller.creator.At(a.caller.Path)))
	}
	fromAbove := given.Path != a.caller.Path || a.caller.Role == authz.Operator
	return fromAbove || own.Here.Holds(content)
}

func cannotGive(role authz.Role) error {
	return fault.New(fault.Forbidden, fault.CodeRoleTooHigh,
		"This caller cannot make somebody %s here, nor change who is.", role).
		At("body.role", "is beyond what the caller may give")
}

func lacks(permission authz.Permission) error {
	return fault.New(fault.Forbidden, fault.CodeForbidden, "This needs the permission %s.", permission)
}
