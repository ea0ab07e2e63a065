package providertest

import (
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
)

// fault breaks one exchange. It may hand the request on to the carrier.
type fault func(w http.ResponseWriter, r *http.Request, carrier http.Handler)

// front is the server that the adapter talks to. It passes requests on to the
// carrier until a fault is set.
type front struct {
	*httptest.Server
	carrier http.Handler
	closing chan struct{}

	mu          sync.Mutex
	fault       fault
	requests    atomic.Int32
	connections atomic.Int32
	arrived     chan struct{} // one signal for each request, never blocking
}

// open starts a front before the suite's carrier.
func (s Suite) open(t *testing.T) (*front, provider.Adapter) {
	t.Helper()
	f := &front{carrier: s.Carrier, closing: make(chan struct{}), arrived: make(chan struct{}, 1024)}
	f.Server = httptest.NewUnstartedServer(f)
	f.Config.ErrorLog = log.New(io.Discard, "", 0)
	f.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			f.connections.Add(1)
		}
	}
	f.Start()
	client := provider.NewHTTPClient()
	t.Cleanup(func() {
		close(f.closing)
		client.CloseIdleConnections()
		f.Close()
	})
	return f, s.New(t, f.URL, client)
}

// ServeHTTP implements http.Handler.
func (f *front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.requests.Add(1)
	select {
	case f.arrived <- struct{}{}:
	default:
	}
	f.mu.Lock()
	broken := f.fault
	f.mu.Unlock()
	if broken == nil {
		f.carrier.ServeHTTP(w, r)
		return
	}
	broken(w, r, f.carrier)
}

// breakWith sets the fault of the requests to come; nil mends.
func (f *front) breakWith(broken fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fault = broken
}

// hang reads the request and answers nothing while the client waits.
func (f *front) hang(_ http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	select {
	case <-r.Context().Done():
	case <-f.closing:
	}
	panic(http.ErrAbortHandler)
}

// acceptAndHang lets the carrier accept, and keeps its answer.
func (f *front) acceptAndHang(w http.ResponseWriter, r *http.Request, carrier http.Handler) {
	carrier.ServeHTTP(httptest.NewRecorder(), r)
	f.hang(w, r, carrier)
}

// reset reads the request and resets the connection.
func reset(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = conn.Close()
}

// garbage is no HTTP at all, with the request in it.
func garbage(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	body, _ := io.ReadAll(r.Body)
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = conn.Write(append([]byte("HELLO "), body...))
	_ = conn.Close()
}

// answering gives a status and a body, which may quote the request.
func answering(status int, contentType, body string, header ...string) fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		request, _ := io.ReadAll(r.Body)
		quoted, _ := json.Marshal(string(request) + " " + r.URL.String() + " " + r.Header.Get("Authorization"))
		for i := 0; i+1 < len(header); i += 2 {
			if header[i+1] == "" {
				w.Header()[header[i]] = nil
				continue
			}
			w.Header().Set(header[i], header[i+1])
		}
		w.Header().Set("Content-Type", contentType)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, strings.ReplaceAll(body, "QUOTE", string(quoted)))
	}
}

// brokenOff announces more than it sends.
func brokenOff(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", "1000")
	w.WriteHeader(http.StatusOK)
	_, _ = io.WriteString(w, `{"sid":"SM0000`)
	panic(http.ErrAbortHandler)
}

// halved lets the carrier accept, and sends half of its answer.
func halved(w http.ResponseWriter, r *http.Request, carrier http.Handler) {
	answer := httptest.NewRecorder()
	carrier.ServeHTTP(answer, r)
	w.Header().Set("Content-Type", answer.Header().Get("Content-Type"))
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()[:answer.Body.Len()/2])
}

// endless sends until nobody reads.
func endless(w http.ResponseWriter, r *http.Request, _ http.Handler) {
	_, _ = io.Copy(io.Discard, r.Body)
	w.Header().Set("Content-Type", "application/json")
	for chunk := []byte(strings.Repeat(" ", 64<<10)); ; {
		if _, err := w.Write(chunk); err != nil {
			return
		}
	}
}
