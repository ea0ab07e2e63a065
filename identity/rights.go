package identity

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/customrole"
	"github.com/trellishq/trellis/tenants"
)

// holding is what somebody was given at his home: from it follow his rights.
type holding struct {
	// role is the one that was given; a custom role has that of its base.
	role authz.Role
	// custom are a custom role's permissions, nil where there is none.
	custom          *authz.Set
	denied, granted authz.Set
	// withheld belongs to applications that the person is not shown.
	withheld authz.Set
}

// rights are what a holding amounts to at a node of a kind: the role's or the
// custom role's permissions, and what was granted to the person, less what was
// denied to him and what belongs to applications that he is not shown. Nothing goes beyond what a tenant admin has there, whatever
// was stored when that was more.
func (s *Service) rights(h holding, kind tenants.Kind, path string) authz.Rights {
	role := roleAt(kind, h.role)
	set := s.cfg.Policy.Of(role)
	if h.custom != nil {
		set = h.custom.And(s.grantable(kind))
	}
	set = set.Or(h.granted.And(s.grantable(kind))).Without(h.denied).Without(h.withheld)
	return authz.RightsWith(set, role, path)
}

// grantable is what a tenant of a kind may distribute among its people.
func (s *Service) grantable(kind tenants.Kind) authz.Set {
	return s.cfg.Policy.Of(roleAt(kind, authz.TenantAdmin))
}

// roleAt is what a role amounts to at a node. A tenant admin of a reseller
// administers its subtree (C-01).
func roleAt(kind tenants.Kind, role authz.Role) authz.Role {
	if role == authz.TenantAdmin && kind.Reseller() {
		return authz.ResellerAdmin
	}
	return role
}

// full tells whether somebody with this holding administers his tenant without
// restriction; each tenant keeps one such person.
func (h holding) full() bool {
	return (h.role == authz.TenantAdmin || h.role == authz.Operator) && h.custom == nil && h.denied.Empty()
}

// holdingOf reads what a user was given, inside the running transaction.
func (s *Service) holdingOf(ctx context.Context, u *ent.User) (holding, error) {
	h := holding{
		role: authz.Role(u.Role), denied: authz.SetOf(toPermissions(u.Denied)...), granted: authz.SetOf(toPermissions(u.Granted)...),
	}
	custom, err := s.customSet(ctx, u.CustomRoleID)
	h.custom = custom
	return h, err
}

// customSet reads a custom role's permissions; nil for no role.
func (s *Service) customSet(ctx context.Context, roleID *uuid.UUID) (*authz.Set, error) {
	if roleID == nil {
		return nil, nil
	}
	row, err := s.cfg.Store.Ent(ctx).CustomRole.Query().Where(customrole.ID(*roleID)).Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading a custom role: %w", err)
	}
	set := authz.SetOf(toPermissions(row.Permissions)...)
	return &set, nil
}

// storedSet reads a column of permissions; null is the empty set.
func storedSet(column []byte) (authz.Set, error) {
	if column == nil {
		return authz.Set{}, nil
	}
	var words []authz.Permission
	if err := json.Unmarshal(column, &words); err != nil {
		return authz.Set{}, fmt.Errorf("reading permissions: %w", err)
	}
	return authz.SetOf(words...), nil
}
