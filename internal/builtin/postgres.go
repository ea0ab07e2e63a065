package builtin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"sync"
	"time"
)

const (
	ownerRole     = "trellis_owner"
	ownerDatabase = "trellis"

	// abruptStop is how long a server told to drop everything may take before
	// it is killed. PostgreSQL itself kills its children after five seconds.
	abruptStop = 10 * time.Second
)

// PostgresConfig says where the server lives and how careful it is.
type PostgresConfig struct {
	// Dir holds the data, the owner's password and a lock. It is created when
	// missing; an existing one must be empty or come from an earlier start.
	Dir string
	// Logger receives what the server says; nil drops it.
	Logger *slog.Logger
	// Durable makes commits survive a crash of the machine (fsync on). Without
	// it the server is faster and its data are lost with the power: for tests.
	Durable bool
}

// Postgres is a running server. It is safe for concurrent use.
type Postgres struct {
	url     string
	version version
	server  *server
	home    *home
	logger  *slog.Logger

	stopOnce sync.Once
	stopping chan struct{} // closed by the first Stop
	ended    chan struct{} // closed when the process is gone and the lock free
	failed   chan struct{} // closed before ended, unless Stop was called
}

// StartPostgres starts the server in config.Dir, makes its data on the first
// start, and returns when it accepts connections. It also waits for an older
// server on the same data that is still shutting down. The context bounds the
// start only; the server runs until Stop or the end of this process.
//
// It fails when another process uses the directory, when no PostgreSQL of at
// least version 14 (or of the version of the data) is installed and none can
// be downloaded, and when the server does not start; the error then holds the
// last lines that it wrote.
func StartPostgres(ctx context.Context, config PostgresConfig) (*Postgres, error) {
	return startPostgres(ctx, config, thisMachine())
}

// machine is what a start takes from its surroundings; tests replace parts.
type machine struct {
	binaryDirs func() []string
	download   func(ctx context.Context, major int, into string) error
	identities func(h *home) []identity
}

func thisMachine() machine {
	return machine{
		binaryDirs: usualBinaryDirs,
		download:   mavenCentral().download,
		identities: usualIdentities,
	}
}

func startPostgres(ctx context.Context, config PostgresConfig, m machine) (*Postgres, error) {
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	h, err := openHome(config.Dir)
	if err != nil {
		return nil, fmt.Errorf("opening the directory of the built-in PostgreSQL: %w", err)
	}
	p, err := startIn(ctx, h, config, m)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("starting the built-in PostgreSQL in %s: %w", h.dir, err), h.close())
	}
	return p, nil
}

func startIn(ctx context.Context, h *home, config PostgresConfig, m machine) (*Postgres, error) {
	dataMajor, err := h.dataMajor()
	if err != nil {
		return nil, err
	}
	found, err := m.findPostgres(ctx, dataMajor, h.binaries())
	if err != nil {
		return nil, err
	}
	password, err := h.password(dataMajor != 0)
	if err != nil {
		return nil, err
	}
	who, err := m.settle(ctx, h, found)
	if err != nil {
		return nil, err
	}
	run := runner{installation: found, identity: who, home: h, durable: config.Durable, logger: config.Logger}
	if dataMajor == 0 {
		if err := run.initialise(ctx); err != nil {
			return nil, err
		}
	}
	if err := run.retirePredecessor(ctx); err != nil {
		return nil, err
	}
	s, err := run.startServer(ctx)
	if err != nil {
		return nil, err
	}
	config.Logger.InfoContext(ctx, "built-in PostgreSQL is ready", "version", found.version.String(),
		"dir", h.dir, "port", s.port, "runs_as", who.name)
	p := &Postgres{
		url: ownerURL(password, s.port), version: found.version, server: s, home: h, logger: config.Logger,
		stopping: make(chan struct{}), ended: make(chan struct{}), failed: make(chan struct{}),
	}
	go p.watch()
	return p, nil
}

func ownerURL(password string, port int) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(ownerRole, password),
		Host:     "127.0.0.1:" + strconv.Itoa(port),
		Path:     "/" + ownerDatabase,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// watch waits for the process to end and then gives the directory free.
func (p *Postgres) watch() {
	defer close(p.ended)
	<-p.server.exited
	if err := p.home.close(); err != nil {
		p.logger.Error("releasing the built-in PostgreSQL's directory", "error", err)
	}
	select {
	case <-p.stopping:
	default:
		close(p.failed)
		p.logger.Error("built-in PostgreSQL ended by itself", "error", p.server.failure())
	}
}

// URL is the owner's connection URL, with its password: a superuser of this
// server and the owner of the database. Log it nowhere.
func (p *Postgres) URL() string { return p.url }

// Version is the server's version, such as 17.5.
func (p *Postgres) Version() string { return p.version.String() }

// Done is closed when the server ended although nobody called Stop. The
// program cannot go on then; Err says what happened.
func (p *Postgres) Done() <-chan struct{} { return p.failed }

// Err is nil while the server runs and after Stop, and says why when the
// server ended by itself.
func (p *Postgres) Err() error {
	select {
	case <-p.failed:
		return fmt.Errorf("built-in PostgreSQL ended by itself: %w", p.server.failure())
	default:
		return nil
	}
}

// Stop rolls back what is open, shuts the server down and gives the directory
// free. When the context ends first, the server drops everything at once,
// recovers at the next start, and Stop returns the context's error. Stopping
// twice, or after the server ended by itself, is no error.
func (p *Postgres) Stop(ctx context.Context) error {
	p.stopOnce.Do(func() { close(p.stopping) })
	err := p.server.stop(ctx)
	<-p.ended
	return err
}
