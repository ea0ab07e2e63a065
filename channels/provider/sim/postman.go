package sim

import (
	"container/heap"
	"context"
	"sync"
	"time"
)

// postman runs errands when they are due: one goroutine keeps them in order,
// a fixed number carries them out. Errands wait in memory, so whoever gives
// one never waits for a slow receiver.
type postman struct {
	orders  chan errand
	ready   chan errand
	stopped <-chan struct{}
	workers sync.WaitGroup

	mu      sync.Mutex
	pending int
	idle    chan struct{} // closed while nothing is pending
}

// errand is a piece of work and when it is due, by real time.
type errand struct {
	due    time.Time
	number uint64
	run    func(context.Context)
}

// agenda is a heap of errands by due time, in the order given.
type agenda []errand

func (a agenda) Len() int { return len(a) }
func (a agenda) Less(i, j int) bool {
	if a[i].due.Equal(a[j].due) {
		return a[i].number < a[j].number
	}
	return a[i].due.Before(a[j].due)
}
func (a agenda) Swap(i, j int) { a[i], a[j] = a[j], a[i] }

// Push implements heap.Interface.
func (a *agenda) Push(x any) { *a = append(*a, x.(errand)) }

// Pop implements heap.Interface.
func (a *agenda) Pop() any {
	last := len(*a) - 1
	e := (*a)[last]
	(*a)[last] = errand{}
	*a = (*a)[:last]
	return e
}

func startPostman(ctx context.Context, workers int) *postman {
	p := &postman{
		orders:  make(chan errand, 64),
		ready:   make(chan errand),
		stopped: ctx.Done(),
		idle:    make(chan struct{}),
	}
	close(p.idle)
	p.workers.Go(func() { p.schedule(ctx) })
	for range workers {
		p.workers.Go(func() { p.work(ctx) })
	}
	return p
}

// after runs an errand once the pause is over. After the end it does nothing.
func (p *postman) after(pause time.Duration, run func(context.Context)) {
	p.begin()
	select {
	case p.orders <- errand{due: time.Now().Add(pause), run: run}:
	case <-p.stopped:
		p.finish()
	}
}

func (p *postman) schedule(ctx context.Context) {
	var waiting agenda
	var number uint64
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		var hand chan errand
		var first errand
		if len(waiting) > 0 {
			first = waiting[0]
			if pause := time.Until(first.due); pause > 0 {
				timer.Reset(pause)
			} else {
				hand = p.ready
			}
		}
		select {
		case e := <-p.orders:
			number++
			e.number = number
			heap.Push(&waiting, e)
		case hand <- first:
			heap.Pop(&waiting)
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

func (p *postman) work(ctx context.Context) {
	for {
		select {
		case e := <-p.ready:
			e.run(ctx)
			p.finish()
		case <-ctx.Done():
			return
		}
	}
}

func (p *postman) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.pending == 0 {
		p.idle = make(chan struct{})
	}
	p.pending++
}

func (p *postman) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.pending--
	if p.pending == 0 {
		close(p.idle)
	}
}

// hold makes settle wait until release is called, once or more often.
func (p *postman) hold() (release func()) {
	p.begin()
	return sync.OnceFunc(p.finish)
}

// waiting is the number of errands that are not done.
func (p *postman) waiting() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pending
}

func (p *postman) settle(ctx context.Context) error {
	p.mu.Lock()
	idle := p.idle
	p.mu.Unlock()
	select {
	case <-idle:
		return nil
	case <-p.stopped:
		return context.Canceled
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *postman) wait() { p.workers.Wait() }
