// Package ratelimit owns the limits on how often one process answers one
// caller. It keeps its state in memory, bounded; it knows nothing of HTTP, of
// tenants or of other processes.
package ratelimit

import (
	"errors"
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/trellishq/trellis/internal/clock"
)

// Config says how much is allowed.
type Config struct {
	// Limit is how many units a key may take in a window, at least 1. All of
	// them may be taken at once, then they come back evenly.
	Limit int
	// Window is the time in which Limit units come back, at least 1 ns a unit.
	Window time.Duration
	// MaxKeys bounds how many keys are remembered; zero is 100,000, each about
	// 150 bytes. A key that is used while there is no room replaces the one of
	// its shard that was used least recently, which starts afresh.
	MaxKeys int
	// Clock tells the time; nil is the system's.
	Clock clock.Clock
}

// Result is the answer to one Take, with what the RateLimit headers need
// (rules.md C4-1).
type Result struct {
	// Limit is the most that a key may take in a window.
	Limit int
	// Remaining is how much could be taken now.
	Remaining int
	// Reset is how long until Remaining is Limit again.
	Reset time.Duration
	// Allowed tells whether the cost was taken. If not, nothing was.
	Allowed bool
	// RetryAfter is how long until the cost can be taken; zero if Allowed. A
	// cost above Limit can never be: then it is Reset.
	RetryAfter time.Duration
}

// Limiter limits by key with the generic cell rate algorithm: it remembers one
// time a key, at which the key will have all its units back. It is safe for
// concurrent use.
type Limiter struct {
	limit  int
	perOne time.Duration // in which one unit comes back
	burst  time.Duration // in which all units come back
	clock  clock.Clock
	seed   maphash.Seed
	shards [shardCount]shard
}

// shardCount spreads keys over locks; it is a power of two.
const shardCount = 64

// New makes a limiter. The error says which number is out of bounds.
func New(c Config) (*Limiter, error) {
	switch {
	case c.Limit < 1:
		return nil, errors.New("ratelimit: the limit must be at least 1")
	case c.Window < time.Duration(c.Limit):
		return nil, errors.New("ratelimit: the window must be at least 1 ns a unit")
	case c.MaxKeys < 0:
		return nil, errors.New("ratelimit: the number of keys must not be negative")
	}
	if c.MaxKeys == 0 {
		c.MaxKeys = 100_000
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	perOne := c.Window / time.Duration(c.Limit)
	l := &Limiter{
		limit: c.Limit, perOne: perOne, burst: perOne * time.Duration(c.Limit),
		clock: c.Clock, seed: maphash.MakeSeed(),
	}
	for i := range l.shards {
		l.shards[i].init(max(1, c.MaxKeys/shardCount))
	}
	return l, nil
}

// Take takes cost units from a key if it has them. A cost of zero or less
// takes nothing and tells how things stand.
func (l *Limiter) Take(key string, cost int) Result {
	now := l.clock.Now().UnixNano()
	s := &l.shards[maphash.String(l.seed, key)&(shardCount-1)]
	s.mu.Lock()
	defer s.mu.Unlock()

	full := max(now, s.fullAt(key))
	// A clock that was set back must not lock a key out for longer than a window.
	full = min(full, now+int64(l.burst))

	result := l.state(now, full)
	switch {
	case cost <= 0:
		result.Allowed = true
		return result
	case cost > l.limit:
		result.RetryAfter = result.Reset
		return result
	}
	wanted := full + int64(cost)*int64(l.perOne)
	if late := wanted - now - int64(l.burst); late > 0 {
		s.touch(key) // who keeps asking must not be forgotten and start afresh
		result.RetryAfter = time.Duration(late)
		return result
	}
	s.put(key, wanted, now)
	result = l.state(now, wanted)
	result.Allowed = true
	return result
}

// Keys returns how many keys are remembered.
func (l *Limiter) Keys() int {
	total := 0
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		total += len(s.places)
		s.mu.Unlock()
	}
	return total
}

func (l *Limiter) state(now, full int64) Result {
	return Result{
		Limit:     l.limit,
		Remaining: int((int64(l.burst) - (full - now)) / int64(l.perOne)),
		Reset:     time.Duration(full - now),
	}
}

// shard is a part of the keys in order of use: a ring of entries, linked by
// index, whose oldest gives way when there is no room.
type shard struct {
	mu      sync.Mutex
	places  map[string]int32
	entries []entry // entry 0 is the ring's knot: its next is the newest
	free    int
}

type entry struct {
	key        string
	full       int64 // in nanoseconds of Unix time
	next, prev int32
}

func (s *shard) init(room int) {
	s.places = map[string]int32{}
	s.entries = make([]entry, 1)
	s.free = min(room, math.MaxInt32-1)
}

// fullAt returns when a key has all its units back; a key that is not
// remembered has them.
func (s *shard) fullAt(key string) int64 {
	if at, ok := s.places[key]; ok {
		return s.entries[at].full
	}
	return math.MinInt64
}

// put remembers a key. A new key takes the place of the oldest if that has all
// its units back, as forgetting it changes nothing, or if there is no room.
func (s *shard) put(key string, full, now int64) {
	at, known := s.places[key]
	oldest := s.entries[0].prev
	switch {
	case known:
		s.unlink(at)
	case oldest != 0 && (s.free == 0 || s.entries[oldest].full <= now):
		at = oldest
		s.unlink(at)
		delete(s.places, s.entries[at].key)
		s.places[key] = at
	default:
		at = int32(len(s.entries))
		s.entries = append(s.entries, entry{})
		s.free--
		s.places[key] = at
	}
	s.entries[at].key, s.entries[at].full = key, full
	s.linkNewest(at)
}

// touch makes a key the most recently used one, if it is remembered.
func (s *shard) touch(key string) {
	if at, known := s.places[key]; known {
		s.unlink(at)
		s.linkNewest(at)
	}
}

func (s *shard) unlink(at int32) {
	e := s.entries[at]
	s.entries[e.prev].next = e.next
	s.entries[e.next].prev = e.prev
}

func (s *shard) linkNewest(at int32) {
	newest := s.entries[0].next
	s.entries[at].prev, s.entries[at].next = 0, newest
	s.entries[newest].prev = at
	s.entries[0].next = at
}
