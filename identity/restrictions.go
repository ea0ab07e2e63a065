package identity

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/session"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// account is what is read of a user to know what he has to do first.
type account struct {
	mustChange        bool
	generated         bool // and it is still the generated password
	passwordChangedAt time.Time
	secondFactor      bool
	secondFactorDueAt *time.Time
	role              authz.Role
	// by is how he signed in: at a provider no password is asked for.
	by session.Method
}

// restriction is what a user has to do before anything else. A password that
// somebody else has chosen has to be changed where the tenant has the security
// suite (SEC-03), and an old one too (SEC-06); a generated one everywhere (C-42).
func (s *Service) restriction(a account, home tenants.Node) Restriction {
	now := s.cfg.Store.Now()
	strict := home.SecuritySuite && a.by == byPassword
	switch {
	case a.by == byPassword && a.generated || strict && a.mustChange:
		return RestrictedToPasswordChange
	case strict && expiresInDays(a.passwordChangedAt, now) == 0:
		return RestrictedByExpiry
	}
	return s.factorRestriction(a, home)
}

// factorRestriction is the restriction of who should have set up a second factor
// by now. It binds his API keys as well: a key is no way around the factor. That
// of passwords does not bind them, since they were made without one.
func (s *Service) factorRestriction(a account, home tenants.Node) Restriction {
	due := a.secondFactorDueAt
	if s.asksSecondFactor(home.Kind, a.role) && !a.secondFactor && due != nil && !s.cfg.Store.Now().Before(*due) {
		return RestrictedToSecondFactor
	}
	return ""
}

// asksSecondFactor tells whether the platform asks somebody for a second factor:
// its own staff, and those who administer a reseller.
func (s *Service) asksSecondFactor(kind tenants.Kind, role authz.Role) bool {
	return s.cfg.SecondFactor != nil &&
		slices.Contains([]authz.Role{authz.Operator, authz.ResellerAdmin}, roleAt(kind, role))
}

// noteSecondFactorDue gives a user his time to set up a second factor, from the
// first sign-in on at which one was asked for.
func (s *Service) noteSecondFactorDue(ctx context.Context, u *ent.User) error {
	if s.cfg.SecondFactor == nil || u.SecondFactorDueAt != nil {
		return nil
	}
	home, err := s.cfg.Tenants.Get(ctx, u.TenantID)
	if err != nil || !s.asksSecondFactor(home.Kind, authz.Role(u.Role)) {
		return err
	}
	return u.Update().SetSecondFactorDueAt(s.cfg.Store.Now().Add(*s.cfg.SecondFactor)).Exec(ctx)
}

// withAdvice tells who signs in what stands before him.
func (s *Service) withAdvice(ctx context.Context, t Tokens, by session.Method) (Tokens, error) {
	home, err := s.cfg.Tenants.Node(ctx, t.TenantID)
	if err != nil {
		return Tokens{}, err
	}
	a := account{by: by}
	err = s.cfg.Store.Read(scope.System(ctx, "telling a user what he has to do"), func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&a.mustChange, &a.generated, &a.passwordChangedAt, &a.secondFactorDueAt, &a.role, &a.secondFactor}, `
			SELECT u.must_change_password, u.initial_password_until IS NOT NULL, coalesce(u.password_changed_at, u.created_at), u.second_factor_due_at, u.role,
			       f.confirmed_at IS NOT NULL
			FROM users u LEFT JOIN second_factors f ON f.tenant_id = u.tenant_id AND f.user_id = u.id
			WHERE u.id = $1`, t.UserID)
	})
	if err != nil {
		return Tokens{}, fmt.Errorf("reading about who signs in: %w", err)
	}
	t.Restriction = s.restriction(a, home)
	if now := s.cfg.Store.Now(); home.SecuritySuite && by == byPassword && !now.Before(a.passwordChangedAt.Add(passwordLife-passwordWarning)) {
		days := expiresInDays(a.passwordChangedAt, now)
		t.PasswordExpiresInDays = &days
	}
	return t, nil
}
