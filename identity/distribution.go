package identity

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/customrole"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// distribution is what somebody is to be given, as callers write it.
type distribution struct {
	role            authz.Role
	customID        *uuid.UUID
	denied, granted []authz.Permission
}

func distributionOf(u *ent.User) distribution {
	return distribution{authz.Role(u.Role), u.CustomRoleID, toPermissions(u.Denied), toPermissions(u.Granted)}
}

// holdingFor is the holding that a distribution makes in a tenant of a kind,
// inside the running transaction. It fails with validation_failed where the
// parts do not fit together, or go beyond what a tenant can distribute.
func (s *Service) holdingFor(ctx context.Context, kind tenants.Kind, d distribution) (holding, error) {
	h := holding{role: d.role, denied: authz.SetOf(d.denied...), granted: authz.SetOf(d.granted...)}
	if d.customID != nil {
		row, err := s.customRole(ctx, *d.customID)
		if err != nil {
			return h, err
		}
		if authz.Role(row.Base) != d.role {
			return h, fault.InvalidField(fault.CodeInvalid, "body.role", "must be the base of the custom role, "+string(row.Base))
		}
		set := authz.SetOf(toPermissions(row.Permissions)...)
		h.custom = &set
	}
	if beyond := h.granted.Without(s.grantable(kind)); !beyond.Empty() {
		return h, fault.InvalidField(fault.CodeInvalid, "body.granted_permissions",
			"goes beyond what anybody has in this tenant", string(beyond.List()[0]))
	}
	return h, nil
}

// customRole reads a role of the scope's tenant that a request's body names.
func (s *Service) customRole(ctx context.Context, roleID uuid.UUID) (*ent.CustomRole, error) {
	row, err := s.cfg.Store.Ent(ctx).CustomRole.Query().Where(customrole.ID(roleID)).Only(ctx)
	if store.IsNotFound(err) {
		return nil, noSuchRole()
	}
	if err != nil {
		return nil, fmt.Errorf("reading a custom role: %w", err)
	}
	return row, nil
}

func noSuchRole() *fault.Fault {
	return fault.New(fault.Invalid, fault.CodeNotFound, "There is no such role.").At("body.custom_role_id", "is not a role of this tenant")
}

// takeCustomRole puts a custom role, or none, into what a person is given.
func (s *Service) takeCustomRole(ctx context.Context, d *distribution, c UserChange) error {
	if *c.CustomRoleID == uuid.Nil {
		d.customID = nil
		return nil
	}
	row, err := s.customRole(ctx, *c.CustomRoleID)
	if err != nil {
		return err
	}
	d.customID = c.CustomRoleID
	if c.Role == nil {
		d.role = authz.Role(row.Base)
	}
	return nil
}

// cleanPermissions refuses words that are none, and brings the others into the
// order of authz.Permissions.
func cleanPermissions(location string, list []authz.Permission) ([]authz.Permission, error) {
	for i, permission := range list {
		if !authz.Known(permission) {
			return nil, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("%s[%d]", location, i), "is not a permission")
		}
	}
	return authz.SetOf(list...).List(), nil
}

func wordsOf(permissions []authz.Permission) []string {
	words := make([]string, 0, len(permissions))
	for _, permission := range permissions {
		words = append(words, string(permission))
	}
	return words
}

// or is the id, or uuid.Nil where there is none.
func or(id *uuid.UUID) uuid.UUID {
	if id == nil {
		return uuid.Nil
	}
	return *id
}
