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
		ID: "revokeAPIKey", Method: http.MethodPost, Path: keyPath + "/revoke", Tag: KeysTag,
		Summary: "Revoke an API key", Description: "Ends a key for good, within a second. Revoking it again changes nothing.",
	}, h.revokeKey)
}

// APIKey is a key as clients see it.
type APIKey struct {
	ID          uuid.UUID  `json:"id" doc:"The key's id."`
	TenantID    uuid.UUID  `json:"tenant_id" doc:"The tenant that it is bound to."`
	Name        string     `json:"name" maxLength:"100" doc:"What people call it." example:"Web shop"`
	Hint        string     `json:"hint" maxLength:"40" doc:"By what its owner recognises it." example:"trl_live_…a1b2"`
	Permissions []string   `json:"permissions" maxItems:"200" maxLength:"64" doc:"What it was given." example:"interactions:start"`
	CreatorID   uuid.UUID  `json:"creator_id" doc:"Who created it."`
	ExpiresAt   time.Time  `json:"expires_at" doc:"When it ends."`
	LastUsedAt  *time.Time `json:"last_used_at" doc:"When it was used last, to about a minute, or null."`
	RevokedAt   *time.Time `json:"revoked_at" doc:"When it was revoked, or null."`
	CreatedAt   time.Time  `json:"created_at" doc:"When it was created."`
}

func keyView(k identity.APIKey) APIKey {
	return APIKey{k.ID, k.TenantID, k.Name, k.Hint, words(k.Permissions), k.CreatorID, k.ExpiresAt, k.LastUsedAt, k.RevokedAt, k.CreatedAt}
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
	Name        string     `json:"name" minLength:"1" maxLength:"100" doc:"What people call it." example:"Web shop"`
	Permissions []string   `json:"permissions" minItems:"1" maxItems:"200" maxLength:"64" doc:"What it may do: getMe lists what its creator may." example:"interactions:start"`
	ExpiresAt   *time.Time `json:"expires_at,omitempty" doc:"When it ends: a year from now at most, and if it is left out."`
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
	n := identity.NewKey{Name: in.Body.Name}
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
		op.At("/v1/tenants/%s/api-keys/%s", in.TenantID, k.ID), op.Version(int64(k.Version)),
		NewAPIKey{keyView(k.APIKey), k.Text.Reveal()},
	}, nil
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
