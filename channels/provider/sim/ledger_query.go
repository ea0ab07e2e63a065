package sim

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"hash/maphash"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Ledger lists the accepted messages that match, oldest first.
func (s *Simulator) Ledger(f Filter) []Entry {
	var out []Entry
	s.ledger.forward(f, func(e Entry) bool {
		out = append(out, e)
		return f.Limit == 0 || len(out) < f.Limit
	})
	return out
}

// AwaitLedger returns once at least n accepted messages match, or with the
// context's error and what there is.
func (s *Simulator) AwaitLedger(ctx context.Context, f Filter, n int) ([]Entry, error) {
	for {
		grown := s.ledger.watch()
		if found := s.Ledger(f); len(found) >= n {
			return found, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return s.Ledger(f), ctx.Err()
		}
	}
}

func (l *ledger) watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.awaited = true
	return l.grown
}

// LedgerSize is how much the ledger holds.
type LedgerSize struct {
	Kept int `json:"kept"`
	// Forgotten entries were pushed out by newer ones; while it is 0 the
	// ledger is complete.
	Forgotten uint64 `json:"forgotten"`
}

// LedgerSize tells how many messages are kept.
func (s *Simulator) LedgerSize() LedgerSize {
	s.ledger.mu.Lock()
	defer s.ledger.mu.Unlock()
	return LedgerSize{Kept: s.ledger.entries, Forgotten: s.ledger.forgotten}
}

// matcher is a filter with its hashes.
type matcher struct {
	Filter
	toHash, refHash uint32
}

func (l *ledger) matcher(f Filter) matcher {
	return matcher{f, l.hash(f.To), l.hash(f.ClientRef)}
}

func (m *matcher) matches(rec *record) bool {
	a := rec.route.account
	return (m.To == "" || (rec.toHash == m.toHash && rec.to() == m.To)) &&
		(m.ClientRef == "" || (rec.refHash == m.refHash && rec.ref() == m.ClientRef)) &&
		(m.From == "" || rec.route.from == m.From) &&
		(m.Provider == "" || a.Provider == m.Provider) &&
		(m.Account == "" || a.ID == m.Account)
}

// forward visits the entries that match, oldest first, until visit returns
// false. The lock is given up between chunks, so that a long search does not
// hold submissions up.
func (l *ledger) forward(f Filter, visit func(Entry) bool) {
	m := l.matcher(f)
	for number, going := f.After/chunkSize, true; going; number++ {
		number, going = l.visitChunk(number, func(rec *record, seq uint64) bool {
			return seq <= f.After || !m.matches(rec) || visit(l.view(rec, seq))
		})
	}
}

// visitChunk visits one chunk, or the first that is kept after it, and tells
// which it was and whether to go on.
func (l *ledger) visitChunk(number uint64, visit func(*record, uint64) bool) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	number = max(number, l.first)
	if number-l.first >= uint64(len(l.kept)) {
		return number, false
	}
	records := l.kept[number-l.first].records
	for i := range records {
		if !visit(&records[i], number*chunkSize+uint64(i)+1) {
			return number, false
		}
	}
	return number, true
}

// backward visits the entries that match and arrived at or after since,
// newest first, beginning below a sequence (0: at the newest).
func (l *ledger) backward(f Filter, below uint64, since time.Time, visit func(Entry) bool) {
	m := l.matcher(f)
	for {
		var going bool
		if below, going = l.visitBackward(below, since.UnixMicro(), func(rec *record, seq uint64) bool {
			return !m.matches(rec) || visit(l.view(rec, seq))
		}); !going {
			return
		}
	}
}

func (l *ledger) visitBackward(below uint64, since int64, visit func(*record, uint64) bool) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if below == 0 {
		below = l.next + 1
	}
	if below < 2 || (below-2)/chunkSize < l.first {
		return 0, false
	}
	number := (below - 2) / chunkSize
	begin := number*chunkSize + 1
	if number-l.first >= uint64(len(l.kept)) {
		return begin, true
	}
	c := l.kept[number-l.first]
	if c.newest < since {
		return begin, begin > 1
	}
	for seq := min(below-1, begin+uint64(len(c.records))-1); seq >= begin; seq-- {
		if rec := &c.records[seq-begin]; rec.arrived >= since && !visit(rec, seq) {
			return begin, false
		}
	}
	return begin, begin > 1
}

// Duplicate is a group of accepted messages that should have been one.
type Duplicate struct {
	// Kind is "body" for the same destination and body, or "client_ref".
	Kind        string   `json:"kind"`
	To          string   `json:"to"`
	Body        string   `json:"body"`
	ClientRef   string   `json:"client_ref"`
	Count       int      `json:"count"`
	Sequences   []uint64 `json:"sequences"`
	ProviderIDs []string `json:"provider_ids"`
}

// Duplicates finds the messages that were accepted more than once: the same
// body to the same destination, or the same reference.
func (s *Simulator) Duplicates() []Duplicate {
	l := s.ledger
	seen := map[uint64]uint32{}
	l.eachKey(func(key uint64, _ *record, _ uint64) { seen[key]++ })
	groups := map[string]*Duplicate{}
	l.eachKey(func(key uint64, rec *record, seq uint64) {
		if seen[key] < 2 {
			return
		}
		byRef := key == l.refGroup(rec)
		name := "body\x00" + rec.to() + "\x00" + rec.body()
		if byRef {
			name = "ref\x00" + rec.ref()
		}
		g := groups[name]
		if g == nil {
			g = &Duplicate{Kind: "body", To: rec.to(), Body: rec.body(), ClientRef: rec.ref()}
			if byRef {
				g.Kind = "client_ref"
			}
			groups[name] = g
		}
		g.Count++
		g.Sequences = append(g.Sequences, seq)
		g.ProviderIDs = append(g.ProviderIDs, l.providerID(rec, seq))
	})
	out := []Duplicate{}
	for _, g := range groups {
		if g.Count > 1 {
			out = append(out, *g)
		}
	}
	slices.SortFunc(out, func(a, b Duplicate) int {
		return cmp.Or(cmp.Compare(a.Sequences[0], b.Sequences[0]), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

// eachKey visits every record under the keys of the groups it belongs to.
func (l *ledger) eachKey(visit func(key uint64, rec *record, seq uint64)) {
	for number, going := uint64(0), true; going; number++ {
		number, going = l.visitChunk(number, func(rec *record, seq uint64) bool {
			visit(maphash.String(l.seed, rec.text[:int(rec.toLen)+int(rec.bodyLen)]), rec, seq)
			if rec.refLen > 0 {
				visit(l.refGroup(rec), rec, seq)
			}
			return true
		})
	}
}

func (l *ledger) refGroup(rec *record) uint64 { return maphash.String(l.seed, rec.ref()) ^ 1<<63 }

// Provider ids carry the sequence, so that no index is needed to find an
// entry again.

func newRun() string {
	run := make([]byte, 8)
	_, _ = rand.Read(run) // crypto/rand never fails
	return hex.EncodeToString(run)
}

func (l *ledger) providerID(rec *record, seq uint64) string {
	prefix := ""
	if rec.route.account.Provider == provider.Twilio {
		prefix = "SM"
		if rec.extra != nil {
			prefix = "MM"
		}
	}
	id := make([]byte, 0, 34)
	id = append(id, prefix...)
	id = append(id, l.run...)
	for shift := 60; shift >= 0; shift -= 4 {
		id = append(id, "0123456789abcdef"[seq>>shift&15])
	}
	return string(id)
}

// sequence reads the sequence out of a provider id; 0 when it is not ours.
func (l *ledger) sequence(providerID string) uint64 {
	if len(providerID) == 34 && (strings.HasPrefix(providerID, "SM") || strings.HasPrefix(providerID, "MM")) {
		providerID = providerID[2:]
	}
	digits, ours := strings.CutPrefix(providerID, l.run)
	if !ours || len(digits) != 16 {
		return 0
	}
	seq, err := strconv.ParseUint(digits, 16, 64)
	if err != nil {
		return 0
	}
	return seq
}

// top is the sequence after the latest entry.
func (l *ledger) top() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.next + 1
}
