package sim

import (
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Behaviour is what a carrier does with a submission.
type Behaviour string

// The behaviours. Those that begin with accept, slow, garbage_2xx and those
// about callbacks put the message into the ledger; the others do not.
const (
	// OK accepts and answers properly.
	OK Behaviour = "ok"
	// Reject refuses with Code, as the provider words it.
	Reject Behaviour = "reject"
	// RateLimit answers 429, with Retry-After where RetryAfter is set.
	RateLimit Behaviour = "429"
	// AcceptThenHang accepts and never answers; the request ends when the
	// client goes away.
	AcceptThenHang Behaviour = "accept_then_hang"
	// AcceptThenReset accepts and resets the connection.
	AcceptThenReset Behaviour = "accept_then_reset"
	// AcceptThen500 accepts and answers 500.
	AcceptThen500 Behaviour = "accept_then_500"
	// Fail500BeforeAccept answers 500 and has not accepted.
	Fail500BeforeAccept Behaviour = "500_before_accept"
	// RefuseBeforeAccept resets the connection and has not accepted.
	RefuseBeforeAccept Behaviour = "refuse_before_accept"
	// Slow accepts at once and answers after Delay.
	Slow Behaviour = "slow"
	// Garbage2xx accepts and answers 2xx with half a document.
	Garbage2xx Behaviour = "garbage_2xx"
	// Garbage2xxNotAccepted answers the same and has not accepted.
	Garbage2xxNotAccepted Behaviour = "garbage_2xx_not_accepted"
	// Silent accepts, answers properly and never reports.
	Silent Behaviour = "silent"
	// ReportAs accepts and reports as Callbacks says.
	ReportAs Behaviour = "callbacks"
	// BadSignature accepts and signs its reports with a wrong key.
	BadSignature Behaviour = "bad_signature"
)

// ending is how the answer to a submission ends.
type ending int

const (
	endProperly ending = iota
	endRefused
	endLimited
	endBroken
	endHanging
	endReset
	endGarbage
)

var conduct = map[Behaviour]struct {
	accepts bool
	ending  ending
}{
	OK:                    {true, endProperly},
	Reject:                {false, endRefused},
	RateLimit:             {false, endLimited},
	AcceptThenHang:        {true, endHanging},
	AcceptThenReset:       {true, endReset},
	AcceptThen500:         {true, endBroken},
	Fail500BeforeAccept:   {false, endBroken},
	RefuseBeforeAccept:    {false, endReset},
	Slow:                  {true, endProperly},
	Garbage2xx:            {true, endGarbage},
	Garbage2xxNotAccepted: {false, endGarbage},
	Silent:                {true, endProperly},
	ReportAs:              {true, endProperly},
	BadSignature:          {true, endProperly},
}

// Script is one thing that a carrier shall do, a number of times.
type Script struct {
	// Behaviour is OK when empty.
	Behaviour Behaviour
	// Code is the provider's error code for Reject, and for the failures that
	// Callbacks reports. Empty takes the provider's usual one.
	Code string
	// Status overrides the HTTP status of a refusal or a broken answer.
	Status int
	// RetryAfter is announced with RateLimit in whole seconds; zero says nothing.
	RetryAfter time.Duration
	// Delay holds the answer back, whatever it is. The message is in the
	// ledger before.
	Delay time.Duration
	// Times is how often the script applies; 0 means always.
	Times int
	// Callbacks says how an accepted message is reported; nil means sent and
	// delivered, in order, once each.
	Callbacks *Callbacks
	// CheckMedia fetches the message's pictures and records what came.
	CheckMedia bool
}

// Callbacks says how an accepted message is reported.
type Callbacks struct {
	// Order of the statuses: accepted, queued, sending, sent, delivered, read,
	// undelivered, failed, or a word or number of the provider's own. A
	// failure may carry its code: "undelivered:30005". Nil means sent and
	// delivered; empty and not nil means none.
	Order []string `json:"order"`
	// Copies of each, 1 when 0.
	Copies int `json:"copies"`
	// Delay before each status.
	Delay time.Duration `json:"-"`
	// BeforeResponse reports first and answers the submission afterwards.
	BeforeResponse bool `json:"before_response"`
	// BadSignature signs with a wrong key.
	BadSignature bool `json:"bad_signature"`
}

// Target is what a script applies to: a destination number, or else an
// account by its ID, or else, when both are empty, everything.
type Target struct {
	To      string `json:"to,omitempty"`
	Account string `json:"account,omitempty"`
}

// step is one status that a message reaches.
type step struct {
	word string // in Trellis's words, or the provider's own
	code string
	rank int
}

// A message's true status only rises, however its reports are shuffled.
var rankOf = map[string]int{
	"accepted": 30, "queued": 31, "sending": 35, "sent": 40,
	"undelivered": 50, "failed": 50, "delivered": 60, "read": 70,
}

func parseStep(text, code string) *step {
	word, own, given := strings.Cut(text, ":")
	if given {
		code = own
	} else if word != "undelivered" && word != "failed" {
		code = ""
	}
	rank, known := rankOf[word]
	if !known {
		rank = rankOf["sent"]
	}
	return &step{word: word, code: code, rank: rank}
}

// rule is a Script made ready for the hot path. It never changes.
type rule struct {
	Script
	accepts bool
	ending  ending
	steps   []*step
	reports Callbacks
	silent  bool
}

var usualOrder = []string{"sent", "delivered"}

func compile(script Script, usualDelay time.Duration) (*rule, error) {
	if script.Behaviour == "" {
		script.Behaviour = OK
	}
	way, known := conduct[script.Behaviour]
	if !known {
		return nil, fmt.Errorf("sim: unknown behaviour %q", script.Behaviour)
	}
	if script.Times < 0 || script.Delay < 0 || script.RetryAfter < 0 {
		return nil, fmt.Errorf("sim: times, delay and retry_after of %q must not be negative", script.Behaviour)
	}
	r := &rule{Script: script, accepts: way.accepts, ending: way.ending, silent: script.Behaviour == Silent}
	r.reports = Callbacks{Delay: usualDelay}
	if script.Callbacks != nil {
		r.reports = *script.Callbacks
	}
	if r.reports.Order == nil {
		r.reports.Order = usualOrder
	}
	r.reports.Copies = positiveOr(r.reports.Copies, 1)
	r.reports.BadSignature = r.reports.BadSignature || script.Behaviour == BadSignature
	for _, word := range r.reports.Order {
		r.steps = append(r.steps, parseStep(word, script.Code))
	}
	return r, nil
}

// scripts hands each submission its rule.
type scripts struct {
	usual *rule
	delay time.Duration

	set   atomic.Int32 // how many targets have a script; 0 skips the lock
	mu    sync.Mutex
	queue map[Target][]*planned
}

// planned is a rule with the number of times that it still applies.
type planned struct {
	rule *rule
	left int // negative: for ever
}

func newScripts(delay time.Duration) *scripts {
	usual, err := compile(Script{}, delay)
	if err != nil {
		panic("sim: the usual script does not compile: " + err.Error())
	}
	return &scripts{usual: usual, delay: delay, queue: map[Target][]*planned{}}
}

// SetScript replaces the scripts of a target. Several scripts follow one
// another, each for its Times; when the last is used up, the target behaves as
// if it had never been mentioned. Without scripts it does so at once.
func (s *Simulator) SetScript(target Target, list ...Script) error {
	queue := make([]*planned, 0, len(list))
	for _, script := range list {
		r, err := compile(script, s.scripts.delay)
		if err != nil {
			return err
		}
		left := script.Times
		if left == 0 {
			left = -1
		}
		queue = append(queue, &planned{rule: r, left: left})
	}
	s.scripts.replace(target, queue)
	return nil
}

func (c *scripts) replace(target Target, queue []*planned) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(queue) == 0 {
		delete(c.queue, target)
	} else {
		c.queue[target] = queue
	}
	c.set.Store(int32(len(c.queue)))
}

// ClearScripts makes every target behave as usual again.
func (s *Simulator) ClearScripts() {
	s.scripts.mu.Lock()
	defer s.scripts.mu.Unlock()
	clear(s.scripts.queue)
	s.scripts.set.Store(0)
}

// next returns the rule for a submission and uses it up once: the number's
// own, or else its account's, or else the default's, or else the usual one.
func (c *scripts) next(accountID, to string) *rule {
	if c.set.Load() == 0 {
		return c.usual
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, target := range [...]Target{{To: to}, {Account: accountID}, {}} {
		queue := c.queue[target]
		if len(queue) == 0 {
			continue
		}
		first := queue[0]
		if first.left > 0 {
			first.left--
		}
		if first.left == 0 {
			c.queue[target] = queue[1:]
			if len(queue) == 1 {
				delete(c.queue, target)
				c.set.Store(int32(len(c.queue)))
			}
		}
		return first.rule
	}
	return c.usual
}
