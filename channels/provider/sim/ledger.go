package sim

import (
	"hash/maphash"
	"strings"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Entry is one message that a carrier took over.
type Entry struct {
	// Sequence counts accepted messages from 1 and is never used twice.
	Sequence   uint64        `json:"sequence"`
	ArrivedAt  time.Time     `json:"arrived_at"`
	UpdatedAt  time.Time     `json:"updated_at"`
	Provider   provider.Name `json:"provider"`
	Account    string        `json:"account"`
	ProviderID string        `json:"provider_id"`
	// ClientRef is what the submission names the message: client_ref,
	// clientMessageId, or the m of a Twilio callback URL.
	ClientRef string `json:"client_ref"`
	// Attempt is 0 where the submission does not say.
	Attempt     int      `json:"attempt"`
	From        string   `json:"from"`
	To          string   `json:"to"`
	Body        string   `json:"body"`
	Segments    int      `json:"segments"`
	MediaURLs   []string `json:"media_urls,omitempty"`
	CallbackURL string   `json:"callback_url"`
	// Status is the last one reached, accepted at first; ErrorCode explains a
	// failure.
	Status    string `json:"status"`
	ErrorCode string `json:"error_code,omitempty"`
	// MediaChecked has one result for each picture, once they were fetched.
	MediaChecked []MediaCheck `json:"media_checked,omitempty"`
	// CallbacksSent counts reports sent, CallbacksAnswered those answered 2xx.
	CallbacksSent     int `json:"callbacks_sent"`
	CallbacksAnswered int `json:"callbacks_answered"`

	account *account
}

// Filter narrows the ledger, the attempts and customers' messages. Empty
// fields match everything.
type Filter struct {
	Provider  provider.Name
	Account   string
	From      string
	To        string
	ClientRef string
	// After skips sequences up to and including this one.
	After uint64
	// Limit bounds the answer; 0 does not.
	Limit int
}

// record is an entry as it is kept. A million of them stay in memory, so the
// texts of a message share one string and whatever many messages have in
// common is kept once.
type record struct {
	arrived, updated int64  // microseconds
	text             string // to, body, the callback's query and the reference
	route            *route
	last             *step // nil until the first status
	extra            *extra
	toHash, refHash  uint32 // spare a scan from reading every text
	bodyLen          uint16
	queryLen         uint16
	refAt            uint16 // within text, from the end of the body
	refLen           uint16
	attempt          uint16
	sent, answered   uint16
	toLen            uint8
	segments         uint8
}

// route is what the messages of one channel have in common.
type route struct {
	account *account
	from    string
	base    string // the callback URL up to its query
}

// extra is what only messages with pictures have.
type extra struct {
	media   []string
	checked []MediaCheck
}

const (
	chunkSize = 1024
	maxRoutes = 1 << 16 // kept for sharing
)

// chunk is a run of records; chunk n holds the sequences from n*chunkSize+1.
type chunk struct {
	records []record
	newest  int64 // the latest arrival
}

type ledger struct {
	seed   maphash.Seed
	run    string // makes provider ids differ from another run's
	chunks int    // how many are kept

	mu        sync.Mutex
	kept      []*chunk
	first     uint64 // number of kept[0]
	next      uint64 // the last sequence given
	entries   int
	forgotten uint64
	routes    map[route]*route
	refs      map[uint64]uint64 // operator's (account, ref, attempt) to sequence
	grown     chan struct{}     // closed and replaced when someone awaits
	awaited   bool
}

func newLedger(limit int) *ledger {
	return &ledger{
		seed:   maphash.MakeSeed(),
		run:    newRun(),
		chunks: (limit+chunkSize-1)/chunkSize + 1,
		routes: map[route]*route{},
		refs:   map[uint64]uint64{},
		grown:  make(chan struct{}),
	}
}

// reset forgets the entries. The sequence goes on at a chunk's beginning.
func (l *ledger) reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next = (l.next + chunkSize - 1) / chunkSize * chunkSize
	l.first = l.next / chunkSize
	l.kept, l.entries, l.forgotten = nil, 0, 0
	clear(l.routes)
	clear(l.refs)
}

// accept enters a submission. An operator's submission that was entered
// before comes back with repeated set, and nothing new is entered.
func (l *ledger) accept(sub *submission, now time.Time) (e Entry, repeated bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	var key uint64
	if sub.once {
		key = l.refKey(sub)
		if known := l.locate(l.refs[key]); known != nil && l.same(known, sub) {
			return l.view(known, l.refs[key]), true
		}
	}
	rec := l.record(sub, now)
	c := l.room()
	c.records = append(c.records, rec)
	c.newest = max(c.newest, rec.arrived)
	l.next++
	l.entries++
	if sub.once {
		l.refs[key] = l.next
	}
	if l.awaited {
		l.awaited = false
		close(l.grown)
		l.grown = make(chan struct{})
	}
	return l.view(&c.records[len(c.records)-1], l.next), false
}

// accepted returns the entry that an operator's submission already has.
func (l *ledger) accepted(sub *submission) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq := l.refs[l.refKey(sub)]
	if rec := l.locate(seq); rec != nil && l.same(rec, sub) {
		return l.view(rec, seq), true
	}
	return Entry{}, false
}

func (l *ledger) refKey(sub *submission) uint64 {
	var h maphash.Hash
	h.SetSeed(l.seed)
	_, _ = h.WriteString(sub.account.id)
	_, _ = h.WriteString("\x00" + sub.ref)
	_, _ = h.Write([]byte{0, byte(sub.attempt), byte(sub.attempt >> 8)})
	return h.Sum64()
}

func (l *ledger) same(rec *record, sub *submission) bool {
	return rec.route.account.id == sub.account.id && rec.ref() == sub.ref && rec.attempt == uint16(sub.attempt)
}

func (l *ledger) hash(s string) uint32 { return uint32(maphash.String(l.seed, s)) }

func (l *ledger) record(sub *submission, now time.Time) record {
	base, query := splitQuery(sub.callback)
	rec := record{
		arrived: now.UnixMicro(), updated: now.UnixMicro(),
		route:  l.share(route{sub.account, sub.from, base}),
		toHash: l.hash(sub.to), refHash: l.hash(sub.ref),
		toLen: uint8(len(sub.to)), bodyLen: uint16(len(sub.body)), queryLen: uint16(len(query)),
		refLen: uint16(len(sub.ref)), attempt: uint16(sub.attempt),
		segments: uint8(min(sub.segments, 255)),
	}
	tail := query
	at := strings.Index(query, sub.ref)
	if at < 0 {
		at, tail = len(query), query+sub.ref
	}
	rec.refAt = uint16(at)
	rec.text = sub.to + sub.body + tail
	if len(sub.media) > 0 {
		rec.extra = &extra{media: sub.media}
	}
	return rec
}

func (l *ledger) share(r route) *route {
	if known := l.routes[r]; known != nil {
		return known
	}
	kept := &route{r.account, strings.Clone(r.from), strings.Clone(r.base)}
	if len(l.routes) < maxRoutes {
		l.routes[*kept] = kept
	}
	return kept
}

// room returns the chunk for the next record, forgetting the oldest chunk
// when there are too many.
func (l *ledger) room() *chunk {
	if n := len(l.kept); n > 0 && len(l.kept[n-1].records) < chunkSize {
		return l.kept[n-1]
	}
	if len(l.kept) >= l.chunks {
		l.forget(l.kept[0])
	}
	c := &chunk{records: make([]record, 0, chunkSize)}
	l.kept = append(l.kept, c)
	return c
}

func (l *ledger) forget(c *chunk) {
	for i := range c.records {
		rec := &c.records[i]
		if rec.route.account.Provider == provider.Scopserv {
			delete(l.refs, l.refKey(&submission{account: rec.route.account, ref: rec.ref(), attempt: int(rec.attempt)}))
		}
	}
	l.forgotten += uint64(len(c.records))
	l.entries -= len(c.records)
	l.kept[0] = nil
	l.kept = l.kept[1:]
	l.first++
}

// locate finds a record by its sequence, or returns nil.
func (l *ledger) locate(seq uint64) *record {
	if seq == 0 || (seq-1)/chunkSize < l.first {
		return nil
	}
	number := (seq-1)/chunkSize - l.first
	if number >= uint64(len(l.kept)) {
		return nil
	}
	at := (seq - 1) % chunkSize
	if at >= uint64(len(l.kept[number].records)) {
		return nil
	}
	return &l.kept[number].records[at]
}

// get returns the entry of a sequence, if it is kept.
func (l *ledger) get(seq uint64) (Entry, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec := l.locate(seq); rec != nil {
		return l.view(rec, seq), true
	}
	return Entry{}, false
}

// reach moves a message to a status, unless it has a higher one, and returns
// its entry.
func (l *ledger) reach(seq uint64, st *step, now time.Time) (Entry, bool) {
	l.change(seq, func(rec *record) {
		if rec.last == nil || st.rank > rec.last.rank {
			rec.last, rec.updated = st, now.UnixMicro()
		}
	})
	return l.get(seq)
}

func (l *ledger) noteCallback(seq uint64, answered bool) {
	l.change(seq, func(rec *record) {
		rec.sent++
		if answered {
			rec.answered++
		}
	})
}

func (l *ledger) noteMedia(seq uint64, checked []MediaCheck) {
	l.change(seq, func(rec *record) {
		// Entries that were handed out keep what they show.
		rec.extra = &extra{media: rec.extra.media, checked: checked}
	})
}

func (l *ledger) change(seq uint64, edit func(*record)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if rec := l.locate(seq); rec != nil {
		edit(rec)
	}
}

func (r *record) to() string   { return r.text[:r.toLen] }
func (r *record) body() string { return r.text[int(r.toLen):][:r.bodyLen] }
func (r *record) tail() string { return r.text[int(r.toLen)+int(r.bodyLen):] }
func (r *record) ref() string  { return r.tail()[r.refAt:][:r.refLen] }
func (r *record) callback() string {
	if r.queryLen == 0 {
		return r.route.base
	}
	return r.route.base + r.tail()[:r.queryLen]
}

func (l *ledger) view(rec *record, seq uint64) Entry {
	e := Entry{
		Sequence: seq, ArrivedAt: time.UnixMicro(rec.arrived).UTC(), UpdatedAt: time.UnixMicro(rec.updated).UTC(),
		Provider: rec.route.account.Provider, Account: rec.route.account.ID, ProviderID: l.providerID(rec, seq),
		ClientRef: rec.ref(), Attempt: int(rec.attempt), From: rec.route.from, To: rec.to(), Body: rec.body(),
		Segments: int(rec.segments), CallbackURL: rec.callback(), Status: "accepted",
		CallbacksSent: int(rec.sent), CallbacksAnswered: int(rec.answered), account: rec.route.account,
	}
	if rec.extra != nil {
		e.MediaURLs, e.MediaChecked = rec.extra.media, rec.extra.checked
	}
	if rec.last != nil {
		e.Status, e.ErrorCode = rec.last.word, rec.last.code
	}
	return e
}
