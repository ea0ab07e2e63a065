package builtin

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	_ "github.com/lib/pq"
	"go.uber.org/goleak"
)

// helperVariable makes the test binary play a program with a built-in server
// in the named directory, for tests that kill it.
const helperVariable = "TRELLIS_BUILTIN_TEST_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(helperVariable); dir != "" {
		os.Exit(playProgram(dir))
	}
	goleak.VerifyTestMain(m)
}

// playProgram prints the server's URL and runs until its input ends.
func playProgram(dir string) int {
	p, err := StartPostgres(context.Background(), PostgresConfig{Dir: dir})
	if err != nil {
		fmt.Println("error:", err)
		return 1
	}
	fmt.Println(p.URL())
	_, _ = io.Copy(io.Discard, os.Stdin)
	if err := p.Stop(context.Background()); err != nil {
		return 1
	}
	return 0
}

// program is a running helper.
type program struct {
	cmd *exec.Cmd
	url string
}

func startProgram(t *testing.T, dir string) *program {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), helperVariable+"="+dir)
	stdin, err := cmd.StdinPipe()
	must(t, err)
	stdout, err := cmd.StdoutPipe()
	must(t, err)
	must(t, cmd.Start())
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	must(t, err)
	if strings.HasPrefix(line, "error:") {
		t.Fatal(line)
	}
	return &program{cmd: cmd, url: strings.TrimSpace(line)}
}

func (p *program) kill(t *testing.T) {
	t.Helper()
	must(t, p.cmd.Process.Kill())
	_ = p.cmd.Wait() // says that it was killed
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, err error, words ...string) {
	t.Helper()
	if err == nil {
		t.Fatal("want an error, got none")
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("the error lacks %q: %v", word, err)
		}
	}
}

func requireRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root: only root has to become somebody else")
	}
}

// publicDir is a new directory that every user can reach; t.TempDir is closed
// to other users.
func publicDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.Chmod(filepath.Dir(dir), 0o755))
	return filepath.Join(dir, "trellis-data", "postgres")
}

// deadline bounds what a foreign process is waited for.
func deadline(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func requirePostgres(t *testing.T) {
	t.Helper()
	if _, err := choose(inspect(t.Context(), usualBinaryDirs()), 0); err != nil {
		t.Skip(err)
	}
}

func start(t *testing.T, dir string, m machine) *Postgres {
	t.Helper()
	requirePostgres(t)
	logger := slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
	p, err := startPostgres(deadline(t), PostgresConfig{Dir: dir, Logger: logger}, m)
	must(t, err)
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *Postgres) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func open(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", url)
	must(t, err)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execute(t *testing.T, url, statement string) {
	t.Helper()
	db := open(t, url)
	_, err := db.ExecContext(t.Context(), statement)
	must(t, err)
	must(t, db.Close())
}

func ask(t *testing.T, url, query string) string {
	t.Helper()
	db := open(t, url)
	var answer string
	must(t, db.QueryRowContext(t.Context(), query).Scan(&answer))
	must(t, db.Close())
	return answer
}

func listens(t *testing.T, databaseURL string) bool {
	t.Helper()
	u, err := url.Parse(databaseURL)
	must(t, err)
	c, err := net.DialTimeout("tcp", u.Host, time.Second)
	if err != nil {
		return false
	}
	_ = c.Close()
	return true
}

// eventually polls what a foreign process brings about.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx := deadline(t)
	for !condition() {
		if pause(ctx, 5*time.Millisecond) != nil {
			t.Fatalf("not within the deadline: %s", what)
		}
	}
}
