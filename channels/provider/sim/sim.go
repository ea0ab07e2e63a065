package sim

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/trellishq/trellis/internal/clock"
)

// Config says how a Simulator behaves. The zero value is usable.
type Config struct {
	// Clock dates everything; the system's clock when nil. With a manual
	// clock POST /_clock can move it.
	Clock clock.Clock
	// Logger hears of callbacks that failed; nothing is logged when nil.
	Logger *slog.Logger
	// HTTP sends callbacks and fetches pictures. When nil, a client that
	// connects within 5 s and follows no redirect, as the carriers' own.
	HTTP *http.Client
	// PublicURL is where clients reach the simulator, for the addresses of
	// pictures. Start fills it in when it is empty.
	PublicURL string
	// LedgerCap is how many accepted messages are kept, 1,000,000 when 0. The
	// oldest are forgotten, and counted as forgotten.
	LedgerCap int
	// InboundCap is how many customers' messages are kept, 100,000 when 0.
	InboundCap int
	// Workers is how many callbacks are under way at most, 16 when 0.
	Workers int
	// CallbackDelay is the pause before each delivery report of a message
	// that no script speaks of. Zero sends them as soon as the submission is
	// answered.
	CallbackDelay time.Duration
	// CallbackTimeout bounds one callback from connecting to the last byte of
	// the answer, 15 s when 0.
	CallbackTimeout time.Duration
	// Retries is how often Clickatell and the operator's carrier repeat a
	// callback that was not answered 2xx: 5 when 0, never when negative.
	// Twilio's are never repeated.
	Retries int
	// RetryPause is the pause before the first repetition, 1 s when 0. It
	// doubles each time, up to a minute.
	RetryPause time.Duration
	// CheckMedia fetches the pictures of every accepted message, as the
	// scripts' field of that name does for some.
	CheckMedia bool
}

func (c Config) withDefaults() Config {
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	c.LedgerCap = positiveOr(c.LedgerCap, 1_000_000)
	c.InboundCap = positiveOr(c.InboundCap, 100_000)
	c.Workers = positiveOr(c.Workers, 16)
	c.CallbackTimeout = positiveOr(c.CallbackTimeout, 15*time.Second)
	c.RetryPause = positiveOr(c.RetryPause, time.Second)
	if c.Retries == 0 {
		c.Retries = 5
	}
	if c.HTTP == nil {
		c.HTTP = callbackClient(c.Workers)
	}
	c.PublicURL = strings.TrimRight(c.PublicURL, "/")
	return c
}

func positiveOr[N int | time.Duration](n, otherwise N) N {
	if n > 0 {
		return n
	}
	return otherwise
}

// Simulator is a set of fake carriers. It is safe for concurrent use.
type Simulator struct {
	cfg      Config
	handler  http.Handler
	dialects map[string]dialect

	accounts *registry
	scripts  *scripts
	ledger   *ledger
	attempts *attemptLog
	counts   *counts
	meter    *meter
	inbox    *inbox
	postman  *postman

	closing chan struct{} // closed by Close; releases requests that hang
	stop    context.CancelFunc

	mu        sync.Mutex
	closed    bool
	publicURL string
	server    *http.Server
	serving   sync.WaitGroup
}

// New makes a simulator and starts the workers that send its callbacks. Close
// ends them.
func New(cfg Config) *Simulator {
	cfg = cfg.withDefaults()
	// Callbacks outlive the requests that cause them, so their context is the
	// simulator's own.
	ctx, stop := context.WithCancel(context.Background())
	s := &Simulator{
		cfg:       cfg,
		accounts:  newRegistry(),
		scripts:   newScripts(cfg.CallbackDelay),
		ledger:    newLedger(cfg.LedgerCap),
		attempts:  newAttemptLog(),
		counts:    newCounts(),
		meter:     newMeter(),
		inbox:     newInbox(cfg.InboundCap),
		postman:   startPostman(ctx, cfg.Workers),
		closing:   make(chan struct{}),
		stop:      stop,
		publicURL: cfg.PublicURL,
	}
	s.dialects = map[string]dialect{}
	for _, d := range []dialect{&twilio{s}, &clickatell{s}, &carrier{s}} {
		s.dialects[string(d.provider())] = d
	}
	s.handler = s.routes()
	return s
}

// Handler serves the carriers and the control calls.
func (s *Simulator) Handler() http.Handler { return s.handler }

// ErrNotLoopback is the answer of Start to an address that others can reach.
var ErrNotLoopback = errors.New("sim: refusing to listen on an address that is not loopback")

// Start listens on a loopback address such as 127.0.0.1:0 and returns the
// simulator's base URL.
func (s *Simulator) Start(addr string) (string, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fmt.Errorf("sim: reading address %q: %w", addr, err)
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return "", fmt.Errorf("%w: %q", ErrNotLoopback, addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return "", fmt.Errorf("sim: listening: %w", err)
	}
	// The name localhost means what the system's resolver says it means.
	if !listener.Addr().(*net.TCPAddr).IP.IsLoopback() {
		return "", errors.Join(fmt.Errorf("%w: %q", ErrNotLoopback, addr), listener.Close())
	}
	return s.serve(listener)
}

func (s *Simulator) serve(listener net.Listener) (string, error) {
	base := "http://" + listener.Addr().String()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || s.server != nil {
		return "", errors.Join(errors.New("sim: already started or closed"), listener.Close())
	}
	if s.publicURL == "" {
		s.publicURL = base
	}
	server := &http.Server{Handler: s.handler, ReadHeaderTimeout: 10 * time.Second}
	s.server = server
	s.serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.cfg.Logger.Error("simulator stopped listening", "error", err)
		}
	})
	return base, nil
}

// Close stops listening, drops the callbacks that are not yet due, and returns
// when the workers have ended. Call Settle first to let the callbacks finish.
func (s *Simulator) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil
	}
	s.closed = true
	close(s.closing)
	s.stop()
	var err error
	if s.server != nil {
		err = s.server.Close()
	}
	s.serving.Wait()
	s.postman.wait()
	s.cfg.HTTP.CloseIdleConnections()
	return err
}

// Settle returns when no callback is under way or waiting, repetitions
// included, or with the context's error. The callbacks of every submission
// that was answered before are waited for.
func (s *Simulator) Settle(ctx context.Context) error { return s.postman.settle(ctx) }

// Reset forgets the ledger, the attempts, the counts and the meter. Accounts,
// scripts and customers' messages stay, and sequences go on, so that no
// provider id is ever given twice.
func (s *Simulator) Reset() {
	s.ledger.reset()
	s.attempts.reset()
	s.counts.reset()
	s.meter.reset()
}

func (s *Simulator) now() time.Time { return s.cfg.Clock.Now() }

func (s *Simulator) baseURL() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.publicURL
}
