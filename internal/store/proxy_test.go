package store_test

import (
	"bytes"
	"io"
	"net"
	"net/url"
	"sync"
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
	pairs   map[net.Conn]net.Conn
}

// newProxy returns a proxy and the database as it is seen through it.
func newProxy(t testing.TB, d testkit.Database) (*proxy, testkit.Database) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: listener, thawed: make(chan struct{}), pairs: map[net.Conn]net.Conn{}}
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
		go p.pass(client, server, p.isCut)
		go p.pass(server, client, func([]byte) (bool, bool) { return false, true })
	}
}

// pass copies bytes until either side ends or the cut is reached.
func (p *proxy) pass(from, to net.Conn, isCut func([]byte) (cut, deliver bool)) {
	defer func() { _, _ = from.Close(), to.Close() }()
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		p.waitThawed()
		cut, deliver := isCut(buffer[:n])
		if deliver {
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if cut && deliver {
			_ = to.(*net.TCPConn).CloseWrite()
			_, _ = io.Copy(io.Discard, to) // until the server has done its work
		}
		if cut || err != nil {
			return
		}
	}
}

func (p *proxy) isCut(request []byte) (cut, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cutAt == nil || !bytes.Contains(request, p.cutAt) {
		return false, true
	}
	return true, p.deliver
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

// CutAt ends the connection whose request holds the text, before or after the
// server gets it. The answer is lost either way.
func (p *proxy) CutAt(text string, deliver bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cutAt, p.deliver = []byte(text), deliver
}
