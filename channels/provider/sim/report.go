package sim

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// notice is a callback that is ready to be signed and sent.
type notice struct {
	dialect      dialect
	account      *account
	url          string
	contentType  string
	body         []byte
	form         url.Values // what Twilio signs
	token        string     // names the event; the same for every copy
	badSignature bool
}

// Answer is what Trellis said to one callback.
type Answer struct {
	At time.Time `json:"at"`
	// Status is 0 where there was no answer; Error says why.
	Status  int           `json:"status"`
	Error   string        `json:"error,omitempty"`
	Latency time.Duration `json:"-"`
	// LatencyMS is the latency for people.
	LatencyMS   float64 `json:"latency_ms"`
	ContentType string  `json:"content_type,omitempty"`
	// Body is the beginning of the answer.
	Body string `json:"body,omitempty"`
	// Repetition is 0 for the first sending of a copy.
	Repetition int `json:"repetition"`
}

// Succeeded tells whether the callback was answered 2xx.
func (a Answer) Succeeded() bool { return a.Status >= 200 && a.Status < 300 }

// reporting carries one message through the statuses of its script.
type reporting struct {
	sim     *Simulator
	dialect dialect
	seq     uint64
	rule    *rule
	next    int
	ended   chan struct{} // closed at the end; may be nil
}

// report starts the reports of an accepted message.
func (s *Simulator) report(d dialect, v verdict, ended chan struct{}) {
	p := &reporting{sim: s, dialect: d, seq: v.entry.Sequence, rule: v.rule, ended: ended}
	check := len(v.entry.MediaURLs) > 0 && (v.rule.CheckMedia || s.cfg.CheckMedia)
	unheard := v.entry.CallbackURL == "" || v.rule.silent
	switch {
	case check:
		s.postman.after(0, func(ctx context.Context) {
			s.ledger.noteMedia(p.seq, s.checkMedia(ctx, v.entry.MediaURLs))
			s.postman.after(p.rule.reports.Delay, p.run)
		})
	case unheard && v.rule.reports.Delay == 0:
		p.settle()
	default:
		s.postman.after(v.rule.reports.Delay, p.run)
	}
}

// settle takes every step at once, where nobody is told.
func (p *reporting) settle() {
	for _, st := range p.rule.steps {
		p.sim.ledger.reach(p.seq, st, p.sim.now())
	}
	p.end()
}

// run takes the next step, and all of them where there is no pause between.
func (p *reporting) run(ctx context.Context) {
	for p.next < len(p.rule.steps) {
		p.take(ctx, p.rule.steps[p.next])
		p.next++
		if p.rule.reports.Delay > 0 && p.next < len(p.rule.steps) {
			p.sim.postman.after(p.rule.reports.Delay, p.run)
			return
		}
	}
	p.end()
}

func (p *reporting) end() {
	if p.ended != nil {
		close(p.ended)
	}
}

func (p *reporting) take(ctx context.Context, st *step) {
	now := p.sim.now()
	entry, kept := p.sim.ledger.reach(p.seq, st, now)
	if !kept || p.rule.silent || entry.CallbackURL == "" {
		return
	}
	n := p.dialect.report(entry, st, now)
	n.dialect, n.account, n.url = p.dialect, p.sim.accounts.current(entry.account), entry.CallbackURL
	n.badSignature = p.rule.reports.BadSignature
	for range p.rule.reports.Copies {
		p.sim.send(ctx, &n, 0, func(a Answer) {
			p.sim.ledger.noteCallback(p.seq, a.Succeeded())
			p.sim.counts.noteCallback(a.Succeeded())
		})
	}
}

// send delivers a callback and, where the provider does so, repeats it later
// until it is answered 2xx or the repetitions are used up.
func (s *Simulator) send(ctx context.Context, n *notice, repetition int, record func(Answer)) {
	a := s.deliver(ctx, n)
	a.Repetition = repetition
	record(a)
	if a.Succeeded() {
		return
	}
	s.cfg.Logger.Warn("callback failed", "provider", n.account.Provider, "account", n.account.ID,
		"status", a.Status, "error", a.Error, "repetition", repetition)
	if !n.dialect.repeats() || repetition >= s.cfg.Retries {
		return
	}
	pause := min(s.cfg.RetryPause<<min(repetition, 16), max(time.Minute, s.cfg.RetryPause))
	s.postman.after(pause, func(ctx context.Context) { s.send(ctx, n, repetition+1, record) })
}

// deliver posts a callback once.
func (s *Simulator) deliver(ctx context.Context, n *notice) Answer {
	ctx, cancel := context.WithTimeout(ctx, s.cfg.CallbackTimeout)
	defer cancel()
	started := time.Now() // latency is real, whatever the clock says
	a := Answer{At: s.now()}
	a.post(ctx, s.cfg.HTTP, n)
	a.Latency = time.Since(started)
	a.LatencyMS = float64(a.Latency.Microseconds()) / 1000
	return a
}

func (a *Answer) post(ctx context.Context, client *http.Client, n *notice) {
	// What follows # configures Twilio and is neither sent nor signed.
	target, _, _ := strings.Cut(n.url, "#")
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(n.body))
	if err != nil {
		a.Error = err.Error()
		return
	}
	r.Header.Set("Content-Type", n.contentType)
	n.dialect.sign(r, n)
	resp, err := client.Do(r)
	if err != nil {
		a.Error = err.Error()
		return
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxRequest))
	if err != nil {
		a.Error = err.Error()
		return
	}
	a.Status, a.ContentType = resp.StatusCode, resp.Header.Get("Content-Type")
	a.Body = string(body[:min(len(body), 256)])
}

// callbackClient behaves as the carriers' own clients: it connects within
// five seconds and takes a redirect for a failure.
func callbackClient(workers int) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:         dialer.DialContext,
			TLSHandshakeTimeout: 5 * time.Second,
			MaxIdleConns:        2 * workers,
			MaxIdleConnsPerHost: workers,
			IdleConnTimeout:     time.Minute,
			DisableCompression:  true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
