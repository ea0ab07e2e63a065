package main

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// closedLength is how long one turn of a closed loop takes.
const closedLength = 8 * time.Second

// closedLoop lets the clients work without a pause for a while and returns how
// many calls a second they made.
func closedLoop(ctx context.Context, call func(ctx context.Context) error) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, closedLength)
	defer cancel()
	var (
		done  atomic.Int64
		first atomic.Pointer[error]
		group sync.WaitGroup
	)
	started := time.Now()
	for range clients {
		group.Go(func() {
			for ctx.Err() == nil {
				if err := call(context.WithoutCancel(ctx)); err != nil {
					first.CompareAndSwap(nil, &err)
					return
				}
				done.Add(1)
			}
		})
	}
	group.Wait()
	took := time.Since(started)
	if err := first.Load(); err != nil {
		return 0, *err
	}
	return float64(done.Load()) / took.Seconds(), nil
}

// openLoop makes calls at a constant rate, whether or not the earlier ones have
// come back, and returns how long each took from the moment it was due.
func openLoop(ctx context.Context, perSecond int, length time.Duration, call func(ctx context.Context, i int) error) ([]time.Duration, error) {
	total := int(length.Seconds() * float64(perSecond))
	took := make([]time.Duration, total)
	var (
		first atomic.Pointer[error]
		group sync.WaitGroup
	)
	started := time.Now()
	for i := range total {
		due := started.Add(time.Duration(i) * time.Second / time.Duration(perSecond))
		if wait := time.Until(due); wait > 0 {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(wait):
			}
		}
		group.Go(func() {
			if err := call(ctx, i); err != nil {
				first.CompareAndSwap(nil, &err)
			}
			took[i] = time.Since(due)
		})
	}
	group.Wait()
	if err := first.Load(); err != nil {
		return nil, *err
	}
	return took, nil
}

// percentile of durations, in milliseconds.
func percentile(took []time.Duration, p float64) float64 {
	sorted := slices.Clone(took)
	slices.Sort(sorted)
	i := min(int(p*float64(len(sorted))), len(sorted)-1)
	return float64(sorted[i].Microseconds()) / 1000
}

// alternate measures a value and its floor in turns, so that a slow moment of
// the machine meets both, and returns the mean of each.
func alternate(rounds int, value, floor func() (float64, error)) (v, f float64, err error) {
	for range rounds {
		a, err := value()
		if err != nil {
			return 0, 0, err
		}
		b, err := floor()
		if err != nil {
			return 0, 0, err
		}
		v, f = v+a/float64(rounds), f+b/float64(rounds)
	}
	return v, f, nil
}
