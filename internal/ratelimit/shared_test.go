package ratelimit_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
	"pgregory.net/rapid"

	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/ratelimit"
)

// patient waits for Redis as long as a busy test machine needs.
const patient = 10 * time.Second

var start = time.Date(2024, 6, 1, 12, 0, 0, 0, time.UTC)

// redisAt is a client as jobs.OpenRedis makes it.
func redisAt(t testing.TB, server *builtin.Redis, address string) redis.UniversalClient {
	t.Helper()
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	if address == "" {
		address = u.Host
	}
	password, _ := u.User.Password()
	client := redis.NewClient(&redis.Options{Addr: address, Password: password, MaxRetries: -1, ContextTimeoutEnabled: true})
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func startRedis(t testing.TB) *builtin.Redis {
	t.Helper()
	server, err := builtin.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

func shared(t testing.TB, c ratelimit.SharedConfig) *ratelimit.Shared {
	t.Helper()
	s := ratelimit.NewShared(c)
	t.Cleanup(s.Close)
	return s
}

func perMinute(limit int) ratelimit.Rate { return ratelimit.Rate{Limit: limit, Window: time.Minute} }

// Redis and memory are the same algorithm, whatever is asked in which order.
func TestRedisCountsAsMemoryDoes(t *testing.T) {
	server := startRedis(t)
	client := redisAt(t, server, "")
	rapid.Check(t, func(rt *rapid.T) {
		server.Flush()
		now := clock.NewManual(start)
		there := ratelimit.NewShared(ratelimit.SharedConfig{Redis: client, Patience: patient, Clock: now})
		defer there.Close()
		here := ratelimit.NewShared(ratelimit.SharedConfig{Clock: now})
		defer here.Close()
		rates := []ratelimit.Rate{perMinute(1), perMinute(7), perMinute(60), perMinute(10_000_000)}
		for range rapid.IntRange(1, 30).Draw(rt, "steps") {
			now.Advance(time.Duration(rapid.Int64Range(0, int64(40*time.Second)).Draw(rt, "pass")).Truncate(time.Microsecond))
			var buckets []ratelimit.Bucket
			for i := range rapid.IntRange(1, 3).Draw(rt, "buckets") {
				n := rapid.IntRange(0, len(rates)-1).Draw(rt, "rate")
				buckets = append(buckets, ratelimit.Bucket{
					Key: fmt.Sprintf("%d of %d", i, n), Rate: rates[n], Cost: rapid.IntRange(-1, 8).Draw(rt, "cost"),
				})
			}
			want, got := here.Take(t.Context(), buckets), there.Take(t.Context(), buckets)
			about := cmp.Comparer(func(a, b time.Duration) bool { return (a - b).Abs() <= time.Millisecond })
			if diff := cmp.Diff(want, got, about); diff != "" {
				rt.Fatalf("of %+v: %s", buckets, diff)
			}
		}
	})
}

// A request that one bucket refuses spends nothing from the others.
func TestAllBucketsOrNone(t *testing.T) {
	server := startRedis(t)
	for name, client := range map[string]ratelimit.Redis{"memory": nil, "redis": redisAt(t, server, "")} {
		t.Run(name, func(t *testing.T) {
			c := ratelimit.SharedConfig{Patience: patient, Clock: clock.NewManual(start)}
			if client != nil {
				c.Redis = client
			}
			s := shared(t, c)
			buckets := []ratelimit.Bucket{{Key: "a", Rate: perMinute(60), Cost: 1}, {Key: "b", Rate: perMinute(2), Cost: 1}, {Key: "c", Rate: perMinute(60), Cost: 1}}
			for range 2 {
				s.Take(t.Context(), buckets)
			}
			for range 3 {
				got := s.Take(t.Context(), buckets)
				if !got[0].Allowed || got[1].Allowed || !got[2].Allowed || got[0].Remaining != 58 || got[2].Remaining != 58 || got[1].RetryAfter != 30*time.Second {
					t.Fatalf("got %+v", got)
				}
			}
		})
	}
}

// Many processes together let no more through than the limit.
func TestProcessesShareALimit(t *testing.T) {
	server := startRedis(t)
	now := clock.NewManual(start)
	var passed atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		s := shared(t, ratelimit.SharedConfig{Redis: redisAt(t, server, ""), Patience: patient, Clock: now})
		for range 5 {
			all.Go(func() {
				for range 10 {
					if s.Take(t.Context(), []ratelimit.Bucket{{Key: "k", Rate: perMinute(90), Cost: 1}})[0].Allowed {
						passed.Add(1)
					}
				}
			})
		}
	}
	all.Wait()
	if passed.Load() != 90 {
		t.Errorf("%d of 200 requests passed a limit of 90", passed.Load())
	}
}

// While Redis is down, or answers nobody, requests go on at once, from where
// they were; when it is back, limits are shared again.
func TestRedisGoesAndComesBack(t *testing.T) {
	for name, trouble := range map[string]func(*proxy){
		"cut off": func(p *proxy) { p.cut() },
		"frozen":  func(p *proxy) { p.freeze() },
	} {
		t.Run(name, func(t *testing.T) {
			server := startRedis(t)
			link := newProxy(t, server)
			changed := make(chan error, 10)
			now := clock.NewManual(start)
			s := shared(t, ratelimit.SharedConfig{
				Redis: redisAt(t, server, link.address()), Patience: 500 * time.Millisecond, Probe: 20 * time.Millisecond, Clock: now,
				Changed: func(reason error) { changed <- reason },
			})
			other := shared(t, ratelimit.SharedConfig{Redis: redisAt(t, server, ""), Patience: patient, Clock: now})
			take := func(s *ratelimit.Shared) ratelimit.Result {
				return s.Take(t.Context(), []ratelimit.Bucket{{Key: "k", Rate: perMinute(60), Cost: 1}})[0]
			}
			take(other)
			if got := take(s); got.Remaining != 58 {
				t.Fatalf("before: %+v", got)
			}
			trouble(link)
			began := time.Now()
			for left := 57; left >= 0; left-- {
				if got := take(s); !got.Allowed || got.Remaining != left {
					t.Fatalf("without Redis: %+v, want %d left", got, left)
				}
			}
			if got := take(s); got.Allowed {
				t.Errorf("without Redis there is no limit: %+v", got)
			}
			// One request may have waited; the others must not.
			if took := time.Since(began); took > 2*time.Second {
				t.Errorf("59 requests took %s", took)
			}
			if reason := <-changed; reason == nil {
				t.Error("giving up was not told")
			}
			link.mend()
			if reason := <-changed; reason != nil {
				t.Errorf("told %v, want that Redis is back", reason)
			}
			// The request that Redis had before it froze may be counted late.
			if got := take(s); !got.Allowed || got.Remaining < 56 || got.Remaining > 57 {
				t.Errorf("after: %+v, want what Redis knows", got)
			}
		})
	}
}

// A Redis that answers and takes no writes is of no use, and is not returned to.
func TestAReadOnlyRedisIsNoRedis(t *testing.T) {
	broken := &readOnly{asked: make(chan struct{})}
	changed, done := make(chan error, 100), make(chan struct{})
	s := shared(t, ratelimit.SharedConfig{
		Redis: broken, Patience: patient, Probe: time.Millisecond, Changed: func(reason error) { changed <- reason },
	})
	go func() { // the request's, and five of the probe's
		for range 6 {
			<-broken.asked
		}
		close(done)
	}()
	for range 3 {
		if got := s.Take(t.Context(), []ratelimit.Bucket{{Key: "k", Rate: perMinute(60), Cost: 1}})[0]; !got.Allowed {
			t.Errorf("got %+v", got)
		}
	}
	<-done
	if <-changed == nil || len(changed) > 0 {
		t.Error("a Redis that takes no writes was returned to")
	}
}

type readOnly struct {
	redis.UniversalClient
	asked chan struct{}
}

func (r *readOnly) EvalSha(ctx context.Context, _ string, _ []string, _ ...any) *redis.Cmd {
	select {
	case r.asked <- struct{}{}:
	case <-ctx.Done():
	}
	return redis.NewCmdResult(nil, errors.New("read only"))
}

// proxy stands between a client and Redis, and can be troubled.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	state string // "", cut or frozen
	conns []net.Conn
	thaw  chan struct{}
}

func newProxy(t testing.TB, server *builtin.Redis) *proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, target: u.Host, thaw: make(chan struct{})}
	go p.serve()
	t.Cleanup(func() { _ = listener.Close(); p.mend(); p.cut() })
	return p
}

func (p *proxy) address() string { return p.listener.Addr().String() }

func (p *proxy) serve() {
	for {
		in, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.mu.Lock()
		state := p.state
		p.conns = append(p.conns, in)
		p.mu.Unlock()
		if state == "cut" {
			_ = in.Close()
			continue
		}
		out, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = in.Close()
			continue
		}
		p.mu.Lock()
		p.conns = append(p.conns, out)
		p.mu.Unlock()
		go p.copy(out, in)
		go p.copy(in, out)
	}
}

func (p *proxy) copy(to, from net.Conn) {
	buffer := make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		p.mu.Lock()
		state, thaw := p.state, p.thaw
		p.mu.Unlock()
		if state == "frozen" {
			<-thaw
		}
		if n > 0 {
			_, _ = to.Write(buffer[:n])
		}
		if err != nil {
			if !errors.Is(err, io.EOF) {
				_ = to.Close()
			}
			return
		}
	}
}

func (p *proxy) freeze() { p.set("frozen") }

func (p *proxy) cut() {
	p.set("cut")
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) set(state string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = state
}

func (p *proxy) mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.state = ""
	close(p.thaw)
	p.thaw = make(chan struct{})
}
