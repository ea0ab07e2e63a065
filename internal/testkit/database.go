// Package testkit gives tests the real thing: a PostgreSQL of their own, a
// database each from a migrated template, and a clock that stands still.
package testkit

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	_ "github.com/lib/pq" // the driver for creating databases

	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/store"
)

// Start is the time at which tests begin: a Saturday in no special zone.
var Start = time.Date(2026, 3, 7, 15, 4, 5, 0, time.UTC)

// rolePassword is good enough for servers on loopback that die with the test.
const rolePassword = "test-only"

var passwords = map[string]string{store.RoleApp: rolePassword, store.RoleSystem: rolePassword}

// cluster is the server that all tests of one package share.
var cluster struct {
	once   sync.Once
	server *builtin.Postgres
	dir    string
	err    error
}

const template = "trellis_template"

// Main runs a package's tests and stops the server that they started:
//
//	func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }
func Main(m *testing.M) int {
	defer stopCluster()
	return m.Run()
}

func stopCluster() {
	if cluster.server == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_ = cluster.server.Stop(ctx)
	_ = os.RemoveAll(cluster.dir)
}

func startCluster() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if cluster.dir, cluster.err = os.MkdirTemp("", "trellis-test-"); cluster.err != nil {
		return
	}
	cluster.server, cluster.err = builtin.StartPostgres(ctx, builtin.PostgresConfig{Dir: cluster.dir})
	if cluster.err != nil {
		return
	}
	if cluster.err = execOwner(ctx, "CREATE DATABASE "+template); cluster.err != nil {
		return
	}
	cluster.err = store.Migrate(ctx, databaseURL(template), passwords)
}

// Database is one test's database.
type Database struct {
	OwnerURL, AppURL, SystemURL string
}

var databases atomic.Int64

// NewDatabase makes a migrated database and drops it when the test ends.
func NewDatabase(t testing.TB) Database {
	t.Helper()
	return newDatabase(t, template)
}

// NewEmptyDatabase makes a database that nobody has migrated.
func NewEmptyDatabase(t testing.TB) Database {
	t.Helper()
	return newDatabase(t, "template0")
}

func newDatabase(t testing.TB, from string) Database {
	t.Helper()
	cluster.once.Do(startCluster)
	if cluster.err != nil {
		t.Fatalf("testkit: no database: %v", cluster.err)
	}
	name := fmt.Sprintf("test_%d", databases.Add(1))
	ctx := context.Background()
	if err := execOwner(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		t.Fatalf("testkit: %v", err)
	}
	t.Cleanup(func() { _ = execOwner(ctx, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	d := Database{OwnerURL: databaseURL(name)}
	d.AppURL, _ = store.RoleURL(d.OwnerURL, store.RoleApp, rolePassword)
	d.SystemURL, _ = store.RoleURL(d.OwnerURL, store.RoleSystem, rolePassword)
	return d
}

// OpenStore opens a store on a new database.
func OpenStore(t testing.TB, c clock.Clock) *store.Store {
	t.Helper()
	return Open(t, NewDatabase(t), c)
}

// Open opens a store on a database that the test already has: another replica.
func Open(t testing.TB, d Database, c clock.Clock) *store.Store {
	t.Helper()
	s, err := store.Open(store.Config{
		AppURL: d.AppURL, SystemURL: d.SystemURL, MaxConns: 8, StatementTimeout: 10 * time.Second, Clock: c,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Owner opens the database with the owner's rights, past every wall. The server
// runs it as a superuser, for tests to look and to tamper.
func (d Database) Owner(t testing.TB) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", d.OwnerURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func databaseURL(name string) string {
	u, err := url.Parse(cluster.server.URL())
	if err != nil {
		panic("testkit: " + err.Error())
	}
	u.Path = "/" + name
	return u.String()
}

// execOwner runs a statement on the server; copying the template must wait
// for those that still look at it.
func execOwner(ctx context.Context, statement string) error {
	db, err := sql.Open("postgres", cluster.server.URL())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	for {
		_, err := db.ExecContext(ctx, statement)
		if err == nil || !strings.Contains(err.Error(), "is being accessed by other users") {
			return err
		}
	}
}
