package jobs

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"time"

	"github.com/hibiken/asynq"
)

// Handler does the work of one row. It begins by claiming the row, so that a
// doubled task is a no-op. Its error is logged; what happens next stands in the
// row, which falls due again after its lease.
type Handler func(ctx context.Context, t Task) error

// Server takes tasks out of Redis.
type Server struct {
	asynq    *asynq.Server
	handlers map[Kind]Handler
	log      *slog.Logger
	observe  func(kind Kind, took time.Duration, failed bool)
}

// ServerConfig configures a Server.
type ServerConfig struct {
	RedisURL string
	// Workers is how many tasks run at once.
	Workers int
	// Shutdown is how long running tasks may take to end.
	Shutdown time.Duration
	Log      *slog.Logger
	// Observe is told of every task that ended; nil for nobody.
	Observe func(kind Kind, took time.Duration, failed bool)
}

// pickup is how long a task waits at most for an idle worker. asynq's default
// of a second would be most of a reply's latency.
const pickup = 20 * time.Millisecond

// NewServer returns a server that is not running yet.
func NewServer(c ServerConfig, handlers map[Kind]Handler) (*Server, error) {
	opt, err := asynq.ParseRedisURI(c.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("jobs: the Redis URL cannot be read: %w", err)
	}
	if c.Observe == nil {
		c.Observe = func(Kind, time.Duration, bool) {}
	}
	return &Server{
		asynq: asynq.NewServer(opt, asynq.Config{
			Concurrency:       c.Workers,
			Queues:            weights,
			ShutdownTimeout:   c.Shutdown,
			TaskCheckInterval: pickup,
			Logger:            asynqLog{c.Log},
			LogLevel:          asynq.WarnLevel,
		}),
		handlers: handlers, log: c.Log, observe: c.Observe,
	}, nil
}

// Start begins to take tasks.
func (s *Server) Start() error {
	return s.asynq.Start(asynq.HandlerFunc(func(ctx context.Context, t *asynq.Task) error {
		s.Handle(ctx, t.Payload())
		return nil
	}))
}

// Stop takes no more tasks and waits for those that run.
func (s *Server) Stop() { s.asynq.Shutdown() }

// Handle does one task. It reports no failure to asynq: retries, schedules and
// dead letters live in the database, and asynq's own would only run a row
// again that has been decided about.
func (s *Server) Handle(ctx context.Context, payload []byte) {
	task, err := ParseTask(payload)
	if err != nil {
		s.log.ErrorContext(ctx, "a task cannot be read and is dropped; its row falls due again", "error", err)
		return
	}
	started := time.Now()
	err = s.run(ctx, task)
	s.observe(task.Kind, time.Since(started), err != nil)
	if err != nil {
		s.log.ErrorContext(ctx, "a task failed; its row falls due again",
			"kind", task.Kind, "id", task.ID, "tenant_id", task.TenantID, "error", err)
	}
}

func (s *Server) run(ctx context.Context, t Task) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jobs: panic in %s: %v\n%s", t.Kind, p, debug.Stack())
		}
	}()
	handler, ok := s.handlers[t.Kind]
	if !ok {
		return fmt.Errorf("jobs: nobody handles %s", t.Kind)
	}
	return handler(ctx, t)
}

// asynqLog passes asynq's words to the program's log.
type asynqLog struct{ log *slog.Logger }

// Debug implements asynq.Logger.
func (l asynqLog) Debug(args ...any) { l.log.Debug(fmt.Sprint(args...)) }

// Info implements asynq.Logger.
func (l asynqLog) Info(args ...any) { l.log.Info(fmt.Sprint(args...)) }

// Warn implements asynq.Logger.
func (l asynqLog) Warn(args ...any) { l.log.Warn(fmt.Sprint(args...)) }

// Error implements asynq.Logger.
func (l asynqLog) Error(args ...any) { l.log.Error(fmt.Sprint(args...)) }

// Fatal does not end the process: that is for the one who started the server.
func (l asynqLog) Fatal(args ...any) { l.log.Error(fmt.Sprint(args...)) }
