package identity

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/internal/fault"
)

// Passwords makes and checks the hashes of passwords, a few at a time: a flood
// of logins must not take the processor and the memory from everybody else. It
// is safe for concurrent use; a process has one.
type Passwords struct {
	cost   Hashing
	nobody hashed // what the passwords of unknown users are compared with
	derive func(hashed, string) []byte

	slots      chan struct{}
	waiting    atomic.Int64
	suspects   chan struct{} // holds the one that is served, while it rests too
	suspected  atomic.Int64  // how many are served or wait there
	operations atomic.Int64
	typical    atomic.Int64 // nanoseconds that one operation takes
}

// Bounds of the work on passwords (D4-2).
const (
	maxHashing      = 4
	maxHashingQueue = 50
	hashingRetry    = time.Second
	// Suspects are served one at a time, with a rest of suspectRest times the
	// work after each: a quarter of one processor at most.
	suspectRest  = 3
	maxSuspected = 10
	suspectRetry = 10 * time.Second
)

// NewPasswords makes hashes of the given cost. At most four run at once, and
// no more than half of the processors.
func NewPasswords(cost Hashing) *Passwords {
	nobody := newHash(cost)
	nobody.sum = random(hashSize)
	return &Passwords{
		cost: cost, nobody: nobody, derive: hashed.derive,
		slots:    make(chan struct{}, min(maxHashing, (runtime.GOMAXPROCS(0)+1)/2)),
		suspects: make(chan struct{}, 1),
	}
}

// Hash returns the password's hash with its cost, in PHC form. It fails with
// unavailable where too many wait already.
func (p *Passwords) Hash(ctx context.Context, password string) (string, error) {
	h := newHash(p.cost)
	var err error
	h.sum, err = p.run(ctx, h, password)
	return h.String(), err
}

// Verify tells whether a hash is the password's. An empty hash is that of an
// unknown user: it takes as long as another and fits no password. Weak is set
// where the hash is right and costs less than one made now would. It fails
// with unavailable where too many wait already.
func (p *Passwords) Verify(ctx context.Context, hash, password string) (right, weak bool, err error) {
	h := p.nobody
	if hash != "" {
		if h, err = parseHash(hash); err != nil {
			return false, false, err
		}
	}
	derived, err := p.run(ctx, h, password)
	if err != nil {
		return false, false, err
	}
	right = h.is(derived) && hash != ""
	return right, right && h.weakerThan(p.cost), nil
}

// VerifySuspect is Verify for a guess that looks hostile. All of them together
// get a quarter of one processor, whatever their number: a flood of them is felt
// by nobody else. It fails with rate_limited where too many wait already.
func (p *Passwords) VerifySuspect(ctx context.Context, hash, password string) (right, weak bool, err error) {
	defer p.suspected.Add(-1)
	if p.suspected.Add(1) > maxSuspected {
		return false, false, errCrowded
	}
	select {
	case p.suspects <- struct{}{}:
	case <-ctx.Done():
		return false, false, ctx.Err()
	}
	defer func() {
		time.AfterFunc(suspectRest*time.Duration(p.typical.Load()), func() { <-p.suspects })
	}()
	return p.Verify(ctx, hash, password)
}

// errCrowded is the answer to one suspect of too many.
var errCrowded = fault.New(fault.Exhausted, fault.CodeRateLimited,
	"Too many attempts to sign in have failed from here. Wait before the next one.").After(suspectRetry)

// Operations is how many hashes were computed so far.
func (p *Passwords) Operations() int64 { return p.operations.Load() }

func (p *Passwords) run(ctx context.Context, h hashed, password string) ([]byte, error) {
	if err := p.enter(ctx); err != nil {
		return nil, err
	}
	defer func() { <-p.slots }()
	p.operations.Add(1)
	began := time.Now() //nolint:forbidigo // how long a hash takes is measured, not told
	// Composed, so that a password is the same from every keyboard.
	password = norm.NFC.String(password)
	made := make(chan []byte, 1)
	go func() {
		// The thread ends with the goroutine that it is locked to.
		runtime.LockOSThread()
		yieldToOthers()
		made <- p.derive(h, password)
	}()
	sum := <-made
	// A moving average, in which no update needs to be the last.
	took, before := int64(time.Since(began)), p.typical.Load()
	if before != 0 {
		took = before + (took-before)/8
	}
	p.typical.Store(took)
	return sum, nil
}

// Pretend takes as long as checking a password does, without its work: an
// answer that comes sooner would tell that nothing was checked.
func (p *Passwords) Pretend(ctx context.Context) error {
	timer := time.NewTimer(time.Duration(p.typical.Load()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// enter takes a slot, or waits for one if the queue is not too long.
func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	default:
	}
	defer p.waiting.Add(-1)
	if p.waiting.Add(1) > maxHashingQueue {
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"Too many passwords are being checked at this moment.").After(hashingRetry)
	}
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
