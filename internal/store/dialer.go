package store

import (
	"context"
	"net"
	"sync"
	"time"
)

// deadlineDialer opens connections that cannot hang. lib/pq waits for an answer
// without a limit (lib/pq issue 620): a server that is frozen, or a network
// that swallows packets, would hold a caller for ever, whatever its context
// says. Each request therefore arms a deadline, the end of the context that the
// request is made for brings it forward, and the kernel is asked to notice a
// dead peer.
type deadlineDialer struct {
	answerWithin time.Duration
}

const (
	dialTimeout = 5 * time.Second
	// giveUpGrace is what remains for a healthy server to stop a statement, and
	// to say so, when its context has ended. It is worth waiting for: the
	// connection lives on.
	giveUpGrace = 500 * time.Millisecond
)

type dialedKey struct{}

// whenDialed returns a context for connecting, which hands out each connection
// that the dialer makes.
func whenDialed(ctx context.Context, f func(*deadlineConn)) context.Context {
	return context.WithValue(ctx, dialedKey{}, f)
}

// Dial implements pq.Dialer.
func (d deadlineDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialTimeout(network, address, dialTimeout)
}

// DialTimeout implements pq.Dialer.
func (d deadlineDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext implements pq.DialerContext. lib/pq also dials by itself to cancel
// a statement, with a context of its own, and holds the statement's caller until
// that is done: such a connection has no longer than the caller.
func (d deadlineDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialed, connecting := ctx.Value(dialedKey{}).(func(*deadlineConn))
	dialer := net.Dialer{
		Timeout: dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 3,
		},
	}
	giveUpAt := time.Now().Add(giveUpGrace)
	if !connecting {
		dialer.Deadline = giveUpAt
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	c := &deadlineConn{Conn: conn, answerWithin: d.answerWithin}
	if connecting {
		dialed(c)
	} else {
		c.giveUpAt = giveUpAt
	}
	return c, nil
}

// deadlineConn expects an answer within a fixed time of each request, and soon
// after the context that it follows has ended.
type deadlineConn struct {
	net.Conn
	answerWithin time.Duration

	mu        sync.Mutex
	following int // counts the contexts that were followed
	unfollow  func() bool
	giveUpAt  time.Time // zero until the followed context has ended
}

// Follow makes the end of ctx, and of no other context before it, bring the
// deadline forward.
func (c *deadlineConn) Follow(ctx context.Context) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release()
	if ctx.Done() != nil {
		ended := c.following
		c.unfollow = context.AfterFunc(ctx, func() { c.hurry(ended) })
	}
}

// Release follows no context any more.
func (c *deadlineConn) Release() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.release()
}

func (c *deadlineConn) release() {
	if c.unfollow != nil {
		c.unfollow()
	}
	c.following++
	c.unfollow, c.giveUpAt = nil, time.Time{}
}

// hurry does nothing when another context is followed by now.
func (c *deadlineConn) hurry(ended int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.following == ended {
		c.giveUpAt = time.Now().Add(giveUpGrace)
		_ = c.SetDeadline(c.giveUpAt) // fails on a closed connection only
	}
}

// Write sends a request and starts the time for its answer.
func (c *deadlineConn) Write(b []byte) (int, error) {
	if err := c.arm(); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

func (c *deadlineConn) arm() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	deadline := time.Now().Add(c.answerWithin)
	if !c.giveUpAt.IsZero() && c.giveUpAt.Before(deadline) {
		deadline = c.giveUpAt
	}
	return c.SetDeadline(deadline)
}
