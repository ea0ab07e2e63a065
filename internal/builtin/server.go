package builtin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	pollInterval = 3 * time.Millisecond

	// patience is how long an older server on the same data may take to shut
	// down, and its last processes to go.
	patience = time.Minute

	// mark is how a start recognises a server of an earlier one.
	mark = "cluster_name=trellis"
)

// server is one run of the postgres program.
type server struct {
	process *os.Process
	port    int
	tail    tail
	ready   atomic.Bool
	exited  chan struct{} // closed when the process and its log are at an end
	outcome error         // of the process; read it after exited
}

// startServer launches the server and waits until it accepts connections. A
// lost race for the port, and processes that an older server left and that
// are about to end, are reasons to try again.
func (r runner) startServer(ctx context.Context) (*server, error) {
	for end := time.Now().Add(patience); ; {
		port, err := freePort()
		if err != nil {
			return nil, err
		}
		s, err := r.launch(port, r.settings())
		if err != nil {
			return nil, err
		}
		err = s.waitReady(ctx, r.home.data())
		if err == nil {
			return s, nil
		}
		if !passing(s.tail.text()) || time.Now().After(end) {
			return nil, err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return nil, err
		}
	}
}

func passing(log string) bool {
	return strings.Contains(log, "Address already in use") ||
		strings.Contains(log, "pre-existing shared memory block")
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// launch starts the process. The goroutine that starts it also
// waits for it, on one thread: the server dies with that thread.
func (r runner) launch(port int, settings []string) (*server, error) {
	logReader, logWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	args := []string{"-D", r.home.data(), "-p", strconv.Itoa(port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	cmd := exec.Command(r.installation.program("postgres"), args...)
	cmd.Dir, cmd.Env, cmd.SysProcAttr = r.home.dir, childEnvironment(), r.identity.processAttributes()
	cmd.Stdout, cmd.Stderr = logWriter, logWriter
	s := &server{port: port, exited: make(chan struct{})}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		_ = logWriter.Close() // the server has its own
		if err != nil {
			_ = logReader.Close()
			started <- err
			return
		}
		s.process = cmd.Process
		started <- nil
		s.follow(cmd, logReader, r.logger)
	}()
	if err := <-started; err != nil {
		return nil, err
	}
	return s, nil
}

// follow passes the server's log on until the process has ended.
func (s *server) follow(cmd *exec.Cmd, log *os.File, logger *slog.Logger) {
	defer close(s.exited)
	logged := make(chan struct{})
	go func() {
		defer close(logged)
		drain(log, func(line string) {
			s.tail.add(line)
			record(logger, s.ready.Load(), line)
		})
	}()
	s.outcome = cmd.Wait()
	select {
	case <-logged:
	case <-time.After(time.Second): // what a crashed server leaves keeps the pipe open
	}
	_ = log.Close()
	<-logged
}

func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	port := l.Addr().(*net.TCPAddr).Port
	return port, l.Close()
}

// settings override the configuration files: who edits those cannot
// open the server to the network. Errors of statements reach the program with
// the statement and may quote personal data, so the server does not log them.
func (r runner) settings() []string {
	settings := []string{
		mark,
		"listen_addresses=127.0.0.1",
		"unix_socket_directories=",
		"max_connections=200",
		"shared_buffers=128MB",
		"password_encryption=scram-sha-256",
		"timezone=UTC",
		"lc_messages=C",
		"logging_collector=off",
		"log_destination=stderr",
		"log_line_prefix=",
		"log_min_messages=log",
		"log_checkpoints=off",
	}
	for _, name := range []string{"fsync", "synchronous_commit", "full_page_writes"} {
		if r.durable {
			settings = append(settings, name+"=on")
		} else {
			settings = append(settings, name+"=off")
		}
	}
	return settings
}

// waitReady waits until the server writes into its pid file that it accepts
// connections; recovery after a crash takes as long as it takes. A server that
// is not wanted any more is stopped.
func (s *server) waitReady(ctx context.Context, data string) error {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("it did not start: %w", s.failure())
		case <-ctx.Done():
			s.abandon(ctx)
			return fmt.Errorf("waiting until it accepts connections: %w", errors.Join(ctx.Err(), s.tail.err()))
		case <-ticker.C:
			if pid, status := readPidFile(data); pid == s.process.Pid && status == "ready" {
				s.ready.Store(true)
				return nil
			}
		}
	}
}

// readPidFile returns the first and the eighth line of postmaster.pid: the
// process and its status. It is 0 and empty where there is none.
func readPidFile(data string) (pid int, status string) {
	text, err := os.ReadFile(filepath.Join(data, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(text), "\n")
	pid, err = strconv.Atoi(strings.TrimSpace(lines[0]))
	if err != nil {
		return 0, ""
	}
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// failure says how the process ended and what it wrote last. Call it after
// exited.
func (s *server) failure() error {
	outcome := s.outcome
	if outcome == nil {
		outcome = errors.New("exit status 0")
	}
	return errors.Join(outcome, s.tail.err())
}

// stop asks for a fast shutdown; when the context ends it asks for an abrupt
// one, and at last kills. It returns when the process is gone.
func (s *server) stop(ctx context.Context) error {
	if s.signalled(syscall.SIGINT, ctx.Done()) {
		return nil
	}
	abrupt, cancel := context.WithTimeout(context.WithoutCancel(ctx), abruptStop)
	defer cancel()
	if !s.signalled(syscall.SIGQUIT, abrupt.Done()) {
		s.signalled(syscall.SIGKILL, nil)
	}
	return fmt.Errorf("stopping the built-in PostgreSQL took too long, so it will recover at its next start: %w", ctx.Err())
}

// abandon stops a server that nobody waits for any more.
func (s *server) abandon(ctx context.Context) {
	orderly, cancel := context.WithTimeout(context.WithoutCancel(ctx), abruptStop)
	defer cancel()
	_ = s.stop(orderly) // it is gone either way
}

// signalled sends a signal and tells whether the process ended before the
// limit.
func (s *server) signalled(signal syscall.Signal, limit <-chan struct{}) bool {
	_ = s.process.Signal(signal) // fails only when the process is gone
	select {
	case <-s.exited:
		return true
	case <-limit:
	}
	select {
	case <-s.exited:
		return true
	default:
		return false
	}
}

// retirePredecessor clears the way on data that another run of the server may
// still hold. This process has the lock, so a server of ours found running has
// lost its program: it is shutting down, or is told to. A pid file whose
// process is something else by now (numbers repeat soon in containers) would
// keep the server from starting and is removed; should a process of the older
// server live after all, its shared memory still keeps the new one out.
func (r runner) retirePredecessor(ctx context.Context) error {
	pid, _ := readPidFile(r.home.data())
	args := arguments(pid)
	switch {
	case pid == 0 || !serves(args, r.home.data()):
		return removeIfThere(filepath.Join(r.home.data(), "postmaster.pid"))
	case !slices.Contains(args, mark):
		return fmt.Errorf("another server (process %d) was started by hand on %s; stop it first", pid, r.home.data())
	}
	r.logger.InfoContext(ctx, "waiting for an older built-in PostgreSQL to shut down", "pid", pid)
	if err := syscall.Kill(pid, syscall.SIGINT); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("stopping an older server (process %d): %w", pid, err)
	}
	for end := time.Now().Add(patience); serves(arguments(pid), r.home.data()); {
		if time.Now().After(end) {
			return fmt.Errorf("an older server (process %d) is still shutting down after %s", pid, patience)
		}
		if err := pause(ctx, 20*time.Millisecond); err != nil {
			return fmt.Errorf("waiting for an older server (process %d) to shut down: %w", pid, err)
		}
	}
	return removeIfThere(filepath.Join(r.home.data(), "postmaster.pid"))
}

// serves tells whether a process with these arguments is a server on the data.
// The arguments are joined because some systems cut them at every space.
func serves(args []string, data string) bool {
	return strings.Contains(strings.Join(args, " ")+" ", "-D "+data+" ")
}

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}
