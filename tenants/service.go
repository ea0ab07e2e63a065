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
	grace time.Duration
	// brands are those of host names, which anybody asks for.
	brands *recent.Cache[string, Brand]
}

const (
	// defaultGrace is how long a deleted node can be brought back.
	defaultGrace = 30 * 24 * time.Hour
	// nodeLife is half of the second within which a change of the tree holds
	// everywhere: who asks may himself remember the answer for the other half.
	nodeLife = 450 * time.Millisecond
	maxNodes = 10_000
)

// Option changes how a service works.
type Option func(*Service)

// DeleteGrace is how long a deleted node can be brought back; zero is 30 days.
func DeleteGrace(d time.Duration) Option {
	return func(s *Service) {
		if d > 0 {
			s.grace = d
		}
	}
}

// New makes the service.
func New(s *store.Store, log Log, options ...Option) *Service {
	made := &Service{
		store: s, log: log, grace: defaultGrace,
		nodes:  recent.New[uuid.UUID, *Node](s.Now, nodeLife, maxNodes),
		brands: recent.New[string, Brand](s.Now, nodeLife, maxNodes),
	}
	for _, change := range options {
		change(made)
	}
	return made
}
