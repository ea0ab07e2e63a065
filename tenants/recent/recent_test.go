package recent_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/tenants/recent"
)

func TestValuesAreReadOncePerLife(t *testing.T) {
	t.Parallel()
	now := clock.NewManual(time.Unix(0, 0))
	c := recent.New[string, int](now.Now, time.Second, 10)
	reads := 0
	get := func() int {
		v, err := c.Get(t.Context(), "k", func(context.Context) (int, error) { reads++; return reads, nil })
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	for _, step := range []struct {
		wait time.Duration
		want int
	}{{0, 1}, {0, 1}, {999 * time.Millisecond, 1}, {time.Millisecond, 2}, {-time.Hour, 3}} {
		now.Advance(step.wait)
		if got := get(); got != step.want {
			t.Errorf("after %v: %d, want %d", step.wait, got, step.want)
		}
	}
	c.Clear()
	if got := get(); got != 4 {
		t.Errorf("cleared: %d", got)
	}
}

func TestErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	c := recent.New[int, int](time.Now, time.Hour, 10)
	broken := errors.New("broken")
	if _, err := c.Get(t.Context(), 1, func(context.Context) (int, error) { return 0, broken }); !errors.Is(err, broken) {
		t.Error(err)
	}
	if v, err := c.Get(t.Context(), 1, func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}

func TestTheCacheIsBounded(t *testing.T) {
	t.Parallel()
	c := recent.New[int, int](time.Now, time.Hour, 100)
	kept := 0
	for i := range 1000 {
		_, _ = c.Get(t.Context(), i, func(context.Context) (int, error) { return i, nil })
	}
	for i := range 1000 {
		hit := true
		ctx, cancel := context.WithCancel(t.Context())
		_, _ = c.Get(ctx, i, func(context.Context) (int, error) { hit = false; cancel(); return 0, ctx.Err() })
		cancel()
		if hit {
			kept++
		}
	}
	if kept == 0 || kept > 100 {
		t.Errorf("%d values are kept, want 1 to 100", kept)
	}
}

func TestOneReadServesAllWhoWait(t *testing.T) {
	t.Parallel()
	c := recent.New[int, int64](time.Now, time.Hour, 10)
	var reads atomic.Int64
	begun, finish := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	get := func() {
		v, err := c.Get(context.Background(), 1, func(context.Context) (int64, error) {
			close(begun)
			<-finish
			return reads.Add(1), nil
		})
		if v != 1 || err != nil {
			t.Errorf("%d, %v", v, err)
		}
	}
	all.Go(get)
	<-begun
	for range 20 {
		all.Go(get)
	}
	close(finish)
	all.Wait()
}

func TestAReadGivenUpIsBegunAgain(t *testing.T) {
	t.Parallel()
	c := recent.New[int, string](time.Now, time.Hour, 10)
	leaderCtx, leave := context.WithCancel(t.Context())
	begun := make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, err := c.Get(leaderCtx, 1, func(ctx context.Context) (string, error) {
			close(begun)
			<-ctx.Done()
			return "", ctx.Err()
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("the first caller got %v", err)
		}
	})
	<-begun
	all.Go(func() {
		v, err := c.Get(t.Context(), 1, func(context.Context) (string, error) { return "second", nil })
		if v != "second" || err != nil {
			t.Errorf("the second caller got %q, %v", v, err)
		}
	})
	leave()
	all.Wait()
}

func TestWhatIsReadWhileClearingIsNotKept(t *testing.T) {
	t.Parallel()
	c := recent.New[int, string](time.Now, time.Hour, 10)
	_, _ = c.Get(t.Context(), 1, func(context.Context) (string, error) { c.Clear(); return "old", nil })
	if v, _ := c.Get(t.Context(), 1, func(context.Context) (string, error) { return "new", nil }); v != "new" {
		t.Errorf("got %q", v)
	}
}

func TestAWaiterMayLeave(t *testing.T) {
	t.Parallel()
	c := recent.New[int, int](time.Now, time.Hour, 10)
	begun, finish := make(chan struct{}), make(chan struct{})
	var all sync.WaitGroup
	all.Go(func() {
		_, _ = c.Get(context.Background(), 1, func(context.Context) (int, error) { close(begun); <-finish; return 1, nil })
	})
	<-begun
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Get(gone, 1, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	close(finish)
	all.Wait()
}

func TestAPanicLeavesNobodyWaiting(t *testing.T) {
	t.Parallel()
	c := recent.New[int, int](time.Now, time.Hour, 10)
	func() {
		defer func() { _ = recover() }()
		_, _ = c.Get(t.Context(), 1, func(context.Context) (int, error) { panic("broken") })
	}()
	if v, err := c.Get(t.Context(), 1, func(context.Context) (int, error) { return 7, nil }); v != 7 || err != nil {
		t.Errorf("%d, %v", v, err)
	}
}
