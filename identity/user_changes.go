package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// UserChange holds the new values of a user; nil leaves a value as it is.
type UserChange struct {
	Name *string
	Kind *UserKind
	// Status switches a user off and on again.
	Status *UserStatus
	// Role takes a custom role away, unless that is given in the same change.
	Role *authz.Role
	// CustomRoleID is a role of the tenant's own, whose base becomes the role;
	// uuid.Nil goes back to the role alone.
	CustomRoleID *uuid.UUID
	// Denied and Granted replace what this person has less and more than the role.
	Denied, Granted *[]authz.Permission
	Profile         Profile
	// Tools say what the person is shown.
	Tools ToolsChange
}

// ofRights tells whether the change is about what the person may do.
func (c UserChange) ofRights() bool {
	return c.Role != nil || c.CustomRoleID != nil || c.Denied != nil || c.Granted != nil
}

// UpdateUser changes a user of the scope's tenant. The version that it finds
// must pass the check, where there is one; nil passes all. A new role ends the
// user's sessions, and so does disabling him.
//
// It fails with what the check says, not_found, validation_failed, with
// role_not_assignable where the present or the new role is more than the caller
// may give, with forbidden where somebody would change his own role or status,
// with quota_exceeded where no seat is left for one who is brought back, with
// conflict where the tenant would be left without an administrator, with
// wrong_state where the present status does not allow it, and with
// internal_number_taken.
func (s *Service) UpdateUser(ctx context.Context, userID uuid.UUID, c UserChange, check func(version int64) error) (User, error) {
	c, err := s.cleanChange(ctx, c)
	if err != nil {
		return User{}, err
	}
	var updated User
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		if c.ofRights() || c.Status != nil {
			// Two administrators who demote each other at the same moment would
			// both find one left. The locks make them take turns.
			if err := s.lockAdministrators(ctx); err != nil {
				return err
			}
		}
		a, present, err := s.lockTarget(ctx, userID)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		if err := s.applyToUser(ctx, a, present, c); err != nil {
			return err
		}
		updated, err = s.GetUser(ctx, userID)
		return err
	})
	return updated, err
}

// UpdateMe changes what describes the signed-in user, in his home's scope. It
// fails like UpdateUser, and with forbidden for keys.
func (s *Service) UpdateMe(ctx context.Context, name *string, p Profile) (User, error) {
	caller, err := signedInPerson(ctx)
	if err != nil {
		return User{}, err
	}
	return s.UpdateUser(ctx, caller.UserID, UserChange{Name: name, Profile: p}, nil)
}

// signedInPerson is the caller, who must not be a key, nor act elsewhere: what is
// his own is at home.
func signedInPerson(ctx context.Context) (Principal, error) {
	caller, known := From(ctx)
	switch {
	case !known:
		return Principal{}, errNoPrincipal
	case caller.Kind != scope.ActorUser:
		return Principal{}, fault.New(fault.Forbidden, fault.CodeForbidden, "An API key is no person.")
	case caller.Acting != nil:
		return Principal{}, errActing
	}
	return caller, nil
}

// Person is the id of the signed-in user. It fails with forbidden for keys.
func Person(ctx context.Context) (uuid.UUID, error) {
	caller, err := signedInPerson(ctx)
	return caller.UserID, err
}

// lockTarget reads a user whom the caller would change.
func (s *Service) lockTarget(ctx context.Context, userID uuid.UUID) (authority, *ent.User, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return authority{}, nil, err
	}
	row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID)).ForUpdate().Only(ctx)
	if store.IsNotFound(err) {
		return authority{}, nil, fault.Missing("user")
	}
	if err != nil {
		return authority{}, nil, fmt.Errorf("reading a user: %w", err)
	}
	return a, row, nil
}

func (s *Service) applyToUser(ctx context.Context, a authority, present *ent.User, c UserChange) error {
	next, after, c, err := s.next(ctx, a, present, c)
	if err != nil {
		return err
	}
	if c == (UserChange{}) {
		return nil
	}
	if err := s.mayApply(ctx, a, present, after, c); err != nil {
		return err
	}
	update := present.Update()
	changed, err := c.apply(present, update.Mutation())
	if err != nil {
		return err
	}
	if c.Status != nil && *c.Status == UserActive {
		if err := s.cfg.Tenants.TakeSeat(ctx); err != nil {
			return err
		}
	}
	changed = append(changed, setRights(update, next, c)...)
	row, err := update.Save(ctx)
	if store.Violates(err, uniqueInternalNumber) {
		return errInternalNumber(err)
	}
	if err != nil {
		return fmt.Errorf("updating a user: %w", err)
	}
	if err := s.publishUser(ctx, "user.updated", present, row, changed...); err != nil {
		return err
	}
	return s.endAfter(ctx, row, c)
}

// apply writes a change into an update, and names the fields.
func (c UserChange) apply(present *ent.User, m *ent.UserMutation) (changed []string, err error) {
	if c.Name != nil {
		m.SetName(*c.Name)
		m.SetNameFolded(strings.ToLower(*c.Name))
		changed = append(changed, "name")
	}
	if c.Kind != nil {
		if *c.Kind == PersonUser && present.PasswordHash == "" && present.Status != user.StatusInvited {
			return nil, fault.InvalidField(fault.CodeInvalid, "body.kind", "is person only for who has a password: set one first")
		}
		m.SetKind(user.Kind(*c.Kind))
		changed = append(changed, "kind")
	}
	if c.Status != nil {
		status, err := move(present, statusAction(*c.Status))
		if err != nil {
			return nil, err
		}
		m.SetStatus(user.Status(status))
		changed = append(changed, "status")
	}
	changed = append(changed, c.Profile.apply(m)...)
	return append(changed, c.Tools.apply(m)...), nil
}

// next is what the person would be given after a change, what that amounts to,
// and the change without what would change nothing.
func (s *Service) next(ctx context.Context, a authority, present *ent.User, c UserChange) (distribution, holding, UserChange, error) {
	now := distributionOf(present)
	next := now
	if c.Role != nil {
		next.role, next.customID = *c.Role, nil
	}
	if c.CustomRoleID != nil {
		if err := s.takeCustomRole(ctx, &next, c); err != nil {
			return next, holding{}, c, err
		}
	}
	if c.Denied != nil {
		next.denied = *c.Denied
	}
	if c.Granted != nil {
		next.granted = *c.Granted
	}
	after, err := s.holdingFor(ctx, a.node.Kind, next)
	return next, after, c.against(present, now, next), err
}

// against leaves of a change what would change something.
func (c UserChange) against(present *ent.User, now, next distribution) UserChange {
	left := UserChange{}
	if c.Name != nil && *c.Name != present.Name {
		left.Name = c.Name
	}
	if c.Status != nil && user.Status(*c.Status) != present.Status {
		left.Status = c.Status
	}
	if next.role != now.role {
		left.Role = &next.role
	}
	if c.Kind != nil && user.Kind(*c.Kind) != present.Kind {
		left.Kind = c.Kind
	}
	left.Profile, left.Tools = c.Profile.against(present), c.Tools.against(present)
	if id := or(next.customID); id != or(now.customID) {
		left.CustomRoleID = &id
	}
	if !slices.Equal(next.denied, now.denied) {
		left.Denied = &next.denied
	}
	if !slices.Equal(next.granted, now.granted) {
		left.Granted = &next.granted
	}
	return left
}

// setRights writes what the person is given, and names what has changed.
func setRights(update *ent.UserUpdateOne, next distribution, c UserChange) (changed []string) {
	if c.Role != nil {
		update.SetRole(user.Role(next.role))
		changed = append(changed, "role")
	}
	if c.CustomRoleID != nil {
		if next.customID == nil {
			update.ClearCustomRoleID()
		} else {
			update.SetCustomRoleID(*next.customID)
		}
		changed = append(changed, "custom_role_id")
	}
	if c.Denied != nil {
		update.SetDenied(wordsOf(next.denied))
		changed = append(changed, "denied_permissions")
	}
	if c.Granted != nil {
		update.SetGranted(wordsOf(next.granted))
		changed = append(changed, "granted_permissions")
	}
	return changed
}

// mayApply asks whether the caller may, and whether the tenant can bear it.
func (s *Service) mayApply(ctx context.Context, a authority, present *ent.User, after holding, c UserChange) error {
	if err := notArchived(present); err != nil {
		return err
	}
	own := !c.ofRights() && c.Status == nil && c.Tools == (ToolsChange{}) // what describes him
	if !own && a.isSelf(present.ID) {
		return fault.New(fault.Forbidden, fault.CodeForbidden, "Nobody changes his own rights or status.")
	}
	if own && a.isPerson(present.ID) {
		return nil
	}
	if err := s.mayChange(ctx, a, present); err != nil {
		return err
	}
	if c.ofRights() {
		if err := s.mayGive(a, after); err != nil {
			return err
		}
	}
	disables := c.Status != nil && *c.Status == UserDisabled
	if disables || !after.full() || after.role != authz.Role(present.Role) {
		return s.keepsAdministrator(ctx, present)
	}
	return nil
}

// administrating are the roles of which a tenant keeps one holder: without him
// nobody in it could give a role any more.
var administrating = []user.Role{user.RoleOperator, user.RoleTenantAdmin}

func (s *Service) lockAdministrators(ctx context.Context) error {
	_, err := s.cfg.Store.Ent(ctx).User.Query().
		Where(user.RoleIn(administrating...), user.StatusEQ(user.StatusActive)).
		Order(user.ByID()).ForUpdate().All(ctx)
	if err != nil {
		return fmt.Errorf("locking the tenant's administrators: %w", err)
	}
	return nil
}

// keepsAdministrator fails where a user is the last active one who administers
// the tenant without restriction, and would be so no more.
func (s *Service) keepsAdministrator(ctx context.Context, leaving *ent.User) error {
	present, err := s.holdingOf(ctx, leaving)
	if err != nil || leaving.Status != user.StatusActive || !present.full() {
		return err
	}
	others, err := s.cfg.Store.Ent(ctx).User.Query().
		Where(user.RoleEQ(leaving.Role), user.StatusEQ(user.StatusActive), user.CustomRoleIDIsNil(), user.IDNEQ(leaving.ID),
			user.PasswordHashNEQ("")). // an account for a service never signs in
		All(ctx)
	if err != nil {
		return fmt.Errorf("looking for another administrator: %w", err)
	}
	for _, other := range others {
		if len(other.Denied) == 0 {
			return nil
		}
	}
	return fault.New(fault.Conflict, fault.CodeConflict,
		"This is the tenant's last active %s; make another one first.", leaving.Role)
}

// endAfter ends the sessions that a change of rights leaves behind.
func (s *Service) endAfter(ctx context.Context, updated *ent.User, c UserChange) error {
	s.forgetPrincipals(ctx)
	switch {
	case c.Status != nil && updated.Status == user.StatusDisabled:
		return s.endSessions(ctx, updated.ID, reasonDisabled)
	case c.Role != nil:
		return s.endSessions(ctx, updated.ID, reasonRole)
	}
	return nil
}

// cleanChange checks the values of a change.
func (s *Service) cleanChange(ctx context.Context, c UserChange) (UserChange, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return c, err
	}
	if c.Profile, err = c.Profile.clean(a.node.Country); err != nil {
		return c, err
	}
	if c.Name != nil {
		name, err := tenants.CleanName("body.name", *c.Name)
		if err != nil {
			return c, err
		}
		c.Name = &name
	}
	if c.Role != nil {
		if err := knownRole(*c.Role); err != nil {
			return c, err
		}
	}
	for location, list := range map[string]**[]authz.Permission{
		"body.denied_permissions": &c.Denied, "body.granted_permissions": &c.Granted,
	} {
		if *list == nil {
			continue
		}
		clean, err := cleanPermissions(location, **list)
		if err != nil {
			return c, err
		}
		*list = &clean
	}
	if c.Tools, err = c.Tools.clean(); err != nil {
		return c, err
	}
	if c.Kind != nil && user.KindValidator(user.Kind(*c.Kind)) != nil {
		return c, fault.InvalidField(fault.CodeInvalid, "body.kind", "must be person or service")
	}
	if c.Status != nil && *c.Status != UserActive && *c.Status != UserDisabled {
		return c, fault.InvalidField(fault.CodeInvalid, "body.status", "must be active or disabled")
	}
	return c, nil
}
