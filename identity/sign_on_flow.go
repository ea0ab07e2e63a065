package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/oidc"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	statePrefix = "trl_state_"
	// flowLife is how long a browser may stay at the provider.
	flowLife  = 10 * time.Minute
	flowLabel = "single sign-on flows"
)

// errSignOnFailed is the one answer to a sign-in that the provider, or what it
// said, does not bear out.
var errSignOnFailed = fault.New(fault.Unauthenticated, fault.CodeSignOnFailed,
	"The sign-in at the provider opens nothing here. Begin anew, or ask an administrator whether the account exists.")

var errSignOnRequired = fault.New(fault.Forbidden, fault.CodeSignOnRequired,
	"This tenant's users sign in by its single sign-on.")

// flow derives what ties the halves of a sign-in together from its state, of
// which only the hash is kept.
func (s *Service) flow(state string) oidc.Flow {
	of := func(what string) string {
		mac := hmac.New(sha256.New, s.cfg.Keyring.Derive(flowLabel))
		mac.Write([]byte(what + state))
		return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
	}
	return oidc.Flow{State: state, Nonce: of("nonce "), Verifier: of("verifier ")}
}

// StartSignOn begins a sign-in at a tenant's provider and returns the address to
// which the browser is to go, and until when it may come back. It fails with
// not_found for a tenant that is not there or has no single sign-on, and with
// provider_unreachable.
func (s *Service) StartSignOn(ctx context.Context, tenantID uuid.UUID) (string, time.Time, error) {
	if store.InTransaction(ctx) {
		return "", time.Time{}, errInTransaction
	}
	home, err := s.cfg.Tenants.Node(ctx, tenantID)
	if fault.Is(err, fault.CodeNotFound) || err == nil && home.Suspended() {
		return "", time.Time{}, errNoSignOn
	}
	if err != nil {
		return "", time.Time{}, err
	}
	ctx = scope.With(ctx, scope.Scope{TenantID: home.ID, Path: home.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
	c, err := s.GetSignOn(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	state, hash := newToken(statePrefix)
	address, err := s.cfg.SignOn.Begin(ctx, c.connection(), s.flow(state))
	if err != nil {
		return "", time.Time{}, providerFault(err)
	}
	now := s.cfg.Store.Now()
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `INSERT INTO sign_in_flows (state_hash, tenant_id, created_at, expires_at) VALUES ($1, $2, $3, $4)`,
			hash, home.ID, now, now.Add(flowLife))
		return err
	})
	if err != nil {
		return "", time.Time{}, fmt.Errorf("storing a sign-in: %w", err)
	}
	return address, now.Add(flowLife), nil
}

// FinishSignOn signs in who comes back from a provider: the user of that tenant
// whose login is the address that the provider has verified, in a domain that it
// is believed for. Nobody is created. It fails with single_sign_on_failed for
// everything that proves nothing, with second_factor_required and a challenge
// where the user has one, with provider_unreachable and tenant_suspended.
func (s *Service) FinishSignOn(ctx context.Context, state, code string, client Client) (Tokens, error) {
	if store.InTransaction(ctx) {
		return Tokens{}, errInTransaction
	}
	home, err := s.useState(ctx, state)
	if err != nil {
		return Tokens{}, err
	}
	ctx = scope.With(ctx, scope.Scope{TenantID: home.ID, Path: home.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
	c, err := s.GetSignOn(ctx)
	if fault.Is(err, fault.CodeNotFound) {
		return Tokens{}, errSignOnFailed // disconnected since
	}
	if err != nil {
		return Tokens{}, err
	}
	claims, err := s.cfg.SignOn.Finish(ctx, c.connection(), s.flow(state), code)
	if err != nil {
		return Tokens{}, providerFault(err)
	}
	found, err := s.userOfClaims(ctx, home, c, claims)
	if err != nil {
		return Tokens{}, err
	}
	return s.enter(ctx, found, attempt{}, "", bySignOn, client)
}

// useState uses up a state, and tells at which tenant the sign-in began.
func (s *Service) useState(ctx context.Context, state string) (tenants.Node, error) {
	if !isToken(statePrefix, state) {
		return tenants.Node{}, errSignOnFailed
	}
	var tenantID uuid.UUID
	hash, now := tokenHash(state), s.cfg.Store.Now()
	err := s.cfg.Store.InTx(scope.System(ctx, "finding where a sign-in began"), func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&tenantID}, `
			UPDATE sign_in_flows SET ended_at = $2 WHERE state_hash = $1 AND ended_at IS NULL AND expires_at > $2
			RETURNING tenant_id`, hash, now)
	})
	if store.IsNotFound(err) {
		return tenants.Node{}, errSignOnFailed
	}
	if err != nil {
		return tenants.Node{}, err
	}
	home, err := s.cfg.Tenants.Node(ctx, tenantID)
	if err == nil && home.Suspended() {
		err = errSuspended
	}
	return home, err
}

// userOfClaims finds the user whom a provider means. The first sign-in ties the
// provider's subject to the user: an address that is given to somebody else
// later opens nothing.
func (s *Service) userOfClaims(ctx context.Context, home tenants.Node, c SignOn, claims oidc.Claims) (*ent.User, error) {
	login, err := cleanLogin(claims.Email)
	_, domain, _ := strings.Cut(login, "@")
	if err != nil || !claims.EmailVerified || !slices.Contains(c.Domains, domain) {
		return nil, errSignOnFailed
	}
	var found *ent.User
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).User.Query().
			Where(user.Login(login), user.StatusEQ(user.StatusActive)).ForUpdate().Only(ctx)
		if store.IsNotFound(err) {
			return errSignOnFailed
		}
		if err != nil {
			return fmt.Errorf("reading who signs in: %w", err)
		}
		found = row
		var subject string
		err = store.QueryRow(ctx, []any{&subject}, `
			SELECT subject FROM single_sign_on_links WHERE tenant_id = $1 AND user_id = $2 AND issuer = $3`, home.ID, row.ID, c.Issuer)
		switch {
		case store.IsNotFound(err):
			_, err = store.Exec(ctx, `
				INSERT INTO single_sign_on_links (tenant_id, user_id, issuer, subject, created_at) VALUES ($1, $2, $3, $4, $5)`,
				home.ID, row.ID, c.Issuer, claims.Subject, s.cfg.Store.Now())
		case err == nil && subject != claims.Subject:
			return errSignOnFailed
		}
		if store.Violates(err, "h_single_sign_on_links_subject") {
			return errSignOnFailed // the subject is another user's
		}
		return err
	})
	return found, err
}

// wantsSignOn tells whether a user's tenant leaves passwords to those who
// administer it.
func (s *Service) wantsSignOn(ctx context.Context, found *ent.User) (bool, error) {
	if role := authz.Role(found.Role); role == authz.TenantAdmin || role == authz.Operator {
		return false, nil
	}
	allowed := true
	err := s.cfg.Store.Read(scope.System(ctx, "looking whether passwords are allowed"), func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&allowed}, `
			SELECT allow_passwords FROM single_sign_on WHERE tenant_id = $1 AND client_secret IS NOT NULL`, found.TenantID)
	})
	if store.IsNotFound(err) {
		err = nil
	}
	return !allowed, err
}
