package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/trellishq/trellis/api/assembly"
	"github.com/trellishq/trellis/channels/provider/providers"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/internal/ratelimit"
	"github.com/trellishq/trellis/internal/smtp"
	"github.com/trellishq/trellis/internal/telemetry"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/jobs/worker"
)

// node is one running process of an installation: it serves, works, or both.
type node struct {
	*installation
	platform *assembly.Platform
	box      *sandbox.Adapter
	redis    *builtin.Redis
	queues   *jobs.Queues
	limits   ratelimit.Redis
	tasks    *jobs.Server
	stopping atomic.Bool

	background sync.WaitGroup
	stopWork   context.CancelFunc
}

// newNode assembles the platform on an installation. The node owns the
// installation and closes it.
func newNode(i *installation) (*node, error) {
	n := &node{installation: i}
	if err := n.assemble(); err != nil {
		return nil, errors.Join(err, n.close())
	}
	return n, nil
}

func (n *node) assemble() error {
	c := n.config
	redisURL := c.RedisURL.Reveal()
	var err error
	if !c.RedisURL.IsSet() {
		if n.redis, err = builtin.StartRedis(); err != nil {
			return err
		}
		redisURL = n.redis.URL()
	}
	if n.queues, err = jobs.OpenQueues(redisURL); err != nil {
		return err
	}
	if n.limits, err = jobs.OpenRedis(redisURL); err != nil {
		return err
	}
	mail, err := mailSettings(c)
	if err != nil {
		return err
	}
	n.box = sandbox.New(sandbox.Config{Clock: n.clock})
	n.platform, err = assembly.New(assembly.Config{
		Store: n.store, Keyring: n.keyring, Clock: n.clock, Log: n.log, Metrics: n.metrics,
		Adapters: providers.All(providers.Config{
			Clock: n.clock, Sandbox: n.box,
			TwilioURL: c.TwilioBaseURL, ClickatellURL: c.ClickatellBaseURL, ScopservURL: c.ScopservBaseURL,
		}),
		PublicURL: c.PublicURL, MediaDir: filepath.Join(c.DataDir, "media"), RateLimit: c.RateLimit,
		TenantRateLimit: c.TenantRateLimit, Redis: n.limits,
		TrustedProxies: c.TrustedProxies, EgressAllow: c.EgressAllow, AccessTokenTTL: c.AccessTokenTTL,
		DeleteGrace: c.DeleteGrace, Mail: mail, SecondFactor: c.SecondFactorGrace(),
		Version: assembly.Version, Ready: n.ready, Crash: crashPoint(),
	})
	if err != nil {
		return err
	}
	n.tasks, err = jobs.NewServer(jobs.ServerConfig{
		RedisURL: redisURL, Workers: c.Workers, Shutdown: c.ShutdownTimeout / 2, Log: n.log, Observe: n.observeJob,
	}, n.platform.Handlers)
	return err
}

// mailSettings connect to the mail server, if there is one.
func mailSettings(c config.Config) (assembly.Mail, error) {
	out := assembly.Mail{AppURL: c.AppURL}
	if !c.SMTPURL.IsSet() {
		return out, nil
	}
	server, err := smtp.ParseServer(c.SMTPURL.Reveal())
	if err != nil {
		return out, err
	}
	if out.From, err = smtp.ParseAddress(c.MailFrom); err != nil {
		return out, err
	}
	sender, err := smtp.New(smtp.Config{Server: server})
	if err != nil {
		return out, err
	}
	out.Sender = sender
	return out, nil
}

func (n *node) observeJob(kind jobs.Kind, took time.Duration, failed bool) {
	outcome := "done"
	if failed {
		outcome = "failed"
	}
	n.metrics.Job(string(kind), outcome, took)
}

var errStopping = errors.New("the program is stopping")

func (n *node) ready(context.Context) error {
	if n.stopping.Load() {
		return errStopping
	}
	return nil
}

// listen opens the address of the API and settles how it is reached.
func listen(c *config.Config) (net.Listener, error) {
	listener, err := net.Listen("tcp", c.HTTPAddr)
	if err != nil {
		return nil, fmt.Errorf("listening on %s: %w (another address: TRELLIS_HTTP_ADDR)", c.HTTPAddr, err)
	}
	if c.PublicURL == config.LocalURL(c.HTTPAddr) {
		if c.AppURL == c.PublicURL {
			c.AppURL = config.LocalURL(listener.Addr().String())
		}
		c.PublicURL = config.LocalURL(listener.Addr().String())
	}
	return listener, nil
}

// run serves on the listener, if there is one, and works, if told so, until the
// context ends; then it stops in order and closes everything.
func (n *node) run(ctx context.Context, listener net.Listener, work bool) error {
	failed := make(chan error, 3)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if err := n.startMetrics(ctx, failed); err != nil {
		return errors.Join(err, n.close())
	}
	n.startWaker(ctx)
	if work {
		if err := n.startWork(ctx); err != nil {
			return errors.Join(err, n.close())
		}
	}
	var server *http.Server
	if listener != nil {
		server = newServer(n.platform.Surface)
		go func() { failed <- server.Serve(listener) }()
		n.log.InfoContext(ctx, "serving", "url", n.config.PublicURL, "works", work)
	}
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-n.databaseLost():
		err = fmt.Errorf("the database has ended: %w", n.own.Err())
	}
	n.log.InfoContext(ctx, "stopping")
	cancel()
	return errors.Join(err, n.stop(server))
}

// databaseLost is closed when the own database ends by itself.
func (n *node) databaseLost() <-chan struct{} {
	if n.own == nil {
		return nil
	}
	return n.own.Done()
}

// newServer bounds what a client can take (rules D9-1).
func newServer(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 65 * time.Second,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
}

func (n *node) startMetrics(ctx context.Context, failed chan<- error) error {
	if n.config.MetricsAddr == config.Off {
		return nil
	}
	listener, err := net.Listen("tcp", n.config.MetricsAddr)
	if err != nil {
		return fmt.Errorf("listening for metrics on %s: %w (another address: TRELLIS_METRICS_ADDR, or off)", n.config.MetricsAddr, err)
	}
	n.spawn(func() {
		if err := telemetry.Serve(ctx, listener, n.metrics); err != nil {
			failed <- err
		}
	})
	return nil
}

func (n *node) startWaker(ctx context.Context) {
	n.spawn(func() { n.platform.Waker.Run(ctx, n.queues) })
}

func (n *node) startWork(ctx context.Context) error {
	if err := n.tasks.Start(); err != nil {
		return fmt.Errorf("starting the workers: %w", err)
	}
	ctx, n.stopWork = context.WithCancel(ctx)
	dispatcher := jobs.NewDispatcher(n.store, n.queues, n.config.Workers, n.log)
	n.spawn(func() { dispatcher.Run(ctx) })
	n.spawn(func() { worker.Sweep(ctx, n.store, n.log, n.platform.Chores...) })
	n.spawn(func() { n.platform.Audit.Run(ctx, n.log) })
	n.spawn(func() { n.watchDepths(ctx) })
	return nil
}

// watchEvery is how fresh the gauges of waiting rows are.
const watchEvery = 15 * time.Second

// watchDepths keeps the gauges of rows that wait.
func (n *node) watchDepths(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		depths, err := jobs.Depths(ctx, n.store)
		if err != nil && ctx.Err() == nil {
			n.log.WarnContext(ctx, "the rows that wait cannot be counted", "error", err)
		}
		for kind, rows := range depths {
			n.metrics.QueueDepth(string(kind), rows)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (n *node) spawn(f func()) {
	n.background.Add(1)
	go func() {
		defer n.background.Done()
		f()
	}()
}

// stop ends a running node in order: no new requests, the running ones to their
// end, then the work that is under way (rules E6-1).
func (n *node) stop(server *http.Server) error {
	n.stopping.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), n.config.ShutdownTimeout*3/5)
	defer cancel()
	var errs []error
	if server != nil {
		errs = append(errs, server.Shutdown(ctx))
	}
	if n.stopWork != nil {
		n.stopWork()
		n.tasks.Stop()
	}
	n.background.Wait()
	return errors.Join(append(errs, n.close())...)
}

func (n *node) close() error {
	var errs []error
	if n.platform != nil {
		errs = append(errs, n.platform.Close())
	}
	if n.box != nil {
		n.box.Close()
	}
	if n.queues != nil {
		errs = append(errs, n.queues.Close())
	}
	if n.limits != nil {
		errs = append(errs, n.limits.Close())
	}
	if n.redis != nil {
		n.redis.Stop()
	}
	return errors.Join(append(errs, n.installation.close())...)
}

// loopback networks are reached by simulators and the demo.
func loopback() []netip.Prefix {
	return []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
}
