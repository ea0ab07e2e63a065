package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/apikey"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// maxKeyLife is the longest that a key is good.
const maxKeyLife = 365 * 24 * time.Hour

// APIKey lets a machine act in a tenant, as callers see it.
type APIKey struct {
	ID       uuid.UUID
	TenantID uuid.UUID
	Name     string
	// Hint is by what its owner recognises the key: trl_live_…a1b2.
	Hint string
	// Test keys are bound to a sandbox.
	Test        bool
	Permissions []authz.Permission
	KeyLimits
	CreatorID uuid.UUID
	ExpiresAt time.Time
	// LastUsedAt is exact to about a minute; nil for a key never used.
	LastUsedAt *time.Time
	RevokedAt  *time.Time
	// RotatedAt is when the key was exchanged last, and PreviousUntil until when
	// the one before it is good; nil for a key that never was.
	RotatedAt, PreviousUntil *time.Time
	CreatedAt                time.Time
	UpdatedAt                time.Time
	Version                  int
}

func viewKey(k *ent.APIKey) APIKey {
	return APIKey{
		ID: k.ID, TenantID: k.TenantID, Name: k.Name, Hint: k.Hint, Test: k.Mode == apikey.ModeTest, Permissions: toPermissions(k.Permissions),
		KeyLimits: limitsOf(k), CreatorID: k.CreatorID, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt,
		RotatedAt: k.RotatedAt, PreviousUntil: k.PreviousUntil,
		CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, Version: k.Version,
	}
}

func toPermissions(words []string) []authz.Permission {
	permissions := make([]authz.Permission, 0, len(words))
	for _, word := range words {
		permissions = append(permissions, authz.Permission(word))
	}
	return permissions
}

// NewKey describes a key to be made.
type NewKey struct {
	Name string
	// Permissions are one or more of authz.Permissions.
	Permissions []authz.Permission
	// Test binds the key to the tenant's sandbox, which is made if there is none.
	// In a sandbox every key is one.
	Test bool
	// KeyLimits of a key that makes keys stick to what it makes.
	KeyLimits
	// ExpiresAt is at most a year from now, and that if it is zero.
	ExpiresAt time.Time
}

// CreatedKey is a key with its text, which nobody can tell again.
type CreatedKey struct {
	APIKey
	Text secret.String
}

// CreateKey makes a key that is bound to the scope's tenant. It fails with
// validation_failed, and with permission_not_grantable for a permission that
// the caller does not have there, and not_entitled where the tenant has no API.
// A key that makes keys is such a caller; what it makes does not outlive it, nor
// reach beyond what it is kept to itself.
func (s *Service) CreateKey(ctx context.Context, n NewKey) (CreatedKey, error) {
	creator, node, err := s.keyCreator(ctx)
	if err != nil {
		return CreatedKey{}, err
	}
	if err := s.cfg.Tenants.Require(ctx, authz.API); err != nil {
		return CreatedKey{}, err
	}
	if n, err = s.cleanKey(n, creator, node.Path); err != nil {
		return CreatedKey{}, err
	}
	var made CreatedKey
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		return s.boundTo(ctx, creator, node, &n, func(ctx context.Context) error {
			made, err = s.insertKey(ctx, creator, n)
			return err
		})
	})
	if err != nil {
		return CreatedKey{}, err
	}
	return made, nil
}

// boundTo runs the making of a key in the tenant that it is bound to.
func (s *Service) boundTo(ctx context.Context, creator Principal, node tenants.Tenant, n *NewKey, fn func(context.Context) error) error {
	if node.Kind == tenants.KindSandbox {
		n.Test = true
		return fn(ctx)
	}
	if !n.Test {
		return fn(ctx)
	}
	if creator.Kind == scope.ActorKey {
		return fault.New(fault.Forbidden, fault.CodeKeyRestricted, "A live key makes no test keys: a person does.")
	}
	twin, err := s.cfg.Tenants.Sandbox(ctx)
	if err != nil {
		return err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	sc.TenantID, sc.Path = twin.ID, twin.Path
	return s.cfg.Store.Below(ctx, sc, fn)
}

func (s *Service) insertKey(ctx context.Context, creator Principal, n NewKey) (CreatedKey, error) {
	if err := s.checkChannels(ctx, n.ChannelIDs); err != nil {
		return CreatedKey{}, err
	}
	mode, prefix := apikey.ModeLive, livePrefix
	if n.Test {
		mode, prefix = apikey.ModeTest, testPrefix
	}
	var words []string
	for _, permission := range n.Permissions {
		words = append(words, string(permission))
	}
	text := newKeyText(prefix)
	hash := sha256.Sum256([]byte(text))
	create := s.cfg.Store.Ent(ctx).APIKey.Create().
		SetName(n.Name).SetMode(mode).SetHash(hash[:]).SetHint(prefix + "…" + secret.Last4(text)).
		SetPermissions(words).SetCreatorID(creator.UserID).SetExpiresAt(n.ExpiresAt).
		SetAllowedAddresses(n.addresses()).SetAllowedOrigins(n.AllowedOrigins)
	if len(n.ChannelIDs) > 0 {
		create.SetChannelIds(n.ChannelIDs)
	}
	row, err := create.Save(ctx)
	if err != nil {
		return CreatedKey{}, fmt.Errorf("creating an API key: %w", err)
	}
	return CreatedKey{viewKey(row), secret.NewString(text)}, s.cfg.Log.Publish(ctx, "api_key.created", "api_key", row.ID, events.Change{
		Data: keyData{Name: row.Name, Permissions: row.Permissions, ExpiresAt: &row.ExpiresAt}, After: row,
	})
}

// keyData is the data of the events of keys.
type keyData struct {
	Name        string     `json:"name"`
	Permissions []string   `json:"permissions,omitempty"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty"`
}

// keyCreator is the caller, and the node that a key of his is bound to. The
// program has no rights that a key could be measured by, so it makes none.
func (s *Service) keyCreator(ctx context.Context) (Principal, tenants.Tenant, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Principal{}, tenants.Tenant{}, err
	}
	creator, known := From(ctx)
	if !known || creator.Actor() != sc.Actor {
		return Principal{}, tenants.Tenant{}, errNoPrincipal
	}
	node, err := s.cfg.Tenants.Get(ctx, sc.TenantID)
	return creator, node, err
}

func (s *Service) cleanKey(n NewKey, creator Principal, path string) (NewKey, error) {
	var err error
	if n.Name, err = tenants.CleanName("body.name", n.Name); err != nil {
		return n, err
	}
	if n.ExpiresAt, err = s.keyExpiry(n.ExpiresAt, creator); err != nil {
		return n, err
	}
	if n.KeyLimits, err = n.KeyLimits.clean(creator); err != nil {
		return n, err
	}
	if len(n.Permissions) == 0 {
		return n, fault.InvalidField(fault.CodeInvalid, "body.permissions", "must name at least one permission")
	}
	for i, permission := range n.Permissions {
		if !authz.Known(permission) {
			return n, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("body.permissions[%d]", i), "is not a permission")
		}
		if !creator.May(permission, path) {
			return n, tooWide(permission).At(fmt.Sprintf("body.permissions[%d]", i), "is not the caller's to give", string(permission))
		}
	}
	n.Permissions = slices.Compact(slices.Sorted(slices.Values(n.Permissions)))
	return n, nil
}

func (s *Service) keyExpiry(wanted time.Time, creator Principal) (time.Time, error) {
	now := s.cfg.Store.Now()
	latest := now.Add(maxKeyLife)
	if creator.Kind == scope.ActorKey && creator.ExpiresAt.Before(latest) {
		latest = creator.ExpiresAt
	}
	if wanted.IsZero() {
		return latest, nil
	}
	if !wanted.After(now) || wanted.After(latest) {
		return wanted, fault.InvalidField(fault.CodeInvalid, "body.expires_at",
			"must be in the future and not after "+latest.Format(time.RFC3339))
	}
	return wanted.UTC().Truncate(time.Microsecond), nil
}

// GetKey returns a key of the scope's tenant. It fails with not_found.
func (s *Service) GetKey(ctx context.Context, keyID uuid.UUID) (APIKey, error) {
	var found APIKey
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).APIKey.Query().Where(apikey.ID(keyID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("API key")
		}
		if err != nil {
			return fmt.Errorf("reading an API key: %w", err)
		}
		found = viewKey(row)
		return nil
	})
	return found, err
}

// ListKeys returns up to limit keys of the scope's tenant behind the id that
// the page before ended with, in the order of their creation.
func (s *Service) ListKeys(ctx context.Context, after *uuid.UUID, limit int) ([]APIKey, error) {
	var found []APIKey
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		query := s.cfg.Store.Ent(ctx).APIKey.Query()
		if after != nil {
			query.Where(apikey.IDGT(*after))
		}
		rows, err := query.Order(apikey.ByID()).Limit(max(limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing API keys: %w", err)
		}
		for _, row := range rows {
			found = append(found, viewKey(row))
		}
		return nil
	})
	return found, err
}

// RevokeKey ends a key of the scope's tenant; one that has ended already stays
// as it is. It fails with not_found.
func (s *Service) RevokeKey(ctx context.Context, keyID uuid.UUID) (APIKey, error) {
	var revoked APIKey
	err := s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).APIKey.Query().Where(apikey.ID(keyID)).ForUpdate().Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("API key")
		}
		if err != nil {
			return fmt.Errorf("reading an API key: %w", err)
		}
		revoked = viewKey(row)
		if row.RevokedAt != nil {
			return nil
		}
		before := row
		if row, err = row.Update().SetRevokedAt(s.cfg.Store.Now()).Save(ctx); err != nil {
			return fmt.Errorf("revoking an API key: %w", err)
		}
		revoked = viewKey(row)
		s.forgetPrincipals(ctx)
		return s.cfg.Log.Publish(ctx, "api_key.revoked", "api_key", row.ID, events.Change{
			Data: keyData{Name: row.Name}, Before: before, After: row,
		})
	})
	return revoked, err
}
