package identity

import (
	"context"
	"crypto/sha256"
	"fmt"
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

// KeyChange is a partial update; nil fields stay as they are.
type KeyChange struct {
	Name *string
	// Limits replaces the lists that Changes names.
	Limits  KeyLimits
	Changes struct{ Channels, Addresses, Origins bool }
}

func (c KeyChange) ofLimits() bool {
	return c.Changes.Channels || c.Changes.Addresses || c.Changes.Origins
}

// UpdateKey changes a key of the scope's tenant whose version passes the check.
// To change what a key is kept to, the caller needs what the key may do: he
// could widen what he knows the text of. It fails with not_found, wrong_state
// for a key that was revoked, permission_not_grantable, key_restricted and
// validation_failed.
func (s *Service) UpdateKey(ctx context.Context, keyID uuid.UUID, c KeyChange, check func(version int64) error) (APIKey, error) {
	caller, node, err := s.keyCreator(ctx)
	if err != nil {
		return APIKey{}, err
	}
	if c.Name != nil {
		name, err := tenants.CleanName("body.name", *c.Name)
		if err != nil {
			return APIKey{}, err
		}
		c.Name = &name
	}
	var changed APIKey
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockKey(ctx, keyID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		update := row.Update()
		if c.Name != nil {
			update.SetName(*c.Name)
		}
		if c.ofLimits() {
			if err := s.changeLimits(ctx, caller, node, row, c, update); err != nil {
				return err
			}
		}
		before := row
		if row, err = update.Save(ctx); err != nil {
			return fmt.Errorf("changing an API key: %w", err)
		}
		changed = viewKey(row)
		s.forgetPrincipals(ctx)
		return s.cfg.Log.Publish(ctx, "api_key.updated", "api_key", row.ID, events.Change{
			Data: keyData{Name: row.Name}, Before: before, After: row,
		})
	})
	return changed, err
}

func (s *Service) changeLimits(ctx context.Context, caller Principal, node tenants.Tenant, row *ent.APIKey, c KeyChange, update *ent.APIKeyUpdateOne) error {
	if err := s.covers(ctx, caller, row, node); err != nil {
		return err
	}
	wanted := limitsOf(row)
	if c.Changes.Channels {
		wanted.ChannelIDs = c.Limits.ChannelIDs
		if err := s.checkChannels(ctx, wanted.ChannelIDs); err != nil {
			return err
		}
	}
	if c.Changes.Addresses {
		wanted.AllowedAddresses = c.Limits.AllowedAddresses
	}
	if c.Changes.Origins {
		wanted.AllowedOrigins = c.Limits.AllowedOrigins
	}
	wanted, err := wanted.clean(caller)
	if err != nil {
		return err
	}
	update.SetAllowedAddresses(wanted.addresses()).SetAllowedOrigins(wanted.AllowedOrigins)
	if len(wanted.ChannelIDs) == 0 {
		update.ClearChannelIds()
	} else {
		update.SetChannelIds(wanted.ChannelIDs)
	}
	return nil
}

// lockKey loads a key that still lives, for a change.
func (s *Service) lockKey(ctx context.Context, keyID uuid.UUID) (*ent.APIKey, error) {
	row, err := s.cfg.Store.Ent(ctx).APIKey.Query().Where(apikey.ID(keyID)).ForUpdate().Only(ctx)
	switch {
	case store.IsNotFound(err):
		return nil, fault.Missing("API key")
	case err != nil:
		return nil, fmt.Errorf("reading an API key: %w", err)
	case row.RevokedAt != nil:
		return nil, fault.New(fault.Conflict, fault.CodeWrongState, "The API key was revoked.").Showing("revoked")
	}
	return row, nil
}

// covers fails where a caller lacks a part of what a key may do: with its text
// he would have it, as far and for as long as the key has.
func (s *Service) covers(ctx context.Context, caller Principal, row *ent.APIKey, node tenants.Tenant) error {
	for _, permission := range toPermissions(row.Permissions) {
		if !caller.May(permission, node.Path) {
			return tooWide(permission)
		}
	}
	if caller.Kind == scope.ActorKey && (caller.Limits.exceededBy(limitsOf(row)) != "" || row.ExpiresAt.After(caller.ExpiresAt)) {
		return fault.New(fault.Forbidden, fault.CodeKeyRestricted, "The key reaches further, or lasts longer, than the one that would change it.")
	}
	if caller.UserID == row.CreatorID {
		return nil
	}
	return s.reachesAsFar(ctx, caller, row, node)
}

// reachesAsFar fails where a key that somebody else has made reaches further
// than the caller with the same permissions: over the tenants below, or beyond
// what is the caller's own. It is asked of the creator's role, not of what he may
// at this moment: that may come back.
func (s *Service) reachesAsFar(ctx context.Context, caller Principal, row *ent.APIKey, node tenants.Tenant) error {
	var given authz.Role
	var kind tenants.Kind
	err := s.authenticating(store.Outside(ctx), func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&given, &kind}, `
			SELECT u.role, t.kind FROM users u JOIN tenants t ON t.id = u.tenant_id WHERE u.id = $1`, row.CreatorID)
	})
	if err != nil {
		return fmt.Errorf("reading who made an API key: %w", err)
	}
	role := roleAt(kind, given)
	below := authz.RightsWith(authz.SetOf(toPermissions(row.Permissions)...), role, node.Path).Below
	if caller.Role.OwnOnly() && !role.OwnOnly() || len(node.Kind.Below()) > 0 && !caller.Rights.Below.Holds(below) {
		return fault.New(fault.Forbidden, fault.CodePermissionTooWide,
			"Somebody has made the key who reaches further than the caller.")
	}
	return nil
}

func tooWide(permission authz.Permission) *fault.Fault {
	return fault.New(fault.Forbidden, fault.CodePermissionTooWide,
		"A key has no permission that its maker does not have: %s.", permission)
}

// MaxKeyGrace is the longest that a key is good beside its successor.
const MaxKeyGrace = 24 * time.Hour

// RotateKey exchanges the text of a key of the scope's tenant. The text before
// it is good for the grace, at most MaxKeyGrace; one from before that ends at
// once. A zero expiry stays as it is. It fails as UpdateKey does: whoever rotates
// a key has its text.
func (s *Service) RotateKey(ctx context.Context, keyID uuid.UUID, grace time.Duration, expiresAt time.Time) (CreatedKey, error) {
	caller, node, err := s.keyCreator(ctx)
	if err != nil {
		return CreatedKey{}, err
	}
	if grace < 0 || grace > MaxKeyGrace {
		return CreatedKey{}, fault.InvalidField(fault.CodeInvalid, "body.grace_seconds", "must be a day at most")
	}
	prefix := livePrefix
	if node.Kind == tenants.KindSandbox {
		prefix = testPrefix
	}
	text := newKeyText(prefix)
	hash := sha256.Sum256([]byte(text))
	rotated := CreatedKey{Text: secret.NewString(text)}
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockKey(ctx, keyID)
		if err != nil {
			return err
		}
		if err := s.covers(ctx, caller, row, node); err != nil {
			return err
		}
		now := s.cfg.Store.Now()
		update := row.Update().SetHash(hash[:]).SetHint(prefix + "…" + secret.Last4(text)).SetRotatedAt(now)
		if grace > 0 {
			update.SetPreviousHash(row.Hash).SetPreviousUntil(now.Add(grace))
		} else {
			update.ClearPreviousHash().ClearPreviousUntil()
		}
		if err := s.renew(row, expiresAt, caller, update); err != nil {
			return err
		}
		before := row
		if row, err = update.Save(ctx); err != nil {
			return fmt.Errorf("rotating an API key: %w", err)
		}
		rotated.APIKey = viewKey(row)
		s.forgetPrincipals(ctx)
		return s.cfg.Log.Publish(ctx, "api_key.rotated", "api_key", row.ID, events.Change{
			Data: keyData{Name: row.Name, ExpiresAt: &row.ExpiresAt}, Before: before, After: row,
		})
	})
	if err != nil {
		return CreatedKey{}, err
	}
	return rotated, nil
}

// renew sets the end of a key that is rotated. One that has ended needs another.
func (s *Service) renew(row *ent.APIKey, expiresAt time.Time, caller Principal, update *ent.APIKeyUpdateOne) error {
	if expiresAt.IsZero() {
		if !s.cfg.Store.Now().Before(row.ExpiresAt) {
			return fault.InvalidField(fault.CodeInvalid, "body.expires_at", "is needed: the key has expired")
		}
		return nil
	}
	end, err := s.keyExpiry(expiresAt, caller)
	if err != nil {
		return err
	}
	update.SetExpiresAt(end)
	return nil
}
