package identity

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent/session"
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
	status       UserStatus
	mustChange   bool
	generated    bool
	role         authz.Role
	// For Restriction.
	passwordChangedAt time.Time
	secondFactor      bool
	secondFactorDueAt *time.Time
	signedInBy        session.Method
	// As they are stored: words in JSON, or null.
	custom, denied, granted, applications []byte
}

// holding is what the person was given.
func (p person) holding() (holding, error) {
	h := holding{role: p.role}
	var err error
	if p.custom != nil {
		custom, failed := storedSet(p.custom)
		h.custom, err = &custom, failed
	}
	for column, to := range map[*[]byte]*authz.Set{&p.denied: &h.denied, &p.granted: &h.granted} {
		set, failed := storedSet(*column)
		*to, err = set, errors.Join(err, failed)
	}
	tools, failed := storedTools(p.applications)
	h.withheld, err = tools.withheld(), errors.Join(err, failed)
	return h, err
}

func (s *Service) provePerson(ctx context.Context, token string) (Principal, error) {
	proved, err := s.verifyAccess(ctx, token)
	if err != nil {
		return Principal{}, err
	}
	if proved.actAsID != uuid.Nil {
		return s.proveActing(ctx, proved)
	}
	p, _, err := s.personOf(ctx, proved)
	return p, err
}

// personOf reads who has an open session, with his rights at home.
func (s *Service) personOf(ctx context.Context, proved proof) (Principal, person, error) {
	who := person{id: proved.userID}
	var open bool
	err := s.authenticating(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{
			&who.tenantID, &who.login, &who.name, &who.status, &who.mustChange, &who.generated, &who.role,
			&who.custom, &who.denied, &who.granted, &who.applications, &open,
			&who.passwordChangedAt, &who.secondFactor, &who.secondFactorDueAt, &who.signedInBy,
		}, `
			SELECT u.tenant_id, u.login, u.name, u.status, u.must_change_password, u.initial_password_until IS NOT NULL, u.role,
			       r.permissions, u.denied, u.granted, u.applications, s.revoked_at IS NULL AND s.expires_at > $3,
			       coalesce(u.password_changed_at, u.created_at), f.confirmed_at IS NOT NULL, u.second_factor_due_at, s.method
			FROM sessions s
			JOIN users u ON u.tenant_id = s.tenant_id AND u.id = s.user_id
			LEFT JOIN custom_roles r ON r.tenant_id = u.tenant_id AND r.id = u.custom_role_id
			LEFT JOIN second_factors f ON f.tenant_id = u.tenant_id AND f.user_id = u.id
			WHERE s.id = $1 AND s.user_id = $2`, proved.sessionID, proved.userID, s.cfg.Store.Now())
	})
	switch {
	case err != nil:
		return Principal{}, who, err
	case !open || who.status != UserActive || who.tenantID != proved.tenantID:
		return Principal{}, who, errInvalidToken
	}
	home, rights, err := s.rightsAtHome(ctx, who)
	if err != nil {
		return Principal{}, who, err
	}
	return Principal{
		Kind: scope.ActorUser, UserID: who.id, SessionID: proved.sessionID, TenantID: home.ID, Path: home.Path,
		Role: roleAt(home.Kind, who.role), Rights: rights,
		Restriction: s.restriction(account{
			who.mustChange, who.generated, who.passwordChangedAt, who.secondFactor, who.secondFactorDueAt, who.role, who.signedInBy,
		}, home),
		Login: who.login, UserName: who.name, MustChangePassword: who.mustChange, ExpiresAt: proved.expiresAt,
	}, who, nil
}

// rightsAtHome places a person in the tree. Nobody of a suspended tenant has
// any rights.
func (s *Service) rightsAtHome(ctx context.Context, who person) (tenants.Node, authz.Rights, error) {
	home, err := s.cfg.Tenants.Node(ctx, who.tenantID)
	if err != nil {
		return tenants.Node{}, authz.Rights{}, err
	}
	if home.Suspended() {
		return tenants.Node{}, authz.Rights{}, errSuspended
	}
	h, err := who.holding()
	return home, s.rights(h, home.Kind, home.Path), err
}

// keyRow is what is read of a key to know its rights.
type keyRow struct {
	id, tenantID uuid.UUID
	name         string
	permissions  []byte
	expiresAt    time.Time
	lastUsedAt   *time.Time
	revoked      bool
	// present is false for the text from before the last rotation, which is good
	// until previousUntil.
	present       bool
	previousUntil *time.Time
	// As they are stored: lists in JSON, or null.
	channels, addresses, origins []byte
}

// end is when the text that was presented ends.
func (k keyRow) end() time.Time {
	if !k.present && k.previousUntil != nil && k.previousUntil.Before(k.expiresAt) {
		return *k.previousUntil
	}
	return k.expiresAt
}

// limits are what the key is kept to.
func (k keyRow) limits() (KeyLimits, error) {
	var l KeyLimits
	var addresses []string
	for column, to := range map[*[]byte]any{&k.channels: &l.ChannelIDs, &k.addresses: &addresses, &k.origins: &l.AllowedOrigins} {
		if *column == nil {
			continue
		}
		if err := json.Unmarshal(*column, to); err != nil {
			return KeyLimits{}, fmt.Errorf("reading what a key is kept to: %w", err)
		}
	}
	l.AllowedAddresses = networks(addresses)
	return l, nil
}

func (s *Service) proveKey(ctx context.Context, digest [sha256.Size]byte) (Principal, error) {
	var key keyRow
	var creator person
	err := s.authenticating(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{
			&key.id, &key.tenantID, &key.name, &key.permissions, &key.expiresAt, &key.lastUsedAt, &key.revoked,
			&key.present, &key.previousUntil, &key.channels, &key.addresses, &key.origins,
			&creator.id, &creator.tenantID, &creator.login, &creator.name, &creator.status, &creator.role,
			&creator.custom, &creator.denied, &creator.granted, &creator.applications,
			&creator.secondFactor, &creator.secondFactorDueAt,
		}, `
			SELECT k.id, k.tenant_id, k.name, k.permissions, k.expires_at, k.last_used_at, k.revoked_at IS NOT NULL,
			       k.hash = $1, k.previous_until, k.channel_ids, k.allowed_addresses, k.allowed_origins,
			       u.id, u.tenant_id, u.login, u.name, u.status, u.role, r.permissions, u.denied, u.granted, u.applications,
			       f.confirmed_at IS NOT NULL, u.second_factor_due_at
			FROM api_keys k
			JOIN users u ON u.id = k.creator_id
			LEFT JOIN custom_roles r ON r.tenant_id = u.tenant_id AND r.id = u.custom_role_id
			LEFT JOIN second_factors f ON f.tenant_id = u.tenant_id AND f.user_id = u.id
			WHERE k.hash = $1 OR k.previous_hash = $1`, digest[:])
	})
	switch {
	case err != nil:
		return Principal{}, err
	case key.revoked || creator.status != UserActive:
		return Principal{}, errInvalidToken
	}
	home, rights, err := s.rightsAtHome(ctx, creator)
	if err != nil {
		return Principal{}, err
	}
	node, err := s.cfg.Tenants.Node(ctx, key.tenantID)
	if err != nil {
		return Principal{}, err
	}
	if node.Suspended() {
		return Principal{}, errSuspended
	}
	given, err := storedSet(key.permissions)
	if err != nil {
		return Principal{}, err
	}
	limits, err := key.limits()
	if err != nil {
		return Principal{}, err
	}
	s.noteUse(ctx, key)
	return Principal{
		Kind: scope.ActorKey, UserID: creator.id, KeyID: key.id, TenantID: node.ID, Path: node.Path,
		Role: roleAt(home.Kind, creator.role), Rights: narrowed(rights, given, node), creator: rights,
		Login: creator.login, UserName: creator.name, KeyName: key.name, ExpiresAt: key.end(),
		Limits: limits, Restriction: s.factorRestriction(account{
			secondFactor: creator.secondFactor, secondFactorDueAt: creator.secondFactorDueAt, role: creator.role,
		}, home),
	}, nil
}

// narrowed is what a key has at its node: what it was given and its creator
// still has there (C10-2). Below the node it has the administration of that.
//
// In a sandbox it has what its creator has in the tenant that the sandbox
// belongs to.
func narrowed(creator authz.Rights, given authz.Set, node tenants.Node) authz.Rights {
	if node.Kind == tenants.KindSandbox {
		return authz.Rights{Path: node.Path, Here: given.And(creator.At(node.LivePath()))}
	}
	return authz.Rights{
		Path: node.Path, Here: given.And(creator.At(node.Path)), Below: given.And(creator.Below).Administrative(),
	}
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
