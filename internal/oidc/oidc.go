// Package oidc signs people in at an OpenID provider: by the authorization code
// flow with PKCE, and nothing else. It talks to providers through a client that
// is handed to it, keeps what they publish for a while, and decides about no
// user.
package oidc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/tenants/recent"
)

// The ways in which a provider lets somebody down.
var (
	// ErrUnreachable: it does not answer, or not as an OpenID provider does.
	ErrUnreachable = errors.New("oidc: the provider cannot be reached")
	// ErrRefused: it does not take the code, or what it says proves nothing.
	ErrRefused = errors.New("oidc: the sign-in was refused")
)

// Connection is one application at one provider.
type Connection struct {
	Issuer, ClientID string
	Secret           secret.String
	// RedirectURI is where the provider sends the browser back to.
	RedirectURI string
}

// Flow are the values that tie the two halves of a sign-in together.
type Flow struct{ State, Nonce, Verifier string }

// Claims are what a provider says of who has signed in.
type Claims struct {
	Subject       string
	Email         string
	EmailVerified bool
}

// Config holds what the client needs.
type Config struct {
	// HTTP reaches providers; it refuses what must not be reached.
	HTTP *http.Client
	Now  func() time.Time
}

// Client signs people in at any number of providers. It is safe for concurrent
// use.
type Client struct {
	cfg       Config
	providers *recent.Cache[string, *oidc.Provider]
}

const (
	// keepProvider is how long a provider's description is believed.
	keepProvider = 10 * time.Minute
	maxProviders = 1000
)

// New makes the client.
func New(c Config) *Client {
	return &Client{c, recent.New[string, *oidc.Provider](c.Now, keepProvider, maxProviders)}
}

// Check fails with ErrUnreachable where there is no provider with this issuer.
func (c *Client) Check(ctx context.Context, issuer string) error {
	_, err := c.provider(ctx, issuer)
	return err
}

// Begin returns the address at the provider to which the browser is to go.
func (c *Client) Begin(ctx context.Context, at Connection, f Flow) (string, error) {
	provider, err := c.provider(ctx, at.Issuer)
	if err != nil {
		return "", err
	}
	return oauth(at, provider).AuthCodeURL(f.State, oidc.Nonce(f.Nonce), oauth2.S256ChallengeOption(f.Verifier)), nil
}

// Finish exchanges the code that the browser brought back. The provider's word
// is taken only in a token that it has signed for this connection and this
// sign-in.
func (c *Client) Finish(ctx context.Context, at Connection, f Flow, code string) (Claims, error) {
	provider, err := c.provider(ctx, at.Issuer)
	if err != nil {
		return Claims{}, err
	}
	ctx = oidc.ClientContext(ctx, c.cfg.HTTP)
	tokens, err := oauth(at, provider).Exchange(ctx, code, oauth2.VerifierOption(f.Verifier))
	var refused *oauth2.RetrieveError
	switch {
	case errors.As(err, &refused) && refused.Response.StatusCode < http.StatusInternalServerError:
		return Claims{}, fmt.Errorf("%w: %s", ErrRefused, refused.ErrorCode)
	case err != nil:
		return Claims{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	raw, _ := tokens.Extra("id_token").(string)
	verifier := provider.VerifierContext(ctx, &oidc.Config{ClientID: at.ClientID, Now: c.cfg.Now})
	proof, err := verifier.Verify(ctx, raw)
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	if proof.Nonce != f.Nonce {
		return Claims{}, fmt.Errorf("%w: the token is of another sign-in", ErrRefused)
	}
	return c.claims(ctx, provider, tokens, proof)
}

// claims reads the address from the token, or asks for it where the token has
// none.
func (c *Client) claims(ctx context.Context, provider *oidc.Provider, tokens *oauth2.Token, proof *oidc.IDToken) (Claims, error) {
	out := Claims{Subject: proof.Subject}
	var said struct {
		Email         string `json:"email"`
		EmailVerified bool   `json:"email_verified"`
	}
	if err := proof.Claims(&said); err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	out.Email, out.EmailVerified = said.Email, said.EmailVerified
	if out.Email != "" || provider.UserInfoEndpoint() == "" {
		return out, nil
	}
	info, err := provider.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil {
		return Claims{}, fmt.Errorf("%w: %w", ErrUnreachable, err)
	}
	if info.Subject != proof.Subject {
		return Claims{}, fmt.Errorf("%w: the user's data are another's", ErrRefused)
	}
	out.Email, out.EmailVerified = info.Email, info.EmailVerified
	return out, nil
}

func oauth(at Connection, provider *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{
		ClientID: at.ClientID, ClientSecret: at.Secret.Reveal(), Endpoint: provider.Endpoint(),
		RedirectURL: at.RedirectURI, Scopes: []string{oidc.ScopeOpenID, "email"},
	}
}

func (c *Client) provider(ctx context.Context, issuer string) (*oidc.Provider, error) {
	return c.providers.Get(ctx, issuer, func(ctx context.Context) (*oidc.Provider, error) {
		// The provider fetches keys later on as well, with this context's client.
		provider, err := oidc.NewProvider(oidc.ClientContext(context.WithoutCancel(ctx), c.cfg.HTTP), issuer)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrUnreachable, err)
		}
		// A browser is sent there by the page of the application: the provider must
		// not make that page run something, as javascript: would.
		entrance, err := url.Parse(provider.Endpoint().AuthURL)
		if err != nil || entrance.Host == "" || entrance.User != nil || entrance.Scheme != "https" && entrance.Scheme != "http" {
			return nil, fmt.Errorf("%w: its authorization endpoint is no web address", ErrUnreachable)
		}
		return provider, nil
	})
}
