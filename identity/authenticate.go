package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Authenticate finds out who sends a bearer credential: an access token or an
// API key. What it answers is at most a second old on every replica, whatever
// was revoked or changed elsewhere. It fails with unauthenticated where there
// is no credential, invalid_token where it proves nothing (any more), and with
// tenant_suspended for the people and keys of a suspended tenant.
func (s *Service) Authenticate(ctx context.Context, bearer string) (Principal, error) {
	switch {
	case bearer == "":
		return Principal{}, errNoCredentials
	case len(bearer) > maxToken:
		return Principal{}, errInvalidToken
	case strings.HasPrefix(bearer, tokensPrefix) && !isKey(bearer):
		return Principal{}, errInvalidToken // before anything is read
	}
	digest := sha256.Sum256([]byte(bearer))
	p, err := s.principals.Get(ctx, digest, func(ctx context.Context) (Principal, error) {
		if strings.HasPrefix(bearer, tokensPrefix) {
			return s.proveKey(ctx, digest)
		}
		return s.provePerson(ctx, bearer)
	})
	if err != nil {
		return Principal{}, err
	}
	if !s.cfg.Store.Now().Before(p.ExpiresAt) {
		return Principal{}, errInvalidToken
	}
	return p, nil
}

// person is what is read of a user to know his rights.
type person struct {
	id, tenantID uuid.UUID
	login, name  string
	role         authz.Role
	status       UserStatus
	mustChange   bool
}

func (s *Service) provePerson(ctx context.Context, token string) (Principal, error) {
	proved, err := s.verifyAccess(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	who := person{id: proved.userID}
	var open bool
	var home tenants.Node
	err = s.authenticating(ctx, func(ctx context.Context) error {
		err := store.QueryRow(ctx,
			[]any{&who.tenantID, &who.login, &who.name, &who.role, &who.status, &who.mustChange, &open}, `
			SELECT u.tenant_id, u.login, u.name, u.role, u.status, u.must_change_password,
			       s.revoked_at IS NULL AND s.expires_at > $3
			FROM sessions s JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
			WHERE s.id = $1 AND s.user_id = $2`, proved.sessionID, proved.userID, s.cfg.Store.Now())
		if err != nil {
			return err
		}
		home, err = s.cfg.Tenants.ReadNode(ctx, who.tenantID)
		return err
	})
	switch {
	case err != nil:
		return Principal{}, err
	case !open || who.status != UserActive || who.tenantID != proved.tenantID:
		return Principal{}, errInvalidToken
	case home.Suspended():
		return Principal{}, errSuspended
	}
	return Principal{
		Kind: scope.ActorUser, UserID: who.id, SessionID: proved.sessionID, TenantID: home.ID, Path: home.Path,
		Grants: []authz.Grant{grantAt(home.Kind, home.Path, who.role)},
		Login:  who.login, UserName: who.name, MustChangePassword: who.mustChange, ExpiresAt: proved.expiresAt,
	}, nil
}

// keyRow is what is read of a key to know its rights.
type keyRow struct {
	id, tenantID uuid.UUID
	name         string
	permissions  []byte
	expiresAt    time.Time
	lastUsedAt   *time.Time
	revoked      bool
}

func (s *Service) proveKey(ctx context.Context, digest [sha256.Size]byte) (Principal, error) {
	var key keyRow
	var creator person
	var node, home tenants.Node
	err := s.authenticating(ctx, func(ctx context.Context) error {
		err := store.QueryRow(ctx, []any{
			&key.id, &key.tenantID, &key.name, &key.permissions, &key.expiresAt, &key.lastUsedAt, &key.revoked,
			&creator.id, &creator.tenantID, &creator.login, &creator.name, &creator.role, &creator.status,
		}, `
			SELECT k.id, k.tenant_id, k.name, k.permissions, k.expires_at, k.last_used_at, k.revoked_at IS NOT NULL,
			       u.id, u.tenant_id, u.login, u.name, u.role, u.status
			FROM api_keys k JOIN users u ON u.id = k.creator_id
			WHERE k.hash = $1`, digest[:])
		if err != nil {
			return err
		}
		if node, err = s.cfg.Tenants.ReadNode(ctx, key.tenantID); err != nil {
			return err
		}
		home, err = s.cfg.Tenants.ReadNode(ctx, creator.tenantID)
		return err
	})
	switch {
	case err != nil:
		return Principal{}, err
	case key.revoked || creator.status != UserActive:
		return Principal{}, errInvalidToken
	case node.Suspended() || home.Suspended():
		return Principal{}, errSuspended
	}
	p := Principal{
		Kind: scope.ActorKey, UserID: creator.id, KeyID: key.id, TenantID: node.ID, Path: node.Path,
		Grants: []authz.Grant{grantAt(home.Kind, home.Path, creator.role)},
		Login:  creator.login, UserName: creator.name, KeyName: key.name, ExpiresAt: key.expiresAt,
	}
	if p.Permissions, err = s.stillHeld(key.permissions, p.Grants[0], node.Path); err != nil {
		return Principal{}, err
	}
	s.noteUse(ctx, key)
	return p, nil
}

// stillHeld narrows what a key was given to what its creator has at its node
// now (C10-2).
func (s *Service) stillHeld(stored []byte, creator authz.Grant, path string) ([]authz.Permission, error) {
	var given []authz.Permission
	if err := json.Unmarshal(stored, &given); err != nil {
		return nil, fmt.Errorf("reading a key's permissions: %w", err)
	}
	return slices.DeleteFunc(given, func(permission authz.Permission) bool {
		return !s.cfg.Policy.Allows(creator, permission, path)
	}), nil
}

// authenticating reads across the tenants. What is not there proves nothing.
func (s *Service) authenticating(ctx context.Context, read func(context.Context) error) error {
	err := s.cfg.Store.Read(scope.System(ctx, "authenticating a caller"), read)
	if store.IsNotFound(err) || fault.Is(err, fault.CodeNotFound) {
		return errInvalidToken
	}
	return err
}

const (
	// usePrecision is how exact last_used_at is.
	usePrecision = time.Minute
	noteWithin   = 5 * time.Second
)

// noteUse writes down that a key was used, at most once a minute for each key
// and beside the request. It may be lost: a busy server or one that stops skips
// it, and the next use notes itself again.
func (s *Service) noteUse(ctx context.Context, key keyRow) {
	now := s.cfg.Store.Now()
	if key.lastUsedAt != nil && now.Sub(*key.lastUsedAt) < usePrecision {
		return
	}
	select {
	case s.touching <- struct{}{}:
	default:
		return
	}
	ctx = scope.System(context.WithoutCancel(ctx), "noting the use of a key")
	s.background.Go(func() {
		defer func() { <-s.touching }()
		ctx, cancel := context.WithTimeout(ctx, noteWithin)
		defer cancel()
		// Not through ent: a use is no new version of the key.
		_ = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
			_, err := store.Exec(ctx, `UPDATE api_keys SET last_used_at = $3
				WHERE tenant_id = $1 AND id = $2 AND (last_used_at IS NULL OR last_used_at <= $4)`,
				key.tenantID, key.id, now, now.Add(-usePrecision))
			return err
		})
	})
}
