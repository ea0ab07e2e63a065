package jobs

import (
	"context"
	"time"
)

// Waker tells dispatchers that rows have become due. It is a hint: a wake that
// is lost costs the time until the dispatcher looks by itself.
type Waker struct {
	pending chan struct{}
}

// NewWaker returns a waker; Run makes its hints reach the other processes.
func NewWaker() *Waker { return &Waker{make(chan struct{}, 1)} }

// Wake never blocks. Services call it after their commit.
func (w *Waker) Wake() { signal(w.pending) }

// minWakeInterval bounds what a flood of requests costs Redis.
const minWakeInterval = 5 * time.Millisecond

// Run passes hints on until the context ends. Many in a short time become one.
func (w *Waker) Run(ctx context.Context, q *Queues) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.pending:
		}
		// Redis being down is no reason to fail: dispatchers look by themselves.
		_ = q.wake(ctx)
		if !pause(ctx, minWakeInterval) {
			return
		}
	}
}

// pause waits and tells whether there is a reason to go on.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
