package sim

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// maxRequest bounds what a client may send; a message is far smaller. The
// ledger's records rely on it.
const maxRequest = 64 << 10

// submission is one message as a client hands it over, in no provider's words.
type submission struct {
	account  *account
	ref      string
	attempt  int
	from, to string
	body     string
	segments int
	media    []string
	callback string
	once     bool // the same ref and attempt are accepted once
}

// dialect is how one provider words what all of them do.
type dialect interface {
	provider() provider.Name

	// refused answers a submission that is turned down with a code; empty
	// means the provider's usual one. A status of 0 is the code's own.
	refused(sub *submission, code string, status int) answer
	// limited answers a submission that comes too fast.
	limited(sub *submission) answer
	// broken answers with the provider's own 5xx document.
	broken(status int, code string) answer

	// report words one status of a message, inbound a customer's message.
	report(e Entry, st *step, at time.Time) notice
	inbound(m *Received, a *account, url string) notice
	// sign proves a callback; it is called for every copy and repetition.
	sign(r *http.Request, n *notice)
	// repeats tells whether a callback is sent again that was not answered 2xx.
	repeats() bool
}

// answer is a complete HTTP answer.
type answer struct {
	status      int
	contentType string
	header      map[string]string
	body        []byte
}

func (a answer) write(w http.ResponseWriter) {
	h := w.Header()
	for name, value := range a.header {
		h.Set(name, value)
	}
	h.Set("Content-Type", a.contentType)
	h.Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // a client that went away is its own affair
	// What follows the answer must not overtake it in our own buffer.
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
}

// Outcomes of attempts that no script decided.
const (
	refusedOutcome  = "refused"
	repeatedOutcome = "repeated"
)

// verdict is what became of a submission.
type verdict struct {
	sub      *submission
	rule     *rule
	entry    Entry
	repeated bool
}

// judge counts a submission, finds its script and enters it when the script
// accepts it.
func (s *Simulator) judge(sub *submission) verdict {
	now := s.now()
	sub.segments = segments(sub.body)
	s.meter.note(sub.account, sub.from, sub.segments, now)
	if sub.once {
		if e, known := s.ledger.accepted(sub); known {
			s.note(sub, repeatedOutcome, now)
			return verdict{sub: sub, rule: s.scripts.usual, entry: e, repeated: true}
		}
	}
	v := verdict{sub: sub, rule: s.scripts.next(sub.account.ID, sub.to)}
	outcome := string(v.rule.Behaviour)
	if v.rule.accepts {
		if v.entry, v.repeated = s.ledger.accept(sub, now); v.repeated {
			// The same submission came twice at the same time.
			v.rule, outcome = s.scripts.usual, repeatedOutcome
		}
	}
	s.note(sub, outcome, now)
	return v
}

// turnAway counts a submission that is wrong in itself, which no script can
// change, and answers it.
func (s *Simulator) turnAway(w http.ResponseWriter, d dialect, sub *submission, code string) {
	s.countRefused(sub)
	d.refused(sub, code, 0).write(w)
}

func (s *Simulator) countRefused(sub *submission) {
	now := s.now()
	s.meter.note(sub.account, sub.from, segments(sub.body), now)
	s.note(sub, refusedOutcome, now)
}

func (s *Simulator) note(sub *submission, outcome string, now time.Time) {
	s.counts.note(outcome)
	s.attempts.note(sub, outcome, now)
}

// conclude answers a request as the lead's script says and reports on all of
// its messages. proper is the answer where nothing goes wrong.
func (s *Simulator) conclude(w http.ResponseWriter, r *http.Request, d dialect, lead verdict, all []verdict, proper answer) {
	// A client that has its answer may rely on Settle to wait for the reports,
	// which start a moment later.
	release := s.postman.hold()
	defer release()
	for _, v := range all {
		if v.rule.accepts && v.rule.reports.BeforeResponse {
			s.reportAndWait(r.Context(), d, v)
		}
	}
	if lead.rule.ending == endHanging {
		s.reportAll(d, all)
		release()
		s.hang(r)
		panic(http.ErrAbortHandler) // no answer is ever written
	}
	if lead.rule.Delay > 0 {
		s.pause(r, lead.rule.Delay)
	}
	if lead.rule.ending == endReset {
		reset(w)
	} else {
		s.ended(d, lead, proper).write(w)
	}
	s.reportAll(d, all)
}

// ended is the answer that a script's ending calls for.
func (s *Simulator) ended(d dialect, lead verdict, proper answer) answer {
	rule := lead.rule
	switch rule.ending {
	case endRefused:
		return d.refused(lead.sub, rule.Code, rule.Status)
	case endLimited:
		a := d.limited(lead.sub)
		if rule.RetryAfter > 0 {
			a.header = map[string]string{"Retry-After": strconv.Itoa(int((rule.RetryAfter + time.Second - 1) / time.Second))}
		}
		return a
	case endBroken:
		status := positiveOr(rule.Status, http.StatusInternalServerError)
		if rule.Code != "" {
			return d.broken(status, rule.Code)
		}
		// Without a code the answer is a gateway's, which is no JSON.
		return answer{status: status, contentType: "text/html", body: []byte("<html><body><h1>" + http.StatusText(status) + "</h1></body></html>")}
	case endGarbage:
		proper.body = bytes.Clone(proper.body[:len(proper.body)/2])
	}
	return proper
}

func (s *Simulator) hang(r *http.Request) {
	select {
	case <-r.Context().Done():
	case <-s.closing:
	}
}

func (s *Simulator) pause(r *http.Request, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
	case <-s.closing:
	}
}

// reset ends the connection with RST, so that the client reads an error and
// not an early end.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler)
	}
	if tcp, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // the connection ends either way
	}
	_ = conn.Close() // the client's error is the purpose
}

// splitQuery cuts a callback URL behind its question mark.
func splitQuery(url string) (base, query string) {
	if at := strings.IndexByte(url, '?'); at >= 0 {
		return url[:at+1], url[at+1:]
	}
	return url, ""
}

// reportAndWait sends a message's reports and returns when the last was
// answered or given up for the moment, or the client is gone.
func (s *Simulator) reportAndWait(ctx context.Context, d dialect, v verdict) {
	ended := make(chan struct{})
	s.report(d, v, ended)
	select {
	case <-ended:
	case <-ctx.Done():
	case <-s.closing:
	}
}

// reportAll starts the reports of those messages that have none yet.
func (s *Simulator) reportAll(d dialect, all []verdict) {
	for _, v := range all {
		if v.rule.accepts && !v.repeated && !v.rule.reports.BeforeResponse {
			s.report(d, v, nil)
		}
	}
}
