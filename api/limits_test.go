package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/api/assembly"
	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/jobs"
)

// onRedis counts requests in a Redis, within tight limits.
func onRedis(t testing.TB, address string, perCaller, perTenant int) apitest.Option {
	t.Helper()
	client, err := jobs.OpenRedis(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return func(c *assembly.Config) {
		c.Redis, c.RedisPatience = client, 10*time.Second // of a busy test machine
		c.RateLimit, c.TenantRateLimit = perCaller, perTenant
	}
}

func builtinRedis(t testing.TB) *builtin.Redis {
	t.Helper()
	server, err := builtin.StartRedis()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	return server
}

// budgets are the values of a RateLimit header by the names of the limits.
func budgets(t testing.TB, r *apitest.Response) map[string]int {
	t.Helper()
	out := map[string]int{}
	for _, item := range strings.Split(r.Header.Get("RateLimit"), ", ") {
		var left, reset int
		name, rest, _ := strings.Cut(item, ";")
		if _, err := fmt.Sscanf(rest, "r=%d;t=%d", &left, &reset); err != nil {
			t.Fatalf("RateLimit: %q", r.Header.Get("RateLimit"))
		}
		out[strings.Trim(name, `"`)] = left
	}
	return out
}

// Limits hold per user, per key and per tenant, over all processes of an
// installation, and go on without Redis (rules C4-1, C4-2).
//
// Covers: SEC-15
func TestLimitsHoldOverAllProcesses(t *testing.T) {
	t.Parallel()
	server := builtinRedis(t)
	one := apitest.Start(t, onRedis(t, server.URL(), 100, 130))
	two := one.Replica(t, onRedis(t, server.URL(), 100, 130))
	tree := one.Grow(t)
	one.Clock.Advance(2 * time.Minute)
	admin, agent := tree.Customer.Admin, tree.Customer.Agent
	key := admin.As(admin.Post(t, tree.Customer.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"channels:read"}}).
		Want(t, http.StatusCreated).String(t, "key"))
	one.Clock.Advance(2 * time.Minute)

	r := admin.Get(t, "/v1/me").Want(t, http.StatusOK)
	if got := r.Header.Get("RateLimit-Policy"); got != `"default";q=100;w=60, "tenant";q=130;w=60` {
		t.Errorf("RateLimit-Policy: %s", got)
	}
	if got := r.Header.Get("RateLimit"); got != `"default";r=99;t=1, "tenant";r=129;t=1` {
		t.Errorf("RateLimit: %s", got)
	}
	for n := 98; n >= 0; n-- {
		at := []*apitest.Platform{one, two}[n%2]
		if got := budgets(t, admin.At(at).Get(t, "/v1/me").Want(t, http.StatusOK)); got["default"] != n || got["tenant"] != n+30 {
			t.Fatalf("%d requests left: %v", n, got)
		}
	}
	for _, p := range []*apitest.Platform{one, two} {
		r := admin.At(p).Get(t, "/v1/me")
		r.WantProblem(t, http.StatusTooManyRequests, "rate_limited", "")
		if r.Header.Get("Retry-After") != "1" || r.String(t, "type") != "https://iana.org/assignments/http-problem-types#quota-exceeded" ||
			!strings.Contains(string(r.Content), `"violated-policies":["default"]`) {
			t.Errorf("%v %s", r.Header, r.Content)
		}
	}

	// Another user and a key have limits of their own, and the tenant's in common.
	for n := 29; n >= 10; n-- {
		if got := budgets(t, agent.At(two).Get(t, "/v1/me").Want(t, http.StatusOK)); got["default"] != n+70 || got["tenant"] != n {
			t.Fatalf("the agent's: %v", got)
		}
	}
	for n := 9; n >= 0; n-- {
		if got := budgets(t, key.At(one).Get(t, "/v1/me").Want(t, http.StatusOK)); got["default"] != n+90 || got["tenant"] != n {
			t.Fatalf("the key's: %v", got)
		}
	}
	r = agent.At(one).Get(t, "/v1/me")
	r.WantProblem(t, http.StatusTooManyRequests, "rate_limited", "")
	if !strings.Contains(string(r.Content), `"violated-policies":["tenant"]`) {
		t.Errorf("%s", r.Content)
	}
	// What a tenant uses up is not what its reseller has, nor its neighbour.
	if got := budgets(t, tree.L2.Admin.Get(t, tree.Customer.Path("")).Want(t, http.StatusOK)); got["default"] != 99 || got["tenant"] != 129 {
		t.Errorf("the reseller's: %v", got)
	}

	// Time gives it back: one in 0.6 s to the user, one in 0.46 s to the tenant.
	one.Clock.Advance(time.Second)
	admin.At(two).Get(t, "/v1/me").Want(t, http.StatusOK)

	// Without Redis each process goes on from what Redis said last.
	server.Stop()
	one.Clock.Advance(time.Minute - time.Second)
	for range 90 {
		admin.At(one).Get(t, "/v1/me").Want(t, http.StatusOK)
	}
	limited := false
	for range 20 {
		limited = limited || admin.At(one).Get(t, "/v1/me").Status == http.StatusTooManyRequests
	}
	if !limited {
		t.Error("without Redis there is no limit")
	}
	admin.At(two).Get(t, "/v1/me").Want(t, http.StatusOK) // it counts for itself
}

// Attempts to sign in are counted over all processes as well.
func TestSignInsAreCountedTogether(t *testing.T) {
	t.Parallel()
	server := builtinRedis(t)
	one := apitest.Start(t, onRedis(t, server.URL(), 1000, 1000))
	two := one.Replica(t, onRedis(t, server.URL(), 1000, 1000))
	one.Clock.Advance(2 * time.Minute)
	guess := apitest.Body{"login": "nobody@operator.example", "password": "wrong-password-1"}
	for n := range 20 {
		p := []*apitest.Platform{one, two}[n%2]
		p.Anonymous().Post(t, "/v1/auth/login", guess).WantProblem(t, http.StatusUnauthorized, "invalid_login", "")
	}
	for _, p := range []*apitest.Platform{one, two} {
		r := p.Anonymous().Post(t, "/v1/auth/login", guess)
		r.WantProblem(t, http.StatusTooManyRequests, "rate_limited", "")
		if r.Header.Get("Retry-After") != "3" || !strings.HasPrefix(r.Header.Get("RateLimit-Policy"), `"login";q=20;w=60`) {
			t.Errorf("%v", r.Header)
		}
	}
	u, err := url.Parse(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	password, _ := u.User.Password()
	client := redis.NewClient(&redis.Options{Addr: u.Host, Password: password})
	defer func() { _ = client.Close() }()
	keys, err := client.Keys(t.Context(), "trellis:rate:*").Result()
	if err != nil || len(keys) == 0 {
		t.Errorf("Redis has %v, %v", keys, err)
	}
	for _, key := range keys {
		if left := client.PTTL(t.Context(), key).Val(); left <= 0 || left > 2*time.Minute {
			t.Errorf("%s stays for %s", key, left)
		}
	}
}
