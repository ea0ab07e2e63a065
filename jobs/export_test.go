package jobs

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// ClaimStatement is the statement behind Claim, for its plan.
func ClaimStatement(k Kind) string { return claimStatement(k) }

// PerTenant is how many rows of one tenant a round takes.
const PerTenant = perTenant

// Put hands a task to Redis.
func (q *Queues) Put(ctx context.Context, t Task) error { return q.put(ctx, t) }

// Redis is the connection below, for tests that break what is there.
func (q *Queues) Redis() redis.UniversalClient { return q.redis }

// Key is the task's id in asynq.
func (t Task) Key() string { return t.key() }

// Encode is the task's payload.
func (t Task) Encode() []byte { return t.encode() }

// Round hands out up to room rows of each kind, once.
func (d *Dispatcher) Round(ctx context.Context, room int) (int, error) { return d.round(ctx, room) }
