package identity

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
)

// What every access token is (RFC 9068), and nothing else is accepted.
const (
	algorithm = "EdDSA"
	tokenType = "at+jwt"
	leeway    = 30 * time.Second
	maxToken  = 8 * 1024
)

// claims are what an access token says. It carries no rights: those are asked
// for at each request.
type claims struct {
	jwt.RegisteredClaims
	SessionID uuid.UUID `json:"sid"`
	TenantID  uuid.UUID `json:"tenant"`
	// ActAsID is the act-as session that a token was made for, and Actor the one
	// who acts (RFC 8693, 4.1). There the tenant is the one that he acts in.
	ActAsID uuid.UUID `json:"act_as,omitzero"`
	Actor   *actor    `json:"act,omitempty"`
}

// actor is the real person behind an act-as session. He is the subject as well:
// nobody is impersonated.
type actor struct {
	Subject string `json:"sub"`
}

// proof is what a verified token has proved.
type proof struct {
	userID, sessionID, tenantID uuid.UUID
	// actAsID is uuid.Nil unless somebody acts in another's tenant.
	actAsID   uuid.UUID
	expiresAt time.Time
}

// issueAccess signs an access token and tells when it expires.
func (s *Service) issueAccess(ctx context.Context, userID, sessionID, tenantID uuid.UUID) (string, time.Time, error) {
	expires := s.cfg.Store.Now().Add(s.cfg.AccessLife).Truncate(time.Second)
	signed, err := s.sign(ctx, userID, expires, claims{SessionID: sessionID, TenantID: tenantID})
	return signed, expires, err
}

// issueActing signs the token of an act-as session. It lasts as long as that.
func (s *Service) issueActing(ctx context.Context, a ActingSession) (string, error) {
	return s.sign(ctx, a.UserID, a.ExpiresAt, claims{
		SessionID: a.sessionID, TenantID: a.TenantID, ActAsID: a.ID, Actor: &actor{a.UserID.String()},
	})
}

func (s *Service) sign(ctx context.Context, userID uuid.UUID, expires time.Time, c claims) (string, error) {
	key, err := s.signing.signer(ctx)
	if err != nil {
		return "", err
	}
	now := s.cfg.Store.Now()
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: s.cfg.Issuer, Audience: jwt.ClaimStrings{s.cfg.Audience}, Subject: userID.String(), ID: id.New().String(),
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(expires),
	}
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, c)
	token.Header["typ"], token.Header["kid"] = tokenType, key.kid
	return token.SignedString(key.private)
}

// verifyAccess proves an access token by every rule of D5-1. What is wrong
// with it is not said.
func (s *Service) verifyAccess(ctx context.Context, token string) (proof, error) {
	if len(token) > maxToken {
		return proof{}, errInvalidToken
	}
	kid, err := parseHeader(token)
	if err != nil {
		return proof{}, errInvalidToken.Because(err)
	}
	public, err := s.signing.verifier(ctx, kid)
	if errors.Is(err, errUnknownKey) {
		return proof{}, errInvalidToken.Because(err)
	}
	if err != nil {
		return proof{}, err
	}
	var c claims
	_, err = jwt.ParseWithClaims(token, &c, func(t *jwt.Token) (any, error) {
		// All keys are Ed25519; the header has been read before.
		if t.Method.Alg() != algorithm {
			return nil, errors.New("another algorithm than the key's")
		}
		return public, nil
	},
		jwt.WithValidMethods([]string{algorithm}), jwt.WithStrictDecoding(),
		jwt.WithIssuer(s.cfg.Issuer), jwt.WithAudience(s.cfg.Audience),
		jwt.WithExpirationRequired(), jwt.WithNotBeforeRequired(), jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway), jwt.WithTimeFunc(s.cfg.Store.Now))
	if err != nil {
		return proof{}, errInvalidToken.Because(err)
	}
	p, err := c.prove()
	if err != nil {
		return proof{}, errInvalidToken.Because(err)
	}
	return p, nil
}

// prove asks for the claims that the library does not ask for.
func (c claims) prove() (proof, error) {
	userID, err := uuid.Parse(c.Subject)
	switch {
	case err != nil:
		return proof{}, fmt.Errorf("sub: %w", err)
	case c.ID == "" || c.IssuedAt == nil || c.SessionID == uuid.Nil || c.TenantID == uuid.Nil:
		return proof{}, errors.New("a claim is missing")
	case (c.ActAsID == uuid.Nil) != (c.Actor == nil) || c.Actor != nil && c.Actor.Subject != c.Subject:
		return proof{}, errors.New("who acts is not the one who was let in")
	}
	return proof{userID, c.SessionID, c.TenantID, c.ActAsID, c.ExpiresAt.Add(leeway)}, nil
}

// parseHeader reads the key id of a token whose header is exactly the one that
// we write. Everything else that a header may hold points at keys (jwk, jku,
// x5u, x5c) or changes what is signed (crit, b64, zip), and is refused.
func parseHeader(token string) (kid string, err error) {
	encoded, _, found := strings.Cut(token, ".")
	if !found || len(token) > maxToken || strings.ContainsAny(token, "\r\n") {
		return "", errors.New("not a token") // the decoder skips line breaks
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(encoded)
	if err != nil {
		return "", err
	}
	var header map[string]any
	if err := json.Unmarshal(raw, &header); err != nil {
		return "", err
	}
	kid, _ = header["kid"].(string)
	if len(header) != 3 || header["alg"] != algorithm || header["typ"] != tokenType || kid == "" {
		return "", errors.New("not the header of an access token")
	}
	return kid, nil
}
