package builtin

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

func startRedis(t *testing.T) (*Redis, *redis.Client) {
	t.Helper()
	r, err := StartRedis()
	must(t, err)
	t.Cleanup(r.Stop)
	options, err := redis.ParseURL(r.URL())
	must(t, err)
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return r, client
}

func TestRedisServes(t *testing.T) {
	t.Parallel()
	r, client := startRedis(t)
	if !strings.HasPrefix(r.URL(), "redis://:") || !strings.HasSuffix(r.URL(), "/0") || !strings.Contains(r.URL(), "@127.0.0.1:") {
		t.Errorf("unexpected URL %s", r.URL())
	}
	must(t, client.Set(t.Context(), "key", "value", 0).Err())
	r.Flush()
	if err := client.Get(t.Context(), "key").Err(); !errors.Is(err, redis.Nil) {
		t.Errorf("after Flush: %v", err)
	}
	r.Stop()
	r.Stop()
	if err := client.Ping(t.Context()).Err(); err == nil {
		t.Error("it answers after Stop")
	}
}

func TestRedisWantsThePassword(t *testing.T) {
	t.Parallel()
	_, client := startRedis(t)
	stranger := redis.NewClient(&redis.Options{Addr: client.Options().Addr})
	t.Cleanup(func() { _ = stranger.Close() })
	wantError(t, stranger.Ping(t.Context()).Err(), "NOAUTH")
}

func TestRedisKeysExpire(t *testing.T) {
	t.Parallel()
	_, client := startRedis(t)
	must(t, client.Set(t.Context(), "short", "value", 1500*time.Millisecond).Err())
	must(t, client.Set(t.Context(), "long", "value", time.Hour).Err())
	eventually(t, "the key expires", func() bool { return errors.Is(client.Get(t.Context(), "short").Err(), redis.Nil) })
	must(t, client.Get(t.Context(), "long").Err())
}
