package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

const uniqueLogin = "user_login"

// User is a person who signs in, or an account for a service, as callers see
// it.
type User struct {
	ID       uuid.UUID
	TenantID uuid.UUID
	Kind     UserKind
	Login    string
	Name     string
	// Role is the one that was given: tenant_admin also in a reseller's tenant,
	// where it reaches further.
	Role authz.Role
	// CustomRoleID is the tenant's own role that stands in place of Role's
	// permissions; nil for most.
	CustomRoleID *uuid.UUID
	// Denied and Granted are what this person has less and more than the role.
	Denied, Granted []authz.Permission
	Status          UserStatus
	// ArchivedAt is when he was deleted, nil for all others.
	ArchivedAt *time.Time
	// InvitedUntil is when the open invitation ends, nil where there is none.
	InvitedUntil *time.Time
	// MustChangePassword is set while somebody else knows the password.
	MustChangePassword bool
	// Phone is in E.164.
	Phone          *string
	InternalNumber *string
	Preferences
	// AvatarTag names the content of his picture, nil where he has none.
	AvatarTag *string
	Presence  Presence
	// PresenceAt is when it changed last, LastSeenAt when the user signed in,
	// went on with his session or signed out last.
	PresenceAt, LastSeenAt *time.Time
	Departments            []uuid.UUID
	// Modules are what his departments open to him.
	Modules []departments.Module
	Tools   Tools
	// CreatedByID is nil for users that the program made.
	CreatedByID *uuid.UUID
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int
}

func (s *Service) viewUser(u *ent.User) User {
	return User{
		ID: u.ID, TenantID: u.TenantID, Kind: UserKind(u.Kind), Login: u.Login, Name: u.Name, Role: authz.Role(u.Role),
		CustomRoleID: u.CustomRoleID, Denied: toPermissions(u.Denied), Granted: toPermissions(u.Granted),
		Status: UserStatus(u.Status), ArchivedAt: u.ArchivedAt, InvitedUntil: u.InvitedUntil,
		MustChangePassword: u.MustChangePassword, Phone: u.Phone, InternalNumber: u.InternalNumber,
		Preferences: Preferences{u.Language, u.TimeZone, DisplayMode(u.DisplayMode)}, AvatarTag: u.AvatarTag,
		Presence: s.presenceOf(u), PresenceAt: u.PresenceAt, LastSeenAt: u.LastSeenAt, Tools: toolsOf(u),
		CreatedByID: u.CreatedByID, CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Version: u.Version,
	}
}

// withDepartments views users together with where they belong.
func (s *Service) withDepartments(ctx context.Context, rows ...*ent.User) ([]User, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	belongs, err := s.cfg.Departments.Of(ctx, ids...)
	if err != nil {
		return nil, err
	}
	var out []User
	for _, row := range rows {
		u := s.viewUser(row)
		u.Departments, u.Modules = belongs[u.ID].Departments, belongs[u.ID].Modules
		out = append(out, u)
	}
	return out, nil
}

// withDepartment is withDepartments for one.
func (s *Service) withDepartment(ctx context.Context, row *ent.User) (User, error) {
	all, err := s.withDepartments(ctx, row)
	if err != nil {
		return User{}, err
	}
	return all[0], nil
}

// UserRoles lists the roles that users are given.
func UserRoles() []authz.Role {
	return []authz.Role{authz.Operator, authz.TenantAdmin, authz.Manager, authz.Agent, authz.User}
}

// NewUser describes a user to be made. A person has one of Password, Generate
// and Invite; a service may be without all of them, and then never signs in.
type NewUser struct {
	// Login is an e-mail address; it is the user's on the whole platform.
	Login, Name string
	Kind        UserKind // PersonUser if it is empty
	Role        authz.Role
	Profile     Profile
	Password    string
	// CustomRoleID is a role of the tenant's own whose base is Role, or nil.
	CustomRoleID *uuid.UUID
	// Denied and Granted are what the person has less and more than the role.
	Denied, Granted []authz.Permission
	// Generate makes a password, which PrepareUser puts into Password.
	Generate bool
	// Invite sends a link instead, by which the user chooses one.
	Invite bool
	// Welcome tells a user with a password where to sign in, by mail.
	Welcome bool

	prepared bool
	hash     string // of the password
}

// PrepareUser does what takes long before a transaction is opened: it checks
// what can be checked, and hashes the password. It fails like CreateUser.
func (s *Service) PrepareUser(ctx context.Context, n NewUser) (NewUser, error) {
	a, err := s.authority(ctx)
	if err != nil {
		return NewUser{}, err
	}
	if n, err = n.clean(a.node.Country); err != nil {
		return NewUser{}, err
	}
	if err := s.mayMake(ctx, a, n); err != nil {
		return NewUser{}, err
	}
	if n.Password != "" {
		if !n.Generate {
			if err := s.checkPassword(ctx, a.node.ID, n.Login, n.Name, n.Password); err != nil {
				return NewUser{}, err
			}
		}
		n.hash, err = s.cfg.Passwords.Hash(ctx, n.Password)
	}
	n.prepared = true
	return n, err
}

// CreateUser makes a user at home in the scope's tenant. It fails with
// validation_failed, weak_password, role_not_assignable where the role is more
// than the caller may give, forbidden, quota_exceeded where no seat is left,
// internal_number_taken, mail_not_configured for an invitation, and login_taken
// where anybody has the login, in whichever tenant, also in the archive.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	if !n.prepared {
		prepared, err := s.PrepareUser(ctx, n)
		if err != nil {
			return User{}, err
		}
		n = prepared
	}
	a, err := s.authority(ctx)
	if err != nil {
		return User{}, err
	}
	var made User
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.cfg.Tenants.RefuseInSandbox(ctx, "users"); err != nil {
			return err
		}
		if err := s.mayMake(ctx, a, n); err != nil {
			return err
		}
		if err := s.cfg.Tenants.TakeSeat(ctx); err != nil {
			return err
		}
		token, hash := "", []byte(nil)
		if n.Invite {
			token, hash = newInvitation()
		}
		row, err := s.insertUser(ctx, a, n, hash)
		if err != nil {
			return err
		}
		made = s.viewUser(row)
		if err := s.publishUser(ctx, "user.created", nil, row); err != nil {
			return err
		}
		switch {
		case n.Invite:
			return s.mailInvitation(ctx, a, row, token)
		case n.Welcome && n.hash != "" && n.Kind == PersonUser:
			return s.mailWelcome(ctx, a, row)
		}
		return nil
	})
	return made, err
}

// mayMake fails where the actor may not give what a new user would have.
func (s *Service) mayMake(ctx context.Context, a authority, n NewUser) error {
	return s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		h, err := s.holdingFor(ctx, a.node.Kind, distribution{n.Role, n.CustomRoleID, n.Denied, n.Granted})
		if err != nil {
			return err
		}
		return s.mayGive(a, h)
	})
}

func (s *Service) insertUser(ctx context.Context, a authority, n NewUser, invitation []byte) (*ent.User, error) {
	create := s.cfg.Store.Ent(ctx).User.Create().SetLogin(n.Login).SetName(n.Name).SetNameFolded(strings.ToLower(n.Name)).
		SetKind(user.Kind(n.Kind)).SetRole(user.Role(n.Role)).SetPasswordHash(n.hash).
		SetNillableCustomRoleID(n.CustomRoleID).SetDenied(wordsOf(n.Denied)).SetGranted(wordsOf(n.Granted)).
		SetMustChangePassword(!a.program && n.hash != "")
	if !a.program {
		create.SetCreatedByID(a.caller.UserID)
	}
	if n.Generate {
		create.SetMustChangePassword(true).SetInitialPasswordUntil(s.cfg.Store.Now().Add(initialPasswordLife))
	}
	if n.Invite {
		create.SetStatus(user.StatusInvited).SetInvitationHash(invitation).SetInvitedUntil(s.cfg.Store.Now().Add(invitationLife))
	}
	n.Profile.apply(create.Mutation())
	row, err := create.Save(ctx)
	switch {
	case store.Violates(err, uniqueLogin):
		// The same words wherever the login is: they name no tenant.
		return nil, fault.New(fault.Conflict, fault.CodeLoginTaken, "This login cannot be used: somebody has it.").
			At("body.login", "is taken").Because(err)
	case store.Violates(err, uniqueInternalNumber):
		return nil, errInternalNumber(err)
	case store.Violates(err, usersRole):
		return nil, noSuchRole().Because(err) // it was deleted at this moment
	case err != nil:
		return nil, fmt.Errorf("creating a user: %w", err)
	}
	return row, nil
}

// userData is the data of the events of users.
type userData struct {
	Changed []string   `json:"changed,omitempty"`
	Role    authz.Role `json:"role"`
	Status  UserStatus `json:"status"`
}

// userSnapshot is a user as the audit log compares him.
type userSnapshot struct {
	Login              string     `json:"login"`
	Name               string     `json:"name"`
	Kind               UserKind   `json:"kind"`
	Role               authz.Role `json:"role"`
	Status             UserStatus `json:"status"`
	MustChangePassword bool       `json:"must_change_password"`
	Phone              *string    `json:"phone"`
	InternalNumber     *string    `json:"internal_number"`
	Language           *string    `json:"language"`
	TimeZone           *string    `json:"time_zone"`
	DisplayMode        string     `json:"display_mode"`
	Avatar             *string    `json:"avatar"`
	InvitedUntil       *time.Time `json:"invited_until"`
	CustomRoleID       *uuid.UUID `json:"custom_role_id"`
	Denied             []string   `json:"denied_permissions"`
	Granted            []string   `json:"granted_permissions"`
	Applications       []string   `json:"applications"`
	DisabledFunctions  []string   `json:"disabled_functions"`
}

// snapshot is nil for nobody.
func snapshot(u *ent.User) any {
	if u == nil {
		return nil
	}
	return userSnapshot{
		Login: u.Login, Name: u.Name, Kind: UserKind(u.Kind), Role: authz.Role(u.Role), Status: UserStatus(u.Status),
		MustChangePassword: u.MustChangePassword, Phone: u.Phone, InternalNumber: u.InternalNumber,
		Language: u.Language, TimeZone: u.TimeZone, DisplayMode: string(u.DisplayMode), Avatar: u.AvatarTag,
		InvitedUntil: u.InvitedUntil, CustomRoleID: u.CustomRoleID, Denied: u.Denied, Granted: u.Granted,
		Applications: u.Applications, DisabledFunctions: u.DisabledFunctions,
	}
}

// publishUser writes down what happened to a user; before is nil for a new one.
func (s *Service) publishUser(ctx context.Context, kind string, before, after *ent.User, changed ...string) error {
	return s.cfg.Log.Publish(ctx, kind, "user", after.ID, events.Change{
		Data:   userData{changed, authz.Role(after.Role), UserStatus(after.Status)},
		Before: snapshot(before), After: snapshot(after),
	})
}

func (n NewUser) clean(country string) (NewUser, error) {
	var err error
	if n.Login, err = cleanLogin(n.Login); err != nil {
		return n, err
	}
	if n.Name, err = tenants.CleanName("body.name", n.Name); err != nil {
		return n, err
	}
	if n.Kind == "" {
		n.Kind = PersonUser
	}
	if user.KindValidator(user.Kind(n.Kind)) != nil {
		return n, fault.InvalidField(fault.CodeInvalid, "body.kind", "must be person or service")
	}
	if err = knownRole(n.Role); err != nil {
		return n, err
	}
	if n.Denied, err = cleanPermissions("body.denied_permissions", n.Denied); err != nil {
		return n, err
	}
	if n.Granted, err = cleanPermissions("body.granted_permissions", n.Granted); err != nil {
		return n, err
	}
	if n.Profile, err = n.Profile.clean(country); err != nil {
		return n, err
	}
	return n.withPassword()
}

// withPassword sees that there is one way in which the user gets a password.
func (n NewUser) withPassword() (NewUser, error) {
	switch {
	case n.Generate && n.Invite:
		return n, fault.InvalidField(fault.CodeInvalid, "body.generate_password", "is not for a user who is invited: he chooses one")
	case (n.Generate || n.Invite) && n.Password != "":
		return n, fault.InvalidField(fault.CodeInvalid, "body.password", "is not for a user who is invited, or whose password is generated")
	case n.Generate:
		n.Password = GeneratePassword()
	case n.Password == "" && !n.Invite && n.Kind == PersonUser:
		return n, fault.InvalidField(fault.CodeInvalid, "body.password", "is required, unless generate_password or invite is set")
	}
	return n, nil
}

// Home is the tenant of the scope, of which users are made and changed.
func (s *Service) Home(ctx context.Context) (tenants.Tenant, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return tenants.Tenant{}, err
	}
	return s.cfg.Tenants.Get(ctx, sc.TenantID)
}

func knownRole(role authz.Role) error {
	if slices.Contains(UserRoles(), role) {
		return nil
	}
	return fault.InvalidField(fault.CodeInvalid, "body.role", "is not a role that users are given")
}

// GetUser returns a user of the scope's tenant. It fails with not_found.
func (s *Service) GetUser(ctx context.Context, userID uuid.UUID) (User, error) {
	var found User
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("user")
		}
		if err != nil {
			return fmt.Errorf("reading a user: %w", err)
		}
		found, err = s.withDepartment(ctx, row)
		return err
	})
	return found, err
}
