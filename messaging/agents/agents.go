// Package agents knows who is at work: sessions that agents log in to and off
// from, pauses with their reasons, how much everybody can take, and how much he
// has. It gives nobody anything to do; that is the routing's business.
package agents

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Config is what a Service needs.
type Config struct {
	Store  *store.Store
	Events Log
	// Route has the queues of a user looked at again, in the running transaction;
	// nil where nothing is routed. It touches the user, who is always locked before
	// his session.
	Route func(ctx context.Context, userID uuid.UUID) error
}

// Service knows who is at work. It is safe for concurrent use.
type Service struct {
	store  *store.Store
	events Log
	route  func(ctx context.Context, userID uuid.UUID) error
}

// New returns the service.
func New(c Config) *Service {
	route := c.Route
	if route == nil {
		route = func(context.Context, uuid.UUID) error { return nil }
	}
	return &Service{store: c.Store, events: c.Events, route: route}
}

// jsonList is a list of ids as a parameter of a statement.
func jsonList(ids []uuid.UUID) (string, error) {
	if ids == nil {
		ids = []uuid.UUID{}
	}
	list, err := json.Marshal(ids)
	return string(list), err
}

// rowsOf runs a query and scans each row.
func rowsOf(ctx context.Context, scan func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := store.Query(ctx, query, args...)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := scan(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// happened is one line of the log of what agents did.
type happened struct {
	userID, sessionID uuid.UUID
	queueID           *uuid.UUID
	action            string
	reason            *Code
}

// The actions of the log that are none of the state table.
const (
	queueLoggedOut = "queue_logged_out"
	queueLoggedIn  = "queue_logged_in"
	queueRemoved   = "queue_removed"
)

// note writes down what an agent did, or what was done to him. Events tell
// programs, this feeds reports and the agent's own warnings.
func (s *Service) note(ctx context.Context, h happened) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var actor *uuid.UUID
	if sc.Actor.ID != uuid.Nil {
		actor = &sc.Actor.ID
	}
	var code *int
	name := ""
	if h.reason != nil {
		code, name = &h.reason.Code, h.reason.Name
	}
	_, err = store.Exec(ctx, `
		INSERT INTO agent_log (id, tenant_id, user_id, session_id, queue_id, action, code, name, actor_kind, actor_id, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		id.New(), sc.TenantID, h.userID, h.sessionID, h.queueID, h.action, code, name, string(sc.Actor.Kind), actor, s.store.Now())
	return err
}

// seconds is how long ago something was, for those who show a running clock.
func (s *Service) seconds(since time.Time) int64 {
	return max(0, int64(s.store.Now().Sub(since)/time.Second))
}
