package ratelimit

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trellishq/trellis/internal/clock"
)

// Redis is the part of a client that Shared needs. The client must neither
// repeat a command by itself nor outlast the context of a call.
type Redis interface {
	redis.Scripter
	Close() error
}

// SharedConfig says with whom, and with how much patience, limits are shared.
type SharedConfig struct {
	// Redis keeps the counters of all processes; nil counts for this one alone.
	Redis Redis
	// Patience is how long a request waits for Redis; zero is 50 ms.
	Patience time.Duration
	// Probe is the pause between two looks whether Redis is back; zero is 500 ms.
	Probe time.Duration
	// MaxKeys is that of Config.
	MaxKeys int
	// Clock tells the time; nil is the system's.
	Clock clock.Clock
	// Changed is told when Redis is given up (with the reason) and when it is
	// back (with nil); nil for nobody.
	Changed func(reason error)
}

// Bucket is one of the budgets that a request spends from.
type Bucket struct {
	// Key names whose budget it is, over all processes.
	Key  string
	Rate Rate
	// Cost is how many units are taken; zero or less takes nothing and tells how
	// things stand.
	Cost int
}

// Shared limits over all processes that have a Redis in common, in one round
// trip for all buckets of a request. Where Redis is away or slow it counts in
// memory at once: no request waits longer than Patience, and while Redis is
// known to be away none waits at all. Memory goes on from what Redis said last,
// so that an outage does not fill everybody's buckets. It is safe for
// concurrent use.
type Shared struct {
	cfg    SharedConfig
	memory *memory

	away atomic.Bool

	closing sync.Mutex
	closed  bool
	stop    context.CancelFunc // ends the probe that runs, if there is one
	probes  sync.WaitGroup
}

// NewShared makes a limiter. Close ends it; the client stays the caller's.
func NewShared(c SharedConfig) *Shared {
	if c.Patience == 0 {
		c.Patience = 50 * time.Millisecond
	}
	if c.Probe == 0 {
		c.Probe = 500 * time.Millisecond
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Changed == nil {
		c.Changed = func(error) {}
	}
	s := &Shared{cfg: c, memory: newMemory(c.MaxKeys), stop: func() {}}
	s.away.Store(c.Redis == nil)
	return s
}

// Close ends what runs in the background.
func (s *Shared) Close() {
	s.closing.Lock()
	s.closed = true
	s.stop()
	s.closing.Unlock()
	s.probes.Wait()
}

// Take takes from all buckets, or from none if one of them has too little. The
// results stand in the order of the buckets; a request may pass if all are
// allowed. Rates must be within the bounds of Rate.
func (s *Shared) Take(ctx context.Context, buckets []Bucket) []Result {
	now := s.cfg.Clock.Now()
	if !s.away.Load() {
		results, err := s.ask(ctx, buckets, now)
		if err == nil {
			return results
		}
		if ctx.Err() == nil {
			s.giveUp(ctx, err)
		}
	}
	return s.count(buckets, now.UnixNano())
}

// ask lets Redis decide, and remembers what it says.
func (s *Shared) ask(ctx context.Context, buckets []Bucket, now time.Time) ([]Result, error) {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.Patience)
	defer cancel()
	results, fulls, err := run(ctx, s.cfg.Redis, buckets, now)
	if err != nil {
		return nil, err
	}
	for i, b := range buckets {
		s.memory.learn(b.Key, now.Add(fulls[i]).UnixNano(), now.UnixNano())
	}
	return results, nil
}

// count decides from memory.
func (s *Shared) count(buckets []Bucket, now int64) []Result {
	results := make([]Result, len(buckets))
	refused := false
	for i, b := range buckets {
		results[i] = s.memory.take(b.Key, b.Rate, b.Cost, now)
		refused = refused || !results[i].Allowed
	}
	if !refused {
		return results
	}
	for i, b := range buckets {
		if results[i].Allowed && b.Cost > 0 {
			results[i] = s.memory.giveBack(b.Key, b.Rate, b.Cost, now)
		}
	}
	return results
}

// giveUp goes on without Redis, and looks for it in the background until it is
// back.
func (s *Shared) giveUp(ctx context.Context, reason error) {
	if s.away.Swap(true) {
		return
	}
	s.cfg.Changed(reason)
	s.closing.Lock()
	defer s.closing.Unlock()
	if s.closed {
		return
	}
	// Looking for Redis outlives the request that found it gone.
	ctx, s.stop = context.WithCancel(context.WithoutCancel(ctx))
	s.probes.Go(func() { s.probe(ctx) })
}

// probe returns when Redis answers within Patience. The first answer may take
// longer, as it opens the connection.
func (s *Shared) probe(ctx context.Context) {
	pause := time.NewTicker(s.cfg.Probe)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
		if s.works(ctx, max(s.cfg.Probe, s.cfg.Patience)) && s.works(ctx, s.cfg.Patience) {
			s.away.Store(false)
			s.cfg.Changed(nil)
			return
		}
	}
}

// works runs the script on a bucket of nobody's: a Redis that answers and takes
// no writes, as a replica or a full one does, is of no use.
func (s *Shared) works(ctx context.Context, within time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	nobody := Bucket{Key: "probe", Rate: Rate{Limit: 1_000_000, Window: time.Second}, Cost: 1}
	_, _, err := run(ctx, s.cfg.Redis, []Bucket{nobody}, s.cfg.Clock.Now())
	return err == nil
}
