package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/secret"
)

// bench is the ground of all measurements: a built binary, a PostgreSQL with
// its default durability, a Redis and simulated carriers. Each is a process of
// its own, but for the carriers, which live with the load generator.
type bench struct {
	dir      string
	binary   string
	postgres *builtin.Postgres
	redis    *exec.Cmd
	redisURL string
	carriers *sim.Simulator
	simURL   string
	masters  string
	address  string
	seeded   *seed
	// database is the name of one beside PostgreSQL's own; empty for that.
	database string
	forest   *forest
}

// seed is what the measurements work on.
type seed struct {
	token     string
	tenantID  string
	channelID string
	hookURL   string // path of the inbound callback
	account   provider.Credentials
	number    string
}

const password = "Figures-horse-7-battery"

func newBench(ctx context.Context) (*bench, error) {
	dir, err := os.MkdirTemp("", "trellis-figures-")
	if err != nil {
		return nil, err
	}
	b := &bench{dir: dir, binary: filepath.Join(dir, "trellis")}
	if err := b.start(ctx); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

func (b *bench) start(ctx context.Context) error {
	if out, err := exec.CommandContext(ctx, "go", "build", "-o", b.binary, "./cmd/trellis").CombinedOutput(); err != nil {
		return fmt.Errorf("building: %w\n%s", err, out)
	}
	var err error
	b.postgres, err = builtin.StartPostgres(ctx, builtin.PostgresConfig{Dir: filepath.Join(b.dir, "postgres"), Durable: true})
	if err != nil {
		return err
	}
	if err := b.startRedis(ctx); err != nil {
		return err
	}
	b.carriers = sim.New(sim.Config{})
	if b.simURL, err = b.carriers.Start("127.0.0.1:0"); err != nil {
		return err
	}
	key, err := secret.NewKey("k1")
	if err != nil {
		return err
	}
	b.masters = key.Encode().Reveal()
	b.address, err = freeAddress()
	return err
}

func (b *bench) startRedis(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	host, port, _ := net.SplitHostPort(address)
	b.redis = exec.Command("redis-server", "--port", port, "--bind", host, "--save", "", "--dir", b.dir, "--maxmemory-policy", "noeviction")
	if err := b.redis.Start(); err != nil {
		return fmt.Errorf("starting redis-server (install it): %w", err)
	}
	b.redisURL = "redis://" + address + "/0"
	return await(ctx, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
		}
		return err == nil
	})
}

func (b *bench) close() {
	if b.forest != nil {
		b.forest.fell()
	}
	if b.carriers != nil {
		_ = b.carriers.Close()
	}
	if b.redis != nil && b.redis.Process != nil {
		_ = b.redis.Process.Signal(syscall.SIGTERM)
		_ = b.redis.Wait()
	}
	if b.postgres != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = b.postgres.Stop(ctx)
	}
	_ = os.RemoveAll(b.dir)
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer func() { _ = listener.Close() }()
	return listener.Addr().String(), nil
}

// await looks every few milliseconds until something is so.
func await(ctx context.Context, done func() bool) error {
	for !done() {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
	}
	return nil
}

func (b *bench) environment() []string {
	return append(os.Environ(),
		"TRELLIS_DATABASE_URL="+b.ownerURL(), "TRELLIS_REDIS_URL="+b.redisURL, "TRELLIS_MASTER_KEYS="+b.masters,
		"TRELLIS_HTTP_ADDR="+b.address, "TRELLIS_METRICS_ADDR=off", "TRELLIS_DATA_DIR="+filepath.Join(b.dir, "data"),
		"TRELLIS_RATE_LIMIT=10000000", "TRELLIS_TENANT_RATE_LIMIT=10000000", "TRELLIS_EGRESS_ALLOW=127.0.0.0/8", "TRELLIS_LOG_LEVEL=warn",
		"TRELLIS_TWILIO_BASE_URL="+b.simURL+"/twilio", "TRELLIS_SCOPSERV_BASE_URL="+b.simURL+"/carrier")
}

// serve runs the binary until stop is called.
func (b *bench) serve(ctx context.Context, args ...string) (stop func(), err error) {
	cmd := exec.Command(b.binary, append([]string{"serve"}, args...)...)
	cmd.Env = b.environment()
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	err = await(ctx, func() bool { return answers("http://" + b.address + "/readyz") })
	if err != nil {
		stop()
		return nil, err
	}
	return stop, b.seed(ctx)
}

func answers(url string) bool {
	response, err := http.Get(url)
	if err != nil {
		return false
	}
	_ = response.Body.Close()
	return response.StatusCode == http.StatusOK
}

// seed makes a tenant with a channel, once, through the front door.
func (b *bench) seed(ctx context.Context) error {
	if b.seeded != nil {
		return b.signIn(ctx, "admin@bench.example")
	}
	create := exec.CommandContext(ctx, b.binary, "operator", "create", "--login", "staff@bench.example", "--password", password)
	create.Env = b.environment()
	if out, err := create.CombinedOutput(); err != nil {
		return fmt.Errorf("operator create: %w\n%s", err, out)
	}
	b.seeded = &seed{number: "+15145550100", account: provider.Credentials{
		"account_sid": "AC" + strings.Repeat("0123456789abcdef", 2), "auth_token": strings.Repeat("0123456789abcdef", 2),
	}}
	if err := b.signIn(ctx, "staff@bench.example"); err != nil {
		return err
	}
	me, err := b.call(ctx, http.MethodGet, "/v1/me", nil)
	if err != nil {
		return err
	}
	parent := me["tenant"].(map[string]any)["id"]
	for _, kind := range []string{"reseller_l1", "customer"} {
		made, err := b.call(ctx, http.MethodPost, "/v1/tenants", map[string]any{"parent_id": parent, "kind": kind, "name": kind})
		if err != nil {
			return err
		}
		parent = made["id"]
	}
	b.seeded.tenantID = parent.(string)
	_, err = b.call(ctx, http.MethodPost, b.tenantPath("/users"), map[string]any{
		"login": "admin@bench.example", "name": "Admin", "role": "tenant_admin", "password": password,
	})
	if err != nil {
		return err
	}
	if err := b.signIn(ctx, "admin@bench.example"); err != nil {
		return err
	}
	return b.connect(ctx)
}

func (b *bench) connect(ctx context.Context) error {
	s := b.seeded
	_ = b.carriers.AddAccount(sim.Account{Provider: provider.Twilio, Credentials: s.account, Addresses: []string{s.number}})
	made, err := b.call(ctx, http.MethodPost, b.tenantPath("/channels"), map[string]any{
		"name": "Bench", "provider": "twilio", "address": s.number, "credentials": s.account,
	})
	if err != nil {
		return err
	}
	s.channelID = made["id"].(string)
	s.hookURL = made["inbound_url"].(string)
	return nil
}

func (b *bench) tenantPath(path string) string { return "/v1/tenants/" + b.seeded.tenantID + path }

func (b *bench) signIn(ctx context.Context, login string) error {
	b.seeded.token = ""
	tokens, err := b.call(ctx, http.MethodPost, "/v1/auth/login", map[string]any{"login": login, "password": password})
	if err != nil {
		return err
	}
	b.seeded.token = tokens["access_token"].(string)
	return nil
}

func (b *bench) call(ctx context.Context, method, path string, body any) (map[string]any, error) {
	content, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, method, "http://"+b.address+path, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if body == nil {
		request.Body = nil
		request.ContentLength = 0
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	if b.seeded.token != "" {
		request.Header.Set("Authorization", "Bearer "+b.seeded.token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, fmt.Errorf("%s %s: %d: %s", method, path, response.StatusCode, answer)
	}
	var out map[string]any
	return out, json.Unmarshal(answer, &out)
}

// owner is a connection URL past every wall, for floors and for preparing.
func (b *bench) ownerURL() string {
	if b.database == "" {
		return b.postgres.URL()
	}
	u, err := url.Parse(b.postgres.URL())
	if err != nil {
		panic(err) // the server's own
	}
	u.Path = "/" + b.database
	return u.String()
}
