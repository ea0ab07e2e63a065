package identity

import (
	"context"
	"fmt"
	"slices"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/customrole"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

const (
	uniqueRoleName = "customrole_tenant_id_name"
	usersRole      = "h_users_custom_role"
	// maxRoleDescription is in characters.
	maxRoleDescription = 500
	// maxRoles bounds the roles of one tenant.
	maxRoles = 100
)

// CustomRole is a tenant's own choice of permissions.
type CustomRole struct {
	ID          uuid.UUID
	TenantID    uuid.UUID
	Name        string
	Description string
	// Base is the role whose reach it has: a tenant admin's over a reseller's
	// subtree, a manager's over the tenant, an agent's and a user's over what is
	// their own.
	Base        authz.Role
	Permissions []authz.Permission
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int
}

func viewRole(r *ent.CustomRole) CustomRole {
	return CustomRole{
		ID: r.ID, TenantID: r.TenantID, Name: r.Name, Description: r.Description, Base: authz.Role(r.Base),
		Permissions: toPermissions(r.Permissions), CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt, Version: r.Version,
	}
}

// CustomRoleBases lists the roles that a custom role can be made of.
func CustomRoleBases() []authz.Role {
	return []authz.Role{authz.TenantAdmin, authz.Manager, authz.Agent, authz.User}
}

// NewRole describes a custom role to be made.
type NewRole struct {
	Name, Description string
	Base              authz.Role
	Permissions       []authz.Permission
}

// RoleChange holds the new values of a custom role; nil leaves a value as it is.
type RoleChange struct {
	Name, Description *string
	Permissions       *[]authz.Permission
}

// CreateRole makes a role of the scope's tenant. It fails with
// validation_failed, name_taken, and permission_not_grantable for a permission
// that the caller does not have himself.
func (s *Service) CreateRole(ctx context.Context, n NewRole) (CustomRole, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return CustomRole{}, err
	}
	if n, err = s.cleanRole(a, n); err != nil {
		return CustomRole{}, err
	}
	var made CustomRole
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		count, err := s.cfg.Store.Ent(ctx).CustomRole.Query().Count(ctx)
		if err != nil {
			return fmt.Errorf("counting custom roles: %w", err)
		}
		if count >= maxRoles {
			return fault.New(fault.Conflict, fault.CodeConflict, "A tenant has at most %d roles of its own.", maxRoles)
		}
		row, err := s.cfg.Store.Ent(ctx).CustomRole.Create().SetName(n.Name).SetDescription(n.Description).
			SetBase(customrole.Base(n.Base)).SetPermissions(wordsOf(n.Permissions)).Save(ctx)
		if store.Violates(err, uniqueRoleName) {
			return roleNameTaken(err)
		}
		if err != nil {
			return fmt.Errorf("creating a role: %w", err)
		}
		made = viewRole(row)
		return s.publishRole(ctx, "role.created", made, events.Change{After: row})
	})
	return made, err
}

// UpdateRole changes a role of the scope's tenant, and with it at once what
// those who have it may do. The version that it finds must pass the check,
// where there is one. It fails with what the check says, not_found, and like
// CreateRole; a role that has more than the caller is not his to change.
func (s *Service) UpdateRole(ctx context.Context, roleID uuid.UUID, c RoleChange, check func(version int64) error) (CustomRole, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return CustomRole{}, err
	}
	var updated CustomRole
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockRole(ctx, roleID)
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		if err := s.mayDistribute(a, authz.Role(present.Base), toPermissions(present.Permissions)); err != nil {
			return err
		}
		next := c.applied(viewRole(present))
		clean, err := s.cleanRole(a, NewRole{next.Name, next.Description, next.Base, next.Permissions})
		if err != nil {
			return err
		}
		row, err := present.Update().SetName(clean.Name).SetDescription(clean.Description).
			SetPermissions(wordsOf(clean.Permissions)).Save(ctx)
		if store.Violates(err, uniqueRoleName) {
			return roleNameTaken(err)
		}
		if err != nil {
			return fmt.Errorf("updating a role: %w", err)
		}
		updated = viewRole(row)
		s.forgetPrincipals(ctx)
		return s.publishRole(ctx, "role.updated", updated, events.Change{Before: present, After: row})
	})
	return updated, err
}

// DeleteRole removes a role of the scope's tenant that nobody has. It fails with
// not_found, role_in_use, and permission_not_grantable for a role that has more
// than the caller.
func (s *Service) DeleteRole(ctx context.Context, roleID uuid.UUID) error {
	a, err := s.authority(ctx)
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockRole(ctx, roleID)
		if err != nil {
			return err
		}
		if err := s.mayDistribute(a, authz.Role(present.Base), toPermissions(present.Permissions)); err != nil {
			return err
		}
		used, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.CustomRoleID(roleID)).Exist(ctx)
		if err != nil {
			return fmt.Errorf("looking for those who have the role: %w", err)
		}
		if used {
			return roleInUse(nil)
		}
		err = s.cfg.Store.Ent(ctx).CustomRole.DeleteOne(present).Exec(ctx)
		if store.Violates(err, usersRole) {
			return roleInUse(err) // somebody was given it at this moment
		}
		if err != nil {
			return fmt.Errorf("deleting a role: %w", err)
		}
		return s.publishRole(ctx, "role.deleted", viewRole(present), events.Change{Before: present})
	})
}

// GetRole returns a role of the scope's tenant. It fails with not_found.
func (s *Service) GetRole(ctx context.Context, roleID uuid.UUID) (CustomRole, error) {
	var found CustomRole
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).CustomRole.Query().Where(customrole.ID(roleID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("role")
		}
		if err != nil {
			return fmt.Errorf("reading a role: %w", err)
		}
		found = viewRole(row)
		return nil
	})
	return found, err
}

// ListRoles returns up to limit roles of the scope's tenant behind the id that
// the page before ended with, in the order of their creation.
func (s *Service) ListRoles(ctx context.Context, after *uuid.UUID, limit int) ([]CustomRole, error) {
	var found []CustomRole
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		query := s.cfg.Store.Ent(ctx).CustomRole.Query()
		if after != nil {
			query.Where(customrole.IDGT(*after))
		}
		rows, err := query.Order(customrole.ByID()).Limit(max(limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing roles: %w", err)
		}
		for _, row := range rows {
			found = append(found, viewRole(row))
		}
		return nil
	})
	return found, err
}

// EffectivePermissions tells what a user of the scope's tenant may do there: his
// role's permissions or his custom role's, with what was granted and denied to
// him, less what belongs to applications that he is not shown. It fails with not_found.
func (s *Service) EffectivePermissions(ctx context.Context, userID uuid.UUID) ([]authz.Permission, error) {
	var permissions []authz.Permission
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("user")
		}
		if err != nil {
			return fmt.Errorf("reading a user: %w", err)
		}
		h, err := s.holdingOf(ctx, row)
		if err != nil {
			return err
		}
		h.withheld = toolsOf(row).withheld()
		node, err := s.cfg.Tenants.Get(ctx, row.TenantID)
		permissions = s.rights(h, node.Kind, node.Path).Here.List()
		return err
	})
	return permissions, err
}

// RolesWith lists the built-in roles that have a permission, from wide to narrow.
func (s *Service) RolesWith(permission authz.Permission) []authz.Role {
	var with []authz.Role
	for _, role := range authz.Roles() {
		if s.cfg.Policy.May(role, permission) {
			with = append(with, role)
		}
	}
	return with
}

func (s *Service) lockRole(ctx context.Context, roleID uuid.UUID) (*ent.CustomRole, error) {
	row, err := s.cfg.Store.Ent(ctx).CustomRole.Query().Where(customrole.ID(roleID)).ForUpdate().Only(ctx)
	if store.IsNotFound(err) {
		return nil, fault.Missing("role")
	}
	if err != nil {
		return nil, fmt.Errorf("reading a role: %w", err)
	}
	return row, nil
}

func (c RoleChange) applied(r CustomRole) CustomRole {
	if c.Name != nil {
		r.Name = *c.Name
	}
	if c.Description != nil {
		r.Description = *c.Description
	}
	if c.Permissions != nil {
		r.Permissions = *c.Permissions
	}
	return r
}

func (s *Service) cleanRole(a authority, n NewRole) (NewRole, error) {
	var err error
	if n.Name, err = tenants.CleanName("body.name", n.Name); err != nil {
		return n, err
	}
	if utf8.RuneCountInString(n.Description) > maxRoleDescription {
		return n, fault.InvalidField(fault.CodeInvalid, "body.description", "must have at most 500 characters")
	}
	if !slices.Contains(CustomRoleBases(), n.Base) {
		return n, fault.InvalidField(fault.CodeInvalid, "body.base", "must be tenant_admin, manager, agent or user")
	}
	if n.Permissions, err = cleanPermissions("body.permissions", n.Permissions); err != nil {
		return n, err
	}
	if beyond := authz.SetOf(n.Permissions...).Without(s.grantable(a.node.Kind)); !beyond.Empty() {
		return n, fault.InvalidField(fault.CodeInvalid, "body.permissions",
			"goes beyond what anybody has in this tenant", string(beyond.List()[0]))
	}
	return n, s.mayDistribute(a, n.Base, n.Permissions)
}

// mayDistribute fails where a role has what the caller has not.
func (s *Service) mayDistribute(a authority, base authz.Role, permissions []authz.Permission) error {
	set := authz.SetOf(permissions...).And(s.grantable(a.node.Kind))
	if a.program || a.reaches(base) && a.covers(authz.RightsWith(set, roleAt(a.node.Kind, base), a.node.Path)) {
		return nil
	}
	return fault.New(fault.Forbidden, fault.CodePermissionTooWide,
		"A role has no permission that its maker does not have, and nobody changes one that has more than he.").
		At("body.permissions", "go beyond the caller's own")
}

// roleData is the data of the events of roles.
type roleData struct {
	Name        string             `json:"name"`
	Base        authz.Role         `json:"base"`
	Permissions []authz.Permission `json:"permissions"`
}

func (s *Service) publishRole(ctx context.Context, kind string, r CustomRole, change events.Change) error {
	change.Data = roleData{r.Name, r.Base, r.Permissions}
	return s.cfg.Log.Publish(ctx, kind, "role", r.ID, change)
}

func roleNameTaken(cause error) error {
	return fault.New(fault.Conflict, fault.CodeNameTaken, "Another role of the tenant has this name.").
		At("body.name", "is taken").Because(cause)
}

func roleInUse(cause error) error {
	return fault.New(fault.Conflict, fault.CodeRoleInUse, "Somebody has this role; give these people another one first.").Because(cause)
}
