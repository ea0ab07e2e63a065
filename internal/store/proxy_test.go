package store_test

import (
	"bytes"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/trellishq/trellis/internal/testkit"
)

// proxy stands between a store and its server and breaks what passes.
type proxy struct {
	listener net.Listener
	server   string

	mu      sync.Mutex
	thawed  chan struct{} // closed while bytes pass
	cutAt   []byte        // in a request: the connection ends there
	deliver bool          // whether the server still gets that request
	replace func(request []byte) []byte
	pairs   map[net.Conn]net.Conn
}

// newProxy returns a proxy and the database as it is seen through it.
func newProxy(t testing.TB, d testkit.Database) (*proxy, testkit.Database) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, thawed: make(chan struct{}), replace: unchanged, pairs: map[net.Conn]net.Conn{}}
	close(p.thawed)
	through := func(u *url.URL) { p.server, u.Host = u.Host, listener.Addr().String() }
	d.AppURL, d.SystemURL = elsewhere(t, d.AppURL, through), elsewhere(t, d.SystemURL, through)
	go p.accept()
	t.Cleanup(func() { _ = listener.Close(); p.Thaw(); p.Reset() })
	return p, d
}

func (p *proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.server)
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

// pass copies requests and answers until either side ends or the cut is
// reached: at once, or when the answer to the fatal request comes.
func (p *proxy) pass(client, server net.Conn) {
	var cut atomic.Bool
	end := func() {
		if cut.Load() {
			_ = client.(*net.TCPConn).SetLinger(0) // a reset, not an orderly end
		}
		_, _ = client.Close(), server.Close()
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.pairs, client)
	}
	go func() {
		defer end()
		p.copy(client, server, func([]byte) bool { return !cut.Load() })
	}()
	defer end()
	p.copy(server, client, func(request []byte) bool {
		here, deliver := p.takeCut(request)
		if here {
			cut.Store(true)
		}
		return !here || deliver
	})
}

// copy passes bytes for as long as the filter lets it.
func (p *proxy) copy(to, from net.Conn, filter func([]byte) bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.waitThawed()
		if err != nil || !filter(buffer[:n]) {
			return
		}
		if _, err := to.Write(p.replaced(buffer[:n])); err != nil {
			return
		}
	}
}

func (p *proxy) takeCut(request []byte) (here, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cutAt == nil || !bytes.Contains(request, p.cutAt) {
		return false, false
	}
	p.cutAt = nil
	return true, p.deliver
}

func (p *proxy) replaced(bytes []byte) []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.replace(bytes)
}

func (p *proxy) waitThawed() {
	p.mu.Lock()
	thawed := p.thawed
	p.mu.Unlock()
	<-thawed
}

// Freeze swallows everything from now on and closes nothing.
func (p *proxy) Freeze() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.thawed = make(chan struct{})
}

// Thaw lets pass what was held back.
func (p *proxy) Thaw() {
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-p.thawed:
	default:
		close(p.thawed)
	}
}

// Reset ends every connection the hard way.
func (p *proxy) Reset() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for client, server := range p.pairs {
		_ = client.(*net.TCPConn).SetLinger(0)
		_, _ = client.Close(), server.Close()
		delete(p.pairs, client)
	}
}

// CutAt resets the connection whose request is the next to hold the text, before
// or after the server gets it. The answer is lost either way.
func (p *proxy) CutAt(text string, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt, p.deliver = []byte(text), deliver
}

// Corrupt replaces a text, in whatever passes, by another of the same length,
// until the returned function is called.
func (p *proxy) Corrupt(text, by string) (stop func()) {
	set := func(replace func([]byte) []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.replace = replace
	}
	set(func(b []byte) []byte { return bytes.ReplaceAll(b, []byte(text), []byte(by)) })
	return func() { set(unchanged) }
}

func unchanged(b []byte) []byte { return b }

// Open counts the connections.
func (p *proxy) Open() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pairs)
}
