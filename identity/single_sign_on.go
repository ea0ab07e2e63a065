package identity

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/oidc"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// SealedSignOn is the column of the secrets of connections, for a rotation of
// the master keys.
var SealedSignOn = store.SealedColumn{Table: "single_sign_on", Column: "client_secret", ID: "tenant_id", Owner: "tenant_id"}

// callbackPage is where providers send browsers back to, in the application that
// people use.
const callbackPage = "/sign-in/callback"

// SignOn is a tenant's connection to an OpenID provider.
type SignOn struct {
	Issuer, ClientID string
	// SecretLast4 and SecretFingerprint are all that is shown of the secret.
	SecretLast4, SecretFingerprint string
	// Domains are those whose addresses the provider is believed.
	Domains []string
	// AllowPasswords is false where passwords are for tenant admins alone.
	AllowPasswords bool
	// RedirectURI is what has to be registered at the provider.
	RedirectURI string
	CreatedAt   time.Time
	UpdatedAt   time.Time
	Version     int

	secret secret.String
}

// NewSignOn describes a connection.
type NewSignOn struct {
	Issuer, ClientID string
	// Secret may be left out where the present one stays.
	Secret         string
	Domains        []string
	AllowPasswords bool
}

var errNoSignOn = fault.New(fault.NotFound, fault.CodeNotFound, "There is no single sign-on here.")

// signOnView is a connection in the log, without its secret.
type signOnView struct {
	Issuer         string   `json:"issuer"`
	ClientID       string   `json:"client_id"`
	Domains        []string `json:"email_domains"`
	AllowPasswords bool     `json:"allow_passwords"`
	// SecretFingerprint tells whether the secret was changed.
	SecretFingerprint string `json:"client_secret_fingerprint"`
}

func (c SignOn) view() signOnView {
	return signOnView{c.Issuer, c.ClientID, c.Domains, c.AllowPasswords, c.SecretFingerprint}
}

// GetSignOn returns the connection of the scope's tenant. It fails with
// not_found.
func (s *Service) GetSignOn(ctx context.Context) (c SignOn, err error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return c, err
	}
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		c, err = s.readSignOn(ctx, sc.TenantID)
		return err
	})
	return c, err
}

// readSignOn reads a tenant's connection in the running transaction, under the
// tenant's scope or the system's.
func (s *Service) readSignOn(ctx context.Context, tenantID uuid.UUID) (SignOn, error) {
	c := SignOn{RedirectURI: s.cfg.AppURL + callbackPage}
	var sealed, domains []byte
	err := store.QueryRow(ctx, []any{
		&c.Issuer, &c.ClientID, &sealed, &domains, &c.AllowPasswords, &c.CreatedAt, &c.UpdatedAt, &c.Version,
	}, `
		SELECT issuer, client_id, client_secret, domains, allow_passwords, created_at, updated_at, version
		FROM single_sign_on WHERE tenant_id = $1 AND client_secret IS NOT NULL`, tenantID)
	if store.IsNotFound(err) {
		return c, errNoSignOn
	}
	if err != nil {
		return c, fmt.Errorf("reading a single sign-on: %w", err)
	}
	if err := json.Unmarshal(domains, &c.Domains); err != nil {
		return c, fmt.Errorf("reading domains: %w", err)
	}
	plain, err := s.cfg.Keyring.Open(tenantID, SealedSignOn.Table, tenantID.String(), SealedSignOn.Column, sealed)
	if err != nil {
		return c, fmt.Errorf("opening the secret of a single sign-on: %w", err)
	}
	c.secret = secret.NewString(string(plain))
	c.SecretLast4, c.SecretFingerprint = secret.Last4(string(plain)), s.cfg.Keyring.Fingerprint(string(plain))
	return c, nil
}

// PrepareSignOn checks a connection before a transaction is opened, and whether
// there is a provider. It fails like SetSignOn.
func (s *Service) PrepareSignOn(ctx context.Context, n NewSignOn) (NewSignOn, error) {
	n, err := n.clean()
	if err != nil {
		return n, err
	}
	if err := s.maySetSignOn(ctx); err != nil {
		return n, err
	}
	if err := s.cfg.SignOn.Check(ctx, n.Issuer); err != nil {
		return n, fault.InvalidField(fault.CodeInvalid, "body.issuer", "is not the issuer of an OpenID provider that can be reached").Because(err)
	}
	return n, nil
}

// maySetSignOn lets only a tenant's own people connect it, and of them those who
// could make an administrator: whoever connects a provider decides who signs in
// as whom. Staff from above would give themselves what they must not read.
func (s *Service) maySetSignOn(ctx context.Context) error {
	a, err := s.authority(ctx)
	if err != nil {
		return err
	}
	if !a.program && (a.caller.Path != a.node.Path || a.caller.Kind != scope.ActorUser) {
		return fault.New(fault.Forbidden, fault.CodeForbidden, "Single sign-on is set up by the tenant's own administrators.")
	}
	role := authz.TenantAdmin
	if a.node.Kind == tenants.KindOperator {
		role = authz.Operator
	}
	return s.mayGive(a, holding{role: role})
}

// SetSignOn connects the scope's tenant to a provider, or changes how. The check
// sees the version that it finds, 0 for none. It fails with what the check says,
// validation_failed, forbidden and role_not_assignable.
func (s *Service) SetSignOn(ctx context.Context, n NewSignOn, check func(version int64) error) (SignOn, error) {
	if err := s.maySetSignOn(ctx); err != nil {
		return SignOn{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return SignOn{}, err
	}
	var c SignOn
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		before, err := s.readSignOn(ctx, sc.TenantID)
		if err != nil && !fault.Is(err, fault.CodeNotFound) {
			return err
		}
		if check != nil {
			if err := check(int64(before.Version)); err != nil {
				return err
			}
		}
		if n.Secret == "" {
			n.Secret = before.secret.Reveal()
		}
		if n.Secret == "" {
			return fault.InvalidField(fault.CodeInvalid, "body.client_secret", "is required for a new connection")
		}
		if err := s.storeSignOn(ctx, sc.TenantID, n, before.Version); err != nil {
			return err
		}
		if c, err = s.readSignOn(ctx, sc.TenantID); err != nil {
			return err
		}
		change := events.Change{Data: c.view(), After: c.view()}
		if before.Version > 0 {
			change.Before = before.view()
		}
		return s.cfg.Log.Publish(ctx, "single_sign_on.changed", "tenant", sc.TenantID, change)
	})
	return c, err
}

func (s *Service) storeSignOn(ctx context.Context, tenantID uuid.UUID, n NewSignOn, version int) error {
	domains, err := json.Marshal(n.Domains)
	if err != nil {
		return err
	}
	sealed := s.cfg.Keyring.Seal(tenantID, SealedSignOn.Table, tenantID.String(), SealedSignOn.Column, []byte(n.Secret))
	result, err := store.Exec(ctx, `
		INSERT INTO single_sign_on AS c (tenant_id, issuer, client_id, client_secret, domains, allow_passwords, created_at, updated_at, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $7, 1)
		ON CONFLICT (tenant_id) DO UPDATE SET issuer = $2, client_id = $3, client_secret = $4, domains = $5,
			allow_passwords = $6, updated_at = $7, version = c.version + 1
		WHERE c.version = $8 OR c.client_secret IS NULL`,
		tenantID, n.Issuer, n.ClientID, []byte(sealed), string(domains), n.AllowPasswords, s.cfg.Store.Now(), version)
	if err != nil {
		return fmt.Errorf("storing a single sign-on: %w", err)
	}
	if rows, err := result.RowsAffected(); err != nil || rows == 0 {
		return orElse(err, fault.New(fault.Conflict, fault.CodeConflict, "It was changed at the same time."))
	}
	return nil
}

// DeleteSignOn disconnects the scope's tenant. It fails with not_found,
// forbidden and role_not_assignable.
func (s *Service) DeleteSignOn(ctx context.Context) error {
	if err := s.maySetSignOn(ctx); err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		before, err := s.readSignOn(ctx, sc.TenantID)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `
			UPDATE single_sign_on SET client_secret = NULL, allow_passwords = true, updated_at = $2, version = version + 1
			WHERE tenant_id = $1`, sc.TenantID, s.cfg.Store.Now())
		if err != nil {
			return fmt.Errorf("removing a single sign-on: %w", err)
		}
		return s.cfg.Log.Publish(ctx, "single_sign_on.removed", "tenant", sc.TenantID,
			events.Change{Data: struct{}{}, Before: before.view()})
	})
}

const maxDomains = 20

var domainPattern = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])$`)

func (n NewSignOn) clean() (NewSignOn, error) {
	u, err := url.Parse(n.Issuer)
	if err != nil || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" {
		return n, fault.InvalidField(fault.CodeInvalid, "body.issuer", "must be the provider's address, https and without query")
	}
	if len(n.Domains) < 1 || len(n.Domains) > maxDomains {
		return n, fault.InvalidField(fault.CodeInvalid, "body.email_domains", "must be 1 to 20 domains")
	}
	domains := make([]string, 0, len(n.Domains))
	for i, domain := range n.Domains {
		domain = strings.ToLower(domain)
		if !domainPattern.MatchString(domain) || slices.Contains(domains, domain) {
			return n, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("body.email_domains[%d]", i), "is no domain, or is there twice")
		}
		domains = append(domains, domain)
	}
	n.Domains = domains
	return n, nil
}

// connection is what the client of providers needs to know.
func (c SignOn) connection() oidc.Connection {
	return oidc.Connection{Issuer: c.Issuer, ClientID: c.ClientID, Secret: c.secret, RedirectURI: c.RedirectURI}
}

// providerFault words what went wrong at a provider.
func providerFault(err error) error {
	if errors.Is(err, oidc.ErrUnreachable) {
		return fault.New(fault.Unavailable, fault.CodeProviderUnreachable,
			"The provider of the single sign-on does not answer.").Because(err)
	}
	return errSignOnFailed.Because(err)
}
