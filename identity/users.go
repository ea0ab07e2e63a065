package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

const uniqueLogin = "user_login"

// UserStatus tells whether a user may sign in.
type UserStatus string

// The states of a user.
const (
	UserActive   UserStatus = "active"
	UserDisabled UserStatus = "disabled"
)

// User is a person who signs in, as callers see him.
type User struct {
	ID       uuid.UUID
	TenantID uuid.UUID
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
	// MustChangePassword is set while somebody else knows the password.
	MustChangePassword bool
	// CreatedByID is nil for users that the program made.
	CreatedByID *uuid.UUID
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int
}

func viewUser(u *ent.User) User {
	return User{
		ID: u.ID, TenantID: u.TenantID, Login: u.Login, Name: u.Name, Role: authz.Role(u.Role),
		CustomRoleID: u.CustomRoleID, Denied: toPermissions(u.Denied), Granted: toPermissions(u.Granted),
		Status: UserStatus(u.Status), MustChangePassword: u.MustChangePassword, CreatedByID: u.CreatedByID,
		CreatedAt: u.CreatedAt, UpdatedAt: u.UpdatedAt, Version: u.Version,
	}
}

// UserRoles lists the roles that users are given.
func UserRoles() []authz.Role {
	return []authz.Role{authz.Operator, authz.TenantAdmin, authz.Manager, authz.Agent, authz.User}
}

// NewUser describes a user to be made.
type NewUser struct {
	// Login is an e-mail address; it is the user's on the whole platform.
	Login, Name string
	Role        authz.Role
	Password    string
	// CustomRoleID is a role of the tenant's own whose base is Role, or nil.
	CustomRoleID *uuid.UUID
	// Denied and Granted are what the person has less and more than the role.
	Denied, Granted []authz.Permission

	hash string // of the password, once it is prepared
}

// PrepareUser does what takes long before a transaction is opened: it checks
// what can be checked, and hashes the password. It fails like CreateUser.
func (s *Service) PrepareUser(ctx context.Context, n NewUser) (NewUser, error) {
	n, err := n.clean()
	if err != nil {
		return NewUser{}, err
	}
	a, err := s.authority(ctx)
	if err != nil {
		return NewUser{}, err
	}
	if err := s.mayMake(ctx, a, n); err != nil {
		return NewUser{}, err
	}
	if err := s.checkPassword(ctx, a.node.ID, n.Login, n.Name, n.Password); err != nil {
		return NewUser{}, err
	}
	n.hash, err = s.cfg.Passwords.Hash(ctx, n.Password)
	return n, err
}

// CreateUser makes a user at home in the scope's tenant. It fails with
// validation_failed, weak_password, role_not_assignable where the role is more
// than the caller may give, forbidden, quota_exceeded where no seat is left, and
// login_taken where anybody has the login, in whichever tenant.
func (s *Service) CreateUser(ctx context.Context, n NewUser) (User, error) {
	if n.hash == "" {
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
		if err := s.mayMake(ctx, a, n); err != nil {
			return err
		}
		if err := s.cfg.Tenants.TakeSeat(ctx); err != nil {
			return err
		}
		create := s.cfg.Store.Ent(ctx).User.Create().SetLogin(n.Login).SetName(n.Name).
			SetRole(user.Role(n.Role)).SetPasswordHash(n.hash).SetMustChangePassword(!a.program).
			SetNillableCustomRoleID(n.CustomRoleID).SetDenied(wordsOf(n.Denied)).SetGranted(wordsOf(n.Granted))
		if !a.program {
			create.SetCreatedByID(a.caller.UserID)
		}
		row, err := create.Save(ctx)
		if store.Violates(err, uniqueLogin) {
			// The same words wherever the login is: they name no tenant.
			return fault.New(fault.Conflict, fault.CodeLoginTaken, "This login cannot be used: somebody has it.").
				At("body.login", "is taken").Because(err)
		}
		if store.Violates(err, usersRole) {
			return noSuchRole().Because(err) // it was deleted at this moment
		}
		if err != nil {
			return fmt.Errorf("creating a user: %w", err)
		}
		made = viewUser(row)
		return s.cfg.Log.Publish(ctx, "user.created", "user", row.ID, userData{Role: n.Role, Status: made.Status})
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

// userData is the data of the events of users.
type userData struct {
	Changed []string   `json:"changed,omitempty"`
	Role    authz.Role `json:"role"`
	Status  UserStatus `json:"status"`
}

func (n NewUser) clean() (NewUser, error) {
	var err error
	if n.Login, err = cleanLogin(n.Login); err != nil {
		return n, err
	}
	if n.Name, err = tenants.CleanName("body.name", n.Name); err != nil {
		return n, err
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
	return n, nil
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
		found = viewUser(row)
		return nil
	})
	return found, err
}

// UserFilter says which users a list holds. Zero values do not filter.
type UserFilter struct {
	// After is the id that the page before ended with.
	After *uuid.UUID
	// Limit is the greatest number of users to return.
	Limit int

	Role   authz.Role
	Status UserStatus
	// Prefix is how the name or the login begins, in capitals or not.
	Prefix string
}

// ListUsers returns users of the scope's tenant in the order of their ids,
// which is that of their creation.
func (s *Service) ListUsers(ctx context.Context, f UserFilter) ([]User, error) {
	if !utf8.ValidString(f.Prefix) || strings.ContainsRune(f.Prefix, 0) {
		return nil, nil // no name holds such characters
	}
	var found []User
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		query := s.cfg.Store.Ent(ctx).User.Query()
		if f.After != nil {
			query.Where(user.IDGT(*f.After))
		}
		if f.Role != "" {
			query.Where(user.RoleEQ(user.Role(f.Role)))
		}
		if f.Status != "" {
			query.Where(user.StatusEQ(user.Status(f.Status)))
		}
		if f.Prefix != "" {
			query.Where(user.Or(
				entsql.FieldHasPrefixFold(user.FieldLogin, f.Prefix),
				entsql.FieldHasPrefixFold(user.FieldName, f.Prefix)))
		}
		rows, err := query.Order(user.ByID()).Limit(max(f.Limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing users: %w", err)
		}
		for _, row := range rows {
			found = append(found, viewUser(row))
		}
		return nil
	})
	return found, err
}
