package crashtest

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// proxy stands between a process and a server and breaks what passes.
type proxy struct {
	target string
	addr   string

	mu       sync.Mutex
	listener net.Listener
	pairs    map[net.Conn]net.Conn
	marker   []byte // the transaction that holds it is cut off at its COMMIT
	deliver  bool   // whether the server still gets that COMMIT
	cut      int
}

func newProxy(t testing.TB, target string) *proxy {
	t.Helper()
	p := &proxy{target: target, pairs: map[net.Conn]net.Conn{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.addr, p.listener = listener.Addr().String(), listener
	go p.accept(listener)
	t.Cleanup(p.down)
	return p
}

// in is a URL with the proxy in the place of its host.
func (p *proxy) in(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	u.Host = p.addr
	return u.String()
}

func (p *proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			_ = client.Close()
			continue
		}
		p.mu.Lock()
		p.pairs[client] = server
		p.mu.Unlock()
		go p.pass(client, server)
	}
}

// pass copies both directions until one ends or a COMMIT is cut.
func (p *proxy) pass(client, server net.Conn) {
	var broken atomic.Bool
	answered := make(chan struct{}, 1)
	go func() {
		buffer := make([]byte, 32<<10)
		for {
			n, err := server.Read(buffer)
			if broken.Load() {
				select {
				case answered <- struct{}{}:
				default:
				}
			} else if n > 0 {
				if _, err := client.Write(buffer[:n]); err != nil {
					break
				}
			}
			if err != nil {
				break
			}
		}
		p.end(client)
	}()
	defer p.end(client)
	buffer := make([]byte, 32<<10)
	marked := false
	for {
		n, err := client.Read(buffer)
		if err != nil {
			return
		}
		chunk := buffer[:n]
		var cut, deliver bool
		marked, cut, deliver = p.inspect(chunk, marked)
		if cut {
			broken.Store(true)
			if deliver {
				_, _ = server.Write(chunk)
				select {
				case <-answered:
				case <-time.After(2 * time.Second):
				}
			}
			return
		}
		if _, err := server.Write(chunk); err != nil {
			return
		}
	}
}

// inspect looks for the marked transaction's COMMIT.
func (p *proxy) inspect(chunk []byte, marked bool) (stillMarked, cut, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.marker != nil && bytes.Contains(chunk, p.marker) {
		marked = true
	}
	if bytes.Contains(chunk, []byte("ROLLBACK")) {
		return false, false, false
	}
	if !bytes.Contains(chunk, []byte("COMMIT\x00")) {
		return marked, false, false
	}
	if marked && p.marker != nil {
		p.marker = nil
		p.cut++
		return false, true, p.deliver
	}
	return false, false, false
}

// cutCommit breaks the connection at the COMMIT of the next transaction whose
// statements hold the marker.
func (p *proxy) cutCommit(marker string, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.marker, p.deliver = []byte(marker), deliver
}

func (p *proxy) cuts() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cut
}

func (p *proxy) end(client net.Conn) {
	p.mu.Lock()
	server := p.pairs[client]
	delete(p.pairs, client)
	p.mu.Unlock()
	_ = client.Close()
	if server != nil {
		_ = server.Close()
	}
}

// down ends every connection the hard way and refuses new ones.
func (p *proxy) down() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.listener != nil {
		_ = p.listener.Close()
		p.listener = nil
	}
	for client, server := range p.pairs {
		_ = client.(*net.TCPConn).SetLinger(0)
		_, _ = client.Close(), server.Close()
		delete(p.pairs, client)
	}
}

// up accepts connections again.
func (p *proxy) up(t testing.TB) {
	t.Helper()
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.listener = listener
	p.mu.Unlock()
	go p.accept(listener)
}
