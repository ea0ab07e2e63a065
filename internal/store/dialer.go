package store

import (
	"context"
	"net"
	"time"
)

// deadlineDialer opens connections that cannot hang. lib/pq waits for an answer
// without a limit (lib/pq issue 620): a server that is frozen, or a network
// that swallows packets, would hold a caller for ever, whatever its context
// says. Each request therefore arms a read deadline, and the kernel is asked
// to notice a dead peer.
type deadlineDialer struct {
	answerWithin time.Duration
}

const dialTimeout = 5 * time.Second

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

// DialContext implements pq.DialerContext.
func (d deadlineDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	dialer := net.Dialer{
		Timeout: dialTimeout,
		KeepAliveConfig: net.KeepAliveConfig{
			Enable: true, Idle: 5 * time.Second, Interval: 3 * time.Second, Count: 3,
		},
	}
	conn, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &deadlineConn{Conn: conn, answerWithin: d.answerWithin}, nil
}

// deadlineConn expects an answer within a fixed time of each request.
type deadlineConn struct {
	net.Conn
	answerWithin time.Duration
}

// Write sends a request and starts the time for its answer.
func (c *deadlineConn) Write(b []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.answerWithin)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}
