package identity

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/oidc"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/recent"
)

// Log is where the service writes down what happened, in the transaction that
// makes it true.
type Log interface {
	Publish(ctx context.Context, kind string, objectKind string, objectID uuid.UUID, data any) error
}

// Config holds what the service needs. The first group is required; durations
// that are zero are the defaults of rules.md D5.
type Config struct {
	Store   *store.Store
	Log     Log
	Tenants *tenants.Service
	// Departments tells which users belong where.
	Departments *departments.Service
	Policy      *authz.Policy
	Keyring     *secret.Keyring
	// Mail writes to users about their accounts.
	Mail *mail.Service
	// Issuer and Audience are written into access tokens and asked for again.
	Issuer, Audience string

	// Passwords hashes; the default is NewPasswords(DefaultHashing).
	Passwords *Passwords

	// AccessLife is how long an access token is good: 15 minutes.
	AccessLife time.Duration
	// SessionIdle ends a session that is not refreshed: 12 hours.
	SessionIdle time.Duration
	// SessionLife ends every session: 30 days.
	SessionLife time.Duration
	// RefreshGrace is how long the token before the present one is answered
	// with the same successor: 10 seconds.
	RefreshGrace time.Duration
	// SignOn speaks to OpenID providers.
	SignOn *oidc.Client
	// AppURL is the application that people use, without a slash at its end.
	AppURL string
	// SecondFactor is how long those who administer others have to set up a second
	// factor, where the platform asks for one; nil where it does not.
	SecondFactor *time.Duration
	// Left is told in the running transaction, under the scope of his tenant, that
	// a user's last session has ended; nil where nobody wants to know.
	Left func(ctx context.Context, userID uuid.UUID) error
	// KeyLead is how long a new signing key is published before it signs, so
	// that those who cache the JWKS know it: 1 hour.
	KeyLead time.Duration
}

func (c Config) withDefaults() Config {
	c.AccessLife = cmp.Or(c.AccessLife, 15*time.Minute)
	c.SessionIdle = cmp.Or(c.SessionIdle, 12*time.Hour)
	c.SessionLife = cmp.Or(c.SessionLife, 30*24*time.Hour)
	c.RefreshGrace = cmp.Or(c.RefreshGrace, 10*time.Second)
	c.KeyLead = cmp.Or(c.KeyLead, time.Hour)
	if c.Passwords == nil {
		c.Passwords = NewPasswords(DefaultHashing)
	}
	return c
}

func (c Config) check() error {
	if c.Store == nil || c.Log == nil || c.Tenants == nil || c.Departments == nil || c.Policy == nil || c.Keyring == nil || c.Mail == nil {
		return errors.New("identity: the configuration lacks a part")
	}
	if c.Issuer == "" || c.Audience == "" {
		return errors.New("identity: the configuration lacks the issuer or the audience of tokens")
	}
	return nil
}

// Service knows who acts. It is safe for concurrent use.
type Service struct {
	cfg        Config
	signing    *signingKeys
	refresh    refreshTokens
	principals *recent.Cache[[sha256.Size]byte, Principal]
	attempts   attempts
	origins    *origins
	background sync.WaitGroup
	requested  chan struct{} // bounds the resets that are worked on
	touching   chan struct{} // bounds what runs in the background
}

const (
	// principalLife and the life of the tree's nodes make up the second within
	// which a change of rights holds everywhere.
	principalLife = 450 * time.Millisecond
	maxPrincipals = 20_000
	maxTouching   = 4
)

// New makes the service, or says what the configuration lacks.
func New(c Config) (*Service, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c = c.withDefaults()
	origins, err := newOrigins(c.Store)
	if err != nil {
		return nil, err
	}
	return &Service{
		cfg:        c,
		signing:    newSigningKeys(c),
		refresh:    refreshTokens{c.Keyring},
		principals: recent.New[[sha256.Size]byte, Principal](c.Store.Now, principalLife, maxPrincipals),
		attempts:   attempts{c.Store, c.Keyring},
		origins:    origins,
		touching:   make(chan struct{}, maxTouching),
		requested:  make(chan struct{}, maxRequested),
	}, nil
}

// Close waits for what still runs in the background: the notes of when keys
// were used. Call it before the store is closed.
func (s *Service) Close() { s.background.Wait() }

// forgetPrincipals makes a change of rights hold at once here; other replicas
// learn of it within principalLife.
func (s *Service) forgetPrincipals(ctx context.Context) { store.AfterCommit(ctx, s.principals.Clear) }
