package builtin

import (
	"fmt"
	"net/url"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"

	"github.com/trellishq/trellis/internal/id"
)

// Redis is an in-process server that forgets everything when it ends. One lock
// guards it all, so it serves one process and no production. It is safe for
// concurrent use.
type Redis struct {
	mini     *miniredis.Miniredis
	url      string
	stopping chan struct{}
	stopped  chan struct{}
	once     sync.Once
}

// StartRedis starts a server on a free port of loopback, with a password. It
// fails when it cannot listen there.
func StartRedis() (*Redis, error) {
	password := id.Token(32)
	mini := miniredis.NewMiniRedis()
	mini.RequireAuth(password)
	if err := mini.StartAddr("127.0.0.1:0"); err != nil {
		return nil, fmt.Errorf("starting the built-in Redis: %w", err)
	}
	u := url.URL{Scheme: "redis", User: url.UserPassword("", password), Host: mini.Addr(), Path: "/0"}
	r := &Redis{mini: mini, url: u.String(), stopping: make(chan struct{}), stopped: make(chan struct{})}
	go r.passTime()
	return r, nil
}

// passTime lets keys expire, to the second: miniredis leaves time to its user.
func (r *Redis) passTime() {
	defer close(r.stopped)
	ticker := time.NewTicker(time.Second)
	defer ticker.Stop()
	last := time.Now()
	for {
		select {
		case <-r.stopping:
			return
		case now := <-ticker.C:
			r.mini.FastForward(now.Sub(last))
			last = now
		}
	}
}

// URL is the connection URL with its password. Log it nowhere.
func (r *Redis) URL() string { return r.url }

// Flush drops every key of every database, for tests.
func (r *Redis) Flush() { r.mini.FlushAll() }

// Stop closes every connection and drops what is stored. Stopping twice is no
// error.
func (r *Redis) Stop() {
	r.once.Do(func() {
		close(r.stopping)
		<-r.stopped
		r.mini.Close()
	})
}
