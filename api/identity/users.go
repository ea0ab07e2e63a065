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
		Summary: "List users", Description: "Lists the people who are at home in the tenant with their live presence, oldest first. The archive is a list of its own: status=archived.",
	}, h.listUsers)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "createUser", Method: http.MethodPost, Path: usersPath, Tag: UsersTag, Status: http.StatusCreated,
		Summary: "Create a user", Description: "Creates a person who is at home in the tenant, which the answer names. Nobody gives a role that is wider than his own. " +
			"A password is given, generated, or chosen by the person himself who was invited by mail. A password that somebody else knows is to be changed.",
		Codes: []fault.Code{
			fault.CodeLoginTaken, fault.CodeExtensionTaken, fault.CodeWeakPassword, fault.CodeRoleTooHigh,
			fault.CodeMailNotConfigured, fault.CodeQuotaExceeded,
		},
	}, h.createUser, op.Before(h.prepareUser))
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "getUser", Method: http.MethodGet, Path: userPath, Tag: UsersTag,
		Summary: "Show a user", Description: "Shows one person.",
	}, h.getUser)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "updateUser", Method: http.MethodPatch, Path: userPath, Tag: UsersTag,
		Summary:     "Change a user",
		Description: "Changes the fields that are sent. Nobody changes his own rights or status, nobody gives what he does not have, and a tenant keeps one active tenant admin. Other rights hold within a second; another role and being disabled end the person's sessions.",
		Codes:       []fault.Code{fault.CodeRoleTooHigh, fault.CodeConflict, fault.CodeWrongState, fault.CodeExtensionTaken, fault.CodeQuotaExceeded},
	}, h.updateUser)
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "getUserPermissions", Method: http.MethodGet, Path: userPath + "/permissions", Tag: UsersTag,
		Summary: "Show what a user may do", Description: "Lists the permissions that come of the role or the custom role, of what was granted and of what was denied.",
	}, h.userPermissions)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "setUserPassword", Method: http.MethodPost, Path: userPath + "/password", Tag: UsersTag,
		Summary: "Set a user's password", Description: "Gives another person a password, who is asked to change it, and ends the person's sessions. Who was invited needs no invitation any more.",
		Codes: []fault.Code{fault.CodeWeakPassword, fault.CodeRoleTooHigh, fault.CodeWrongState}, Unrepeatable: true,
	}, h.setPassword)
}

// User is a person as clients see him.
type User struct {
	ID                 uuid.UUID   `json:"id" doc:"The user."`
	TenantID           uuid.UUID   `json:"tenant_id" doc:"The user's home."`
	Kind               string      `json:"kind" enum:"person,service" doc:"A person, or an account that nobody sits behind."`
	Login              string      `json:"login" format:"email" maxLength:"254" doc:"A lower-case e-mail address, unique over the platform." example:"ada@maple.example"`
	Name               string      `json:"name" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Role               string      `json:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do. A tenant_admin of a reseller administers its subtree."`
	Status             string      `json:"status" enum:"invited,active,disabled,archived" doc:"Only who is active can sign in. invited: no password yet; archived: deleted, and can be restored."`
	CustomRoleID       *uuid.UUID  `json:"custom_role_id" nullable:"true" doc:"A role of the tenant's own whose permissions stand in place of the role's; null for none."`
	DeniedPermissions  []string    `json:"denied_permissions" maxItems:"200" maxLength:"64" doc:"What this person may not do, whatever the role says." example:"interactions:close"`
	GrantedPermissions []string    `json:"granted_permissions" maxItems:"200" maxLength:"64" doc:"What this person may do beyond the role." example:"interactions:start"`
	InvitedUntil       *time.Time  `json:"invited_until" doc:"When the open invitation ends; null where there is none."`
	ArchivedAt         *time.Time  `json:"archived_at" doc:"When the user was deleted; null for all others."`
	MustChangePassword bool        `json:"must_change_password" doc:"Somebody else has chosen the password."`
	Phone              *string     `json:"phone" maxLength:"16" doc:"The telephone number in E.164, or null." example:"+15145550123"`
	InternalNumber     *string     `json:"internal_number" maxLength:"15" doc:"What colleagues dial, the agent's number; unique in the tenant, or null." example:"204"`
	Language           *string     `json:"language" maxLength:"35" doc:"BCP 47; null is the tenant's." example:"fr-CA"`
	TimeZone           *string     `json:"time_zone" maxLength:"64" doc:"IANA name; null is the tenant's." example:"America/Toronto"`
	DisplayMode        string      `json:"display_mode" enum:"system,light,dark" doc:"How a frontend looks."`
	AvatarURL          *string     `json:"avatar_url" maxLength:"200" doc:"Where the picture is, for GET with the caller's token; null where there is none." example:"/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00/users/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f01/avatar"`
	Presence           string      `json:"presence" enum:"online,away,busy,offline" doc:"Whether the user is there now. Signing in makes it online; signing out, and two lives of an access token without a sign of the client, offline."`
	PresenceAt         *time.Time  `json:"presence_at" doc:"When the presence was set last; null for who was never there."`
	LastSeenAt         *time.Time  `json:"last_seen_at" doc:"When the user signed in, went on with the session or signed out last; null for who was never there."`
	DepartmentIDs      []uuid.UUID `json:"department_ids" maxItems:"50" doc:"The departments that the user is in."`
	Modules            []string    `json:"modules" maxItems:"10" enum:"email,chat" doc:"What the departments open to the user." example:"email"`
	Applications       []string    `json:"applications" maxItems:"50" enum:"messages,contacts,chat,email,fax,open_channel,calls,recordings,reports" doc:"What the user is shown, and may use." example:"messages"`
	ApplicationsCustom bool        `json:"applications_customised" doc:"The list was set for this user: what comes later stays hidden until it is added."`
	DisabledFunctions  []string    `json:"disabled_functions" maxItems:"50" enum:"pause,custom_pause,preview_dialer,internal_messenger" doc:"Functions that the user is kept from." example:"custom_pause"`
	CreatedByID        *uuid.UUID  `json:"created_by_id" nullable:"true" doc:"Who created the user; null where the program did."`
	CreatedAt          time.Time   `json:"created_at" doc:"When the user was created."`
	UpdatedAt          time.Time   `json:"updated_at" doc:"When the user was changed last; presence and departments do not count."`
}

func userView(u identity.User) User {
	return User{
		ID: u.ID, TenantID: u.TenantID, Kind: string(u.Kind), Login: u.Login, Name: u.Name,
		Role: string(u.Role), CustomRoleID: u.CustomRoleID, DeniedPermissions: words(u.Denied), GrantedPermissions: words(u.Granted),
		Status: string(u.Status), InvitedUntil: u.InvitedUntil, ArchivedAt: u.ArchivedAt,
		MustChangePassword: u.MustChangePassword, Phone: u.Phone, InternalNumber: u.InternalNumber,
		Language: u.Language, TimeZone: u.TimeZone, DisplayMode: string(u.DisplayMode), AvatarURL: avatarURL(u),
		Presence: string(u.Presence), PresenceAt: u.PresenceAt, LastSeenAt: u.LastSeenAt,
		DepartmentIDs: u.Departments, Modules: spelled(u.Modules),
		Applications: spelled(u.Tools.Shown()), ApplicationsCustom: u.Tools.Applications != nil, DisabledFunctions: spelled(u.Tools.Disabled),
		CreatedByID: u.CreatedByID, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt,
	}
}

// userTag is the version of a user, and what is shown of him that changes by
// itself.
func userTag(u identity.User) op.ETag {
	return op.LiveVersion(int64(u.Version), u.Presence, moment(u.PresenceAt), moment(u.LastSeenAt), u.Departments, u.Modules)
}

func moment(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(time.RFC3339Nano)
}

// spelled writes a list of words as text; nil stays nil.
func spelled[W ~string](list []W) []string {
	if list == nil {
		return nil
	}
	out := make([]string, len(list))
	for i, word := range list {
		out[i] = string(word)
	}
	return out
}

// ListUsersInput is the input of listUsers.
type ListUsersInput struct {
	path.Tenant
	op.Page
	Kind         string    `query:"kind" enum:"person,service" doc:"Only this kind."`
	Role         string    `query:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"Only this role."`
	Status       string    `query:"status" enum:"invited,active,disabled,archived" doc:"Only this status; archived is the archive, which is left out otherwise."`
	Presence     string    `query:"presence" enum:"online,away,busy,offline" doc:"Only this presence."`
	DepartmentID uuid.UUID `query:"department_id" doc:"Only members of this department."`
	Q            string    `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name, the login, the internal number or the telephone number begins, in capitals or not; a whole telephone number may be written as in the tenant's country." example:"ad"`
}

func (h handlers) listUsers(ctx context.Context, in *ListUsersInput) (*op.List[User], error) {
	return h.users(ctx, in.Page, identity.UserFilter{
		Kind: identity.UserKind(in.Kind), Role: authz.Role(in.Role), Status: identity.UserStatus(in.Status),
		Presence: identity.Presence(in.Presence), DepartmentID: given(in.DepartmentID), Prefix: in.Q,
	})
}

// given is nil for an id that was not sent.
func given(id uuid.UUID) *uuid.UUID {
	if id == uuid.Nil {
		return nil
	}
	return &id
}

// users is one page of a list of users.
func (h handlers) users(ctx context.Context, page op.Page, f identity.UserFilter) (*op.List[User], error) {
	after, err := op.After[path.Key](ctx, page)
	if err != nil {
		return nil, err
	}
	if after != nil {
		f.After = &after.ID
	}
	f.Limit = page.Fetch()
	rows, err := h.identity.ListUsers(ctx, f)
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, page, rows, userView, func(u identity.User) path.Key { return path.Key{ID: u.ID} })
}

// CreateUser is the body of createUser.
type CreateUser struct {
	Login            string `json:"login" format:"email" maxLength:"254" doc:"An e-mail address, unique over the platform." example:"ada@maple.example"`
	Name             string `json:"name" minLength:"1" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Kind             string `json:"kind,omitempty" enum:"person,service" doc:"A person, which is the default, or an account that nobody sits behind: it may be without a password."`
	Role             string `json:"role" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do. operator is for the operator's own staff."`
	Password         string `json:"password,omitempty" minLength:"8" maxLength:"128" writeOnly:"true" doc:"The first password. A person needs one of password, generate_password and invite." example:"correct horse battery"`
	GeneratePassword bool   `json:"generate_password,omitempty" doc:"Make a strong password, show it once in the answer, and have it changed at the first sign-in, within 72 hours." example:"false"`
	Invite           bool   `json:"invite,omitempty" doc:"Mail the person a link, good for 7 days and one use, by which he chooses a password himself." example:"false"`
	SendWelcome      *bool  `json:"send_welcome,omitempty" doc:"True by default: mail a person with a password the login and where to sign in, never the password. Nothing is sent where the platform has no mail server." example:"true"`
	Phone            string `json:"phone,omitempty" minLength:"3" maxLength:"40" doc:"A telephone number, in E.164 or as it is written in the tenant's country." example:"(514) 555-0123"`
	InternalNumber   string `json:"internal_number,omitempty" minLength:"1" maxLength:"15" pattern:"^[0-9]+$" doc:"What colleagues dial, the agent's number; unique in the tenant." example:"204"`
	Language         string `json:"language,omitempty" minLength:"2" maxLength:"35" doc:"BCP 47; the tenant's if it is left out." example:"fr-CA"`
	TimeZone         string `json:"time_zone,omitempty" minLength:"1" maxLength:"64" doc:"IANA name; the tenant's if it is left out." example:"America/Toronto"`

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

// UserHome is the tenant that a user was put into.
type UserHome struct {
	ID   uuid.UUID `json:"id" doc:"The tenant."`
	Name string    `json:"name" maxLength:"200" doc:"Its name." example:"Maple Dental"`
}

// NewUser is a user with what is shown at his creation only.
type NewUser struct {
	User
	Tenant            UserHome `json:"tenant" doc:"The tenant that the user was put into."`
	GeneratedPassword string   `json:"generated_password,omitempty" maxLength:"128" doc:"The generated password. It is never shown again, also not by a replay of this request." example:"hT4%wq7Zr=Nd2kPe!mXa"`
}

// UserCreated is the output of createUser.
type UserCreated struct {
	op.Location
	op.ETag
	Body NewUser
}

// WithoutSecrets implements op.Discreet.
func (u *UserCreated) WithoutSecrets() *UserCreated {
	out := *u
	out.Body.GeneratedPassword = ""
	return &out
}

// prepareUser hashes the password while no transaction waits for it.
func (h handlers) prepareUser(ctx context.Context, in *CreateUserInput) (err error) {
	b := in.Body
	in.prepared, err = h.identity.PrepareUser(ctx, identity.NewUser{
		Login: b.Login, Name: b.Name, Kind: identity.UserKind(b.Kind), Role: authz.Role(b.Role),
		CustomRoleID: b.CustomRoleID, Denied: permissions(b.DeniedPermissions), Granted: permissions(b.GrantedPermissions),
		Password: b.Password, Generate: b.GeneratePassword, Invite: b.Invite, Welcome: b.SendWelcome == nil || *b.SendWelcome,
		Profile: identity.Profile{
			Phone: &b.Phone, InternalNumber: &b.InternalNumber, Language: &b.Language, TimeZone: &b.TimeZone,
		},
	})
	return err
}

func (h handlers) createUser(ctx context.Context, in *CreateUserInput) (*UserCreated, error) {
	u, err := h.identity.CreateUser(ctx, in.prepared)
	if err != nil {
		return nil, err
	}
	home, err := h.identity.Home(ctx)
	if err != nil {
		return nil, err
	}
	out := NewUser{User: userView(u), Tenant: UserHome{home.ID, home.Name}}
	if in.Body.GeneratePassword {
		out.GeneratedPassword = in.prepared.Password
	}
	return &UserCreated{op.At("/v1/tenants/%s/users/%s", in.TenantID, u.ID), userTag(u), out}, nil
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
	return &UserShown{userTag(u), userView(u)}, nil
}

func (h handlers) getUser(ctx context.Context, in *UserPath) (*UserShown, error) {
	return userShown(h.identity.GetUser(ctx, in.UserID))
}

// UpdateUser is the body of updateUser.
type UpdateUser struct {
	Name           op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call the user." example:"Ada Lovelace"`
	Kind           op.Optional[string] `json:"kind,omitzero" nullable:"false" enum:"person,service" doc:"A person, or an account that nobody sits behind."`
	Role           op.Optional[string] `json:"role,omitzero" nullable:"false" enum:"operator,tenant_admin,manager,agent,user" doc:"What the user may do."`
	Status         op.Optional[string] `json:"status,omitzero" nullable:"false" enum:"active,disabled" doc:"Whether the user can sign in."`
	Phone          op.Optional[string] `json:"phone,omitzero" minLength:"3" maxLength:"40" doc:"A telephone number, in E.164 or as it is written in the tenant's country; null takes it away." example:"(514) 555-0123"`
	InternalNumber op.Optional[string] `json:"internal_number,omitzero" minLength:"1" maxLength:"15" pattern:"^[0-9]+$" doc:"What colleagues dial; null takes it away." example:"204"`
	Language       op.Optional[string] `json:"language,omitzero" minLength:"2" maxLength:"35" doc:"BCP 47; null is the tenant's." example:"fr-CA"`
	TimeZone       op.Optional[string] `json:"time_zone,omitzero" minLength:"1" maxLength:"64" doc:"IANA name; null is the tenant's." example:"America/Toronto"`

	Applications      op.Optional[[]string] `json:"applications,omitzero" maxItems:"50" enum:"messages,contacts,chat,email,fax,open_channel,calls,recordings,reports" doc:"What the user is shown, and may use, within a second. A list that was set hides what comes later; null is everything again." example:"messages"`
	DisabledFunctions op.Optional[[]string] `json:"disabled_functions,omitzero" nullable:"false" maxItems:"50" enum:"pause,custom_pause,preview_dialer,internal_messenger" doc:"Functions that the user is kept from." example:"custom_pause"`

	CustomRoleID       op.Optional[uuid.UUID] `json:"custom_role_id,omitzero" doc:"A role of the tenant's own, whose base becomes the role; null goes back to the role alone."`
	DeniedPermissions  op.Optional[[]string]  `json:"denied_permissions,omitzero" nullable:"false" maxItems:"200" maxLength:"64" doc:"What this person may not do, whatever the role says." example:"interactions:close"`
	GrantedPermissions op.Optional[[]string]  `json:"granted_permissions,omitzero" nullable:"false" maxItems:"200" maxLength:"64" doc:"What this person may do beyond the role, of what the caller may do himself." example:"interactions:start"`
}

// text is what was sent for a text that can be taken away: nil for nothing, and
// an empty text for null.
func text(sent op.Optional[string]) *string {
	if !sent.Set {
		return nil
	}
	return &sent.Value
}

// unspelled reads a list of words; nil stays nil.
func unspelled[W ~string](list []string) []W {
	if list == nil {
		return nil
	}
	out := make([]W, len(list))
	for i, word := range list {
		out[i] = W(word)
	}
	return out
}

// UpdateUserInput is the input of updateUser.
type UpdateUserInput struct {
	UserPath
	op.IfMatch
	Body UpdateUser
}

func (h handlers) updateUser(ctx context.Context, in *UpdateUserInput) (*UserShown, error) {
	b := in.Body
	c := identity.UserChange{
		Name: b.Name.Pointer(), Kind: (*identity.UserKind)(b.Kind.Pointer()), Role: (*authz.Role)(b.Role.Pointer()),
		Status: (*identity.UserStatus)(b.Status.Pointer()),
		Profile: identity.Profile{
			Phone: text(b.Phone), InternalNumber: text(b.InternalNumber), Language: text(b.Language), TimeZone: text(b.TimeZone),
		},
	}
	if b.Applications.Set {
		c.Tools.Applications = to(unspelled[identity.Application](b.Applications.Value))
	}
	if b.DisabledFunctions.Set {
		c.Tools.Disabled = to(unspelled[identity.Function](b.DisabledFunctions.Value))
	}
	if b.CustomRoleID.Set {
		c.CustomRoleID = &b.CustomRoleID.Value // uuid.Nil for null
	}
	if b.DeniedPermissions.Set {
		c.Denied = to(permissions(b.DeniedPermissions.Value))
	}
	if b.GrantedPermissions.Set {
		c.Granted = to(permissions(b.GrantedPermissions.Value))
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
