package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
)

// Queues is the way into Redis.
type Queues struct {
	client *asynq.Client
	redis  redis.UniversalClient
}

// OpenQueues connects lazily to the Redis in the URL: redis://, rediss:// or
// redis-sentinel://.
func OpenQueues(redisURL string) (*Queues, error) {
	opt, err := asynq.ParseRedisURI(redisURL)
	if err != nil {
		return nil, fmt.Errorf("jobs: the Redis URL cannot be read: %w", err)
	}
	client, ok := opt.MakeRedisClient().(redis.UniversalClient)
	if !ok {
		return nil, errors.New("jobs: the Redis URL makes no client")
	}
	return &Queues{client: asynq.NewClient(opt), redis: client}, nil
}

// redisWait bounds what one command on a client of OpenRedis may take; its
// context may end it before.
const redisWait = time.Second

// OpenRedis connects lazily, as OpenQueues does, for those who ask in the middle
// of a request: nothing is repeated, and a call ends with its context.
func OpenRedis(redisURL string) (redis.UniversalClient, error) {
	opt, err := asynq.ParseRedisURI(redisURL)
	if err != nil {
		return nil, fmt.Errorf("jobs: the Redis URL cannot be read: %w", err)
	}
	switch o := opt.(type) {
	case asynq.RedisClientOpt:
		return redis.NewClient(&redis.Options{
			Network: o.Network, Addr: o.Addr, Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			DialTimeout: redisWait, ReadTimeout: redisWait, MaxRetries: -1, ContextTimeoutEnabled: true,
		}), nil
	case asynq.RedisFailoverClientOpt:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: o.MasterName, SentinelAddrs: o.SentinelAddrs,
			SentinelUsername: o.SentinelUsername, SentinelPassword: o.SentinelPassword,
			Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			DialTimeout: redisWait, ReadTimeout: redisWait, MaxRetries: -1, ContextTimeoutEnabled: true,
		}), nil
	default:
		return nil, errors.New("jobs: the Redis URL makes no client")
	}
}

// Close ends the connections.
func (q *Queues) Close() error {
	return errors.Join(q.client.Close(), q.redis.Close())
}

// Ping tells whether Redis answers.
func (q *Queues) Ping(ctx context.Context) error { return q.redis.Ping(ctx).Err() }

// taskTimeout ends a handler's context. A call to a provider takes 10 s at most.
const taskTimeout = 30 * time.Second

// put hands a task to the workers. The same task twice is success.
func (q *Queues) put(ctx context.Context, t Task) error {
	_, err := q.client.EnqueueContext(ctx, asynq.NewTask(string(t.Kind), t.encode()),
		asynq.TaskID(t.key()), asynq.Queue(string(queues[t.Kind])), asynq.Timeout(taskTimeout), asynq.MaxRetry(1))
	if errors.Is(err, asynq.ErrTaskIDConflict) {
		return nil
	}
	return err
}

// backlog is how many tasks wait in Redis for a worker. The key is asynq's own:
// its Inspector samples the memory of every task to answer, and is blind for a
// queue that a flush removed.
func (q *Queues) backlog(ctx context.Context) (int, error) {
	total := 0
	for name := range weights {
		n, err := q.redis.LLen(ctx, "asynq:{"+name+"}:pending").Result()
		if err != nil {
			return 0, err
		}
		total += int(n)
	}
	return total, nil
}

const wakeTopic = "trellis:wake"

// wake tells the dispatchers of all processes that a row has become due.
func (q *Queues) wake(ctx context.Context) error { return q.redis.Publish(ctx, wakeTopic, "").Err() }

// wakes delivers a value, coalesced, for each wake of any process.
func (q *Queues) wakes(ctx context.Context) <-chan struct{} {
	out := make(chan struct{}, 1)
	subscription := q.redis.Subscribe(ctx, wakeTopic)
	go func() {
		defer func() { _ = subscription.Close() }()
		for {
			select {
			case <-ctx.Done():
				return
			case _, open := <-subscription.Channel():
				if !open {
					return
				}
				signal(out)
			}
		}
	}()
	return out
}

// signal leaves a mark that there is something to do; one is enough.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
