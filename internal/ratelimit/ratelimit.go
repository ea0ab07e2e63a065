// Package ratelimit owns the limits on how often somebody is answered. Limiter
// counts for one process alone, Shared for all processes that have a Redis in
// common. Both keep bounded state; they know nothing of HTTP and of tenants.
package ratelimit

import (
	"errors"
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
	rate   Rate
	clock  clock.Clock
	memory *memory
}

// New makes a limiter. The error says which number is out of bounds.
func New(c Config) (*Limiter, error) {
	rate := Rate{c.Limit, c.Window}
	if err := rate.check(); err != nil {
		return nil, err
	}
	if c.MaxKeys < 0 {
		return nil, errors.New("ratelimit: the number of keys must not be negative")
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return &Limiter{rate: rate, clock: c.Clock, memory: newMemory(c.MaxKeys)}, nil
}

// Take takes cost units from a key if it has them. A cost of zero or less
// takes nothing and tells how things stand.
func (l *Limiter) Take(key string, cost int) Result {
	return l.memory.take(key, l.rate, cost, l.clock.Now().UnixNano())
}

// Keys returns how many keys are remembered.
func (l *Limiter) Keys() int { return l.memory.keys() }

// Rate is how much may be taken in which time.
type Rate struct {
	// Limit is at least 1, and Window at least 1 ns a unit.
	Limit  int
	Window time.Duration
}

func (r Rate) check() error {
	switch {
	case r.Limit < 1:
		return errors.New("ratelimit: the limit must be at least 1")
	case r.Window < time.Duration(r.Limit):
		return errors.New("ratelimit: the window must be at least 1 ns a unit")
	}
	return nil
}

// perOne is the time in which one unit comes back.
func (r Rate) perOne() time.Duration { return r.Window / time.Duration(r.Limit) }

// burst is the time in which all units come back: the window, but for what the
// division left over.
func (r Rate) burst() time.Duration { return r.perOne() * time.Duration(r.Limit) }

// state tells how a key stands that has all its units back after a while.
func (r Rate) state(full time.Duration) Result {
	return Result{Limit: r.Limit, Remaining: int((r.burst() - full) / r.perOne()), Reset: full}
}
