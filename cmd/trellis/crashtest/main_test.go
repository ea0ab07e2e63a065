package crashtest

import (
	"context"
	"database/sql"
	"flag"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
)

// installed is what all worlds share: the binary, the database server and the
// master key.
var installed struct {
	dir      string
	binary   string
	postgres *builtin.Postgres
	keys     string
}

// together is how many worlds run at the same time. They mostly wait.
const together = 6

const rolePassword = "test-only"

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("crashtest: skipped with -short")
		return
	}
	if !isSet("test.parallel") {
		_ = flag.Set("test.parallel", strconv.Itoa(together))
	}
	code, err := run(m)
	if err != nil {
		fmt.Println("crashtest:", err)
		code = 1
	}
	os.Exit(code)
}

func isSet(name string) bool {
	found := false
	flag.Visit(func(f *flag.Flag) { found = found || f.Name == name })
	return found
}

func run(m *testing.M) (int, error) {
	var err error
	if installed.dir, err = os.MkdirTemp("", "trellis-crash-"); err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(installed.dir) }()
	if err := os.Chmod(installed.dir, 0o755); err != nil { // #nosec G302 -- the database's own user passes through it
		return 0, err
	}
	installed.binary = os.Getenv("CRASH_BINARY")
	if installed.binary == "" {
		installed.binary = filepath.Join(installed.dir, "trellis")
		build := exec.Command("go", "build", "-tags", "crashpoints", "-o", installed.binary, "github.com/trellishq/trellis/cmd/trellis")
		if out, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("building: %w\n%s", err, out)
		}
	}
	key, err := secret.NewKey("k1")
	if err != nil {
		return 0, err
	}
	installed.keys = key.Encode().Reveal()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	installed.postgres, err = builtin.StartPostgres(ctx, builtin.PostgresConfig{Dir: filepath.Join(installed.dir, "postgres")})
	if err != nil {
		return 0, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		_ = installed.postgres.Stop(ctx)
	}()
	if err := layFoundation(ctx); err != nil {
		return 0, fmt.Errorf("setting up tenants and channels: %w", err)
	}
	return m.Run(), nil
}

// repeats is how often each row of the table is repeated.
func repeats() int {
	n, err := strconv.Atoi(os.Getenv("CRASH_REPEATS"))
	if err != nil || n < 1 {
		return 5
	}
	return n
}

func databaseURL(name string) string {
	u, err := url.Parse(installed.postgres.URL())
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}

func roleURL(owner, role string) string {
	u, err := store.RoleURL(owner, role, rolePassword)
	if err != nil {
		panic(err)
	}
	return u
}

// onServer runs a statement outside of the worlds' databases.
func onServer(ctx context.Context, statement string) error {
	db, err := sql.Open("postgres", installed.postgres.URL())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

var lastPort atomic.Int64

// freePort finds a port outside of the range from which the system takes the
// ports of outgoing connections: it stays free between two starts of a program.
func freePort() int {
	for {
		port := 21000 + (os.Getpid()*37+int(lastPort.Add(1)))%9000
		l, err := net.Listen("tcp", "127.0.0.1:"+strconv.Itoa(port))
		if err == nil {
			_ = l.Close()
			return port
		}
	}
}
