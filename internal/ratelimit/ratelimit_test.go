package ratelimit_test

import (
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/ratelimit"
)

// setup makes a limiter of 60 units a minute on a clock that stands still.
func setup(t testing.TB, maxKeys int) (*ratelimit.Limiter, *clock.Manual) {
	t.Helper()
	now := clock.NewManual(time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC))
	l, err := ratelimit.New(ratelimit.Config{Limit: 60, Window: time.Minute, MaxKeys: maxKeys, Clock: now})
	if err != nil {
		t.Fatal(err)
	}
	return l, now
}

func TestTakingAndComingBack(t *testing.T) {
	l, now := setup(t, 0)
	for i, step := range []struct {
		pass time.Duration
		cost int
		want ratelimit.Result
	}{
		{0, 0, ratelimit.Result{Limit: 60, Remaining: 60, Allowed: true}},
		{0, 1, ratelimit.Result{Limit: 60, Remaining: 59, Reset: time.Second, Allowed: true}},
		{0, 58, ratelimit.Result{Limit: 60, Remaining: 1, Reset: 59 * time.Second, Allowed: true}},
		{0, 2, ratelimit.Result{Limit: 60, Remaining: 1, Reset: 59 * time.Second, RetryAfter: time.Second}},
		{0, 1, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, Allowed: true}},
		{0, 1, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, RetryAfter: time.Second}},
		{999 * time.Millisecond, 1, ratelimit.Result{Limit: 60, Remaining: 0, Reset: 59_001 * time.Millisecond, RetryAfter: time.Millisecond}},
		{time.Millisecond, 1, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, Allowed: true}},
		{10 * time.Second, 61, ratelimit.Result{Limit: 60, Remaining: 10, Reset: 50 * time.Second, RetryAfter: 50 * time.Second}},
		{time.Hour, 60, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, Allowed: true}},
		{-time.Hour, 1, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, RetryAfter: time.Second}},
		{time.Second, -5, ratelimit.Result{Limit: 60, Remaining: 0, Reset: time.Minute, Allowed: true}},
	} {
		now.Advance(step.pass)
		if diff := cmp.Diff(step.want, l.Take("key", step.cost)); diff != "" {
			t.Errorf("step %d: %s", i, diff)
		}
	}
}

func TestRetryAfterIsTrue(t *testing.T) {
	l, now := setup(t, 0)
	l.Take("key", 60)
	for cost := 1; cost <= 60; cost++ {
		refused := l.Take("key", cost)
		now.Advance(refused.RetryAfter - time.Microsecond)
		if l.Take("key", cost).Allowed {
			t.Fatalf("%d units were there too early", cost)
		}
		now.Advance(time.Microsecond)
		if !l.Take("key", cost).Allowed {
			t.Fatalf("%d units were not there after RetryAfter", cost)
		}
	}
}

func TestKeysDoNotShare(t *testing.T) {
	l, _ := setup(t, 0)
	l.Take("a", 60)
	if !l.Take("b", 60).Allowed {
		t.Error("one key took the units of another")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	l, now := setup(t, 640)
	for i := range 100_000 {
		l.Take(strconv.Itoa(i), 1)
	}
	if n := l.Keys(); n > 640 {
		t.Errorf("%d keys are remembered, want at most 640", n)
	}
	now.Advance(time.Hour)
	before := l.Keys()
	for i := range 300 {
		l.Take("new"+strconv.Itoa(i), 1)
	}
	if n := l.Keys(); n != before {
		t.Errorf("%d keys are remembered after all had expired, want %d", n, before)
	}
}

func TestTheLeastRecentlyUsedGivesWay(t *testing.T) {
	l, _ := setup(t, 64) // one key a shard
	l.Take("busy", 30)
	busyStays := func() bool { return l.Take("busy", 1).Remaining < 58 }
	if !busyStays() {
		t.Fatal("a key was forgotten at once")
	}
	for i := range 10_000 {
		l.Take(strconv.Itoa(i), 1)
	}
	if busyStays() {
		t.Error("a key outlived ten thousand newer ones")
	}

	roomy, _ := setup(t, 64*100)
	roomy.Take("busy", 30)
	for i := range 50_000 {
		roomy.Take(strconv.Itoa(i), 1)
		if i%50 == 0 {
			if roomy.Take("busy", 60).Allowed {
				t.Fatal("a key that keeps asking was forgotten")
			}
		}
	}
}

func TestConcurrentTakersGetWhatThereIs(t *testing.T) {
	l, _ := setup(t, 0)
	var taken atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				if l.Take("shared", 1).Allowed {
					taken.Add(1)
				}
				l.Take(strconv.Itoa(i), 1)
			}
		})
	}
	all.Wait()
	if taken.Load() != 60 {
		t.Errorf("%d units were taken, want 60", taken.Load())
	}
}

func TestBounds(t *testing.T) {
	for name, c := range map[string]ratelimit.Config{
		"limit":  {Limit: 0, Window: time.Minute},
		"window": {Limit: 1001, Window: time.Microsecond},
		"keys":   {Limit: 1, Window: time.Minute, MaxKeys: -1},
	} {
		if _, err := ratelimit.New(c); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	fast, err := ratelimit.New(ratelimit.Config{Limit: 10_000_000, Window: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	if got := fast.Take("key", 10_000_000); !got.Allowed || got.Remaining != 0 {
		t.Errorf("the greatest limit: %+v", got)
	}
}

func BenchmarkTake(b *testing.B) {
	keys := make([]string, 10_000)
	for i := range keys {
		keys[i] = "key-" + strconv.Itoa(i)
	}
	b.Run("serial", func(b *testing.B) {
		l, _ := setup(b, 0)
		b.ReportAllocs()
		for i := 0; b.Loop(); i++ {
			l.Take(keys[i%len(keys)], 1)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		l, _ := setup(b, 0)
		b.RunParallel(func(pb *testing.PB) {
			for i := 0; pb.Next(); i++ {
				l.Take(keys[i%len(keys)], 1)
			}
		})
	})
}
