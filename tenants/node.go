package tenants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Node is where a tenant stands, and what holds there.
type Node struct {
	ID   uuid.UUID
	Path string
	Kind Kind
	// Status is the effective one: the worst of the node's own and of those above.
	Status   Status
	Country  string
	TimeZone string
	Language string
	Settings
	// Entitlements are what the node and all above it have.
	Entitlements authz.EntitlementSet
	// Quotas are the least limits of the node and all above it.
	Quotas Quotas
}

// Suspended tells whether the node or one above it is out of service, for
// whatever reason.
func (n Node) Suspended() bool { return n.Status != StatusActive }

// Closed tells whether the node or one above it is archived, deleted or purged.
func (n Node) Closed() bool { return n.Suspended() && n.Status != StatusSuspended }

// Node places a tenant in the tree, whoever asks: deciding what an answer may
// disclose is the caller's part. What it returns is at most a second old, and
// so is the not_found fault of a tenant that is not there, which therefore
// takes no longer than one that is. Inside a tenant's transaction it reads past
// it, on a connection of the system's; system work uses ReadNode there.
func (s *Service) Node(ctx context.Context, tenantID uuid.UUID) (Node, error) {
	node, err := s.nodes.Get(ctx, tenantID, func(ctx context.Context) (*Node, error) {
		node, err := s.ReadNode(scope.System(store.Outside(ctx), "placing a tenant in the tree"), tenantID)
		if fault.Is(err, fault.CodeNotFound) {
			return nil, nil
		}
		return &node, err
	})
	if err != nil {
		return Node{}, err
	}
	if node == nil {
		return Node{}, fault.Missing("tenant")
	}
	return *node, nil
}

// ReadNode is Node as it is at this moment, read under the system scope of the
// context and inside its transaction, if one runs.
func (s *Service) ReadNode(ctx context.Context, tenantID uuid.UUID) (Node, error) {
	if sc, err := scope.From(ctx); err != nil {
		return Node{}, err
	} else if !sc.IsSystem() {
		return Node{}, errors.New("tenants: only system work sees the nodes above a node")
	}
	var n Node
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		n, err = scanNode(func(dest ...any) error {
			return store.QueryRow(ctx, dest, nodeStatement+` WHERE t.id = $1`, tenantID)
		})
		return err
	})
	if store.IsNotFound(err) {
		return Node{}, fault.Missing("tenant")
	}
	if err != nil {
		return Node{}, fmt.Errorf("placing a tenant: %w", err)
	}
	return n, nil
}

// nodeStatement reads nodes with what their paths make of them: the worst state
// of a node, what each was granted, and the least of their limits.
const nodeStatement = `
	SELECT t.id, t.path, t.kind, t.country, t.time_zone, t.language,
		t.content_access, t.security_suite, t.require_if_match, t.allowed_origins, above.status, above.granted,
		above.seats, above.messages, above.storage, above.requests
	FROM tenants t CROSS JOIN LATERAL (
		SELECT (ARRAY['active', 'suspended', 'archived', 'deleted', 'purged'])[
				max(array_position(ARRAY['active', 'suspended', 'archived', 'deleted', 'purged'], node.status::text))] AS status,
			jsonb_agg(node.entitlements) FILTER (WHERE node.kind <> 'sandbox') AS granted,
			min(node.quota_seats) AS seats, min(node.quota_messages_per_month) AS messages,
			min(node.quota_storage_bytes) AS storage, min(node.quota_requests_per_minute) AS requests
		FROM tenants node
		WHERE node.id = ANY (string_to_array(trim(both '/' from t.path), '/')::uuid[])) above`

// scanNode reads one row of nodeStatement.
func scanNode(scan func(dest ...any) error) (Node, error) {
	var (
		n                Node
		origins, granted []byte
	)
	err := scan(&n.ID, &n.Path, &n.Kind, &n.Country, &n.TimeZone, &n.Language,
		&n.ContentAccess, &n.SecuritySuite, &n.RequireIfMatch, &origins, &n.Status, &granted,
		&n.Quotas.Seats, &n.Quotas.MessagesPerMonth, &n.Quotas.StorageBytes, &n.Quotas.RequestsPerMinute)
	if err != nil {
		return Node{}, err
	}
	if err := json.Unmarshal(origins, &n.AllowedOrigins); err != nil {
		return Node{}, fmt.Errorf("reading a tenant's origins: %w", err)
	}
	if !n.Kind.counts() {
		n.Quotas = n.Quotas.uncounted()
	}
	n.Entitlements, err = commonTo(granted)
	return n, err
}

// commonTo is what every list of a JSON array of lists holds.
func commonTo(lists []byte) (authz.EntitlementSet, error) {
	var granted [][]string
	if err := json.Unmarshal(lists, &granted); err != nil {
		return 0, fmt.Errorf("reading what a tenant was granted: %w", err)
	}
	common := authz.AllEntitlements()
	for _, words := range granted {
		common = common.And(authz.EntitlementsOfWords(words))
	}
	return common, nil
}

// ScopeFor is the scope of work in a tenant on behalf of an actor, for what
// begins outside of a request: jobs and callbacks.
func (s *Service) ScopeFor(ctx context.Context, tenantID uuid.UUID, actor scope.Actor) (scope.Scope, error) {
	n, err := s.Node(ctx, tenantID)
	if err != nil {
		return scope.Scope{}, err
	}
	return scope.Scope{TenantID: n.ID, Path: n.Path, Actor: actor}, nil
}
