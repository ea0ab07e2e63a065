package ratelimit

import (
	"hash/maphash"
	"math"
	"sync"
	"time"
)

// memory keeps for each key the time at which it has all its units back, within
// bounds. It is safe for concurrent use.
type memory struct {
	seed   maphash.Seed
	shards [shardCount]shard
}

const (
	// shardCount spreads keys over locks; it is a power of two.
	shardCount = 64
	// usualKeys is how many keys are remembered unless somebody says otherwise.
	usualKeys = 100_000
)

func newMemory(maxKeys int) *memory {
	if maxKeys == 0 {
		maxKeys = usualKeys
	}
	m := &memory{seed: maphash.MakeSeed()}
	for i := range m.shards {
		m.shards[i].init(max(1, maxKeys/shardCount))
	}
	return m
}

func (m *memory) shard(key string) *shard {
	return &m.shards[maphash.String(m.seed, key)&(shardCount-1)]
}

func (m *memory) take(key string, r Rate, cost int, now int64) Result {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()

	full := max(now, s.fullAt(key))
	// A clock that was set back must not lock a key out for longer than a window.
	full = min(full, now+int64(r.burst()))

	result := r.state(time.Duration(full - now))
	switch {
	case cost <= 0:
		result.Allowed = true
		return result
	case cost > r.Limit:
		result.RetryAfter = result.Reset
		return result
	}
	wanted := full + int64(cost)*int64(r.perOne())
	if late := wanted - now - int64(r.burst()); late > 0 {
		s.touch(key) // who keeps asking must not be forgotten and start afresh
		result.RetryAfter = time.Duration(late)
		return result
	}
	s.put(key, wanted, now)
	result = r.state(time.Duration(wanted - now))
	result.Allowed = true
	return result
}

// giveBack undoes a take that was allowed, and tells how the key stands then.
func (m *memory) giveBack(key string, r Rate, cost int, now int64) Result {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	full := max(now, s.fullAt(key)-int64(cost)*int64(r.perOne()))
	s.put(key, full, now)
	result := r.state(time.Duration(full - now))
	result.Allowed = true
	return result
}

// learn takes over what somebody who knows better says of a key.
func (m *memory) learn(key string, full, now int64) {
	s := m.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(key, full, now)
}

// keys returns how many keys are remembered.
func (m *memory) keys() int {
	total := 0
	for i := range m.shards {
		s := &m.shards[i]
		s.mu.Lock()
		total += len(s.places)
		s.mu.Unlock()
	}
	return total
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
