package tenants

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Node is where a tenant stands, and what holds there.
type Node struct {
	ID   uuid.UUID
	Path string
	Kind Kind
	// Status is the effective one: suspended where any node above is.
	Status   Status
	Country  string
	TimeZone string
	Language string
	Settings
}

// Suspended tells whether the node or one above it is suspended.
func (n Node) Suspended() bool { return n.Status == StatusSuspended }

// Node places a tenant in the tree, whoever asks: deciding what an answer may
// disclose is the caller's part. What it returns is at most a second old, and
// so is the not_found fault of a tenant that is not there, which therefore
// takes no longer than one that is. It is not for use inside a transaction.
func (s *Service) Node(ctx context.Context, tenantID uuid.UUID) (Node, error) {
	node, err := s.nodes.Get(ctx, tenantID, func(ctx context.Context) (*Node, error) {
		node, err := s.ReadNode(scope.System(ctx, "placing a tenant in the tree"), tenantID)
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
	n := Node{ID: tenantID}
	var suspended bool
	var origins []byte
	err := s.store.Read(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&n.Path, &n.Kind, &n.Country, &n.TimeZone, &n.Language,
			&n.ContentAccess, &n.SecuritySuite, &n.RequireIfMatch, &origins, &suspended}, `
			SELECT t.path, t.kind, t.country, t.time_zone, t.language,
			       t.content_access, t.security_suite, t.require_if_match, t.allowed_origins, EXISTS (
				SELECT FROM tenants above
				WHERE above.id = ANY (string_to_array(trim(both '/' from t.path), '/')::uuid[])
				  AND above.status = 'suspended')
			FROM tenants t WHERE t.id = $1`, tenantID)
	})
	if store.IsNotFound(err) {
		return Node{}, fault.Missing("tenant")
	}
	if err != nil {
		return Node{}, fmt.Errorf("placing a tenant: %w", err)
	}
	if err := json.Unmarshal(origins, &n.AllowedOrigins); err != nil {
		return Node{}, fmt.Errorf("reading a tenant's origins: %w", err)
	}
	n.Status = StatusActive
	if suspended {
		n.Status = StatusSuspended
	}
	return n, nil
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
