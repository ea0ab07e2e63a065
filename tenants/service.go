package tenants

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/recent"
)

// Log is where the service writes down what happened, in the transaction that
// makes it true.
type Log interface {
	Publish(ctx context.Context, kind string, objectKind string, objectID uuid.UUID, data any) error
}

// Service reads and changes the tree. It is safe for concurrent use.
type Service struct {
	store *store.Store
	log   Log
	nodes *recent.Cache[uuid.UUID, *Node]
}

const (
	// nodeLife is half of the second within which a change of the tree holds
	// everywhere: who asks may himself remember the answer for the other half.
	nodeLife = 450 * time.Millisecond
	maxNodes = 10_000
)

// New makes the service.
func New(s *store.Store, log Log) *Service {
	return &Service{store: s, log: log, nodes: recent.New[uuid.UUID, *Node](s.Now, nodeLife, maxNodes)}
}
