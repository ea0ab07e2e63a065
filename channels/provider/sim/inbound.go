package sim

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Inbound is a message that a customer sends.
type Inbound struct {
	// Provider and Account may be empty where only one account holds To.
	Provider provider.Name `json:"provider"`
	Account  string        `json:"account"`
	From     string        `json:"from"`
	To       string        `json:"to"`
	Body     string        `json:"body"`
	Media    []Picture     `json:"media"`
	// SID is the provider's id; a new one when empty. The id of a message
	// that was sent before sends that message again.
	SID string `json:"sid"`
	// Copies of the callback, 1 when 0.
	Copies int `json:"copies"`
	// Concurrent sends the copies at the same time.
	Concurrent   bool `json:"concurrent"`
	BadSignature bool `json:"bad_signature"`
	// NoCallback keeps the message to be found by listing only, as if the
	// callback had been lost.
	NoCallback bool `json:"no_callback"`
	// OptOutType is STOP, START or HELP where Twilio acted on the keyword.
	OptOutType string `json:"opt_out_type"`
	// Extra fields of Twilio's form, also in place of its own.
	Extra map[string]string `json:"extra"`
}

// Picture comes with a customer's message. Its content is base64 in JSON.
type Picture struct {
	ContentType string `json:"content_type"`
	Content     []byte `json:"content"`
}

// Received is a customer's message as the carrier keeps it.
type Received struct {
	Sequence   uint64          `json:"sequence"`
	Provider   provider.Name   `json:"provider"`
	Account    string          `json:"account"`
	SID        string          `json:"sid"`
	From       string          `json:"from"`
	To         string          `json:"to"`
	Body       string          `json:"body"`
	Segments   int             `json:"segments"`
	Media      []ReceivedMedia `json:"media"`
	ReceivedAt time.Time       `json:"received_at"`
	// Answers to the callback, one for each copy and repetition.
	Answers []Answer `json:"answers"`

	optOutType string
	extra      map[string]string
	account    *account
}

// ReceivedMedia is a picture as the carrier offers it.
type ReceivedMedia struct {
	ID          string `json:"id"`
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
	Size        int    `json:"size"`

	content []byte
}

type inbox struct {
	run   string
	limit int

	mu       sync.Mutex
	messages []*Received // by sequence
	bySID    map[inboundKey]*Received
	pictures map[string]*ReceivedMedia
	last     uint64
}

type inboundKey struct {
	account accountKey
	sid     string
}

func newInbox(limit int) *inbox {
	return &inbox{
		run: newRun(), limit: limit,
		bySID: map[inboundKey]*Received{}, pictures: map[string]*ReceivedMedia{},
	}
}

// Inject keeps a customer's message and sends its callback to the account's
// inbound URL. It returns when each copy was answered or failed; repetitions,
// where the provider makes them, follow in the background.
func (s *Simulator) Inject(ctx context.Context, in Inbound) (Received, error) {
	a, err := s.accounts.holder(in.Provider, in.Account, in.To)
	if err != nil {
		return Received{}, err
	}
	if len(in.Media) > 0 && a.Provider == provider.Clickatell {
		return Received{}, errors.New("sim: Clickatell's SMS carries no pictures")
	}
	base := s.baseURL()
	if len(in.Media) > 0 && base == "" {
		return Received{}, errors.New("sim: pictures need PublicURL or Start")
	}
	target := a.destination(in.To).inbound
	if target == "" && !in.NoCallback {
		return Received{}, fmt.Errorf("sim: account %s has no inbound URL for %s", a.ID, in.To)
	}
	m := s.inbox.keep(in, a, base, s.now())
	if !in.NoCallback {
		s.call(ctx, m, target, in)
	}
	return s.inbox.view(m), nil
}

// call sends the copies of a message's callback.
func (s *Simulator) call(ctx context.Context, m *Received, target string, in Inbound) {
	d := s.dialects[string(m.Provider)]
	n := d.inbound(m, m.account, target)
	n.dialect, n.account, n.url, n.badSignature = d, m.account, target, in.BadSignature
	record := func(a Answer) { s.inbox.note(m, a) }
	var copies sync.WaitGroup
	for range positiveOr(in.Copies, 1) {
		if in.Concurrent {
			copies.Go(func() { s.send(ctx, &n, 0, record) })
		} else {
			s.send(ctx, &n, 0, record)
		}
	}
	copies.Wait()
}

// keep enters a message, or returns the one that has its id.
func (b *inbox) keep(in Inbound, a *account, base string, now time.Time) *Received {
	b.mu.Lock()
	defer b.mu.Unlock()
	if known := b.bySID[inboundKey{a.key(), in.SID}]; known != nil {
		return known
	}
	b.last++
	m := &Received{
		Sequence: b.last, Provider: a.Provider, Account: a.ID, SID: in.SID, From: in.From, To: in.To,
		Body: in.Body, Segments: segments(in.Body), ReceivedAt: now,
		optOutType: in.OptOutType, extra: in.Extra, account: a,
	}
	if m.SID == "" {
		m.SID = b.newSID(a.Provider, len(in.Media) > 0)
	}
	for i, p := range in.Media {
		picture := &ReceivedMedia{
			ID: fmt.Sprintf("ME%s%012x%04x", b.run, b.last, i), ContentType: p.ContentType,
			Size: len(p.Content), content: p.Content,
		}
		picture.URL = base + mediaPath(m, picture.ID)
		b.pictures[picture.ID] = picture
		m.Media = append(m.Media, *picture)
	}
	b.bySID[inboundKey{a.key(), m.SID}] = m
	b.messages = append(b.messages, m)
	if len(b.messages) > b.limit {
		b.forget(b.messages[0])
	}
	return m
}

func (b *inbox) newSID(p provider.Name, pictures bool) string {
	sid := fmt.Sprintf("%s%016x", b.run, b.last)
	switch {
	case p == provider.Twilio && pictures:
		return "MM" + sid
	case p == provider.Twilio:
		return "SM" + sid
	}
	return sid
}

func (b *inbox) forget(m *Received) {
	b.messages[0] = nil
	b.messages = b.messages[1:]
	delete(b.bySID, inboundKey{m.account.key(), m.SID})
	for _, picture := range m.Media {
		delete(b.pictures, picture.ID)
	}
}

func (b *inbox) reset() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.messages = nil
	clear(b.bySID)
	clear(b.pictures)
}

func (b *inbox) note(m *Received, a Answer) {
	b.mu.Lock()
	defer b.mu.Unlock()
	m.Answers = append(m.Answers, a)
}

// view is a copy that later answers do not change.
func (b *inbox) view(m *Received) Received {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := *m
	out.Answers = slices.Clone(m.Answers)
	return out
}

func (b *inbox) get(a *account, sid string) (Received, bool) {
	b.mu.Lock()
	m := b.bySID[inboundKey{a.key(), sid}]
	b.mu.Unlock()
	if m == nil {
		return Received{}, false
	}
	return b.view(m), true
}

func (b *inbox) picture(id string) *ReceivedMedia {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.pictures[id]
}

// top is the sequence after the latest message.
func (b *inbox) top() uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.last + 1
}

// Received lists the customers' messages that match, oldest first, with our
// answers to their callbacks. ClientRef stands for the SID.
func (s *Simulator) Received(f Filter) []Received {
	out := []Received{}
	s.inbox.each(false, func(m *Received) bool {
		if m.matches(f) {
			out = append(out, s.inbox.copyOf(m))
		}
		return f.Limit == 0 || len(out) < f.Limit
	})
	return out
}

// each visits the messages under the lock, until visit returns false.
func (b *inbox) each(backward bool, visit func(*Received) bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.messages {
		if backward {
			i = len(b.messages) - 1 - i
		}
		if !visit(b.messages[i]) {
			return
		}
	}
}

// copyOf is view for those who hold the lock.
func (*inbox) copyOf(m *Received) Received {
	out := *m
	out.Answers = slices.Clone(m.Answers)
	return out
}

func (m *Received) matches(f Filter) bool {
	return m.Sequence > f.After && (f.Provider == "" || f.Provider == m.Provider) &&
		(f.Account == "" || f.Account == m.Account) && (f.From == "" || f.From == m.From) &&
		(f.To == "" || f.To == m.To) && (f.ClientRef == "" || f.ClientRef == m.SID)
}

// ClearReceived forgets the customers' messages and their pictures.
func (s *Simulator) ClearReceived() { s.inbox.reset() }
