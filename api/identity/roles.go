package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

const (
	rolesPath = "/v1/tenants/{tenant_id}/roles"
	rolePath  = rolesPath + "/{role_id}"
)

func (h handlers) registerRoles(s *op.Surface) {
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "getPermissions", Method: http.MethodGet, Path: "/v1/permissions", Tag: RolesTag,
		Summary:     "List all permissions",
		Description: "Lists every permission with the roles that have it. Administrative ones hold over a reseller's subtree as well, those for content in the caller's own tenant only.",
	}, h.listPermissions)
	op.Register(s, authz.RolesRead, op.Spec{
		ID: "listRoles", Method: http.MethodGet, Path: rolesPath, Tag: RolesTag,
		Summary: "List custom roles", Description: "Lists the roles that the tenant has made itself, oldest first. getPermissions tells what the built-in ones may do.",
	}, h.listRoles)
	op.Register(s, authz.RolesWrite, op.Spec{
		ID: "createRole", Method: http.MethodPost, Path: rolesPath, Tag: RolesTag, Status: http.StatusCreated,
		Summary: "Create a custom role", Description: "Makes a role of permissions that a tenant admin has and the caller as well. It reaches as far as its base: what is one's own for agent and user, a reseller's subtree for tenant_admin.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodePermissionTooWide, fault.CodeConflict},
	}, h.createRole)
	op.Register(s, authz.RolesRead, op.Spec{
		ID: "getRole", Method: http.MethodGet, Path: rolePath, Tag: RolesTag,
		Summary: "Show a custom role", Description: "Shows one role of the tenant's own.",
	}, h.getRole)
	op.Register(s, authz.RolesWrite, op.Spec{
		ID: "updateRole", Method: http.MethodPatch, Path: rolePath, Tag: RolesTag,
		Summary: "Change a custom role", Description: "Changes the fields that are sent. Those who have the role have its new permissions within a second.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodePermissionTooWide},
	}, h.updateRole)
	op.Register(s, authz.RolesWrite, op.Spec{
		ID: "deleteRole", Method: http.MethodDelete, Path: rolePath, Tag: RolesTag,
		Summary: "Delete a custom role", Description: "Deletes a role that nobody has.",
		Codes: []fault.Code{fault.CodeRoleInUse, fault.CodePermissionTooWide},
	}, h.deleteRole)
}

// Permission is something that can be allowed.
type Permission struct {
	Permission     string   `json:"permission" maxLength:"64" doc:"Object and action." example:"interactions:reply"`
	Administrative bool     `json:"administrative" doc:"Whether it is about the tree and holds over a subtree; if not, it is about the content of one tenant."`
	Roles          []string `json:"roles" maxItems:"10" enum:"operator,reseller_admin,tenant_admin,manager,agent,user" doc:"The built-in roles that have it."`
}

// PermissionList is the output of getPermissions and getUserPermissions.
type PermissionList struct {
	Body struct {
		Items []Permission `json:"items" maxItems:"200" doc:"The permissions; all of them stand on this page."`
	}
}

func (h handlers) listPermissions(context.Context, *struct{}) (*PermissionList, error) {
	return h.permissionList(authz.Permissions()), nil
}

// UserPermissionsInput is the input of getUserPermissions.
type UserPermissionsInput struct{ UserPath }

func (h handlers) userPermissions(ctx context.Context, in *UserPermissionsInput) (*PermissionList, error) {
	effective, err := h.identity.EffectivePermissions(ctx, in.UserID)
	if err != nil {
		return nil, err
	}
	return h.permissionList(effective), nil
}

func (h handlers) permissionList(list []authz.Permission) *PermissionList {
	out := &PermissionList{}
	out.Body.Items = make([]Permission, 0, len(list))
	for _, permission := range list {
		view := Permission{Permission: string(permission), Administrative: permission.Administrative(), Roles: []string{}}
		for _, role := range h.identity.RolesWith(permission) {
			view.Roles = append(view.Roles, string(role))
		}
		out.Body.Items = append(out.Body.Items, view)
	}
	return out
}

// Role is a custom role as clients see it.
type Role struct {
	ID          uuid.UUID `json:"id" doc:"The role."`
	TenantID    uuid.UUID `json:"tenant_id" doc:"The tenant whose role it is."`
	Name        string    `json:"name" maxLength:"200" doc:"Its name, unique in the tenant." example:"Night shift"`
	Description string    `json:"description" maxLength:"500" doc:"What it is for." example:"Answers, and does not close."`
	Base        string    `json:"base" enum:"tenant_admin,manager,agent,user" doc:"The role whose reach it has."`
	Permissions []string  `json:"permissions" maxItems:"200" maxLength:"64" doc:"What those who have it may do." example:"interactions:reply"`
	CreatedAt   time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt   time.Time `json:"updated_at" doc:"When it was changed last."`
}

func roleView(r identity.CustomRole) Role {
	return Role{r.ID, r.TenantID, r.Name, r.Description, string(r.Base), words(r.Permissions), r.CreatedAt, r.UpdatedAt}
}

// ListRolesInput is the input of listRoles.
type ListRolesInput struct {
	path.Tenant
	op.Page
}

func (h handlers) listRoles(ctx context.Context, in *ListRolesInput) (*op.List[Role], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	var behind *uuid.UUID
	if after != nil {
		behind = &after.ID
	}
	rows, err := h.identity.ListRoles(ctx, behind, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, roleView, func(r identity.CustomRole) path.Key { return path.Key{ID: r.ID} })
}

// CreateRole is the body of createRole.
type CreateRole struct {
	Name        string   `json:"name" minLength:"1" maxLength:"200" doc:"Its name, unique in the tenant." example:"Night shift"`
	Description string   `json:"description,omitempty" maxLength:"500" doc:"What it is for." example:"Answers, and does not close."`
	Base        string   `json:"base" enum:"tenant_admin,manager,agent,user" doc:"The role whose reach it has."`
	Permissions []string `json:"permissions" maxItems:"200" maxLength:"64" doc:"What those who have it may do; an empty list is nothing." example:"interactions:reply"`
}

// CreateRoleInput is the input of createRole.
type CreateRoleInput struct {
	path.Tenant
	Body CreateRole
}

// RoleCreated is the output of createRole.
type RoleCreated struct {
	op.Location
	op.ETag
	Body Role
}

func (h handlers) createRole(ctx context.Context, in *CreateRoleInput) (*RoleCreated, error) {
	r, err := h.identity.CreateRole(ctx, identity.NewRole{
		Name: in.Body.Name, Description: in.Body.Description, Base: authz.Role(in.Body.Base), Permissions: permissions(in.Body.Permissions),
	})
	if err != nil {
		return nil, err
	}
	return &RoleCreated{op.At("/v1/tenants/%s/roles/%s", in.TenantID, r.ID), op.Version(int64(r.Version)), roleView(r)}, nil
}

// RolePath names one role.
type RolePath struct {
	path.Tenant
	RoleID uuid.UUID `path:"role_id" doc:"The role."`
}

// RoleShown is the output of operations that show one role.
type RoleShown struct {
	op.ETag
	Body Role
}

func roleShown(r identity.CustomRole, err error) (*RoleShown, error) {
	if err != nil {
		return nil, err
	}
	return &RoleShown{op.Version(int64(r.Version)), roleView(r)}, nil
}

func (h handlers) getRole(ctx context.Context, in *RolePath) (*RoleShown, error) {
	return roleShown(h.identity.GetRole(ctx, in.RoleID))
}

// UpdateRole is the body of updateRole.
type UpdateRole struct {
	Name        op.Optional[string]   `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"Its name, unique in the tenant." example:"Night shift"`
	Description op.Optional[string]   `json:"description,omitzero" nullable:"false" maxLength:"500" doc:"What it is for." example:"Answers, and does not close."`
	Permissions op.Optional[[]string] `json:"permissions,omitzero" nullable:"false" maxItems:"200" maxLength:"64" doc:"What those who have it may do." example:"interactions:reply"`
}

// UpdateRoleInput is the input of updateRole.
type UpdateRoleInput struct {
	RolePath
	op.IfMatch
	Body UpdateRole
}

func (h handlers) updateRole(ctx context.Context, in *UpdateRoleInput) (*RoleShown, error) {
	c := identity.RoleChange{Name: in.Body.Name.Pointer(), Description: in.Body.Description.Pointer()}
	if in.Body.Permissions.Set {
		c.Permissions = to(permissions(in.Body.Permissions.Value))
	}
	return roleShown(h.identity.UpdateRole(ctx, in.RoleID, c, in.Check))
}

func (h handlers) deleteRole(ctx context.Context, in *RolePath) (*op.Empty, error) {
	return nil, h.identity.DeleteRole(ctx, in.RoleID)
}

func permissions(words []string) []authz.Permission {
	out := make([]authz.Permission, 0, len(words))
	for _, word := range words {
		out = append(out, authz.Permission(word))
	}
	return out
}

func to[T any](value T) *T { return &value }
