package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

const (
	keysPath = "/v1/tenants/{tenant_id}/api-keys"
	keyPath  = keysPath + "/{api_key_id}"
)

func (h handlers) registerKeys(s *op.Surface) {
	op.Register(s, authz.APIKeysRead, op.Spec{
		ID: "listAPIKeys", Method: http.MethodGet, Path: keysPath, Tag: KeysTag,
		Summary: "List API keys", Description: "Lists the keys that are bound to the tenant, also the revoked ones, oldest first. The keys themselves are never shown again.",
	}, h.listKeys)
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "createAPIKey", Method: http.MethodPost, Path: keysPath, Tag: KeysTag, Status: http.StatusCreated,
		Summary: "Create an API key",
		Description: "Creates a key for a machine and shows it once. It can do what it is given and its creator may do at that moment: " +
			"when the creator loses a right, so does the key, within a second.",
		Codes: []fault.Code{fault.CodePermissionTooWide},
	}, h.createKey)
	op.Register(s, authz.APIKeysRead, op.Spec{
		ID: "getAPIKey", Method: http.MethodGet, Path: keyPath, Tag: KeysTag,
		Summary: "Show an API key", Description: "Shows what is known of one key, without the key.",
	}, h.getKey)
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "updateAPIKey", Method: http.MethodPatch, Path: keyPath, Tag: KeysTag,
		Summary: "Change an API key",
		Description: "Renames a key, or changes what it is kept to, within a second. To change the latter the caller needs what the key may do. " +
			"What it may do is settled when it is created.",
		Codes: []fault.Code{fault.CodePermissionTooWide, fault.CodeWrongState},
	}, h.updateKey)
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "rotateAPIKey", Method: http.MethodPost, Path: keyPath + "/rotate", Tag: KeysTag,
		Summary: "Rotate an API key",
		Description: "Gives a key another text and shows it once. The one before it is good for a grace, a day at most, so that nothing stands still while it is replaced; " +
			"one from before that ends at once. The caller needs what the key may do.",
		Codes: []fault.Code{fault.CodePermissionTooWide, fault.CodeWrongState},
	}, h.rotateKey)
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "revokeAPIKey", Method: http.MethodPost, Path: keyPath + "/revoke", Tag: KeysTag,
		Summary: "Revoke an API key", Description: "Ends a key for good, within a second. Revoking it again changes nothing.",
	}, h.revokeKey)
}

// APIKey is a key as clients see it.
type APIKey struct {
	ID               uuid.UUID   `json:"id" doc:"The key's id."`
	TenantID         uuid.UUID   `json:"tenant_id" doc:"The tenant that it is bound to."`
	Name             string      `json:"name" maxLength:"100" doc:"What people call it." example:"Web shop"`
	Hint             string      `json:"hint" maxLength:"40" doc:"By what its owner recognises it." example:"trl_live_…a1b2"`
	Mode             string      `json:"mode" enum:"live,test" doc:"Whether it is bound to a tenant, or to the sandbox of one."`
	Permissions      []string    `json:"permissions" maxItems:"200" maxLength:"64" doc:"What it was given." example:"interactions:start"`
	ChannelIDs       []uuid.UUID `json:"channel_ids" maxItems:"200" doc:"The channels that it is kept to, with the conversations on them; empty for all."`
	AllowedAddresses []string    `json:"allowed_addresses" maxItems:"50" maxLength:"43" doc:"The networks that it may be used from; empty for all." example:"192.0.2.0/24"`
	AllowedOrigins   []string    `json:"allowed_origins" maxItems:"20" maxLength:"300" doc:"The web sites that it may be used from in a browser; empty for those that the tenant allows." example:"https://app.example.com"`
	CreatorID        uuid.UUID   `json:"creator_id" doc:"Who created it."`
	ExpiresAt        time.Time   `json:"expires_at" doc:"When it ends."`
	LastUsedAt       *time.Time  `json:"last_used_at" doc:"When it was used last, to about a minute, or null."`
	RevokedAt        *time.Time  `json:"revoked_at" doc:"When it was revoked, or null."`
	RotatedAt        *time.Time  `json:"rotated_at" doc:"When it was rotated last, or null."`
	PreviousUntil    *time.Time  `json:"previous_until" doc:"Until when its text from before that is good, or null."`
	CreatedAt        time.Time   `json:"created_at" doc:"When it was created."`
}

func keyView(k identity.APIKey) APIKey {
	addresses := make([]string, 0, len(k.AllowedAddresses))
	for _, network := range k.AllowedAddresses {
		addresses = append(addresses, network.String())
	}
	mode := "live"
	if k.Test {
		mode = "test"
	}
	return APIKey{
		ID: k.ID, TenantID: k.TenantID, Name: k.Name, Hint: k.Hint, Mode: mode, Permissions: words(k.Permissions),
		ChannelIDs: k.ChannelIDs, AllowedAddresses: addresses, AllowedOrigins: append([]string{}, k.AllowedOrigins...),
		CreatorID: k.CreatorID, ExpiresAt: k.ExpiresAt, LastUsedAt: k.LastUsedAt, RevokedAt: k.RevokedAt,
		RotatedAt: k.RotatedAt, PreviousUntil: k.PreviousUntil, CreatedAt: k.CreatedAt,
	}
}

// ListKeysInput is the input of listAPIKeys.
type ListKeysInput struct {
	path.Tenant
	op.Page
}

func (h handlers) listKeys(ctx context.Context, in *ListKeysInput) (*op.List[APIKey], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	var behind *uuid.UUID
	if after != nil {
		behind = &after.ID
	}
	rows, err := h.identity.ListKeys(ctx, behind, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, keyView, func(k identity.APIKey) path.Key { return path.Key{ID: k.ID} })
}

// CreateAPIKey is the body of createAPIKey.
type CreateAPIKey struct {
	Name             string      `json:"name" minLength:"1" maxLength:"100" doc:"What people call it." example:"Web shop"`
	Permissions      []string    `json:"permissions" minItems:"1" maxItems:"200" maxLength:"64" doc:"What it may do: getMe lists what its creator may." example:"interactions:start"`
	ChannelIDs       []uuid.UUID `json:"channel_ids,omitempty" maxItems:"200" doc:"The channels that it is kept to, with the conversations on them; all if it is left out."`
	AllowedAddresses []string    `json:"allowed_addresses,omitempty" maxItems:"50" maxLength:"43" doc:"The addresses and networks that it may be used from; all if it is left out." example:"192.0.2.0/24"`
	AllowedOrigins   []string    `json:"allowed_origins,omitempty" maxItems:"20" maxLength:"300" doc:"The web sites that it may be used from in a browser; those that the tenant allows if it is left out." example:"https://app.example.com"`
	ExpiresAt        *time.Time  `json:"expires_at,omitempty" doc:"When it ends: a year from now at most, and if it is left out."`
	Mode             string      `json:"mode,omitempty" enum:"live,test" doc:"test binds the key to the tenant's sandbox, which is made if there is none; live if it is left out. In a sandbox every key is a test key."`
}

// CreateAPIKeyInput is the input of createAPIKey.
type CreateAPIKeyInput struct {
	path.Tenant
	Body CreateAPIKey
}

// NewAPIKey is a key that is shown for the only time.
type NewAPIKey struct {
	APIKey
	Key string `json:"key,omitempty" maxLength:"100" doc:"The key itself. It is never shown again, also not by a replay of this request." example:"trl_live_0aZ4bY8cX2dW6eV0fU4gT8hS2iR6jQ0k_0aZ4bY"`
}

// KeyCreated is the output of createAPIKey.
type KeyCreated struct {
	op.Location
	op.ETag
	Body NewAPIKey
}

// WithoutSecrets implements op.Discreet.
func (k *KeyCreated) WithoutSecrets() *KeyCreated {
	out := *k
	out.Body.Key = ""
	return &out
}

func (h handlers) createKey(ctx context.Context, in *CreateAPIKeyInput) (*KeyCreated, error) {
	networks, err := identity.ParseNetworks(in.Body.AllowedAddresses)
	if err != nil {
		return nil, err
	}
	n := identity.NewKey{Name: in.Body.Name, Test: in.Body.Mode == "test", KeyLimits: identity.KeyLimits{
		ChannelIDs: in.Body.ChannelIDs, AllowedAddresses: networks, AllowedOrigins: in.Body.AllowedOrigins,
	}}
	for _, p := range in.Body.Permissions {
		n.Permissions = append(n.Permissions, authz.Permission(p))
	}
	if in.Body.ExpiresAt != nil {
		n.ExpiresAt = *in.Body.ExpiresAt
	}
	k, err := h.identity.CreateKey(ctx, n)
	if err != nil {
		return nil, err
	}
	return &KeyCreated{
		op.At("/v1/tenants/%s/api-keys/%s", k.TenantID, k.ID), op.Version(int64(k.Version)),
		NewAPIKey{keyView(k.APIKey), k.Text.Reveal()},
	}, nil
}

// UpdateAPIKey is the body of updateAPIKey.
type UpdateAPIKey struct {
	Name             op.Optional[string]      `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"100" doc:"What people call it." example:"Web shop"`
	ChannelIDs       op.Optional[[]uuid.UUID] `json:"channel_ids,omitzero" nullable:"false" maxItems:"200" doc:"The channels that it is kept to; empty for all."`
	AllowedAddresses op.Optional[[]string]    `json:"allowed_addresses,omitzero" nullable:"false" maxItems:"50" maxLength:"43" doc:"The addresses and networks that it may be used from; empty for all." example:"192.0.2.0/24"`
	AllowedOrigins   op.Optional[[]string]    `json:"allowed_origins,omitzero" nullable:"false" maxItems:"20" maxLength:"300" doc:"The web sites that it may be used from in a browser; empty for those that the tenant allows." example:"https://app.example.com"`
}

// UpdateAPIKeyInput is the input of updateAPIKey.
type UpdateAPIKeyInput struct {
	KeyPath
	op.IfMatch
	Body UpdateAPIKey
}

func (h handlers) updateKey(ctx context.Context, in *UpdateAPIKeyInput) (*KeyShown, error) {
	networks, err := identity.ParseNetworks(in.Body.AllowedAddresses.Value)
	if err != nil {
		return nil, err
	}
	c := identity.KeyChange{Name: in.Body.Name.Pointer(), Limits: identity.KeyLimits{
		ChannelIDs: in.Body.ChannelIDs.Value, AllowedAddresses: networks, AllowedOrigins: in.Body.AllowedOrigins.Value,
	}}
	c.Changes.Channels, c.Changes.Addresses, c.Changes.Origins = in.Body.ChannelIDs.Set, in.Body.AllowedAddresses.Set, in.Body.AllowedOrigins.Set
	return keyShown(h.identity.UpdateKey(ctx, in.APIKeyID, c, in.Check))
}

// RotateAPIKey is the body of rotateAPIKey.
type RotateAPIKey struct {
	GraceSeconds *int       `json:"grace_seconds,omitempty" format:"int32" minimum:"0" maximum:"86400" doc:"How long the text before this one is good, in seconds; an hour if it is left out." example:"3600"`
	ExpiresAt    *time.Time `json:"expires_at,omitempty" doc:"When the key ends: a year from now at most; it stays as it is if it is left out."`
}

// RotateAPIKeyInput is the input of rotateAPIKey.
type RotateAPIKeyInput struct {
	KeyPath
	Body RotateAPIKey
}

// KeyRotated is the output of rotateAPIKey.
type KeyRotated struct {
	op.ETag
	Body NewAPIKey
}

// WithoutSecrets implements op.Discreet.
func (k *KeyRotated) WithoutSecrets() *KeyRotated {
	out := *k
	out.Body.Key = ""
	return &out
}

// usualGrace is how long the text before a rotation is good.
const usualGrace = time.Hour

func (h handlers) rotateKey(ctx context.Context, in *RotateAPIKeyInput) (*KeyRotated, error) {
	grace, end := usualGrace, time.Time{}
	if in.Body.GraceSeconds != nil {
		grace = time.Duration(*in.Body.GraceSeconds) * time.Second
	}
	if in.Body.ExpiresAt != nil {
		end = *in.Body.ExpiresAt
	}
	k, err := h.identity.RotateKey(ctx, in.APIKeyID, grace, end)
	if err != nil {
		return nil, err
	}
	return &KeyRotated{op.Version(int64(k.Version)), NewAPIKey{keyView(k.APIKey), k.Text.Reveal()}}, nil
}

// KeyPath names one key.
type KeyPath struct {
	path.Tenant
	APIKeyID uuid.UUID `path:"api_key_id" doc:"The key's id."`
}

// KeyShown is the output of operations that show one key.
type KeyShown struct {
	op.ETag
	Body APIKey
}

func keyShown(k identity.APIKey, err error) (*KeyShown, error) {
	if err != nil {
		return nil, err
	}
	return &KeyShown{op.Version(int64(k.Version)), keyView(k)}, nil
}

func (h handlers) getKey(ctx context.Context, in *KeyPath) (*KeyShown, error) {
	return keyShown(h.identity.GetKey(ctx, in.APIKeyID))
}

func (h handlers) revokeKey(ctx context.Context, in *KeyPath) (*KeyShown, error) {
	return keyShown(h.identity.RevokeKey(ctx, in.APIKeyID))
}
