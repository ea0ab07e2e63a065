// Package recent remembers for a moment what was just read, so that a value
// asked for a thousand times a second is read once. It knows nothing about
// what it keeps, and is never the truth: what it answers is younger than its
// time to live, on every replica and without a message between them.
package recent

import (
	"context"
	"sync"
	"time"
)

// Cache keeps values for a fixed time. It is bounded and safe for concurrent
// use. A value's age counts from before it was read.
type Cache[K comparable, V any] struct {
	now        func() time.Time
	timeToLive time.Duration
	half       int

	mu sync.Mutex
	// Two generations bound the memory: a full one becomes the old one, and
	// what the old one held is forgotten.
	young, old map[K]entry[V]
	flights    map[K]*flight[V]
}

type entry[V any] struct {
	value V
	asOf  time.Time
}

// flight is one running read, which all who ask meanwhile wait for.
type flight[V any] struct {
	entry[V]
	landed chan struct{}
	err    error
	ended  bool // the read came to an end of its own: a value or an error
}

// New makes a cache of at most size values, each good for timeToLive.
func New[K comparable, V any](now func() time.Time, timeToLive time.Duration, size int) *Cache[K, V] {
	c := &Cache[K, V]{now: now, timeToLive: timeToLive, half: max(size/2, 1)}
	c.Clear()
	return c
}

// Get returns the value of a key and reads it if none is fresh. Callers who
// want the same value at the same time share one read, with its error; a read
// that was given up because its caller went away is begun again by the next.
// Errors are not kept.
func (c *Cache[K, V]) Get(ctx context.Context, key K, read func(context.Context) (V, error)) (V, error) {
	for {
		c.mu.Lock()
		if e, ok := c.fresh(key); ok {
			c.mu.Unlock()
			return e.value, nil
		}
		f, running := c.flights[key]
		if !running {
			f = &flight[V]{entry: entry[V]{asOf: c.now()}, landed: make(chan struct{})}
			c.flights[key] = f
			c.mu.Unlock()
			return c.fly(ctx, key, f, read)
		}
		c.mu.Unlock()
		select {
		case <-f.landed:
		case <-ctx.Done():
			var none V
			return none, ctx.Err()
		}
		if f.ended && (f.err != nil || c.isFresh(f.entry)) {
			return f.value, f.err
		}
	}
}

// Clear forgets everything; reads that are under way are not kept.
func (c *Cache[K, V]) Clear() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.young, c.old = map[K]entry[V]{}, map[K]entry[V]{}
	c.flights = map[K]*flight[V]{}
}

func (c *Cache[K, V]) fly(ctx context.Context, key K, f *flight[V], read func(context.Context) (V, error)) (V, error) {
	defer c.land(key, f) // also when read panics
	f.value, f.err = read(ctx)
	f.ended = f.err == nil || ctx.Err() == nil
	return f.value, f.err
}

func (c *Cache[K, V]) land(key K, f *flight[V]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer close(f.landed)
	if c.flights[key] != f {
		return // cleared meanwhile
	}
	delete(c.flights, key)
	if !f.ended || f.err != nil {
		return
	}
	if len(c.young) >= c.half {
		c.young, c.old = map[K]entry[V]{}, c.young
	}
	c.young[key] = f.entry
}

func (c *Cache[K, V]) fresh(key K) (entry[V], bool) {
	e, ok := c.young[key]
	if !ok {
		e, ok = c.old[key]
	}
	return e, ok && c.isFresh(e)
}

// isFresh takes a value from the future, left behind by a clock that was set
// back, for stale.
func (c *Cache[K, V]) isFresh(e entry[V]) bool {
	age := c.now().Sub(e.asOf)
	return age >= 0 && age < c.timeToLive
}
