package crashtest

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/builtin"
)

// process is a child of the test.
type process struct {
	name   string
	cmd    *exec.Cmd
	exited chan struct{}
	state  *os.ProcessState // after exited

	mu  sync.Mutex
	log bytes.Buffer
}

// Write keeps what the process says.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.log.Len() > 1<<20 {
		p.log.Reset()
	}
	return p.log.Write(b)
}

func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// startProcess starts a program that dies with the test, whatever happens to it.
func startProcess(name, path string, args, env []string) (*process, error) {
	p := &process{name: name, cmd: exec.Command(path, args...), exited: make(chan struct{})}
	p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = env, p, p
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started := make(chan error)
	go func() {
		// The signal comes when the thread ends that started the child.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err != nil {
			return
		}
		_ = p.cmd.Wait()
		p.state = p.cmd.ProcessState
		close(p.exited)
	}()
	return p, <-started
}

func (p *process) signal(s syscall.Signal) { _ = p.cmd.Process.Signal(s) }

// kill ends the process as a power cut would.
func (p *process) kill() {
	if p == nil {
		return
	}
	p.signal(syscall.SIGKILL)
	<-p.exited
}

func (p *process) running() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// awaitCrash waits until the process has killed itself at its crash point.
func (p *process) awaitCrash(t testing.TB, within time.Duration) {
	t.Helper()
	select {
	case <-p.exited:
	case <-time.After(within):
		t.Fatalf("%s did not reach its crash point within %s", p.name, within)
	}
	if status, ok := p.state.Sys().(syscall.WaitStatus); !ok || !status.Signaled() || status.Signal() != syscall.SIGKILL {
		t.Fatalf("%s ended with %s instead of SIGKILL:\n%s", p.name, p.state, tail(p.said()))
	}
}

// frozen tells whether the process is stopped by SIGSTOP.
func (p *process) frozen() bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return strings.HasPrefix(rest, "T")
}

func tail(text string) string {
	if len(text) > 6000 {
		return "…" + text[len(text)-6000:]
	}
	return text
}

// redisServer is where tasks travel: a real server, or the one in this process.
type redisServer struct {
	url     string
	builtIn *builtin.Redis
	port    int
	dir     string
	process *process
}

func startRedis(t testing.TB, builtIn bool) *redisServer {
	t.Helper()
	if builtIn {
		r, err := builtin.StartRedis()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(r.Stop)
		return &redisServer{url: r.URL(), builtIn: r}
	}
	if _, err := exec.LookPath("redis-server"); err != nil {
		t.Skip("redis-server is not installed (apt-get install redis-server); only the tests with the Redis in process run")
	}
	r := &redisServer{port: freePort(), dir: t.TempDir()}
	r.url = fmt.Sprintf("redis://127.0.0.1:%d/0", r.port)
	r.start(t)
	t.Cleanup(r.stop)
	return r
}

func (r *redisServer) start(t testing.TB) {
	t.Helper()
	p, err := startProcess("redis-server", "redis-server", []string{
		"--port", strconv.Itoa(r.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", r.dir,
	}, os.Environ())
	if err != nil {
		t.Fatal(err)
	}
	r.process = p
	eventually(t, 10*time.Second, "redis-server answers", func() bool { return r.command("PING") == "+PONG" })
}

func (r *redisServer) stop() { r.process.kill() }

func (r *redisServer) flush(t testing.TB) {
	t.Helper()
	if r.builtIn != nil {
		r.builtIn.Flush()
		return
	}
	if answer := r.command("FLUSHALL"); answer != "+OK" {
		t.Fatalf("FLUSHALL: %q", answer)
	}
}

// command sends one command in Redis's own protocol and returns the first line
// of the answer.
func (r *redisServer) command(words ...string) string {
	conn, err := net.DialTimeout("tcp", fmt.Sprintf("127.0.0.1:%d", r.port), time.Second)
	if err != nil {
		return err.Error()
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(5 * time.Second))
	request := fmt.Sprintf("*%d\r\n", len(words))
	for _, word := range words {
		request += fmt.Sprintf("$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := conn.Write([]byte(request)); err != nil {
		return err.Error()
	}
	answer := make([]byte, 512)
	n, err := conn.Read(answer)
	if err != nil {
		return err.Error()
	}
	line, _, _ := strings.Cut(string(answer[:n]), "\r\n")
	return line
}

// eventually waits for something that other processes bring about.
func eventually(t testing.TB, within time.Duration, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(within); !condition(); time.Sleep(15 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", within, what)
		}
	}
}
