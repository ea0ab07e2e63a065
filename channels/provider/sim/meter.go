package sim

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Rate is how fast one sender was used, by the simulator's clock. Attempts
// count whether they were accepted or not.
type Rate struct {
	Provider    provider.Name `json:"provider"`
	Account     string        `json:"account"`
	From        string        `json:"from"`
	Submissions int           `json:"submissions"`
	// MaxPerSecond is the greatest number within any second, to the millisecond.
	MaxPerSecond int `json:"max_per_second"`
	// MaxSegmentsPerSecond is the same for segments.
	MaxSegmentsPerSecond int `json:"max_segments_per_second"`
	// MaxAt is the end of the second with the most submissions.
	MaxAt time.Time `json:"max_at"`
}

// meter keeps one sliding second for each sender. Submissions of the same
// millisecond share a slot, so a sender never needs more than a thousand.
type meter struct {
	mu      sync.Mutex
	senders map[sender]*window
}

type sender struct {
	account accountKey
	name    string
	from    string
}

type window struct {
	slots             []slot
	submissions       int
	segments          int // within the slots
	count             int // within the slots
	maxCount, maxSegs int
	maxAt             int64
}

type slot struct {
	at              int64 // milliseconds
	count, segments int
}

func newMeter() *meter { return &meter{senders: map[sender]*window{}} }

func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.senders)
}

func (m *meter) note(a *account, from string, segments int, now time.Time) {
	key := sender{a.key(), a.ID, from}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.senders[key]
	if w == nil {
		w = &window{}
		m.senders[key] = w
	}
	w.note(now.UnixMilli(), segments)
}

func (w *window) note(at int64, segments int) {
	if n := len(w.slots); n > 0 && w.slots[n-1].at >= at {
		// The same millisecond, or a clock that was set back.
		w.slots[n-1].count++
		w.slots[n-1].segments += segments
		at = w.slots[n-1].at
	} else {
		w.slots = append(w.slots, slot{at: at, count: 1, segments: segments})
	}
	w.submissions++
	w.count++
	w.segments += segments
	w.forget(at - 1000)
	if w.count > w.maxCount {
		w.maxCount, w.maxAt = w.count, at
	}
	w.maxSegs = max(w.maxSegs, w.segments)
}

// forget drops the slots up to and including a time.
func (w *window) forget(until int64) {
	old := 0
	for w.slots[old].at <= until {
		w.count -= w.slots[old].count
		w.segments -= w.slots[old].segments
		old++
	}
	w.slots = w.slots[old:]
}

// Rates lists the senders with the pace at which they were used.
func (s *Simulator) Rates() []Rate {
	s.meter.mu.Lock()
	defer s.meter.mu.Unlock()
	out := make([]Rate, 0, len(s.meter.senders))
	for key, w := range s.meter.senders {
		out = append(out, Rate{
			Provider: key.account.provider, Account: key.name, From: key.from,
			Submissions: w.submissions, MaxPerSecond: w.maxCount, MaxSegmentsPerSecond: w.maxSegs,
			MaxAt: time.UnixMilli(w.maxAt).UTC(),
		})
	}
	slices.SortFunc(out, func(a, b Rate) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Account, b.Account), cmp.Compare(a.From, b.From))
	})
	return out
}
