package jobs_test

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/testkit"
	"github.com/trellishq/trellis/jobs"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// setup is a database and a clock that stands still.
type setup struct {
	testing.TB
	clock    *clock.Manual
	database testkit.Database
	store    *store.Store
	owner    *sql.DB
}

func newSetup(t testing.TB) *setup {
	t.Helper()
	s := &setup{TB: t, clock: clock.NewManual(testkit.Start), database: testkit.NewDatabase(t)}
	s.store = testkit.Open(t, s.database, s.clock)
	s.owner = s.database.Owner(t)
	return s
}

// messages writes queued messages of a tenant, due a while from now. What they
// point at is left out: the dispatcher does not look at it.
func (s *setup) messages(tenant uuid.UUID, n int, dueIn time.Duration) {
	s.Helper()
	conn, err := s.owner.Conn(s.Context())
	if err != nil {
		s.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	for _, statement := range []string{
		`SET session_replication_role = replica`, // no foreign keys
		fmt.Sprintf(`
			INSERT INTO messages (id, created_at, updated_at, tenant_id, interaction_id, channel_id, direction, status, body,
				from_address, to_address, due_at, expires_at)
			SELECT gen_random_uuid(), '%[1]s', '%[1]s', '%[2]s', gen_random_uuid(), gen_random_uuid(), 'outbound', 'queued', 'Hello',
				'+15145550100', '+15145550199', '%[3]s', '%[4]s'
			FROM generate_series(1, %[5]d)`,
			s.clock.Now().Format(time.RFC3339Nano), tenant, s.clock.Now().Add(dueIn).Format(time.RFC3339Nano),
			s.clock.Now().Add(4*time.Hour).Format(time.RFC3339Nano), n),
		`RESET session_replication_role`,
	} {
		if _, err := conn.ExecContext(s.Context(), statement); err != nil {
			s.Fatal(err)
		}
	}
}

// events writes callbacks that wait to be worked through.
func (s *setup) events(tenant uuid.UUID, n int) {
	s.Helper()
	_, err := s.owner.ExecContext(s.Context(), `
		INSERT INTO provider_events (id, tenant_id, channel_id, kind, event_key, payload, raw, state, due_at, received_at)
		SELECT gen_random_uuid(), $1, gen_random_uuid(), 'inbound', i::text, '{}', '', 'pending', $2, $2 FROM generate_series(1, $3) i`,
		tenant, s.clock.Now(), n)
	if err != nil {
		s.Fatal(err)
	}
}

func (s *setup) count(query string, args ...any) int {
	s.Helper()
	var n int
	if err := s.owner.QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		s.Fatal(err)
	}
	return n
}

func (s *setup) claim(c *jobs.Claimer, limit int) []jobs.Task {
	s.Helper()
	tasks, err := c.Claim(s.Context(), jobs.Messages, limit)
	if err != nil {
		s.Fatal(err)
	}
	return tasks
}

func quiet() *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }

func newTask() jobs.Task {
	return jobs.Task{Kind: jobs.Messages, TenantID: id.New(), ID: id.New(), Round: 1}
}

// redisServer is a real server, or the one in this process.
type redisServer struct {
	url     string
	flush   func()
	stop    func()
	restart func() // nil where that is not possible
}

// forBothRedis runs a test with a real redis-server and with ours.
func forBothRedis(t *testing.T, run func(t *testing.T, r redisServer)) {
	t.Helper()
	t.Run("redis-server", func(t *testing.T) {
		t.Parallel()
		run(t, realRedis(t))
	})
	t.Run("in process", func(t *testing.T) {
		t.Parallel()
		r, err := builtin.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Stop)
		run(t, redisServer{url: r.URL(), flush: r.Flush, stop: r.Stop})
	})
}

func realRedis(t *testing.T) redisServer {
	t.Helper()
	path, err := exec.LookPath("redis-server")
	if err != nil {
		t.Skip("redis-server is not installed (apt-get install redis-server)")
	}
	// The system gives no outgoing connection such a port.
	port := 0
	for n := 30000 + os.Getpid()%1500; port == 0; n++ {
		if l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(n)); err == nil {
			port = n
			_ = l.Close()
		}
	}
	dir := t.TempDir()
	var running *exec.Cmd
	start := func() {
		command := exec.Command(path, "--port", strconv.Itoa(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", dir)
		command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		started := make(chan error)
		ended := make(chan struct{})
		go func() {
			runtime.LockOSThread() // the server dies with the thread that started it
			defer runtime.UnlockOSThread()
			defer close(ended)
			err := command.Start()
			started <- err
			if err == nil {
				_ = command.Wait()
			}
		}()
		if err := <-started; err != nil {
			t.Fatal(err)
		}
		running = command
		t.Cleanup(func() {
			_ = command.Process.Kill()
			<-ended
		})
	}
	start()
	r := redisServer{url: fmt.Sprintf("redis://127.0.0.1:%d/0", port)}
	admin := openQueues(t, r)
	answers := func() bool { return admin.Ping(context.Background()) == nil }
	eventually(t, "redis-server answers", answers)
	r.flush = func() {
		if err := admin.Redis().FlushAll(context.Background()).Err(); err != nil {
			t.Error(err)
		}
	}
	var deaf net.Listener
	r.stop = func() {
		_ = running.Process.Kill()
		eventually(t, "redis-server is gone", func() bool { return !answers() })
		// Another test's server could get the port and answer in its place.
		eventually(t, "the port is held", func() (held bool) { deaf, held = holdPort(port); return held })
		t.Cleanup(func() { _ = deaf.Close() })
	}
	r.restart = func() {
		_ = deaf.Close()
		start()
		eventually(t, "redis-server is back", answers)
	}
	return r
}

// holdPort takes a port and hangs up on whoever calls.
func holdPort(port int) (net.Listener, bool) {
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return nil, false
	}
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			_ = connection.Close()
		}
	}()
	return listener, true
}

func openQueues(t testing.TB, r redisServer) *jobs.Queues {
	t.Helper()
	q, err := jobs.OpenQueues(r.url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = q.Close() })
	return q
}

// eventually waits for what another goroutine or process brings about.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	within(t, 20*time.Second, what, condition)
}

func within(t testing.TB, limit time.Duration, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !condition(); time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // this is the bounded wait
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// running runs something until the test ends.
func running(t testing.TB, run func(ctx context.Context)) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		run(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}
