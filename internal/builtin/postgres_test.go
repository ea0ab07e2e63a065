package builtin

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestPostgresServesAndKeepsItsData(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "trellis-data", "postgres")
	began := time.Now()
	p := start(t, dir, thisMachine())
	t.Logf("first start %s", time.Since(began).Round(time.Millisecond))

	u, err := url.Parse(p.URL())
	must(t, err)
	if u.User.Username() != "trellis_owner" || u.Path != "/trellis" || u.Hostname() != "127.0.0.1" || u.RawQuery != "sslmode=disable" {
		t.Errorf("unexpected URL %s", u.Redacted())
	}
	if got := ask(t, p.URL(), "SHOW server_version"); !strings.HasPrefix(got, p.Version()) {
		t.Errorf("Version is %s, the server says %s", p.Version(), got)
	}
	settings := map[string]string{
		"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "max_connections": "200",
		"shared_buffers": "128MB", "listen_addresses": "127.0.0.1", "unix_socket_directories": "",
		"server_encoding": "UTF8", "data_checksums": "on", "timezone": "UTC",
	}
	for name, want := range settings {
		if got := ask(t, p.URL(), "SHOW "+name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	execute(t, p.URL(), "CREATE TABLE kept AS SELECT 'yes' AS answer")

	began = time.Now()
	stop(t, p)
	t.Logf("stop %s", time.Since(began).Round(time.Millisecond))
	if listens(t, p.URL()) {
		t.Error("the port is open after Stop")
	}
	began = time.Now()
	again := start(t, dir, thisMachine())
	t.Logf("second start %s", time.Since(began).Round(time.Millisecond))
	if got := ask(t, again.URL(), "SELECT answer FROM kept"); got != "yes" {
		t.Errorf("the row is %q", got)
	}
}

func TestPostgresDurableSyncs(t *testing.T) {
	t.Parallel()
	requirePostgres(t)
	began := time.Now()
	p, err := StartPostgres(deadline(t), PostgresConfig{Dir: t.TempDir(), Durable: true})
	must(t, err)
	t.Cleanup(func() { stop(t, p) })
	t.Logf("first durable start %s", time.Since(began).Round(time.Millisecond))
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if got := ask(t, p.URL(), "SHOW "+name); got != "on" {
			t.Errorf("%s is %s", name, got)
		}
	}
}

func TestPostgresWantsThePassword(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, thisMachine())
	info, err := os.Stat(filepath.Join(dir, passwordName))
	must(t, err)
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the password file has mode %o", info.Mode().Perm())
	}
	u, err := url.Parse(p.URL())
	must(t, err)
	u.User = url.UserPassword(ownerRole, "guess")
	wantError(t, open(t, u.String()).PingContext(t.Context()), "password authentication failed")
	if got := ask(t, p.URL(), "SELECT left(rolpassword, 13) FROM pg_authid WHERE rolname = 'trellis_owner'"); got != "SCRAM-SHA-256" {
		t.Errorf("the password is stored as %s", got)
	}
}

func TestPostgresDoneWhenTheServerEndsByItself(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, thisMachine())
	select {
	case <-p.Done():
		t.Fatal("Done is closed while the server runs")
	default:
	}
	must(t, p.Err())
	must(t, syscall.Kill(p.server.process.Pid, syscall.SIGKILL))
	select {
	case <-p.Done():
	case <-deadline(t).Done():
		t.Fatal("Done stays open after the server was killed")
	}
	wantError(t, p.Err(), "ended by itself", "killed")
	stop(t, p)

	// The killed server left its pid file and perhaps its last processes.
	again := start(t, dir, thisMachine())
	ask(t, again.URL(), "SELECT 1")
}

func TestPostgresDoneStaysOpenAfterStop(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), thisMachine())
	stop(t, p)
	stop(t, p)
	select {
	case <-p.Done():
		t.Error("Done is closed after Stop")
	default:
	}
	must(t, p.Err())
}

func TestPostgresStopWithoutTimeIsAbrupt(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, thisMachine())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := p.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop returns %v, want the context's error", err)
	}
	if listens(t, p.URL()) {
		t.Error("the port is open after Stop")
	}
	again := start(t, dir, thisMachine())
	ask(t, again.URL(), "SELECT 1")
}

func TestPostgresStopsOpenTransactions(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), thisMachine())
	tx, err := open(t, p.URL()).BeginTx(t.Context(), nil)
	must(t, err)
	_, err = tx.ExecContext(t.Context(), "CREATE TABLE never ()")
	must(t, err)
	stop(t, p)
	_ = tx.Rollback() // the connection is gone
}

func TestPostgresRefusesADirectoryInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start(t, dir, thisMachine())
	_, err := StartPostgres(deadline(t), PostgresConfig{Dir: dir})
	wantError(t, err, "in use by another Trellis", "TRELLIS_DATABASE_URL")
}

func TestPostgresHonoursTheContext(t *testing.T) {
	t.Parallel()
	requirePostgres(t)
	dir := t.TempDir()
	for _, limit := range []time.Duration{0, 30 * time.Millisecond, 150 * time.Millisecond} {
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		began := time.Now()
		_, err := StartPostgres(ctx, PostgresConfig{Dir: dir})
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("with %s the error is %v", limit, err)
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("with %s it took %s", limit, took)
		}
	}
	// An interrupted first start leaves nothing that hinders the next.
	p := start(t, dir, thisMachine())
	ask(t, p.URL(), "SELECT 1")
}

func TestPostgresErrorHoldsTheServersLastWords(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	configuration := filepath.Join(dir, dataName, "postgresql.conf")
	f, err := os.OpenFile(configuration, os.O_APPEND|os.O_WRONLY, 0)
	must(t, err)
	_, err = f.WriteString("no_such_setting = 1\n")
	must(t, errors.Join(err, f.Close()))

	_, err = StartPostgres(deadline(t), PostgresConfig{Dir: dir})
	wantError(t, err, "did not start", "no_such_setting", "exit status 1", dir)
}

func TestPostgresNeedsThePasswordOfItsData(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	must(t, os.Remove(filepath.Join(dir, passwordName)))
	_, err := StartPostgres(deadline(t), PostgresConfig{Dir: dir})
	wantError(t, err, "password", "is missing")
}

func TestPostgresPidFileOfSomethingElse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	pidFile := filepath.Join(dir, dataName, "postmaster.pid")
	// Process 1 lives and is no server, as any process may be that got the
	// number of an old one; an empty file is what a crash may leave.
	for _, text := range []string{"1\n" + dir + "\n", ""} {
		must(t, os.WriteFile(pidFile, []byte(text), 0o600))
		p := start(t, dir, thisMachine())
		ask(t, p.URL(), "SELECT 1")
		stop(t, p)
	}
}

func TestPostgresLeavesAServerStartedByHandAlone(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	s := launchOrphan(t, dir, []string{"listen_addresses=127.0.0.1", "unix_socket_directories="})

	_, err := StartPostgres(deadline(t), PostgresConfig{Dir: dir})
	wantError(t, err, "started by hand", "stop it first")
	select {
	case <-s.exited:
		t.Error("the server was stopped")
	default:
	}
}

func TestPostgresStopsAServerThatLostItsProgram(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	s := launchOrphan(t, dir, runner{}.settings())

	p := start(t, dir, thisMachine())
	ask(t, p.URL(), "SELECT 1")
	select {
	case <-s.exited:
	case <-deadline(t).Done():
		t.Error("the older server still runs")
	}
}

func TestPostgresWaitsForAnOlderServer(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	stop(t, start(t, dir, thisMachine()))
	s := launchOrphan(t, dir, runner{}.settings())
	must(t, s.process.Signal(syscall.SIGSTOP)) // a shutdown that takes its time

	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	_, err := StartPostgres(ctx, PostgresConfig{Dir: dir})
	wantError(t, err, "waiting for an older server", "deadline exceeded")

	waiting := make(chan struct{})
	logger := slog.New(slog.NewTextHandler(onWrite(func(line []byte) {
		if bytes.Contains(line, []byte("waiting for an older")) {
			close(waiting)
		}
	}), nil))
	type result struct {
		p   *Postgres
		err error
	}
	started := make(chan result)
	go func() {
		p, err := StartPostgres(deadline(t), PostgresConfig{Dir: dir, Logger: logger})
		started <- result{p, err}
	}()
	<-waiting
	must(t, s.process.Signal(syscall.SIGCONT))
	got := <-started
	must(t, got.err)
	stop(t, got.p)
}

type onWrite func(line []byte)

func (f onWrite) Write(line []byte) (int, error) {
	f(line)
	return len(line), nil
}

// launchOrphan runs a server on the data of a directory that nobody holds the
// lock of.
func launchOrphan(t *testing.T, dir string, settings []string) *server {
	t.Helper()
	found, err := choose(inspect(t.Context(), usualBinaryDirs()), 0)
	must(t, err)
	h, err := openHome(dir)
	must(t, err)
	who, err := thisMachine().settle(t.Context(), h, found)
	must(t, err)
	port, err := freePort()
	must(t, err)
	r := runner{installation: found, identity: who, home: h, logger: slog.New(slog.DiscardHandler)}
	s, err := r.launch(port, settings)
	must(t, err)
	t.Cleanup(func() { s.abandon(context.Background()) })
	must(t, s.waitReady(deadline(t), h.data()))
	must(t, h.close())
	return s
}
