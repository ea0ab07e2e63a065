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
	usersPath = "/v1/tenants/{tenant_id}/users"
	userPath  = usersPath + "/{user_id}"
)

func (h handlers) registerUsers(s *op.Surface) {
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "listUsers", Method: http.MethodGet, Path: usersPath, Tag: UsersTag,
		Summary: "List users", Description: "Lists the people who are at home in the tenant, oldest first.",
	}, h.listUsers)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "createUser", Method: http.MethodPost, Path: usersPath, Tag: UsersTag, Status: http.StatusCreated,
		Summary: "Create a user", Description: "Creates a person who is at home in the tenant. Nobody gives a role that is wider than his own. The person is asked to choose another password.",
		Codes: []fault.Code{fault.CodeLoginTaken, fault.CodeWeakPassword, fault.CodeRoleTooHigh, fault.CodeQuotaExceeded},
	}, h.createUser, op.Before(h.prepareUser))
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "getUser", Method: http.MethodGet, Path: userPath, Tag: UsersTag,
		Summary: "Show a user", Description: "Shows one person.",
	}, h.getUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "updateUser", Method: http.MethodPatch, Path: userPath, Tag: UsersTag,
		Summary:     "Change a user",
		Description: "Changes the fields that are sent. Nobody changes his own rights or status, nobody gives what he does not have, and a tenant keeps one active tenant admin. Other rights hold within a second; another role and being disabled end the person's sessions.",
		Codes:       []fault.Code{fault.CodeRoleTooHigh, fault.CodeConflict, fault.CodeQuotaExceeded},
	}, h.updateUser)
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "getUserPermissions", Method: http.MethodGet, Path: userPath + "/permissions", Tag: UsersTag,
		Summary: "Show what a user may do", Description: "Lists the permissions that come of the role or the custom role, of what was granted and of what was denied.",
	}, h.userPermissions)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "setUserPassword", Method: http.MethodPost, Path: userPath + "/password", Tag: UsersTag,
		Summary: "Set a user's password", Description: "Gives another person a password, who is asked to change it, and ends the person's sessions.",
		Codes: []fault.Code{fault.CodeWeakPassword, fault.CodeRoleTooHigh}, Unrepeatable: true,
	}, h.setPassword)
}

// User is a person as clients see him.
type User struct {
	ID                 uuid.UUID  `json:"id" doc:"The user."`
	TenantID           uuid.UUID  `json:"tenant_id" doc:"The user's home."`
	Login              string     `json:"login" format:"email" maxLength:"254" doc:"A lower-case e-mail address, unique over the platform." example:"ada@maple.example"`
	Name               string     `json:"name" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Role               string     `json:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do. A tenant_admin of a reseller administers its subtree."`
	CustomRoleID       *uuid.UUID `json:"custom_role_id" nullable:"true" doc:"A role of the tenant's own whose permissions stand in place of the role's; null for none."`
	DeniedPermissions  []string   `json:"denied_permissions" maxItems:"200" maxLength:"64" doc:"What this person may not do, whatever the role says." example:"interactions:close"`
	GrantedPermissions []string   `json:"granted_permissions" maxItems:"200" maxLength:"64" doc:"What this person may do beyond the role." example:"interactions:start"`
	Status             string     `json:"status" enum:"active,disabled" doc:"Whether the user can sign in."`
	MustChangePassword bool       `json:"must_change_password" doc:"Somebody else has chosen the password."`
	CreatedByID        *uuid.UUID `json:"created_by_id" nullable:"true" doc:"Who created the user; null where the program did."`
	CreatedAt          time.Time  `json:"created_at" doc:"When the user was created."`
	UpdatedAt          time.Time  `json:"updated_at" doc:"When the user was changed last."`
}

func userView(u identity.User) User {
	return User{
		u.ID, u.TenantID, u.Login, u.Name, string(u.Role), u.CustomRoleID, words(u.Denied), words(u.Granted), string(u.Status),
		u.MustChangePassword, u.CreatedByID, u.CreatedAt, u.UpdatedAt,
	}
}

// ListUsersInput is the input of listUsers.
type ListUsersInput struct {
	path.Tenant
	op.Page
	Role   string `query:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"Only this role."`
	Status string `query:"status" enum:"active,disabled" doc:"Only this status."`
	Q      string `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name or the login begins, in capitals or not." example:"ad"`
}

func (h handlers) listUsers(ctx context.Context, in *ListUsersInput) (*op.List[User], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := identity.UserFilter{
		Limit: in.Fetch(), Role: authz.Role(in.Role), Status: identity.UserStatus(in.Status), Prefix: in.Q,
	}
	if after != nil {
		f.After = &after.ID
	}
	rows, err := h.identity.ListUsers(ctx, f)
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, userView, func(u identity.User) path.Key { return path.Key{ID: u.ID} })
}

// CreateUser is the body of createUser.
type CreateUser struct {
	Login    string `json:"login" format:"email" maxLength:"254" doc:"An e-mail address, unique over the platform." example:"ada@maple.example"`
	Name     string `json:"name" minLength:"1" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Role     string `json:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do. operator is for the operator's own staff."`
	Password string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The first password." example:"correct horse battery"`

	CustomRoleID       *uuid.UUID `json:"custom_role_id,omitempty" doc:"A role of the tenant's own, whose base is role."`
	DeniedPermissions  []string   `json:"denied_permissions,omitempty" maxItems:"200" maxLength:"64" doc:"What this person may not do, whatever the role says." example:"interactions:close"`
	GrantedPermissions []string   `json:"granted_permissions,omitempty" maxItems:"200" maxLength:"64" doc:"What this person may do beyond the role, of what the caller may do himself." example:"interactions:start"`
}

// CreateUserInput is the input of createUser.
type CreateUserInput struct {
	path.Tenant
	Body CreateUser

	prepared identity.NewUser
}

// UserCreated is the output of createUser.
type UserCreated struct {
	op.Location
	op.ETag
	Body User
}

// prepareUser hashes the password while no transaction waits for it.
func (h handlers) prepareUser(ctx context.Context, in *CreateUserInput) (err error) {
	in.prepared, err = h.identity.PrepareUser(ctx, identity.NewUser{
		Login: in.Body.Login, Name: in.Body.Name, Role: authz.Role(in.Body.Role), Password: in.Body.Password,
		CustomRoleID: in.Body.CustomRoleID, Denied: permissions(in.Body.DeniedPermissions), Granted: permissions(in.Body.GrantedPermissions),
	})
	return err
}

func (h handlers) createUser(ctx context.Context, in *CreateUserInput) (*UserCreated, error) {
	u, err := h.identity.CreateUser(ctx, in.prepared)
	if err != nil {
		return nil, err
	}
	return &UserCreated{op.At("/v1/tenants/%s/users/%s", in.TenantID, u.ID), op.Version(int64(u.Version)), userView(u)}, nil
}

// UserPath names one user.
type UserPath struct {
	path.Tenant
	UserID uuid.UUID `path:"user_id" doc:"The user."`
}

// UserShown is the output of operations that show one user.
type UserShown struct {
	op.ETag
	Body User
}

func userShown(u identity.User, err error) (*UserShown, error) {
	if err != nil {
		return nil, err
	}
	return &UserShown{op.Version(int64(u.Version)), userView(u)}, nil
}

func (h handlers) getUser(ctx context.Context, in *UserPath) (*UserShown, error) {
	return userShown(h.identity.GetUser(ctx, in.UserID))
}

// UpdateUser is the body of updateUser.
type UpdateUser struct {
	Name   op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Role   op.Optional[string] `json:"role,omitzero" nullable:"false" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do."`
	Status op.Optional[string] `json:"status,omitzero" nullable:"false" enum:"active,disabled" doc:"Whether the user can sign in."`

	CustomRoleID       op.Optional[uuid.UUID] `json:"custom_role_id,omitzero" doc:"A role of the tenant's own, whose base becomes the role; null goes back to the role alone."`
	DeniedPermissions  op.Optional[[]string]  `json:"denied_permissions,omitzero" nullable:"false" maxItems:"200" maxLength:"64" doc:"What this person may not do, whatever the role says." example:"interactions:close"`
	GrantedPermissions op.Optional[[]string]  `json:"granted_permissions,omitzero" nullable:"false" maxItems:"200" maxLength:"64" doc:"What this person may do beyond the role, of what the caller may do himself." example:"interactions:start"`
}

// UpdateUserInput is the input of updateUser.
type UpdateUserInput struct {
	UserPath
	op.IfMatch
	Body UpdateUser
}

func (h handlers) updateUser(ctx context.Context, in *UpdateUserInput) (*UserShown, error) {
	c := identity.UserChange{
		Name: in.Body.Name.Pointer(), Role: (*authz.Role)(in.Body.Role.Pointer()),
		Status: (*identity.UserStatus)(in.Body.Status.Pointer()),
	}
	if in.Body.CustomRoleID.Set {
		c.CustomRoleID = &in.Body.CustomRoleID.Value // uuid.Nil for null
	}
	if in.Body.DeniedPermissions.Set {
		c.Denied = to(permissions(in.Body.DeniedPermissions.Value))
	}
	if in.Body.GrantedPermissions.Set {
		c.Granted = to(permissions(in.Body.GrantedPermissions.Value))
	}
	return userShown(h.identity.UpdateUser(ctx, in.UserID, c, in.Check))
}

// SetUserPassword is the body of setUserPassword.
type SetUserPassword struct {
	Password string `json:"password" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The new password." example:"correct horse battery"`
}

// SetUserPasswordInput is the input of setUserPassword.
type SetUserPasswordInput struct {
	UserPath
	Body SetUserPassword
}

func (h handlers) setPassword(ctx context.Context, in *SetUserPasswordInput) (*op.Empty, error) {
	return nil, h.identity.SetPassword(ctx, in.UserID, in.Body.Password)
}
