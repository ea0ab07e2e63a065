package sim

import (
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Attempt is one submission that reached a carrier, accepted or not.
type Attempt struct {
	// Number counts attempts from 1.
	Number    uint64        `json:"number"`
	At        time.Time     `json:"at"`
	Provider  provider.Name `json:"provider"`
	Account   string        `json:"account"`
	From      string        `json:"from"`
	To        string        `json:"to"`
	ClientRef string        `json:"client_ref"`
	Attempt   int           `json:"attempt"`
	// Outcome is the behaviour that was applied, "refused" for a submission
	// that is wrong in itself, or "repeated" for one that was accepted before.
	Outcome string `json:"outcome"`
}

// attemptsKept bounds the log; the counts go on beyond it.
const attemptsKept = 16384

// attemptLog keeps the latest attempts in a ring.
type attemptLog struct {
	mu   sync.Mutex
	ring []Attempt
	last uint64
}

func newAttemptLog() *attemptLog { return &attemptLog{} }

func (l *attemptLog) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring, l.last = nil, 0
}

func (l *attemptLog) note(sub *submission, outcome string, now time.Time) {
	a := Attempt{
		At: now, Provider: sub.account.Provider, Account: sub.account.ID,
		// The request that these are cut from shall not stay in memory.
		From: strings.Clone(sub.from), To: strings.Clone(sub.to), ClientRef: strings.Clone(sub.ref),
		Attempt: sub.attempt, Outcome: outcome,
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.last++
	a.Number = l.last
	if len(l.ring) < attemptsKept {
		l.ring = append(l.ring, a)
		return
	}
	l.ring[(l.last-1)%attemptsKept] = a
}

// Attempts lists the latest attempts that match, oldest first. Some 16,000
// are kept.
func (s *Simulator) Attempts(f Filter) []Attempt {
	l := s.attempts
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []Attempt{}
	for n := l.last - uint64(len(l.ring)) + 1; n <= l.last; n++ {
		a := l.ring[(n-1)%attemptsKept]
		if a.Number > f.After && a.matches(f) && (f.Limit == 0 || len(out) < f.Limit) {
			out = append(out, a)
		}
	}
	return out
}

func (a Attempt) matches(f Filter) bool {
	return (f.Provider == "" || f.Provider == a.Provider) && (f.Account == "" || f.Account == a.Account) &&
		(f.From == "" || f.From == a.From) && (f.To == "" || f.To == a.To) &&
		(f.ClientRef == "" || f.ClientRef == a.ClientRef)
}

// Counts are totals since the start or the last Reset.
type Counts struct {
	// Attempts is the number of submissions by known accounts.
	Attempts uint64 `json:"attempts"`
	Accepted uint64 `json:"accepted"`
	// Unauthorized requests of any kind.
	Unauthorized uint64 `json:"unauthorized"`
	// Outcomes counts the attempts by Attempt.Outcome.
	Outcomes map[string]uint64 `json:"outcomes"`
	// CallbacksSent and CallbacksAnswered count delivery reports, repetitions
	// included, and those answered 2xx.
	CallbacksSent     uint64 `json:"callbacks_sent"`
	CallbacksAnswered uint64 `json:"callbacks_answered"`
}

type counts struct {
	mu sync.Mutex
	Counts
}

func newCounts() *counts { return &counts{Counts: Counts{Outcomes: map[string]uint64{}}} }

func (c *counts) reset() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Counts = Counts{Outcomes: map[string]uint64{}}
}

func (c *counts) note(outcome string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Attempts++
	c.Outcomes[outcome]++
	if conduct[Behaviour(outcome)].accepts {
		c.Accepted++
	}
}

func (c *counts) noteUnauthorized() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Unauthorized++
}

func (c *counts) noteCallback(answered bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.CallbacksSent++
	if answered {
		c.CallbacksAnswered++
	}
}

// Counts returns the totals.
func (s *Simulator) Counts() Counts {
	s.counts.mu.Lock()
	defer s.counts.mu.Unlock()
	out := s.counts.Counts
	out.Outcomes = maps.Clone(out.Outcomes)
	return out
}
