package op_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// A client that announces a body and does not send it is told so and loses its
// connection: it must not hold one for as long as it likes.
func TestABodyThatDoesNotComeCostsTheConnection(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it waits as long as a body may take")
	}
	toy := newToy(t)
	server := httptest.NewServer(toy.surface)
	t.Cleanup(server.Close)
	for _, path := range []string{"/v1/auth/login", "/hooks/twilio/abcd1234/inbound"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			conn, err := net.Dial("tcp", server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = conn.Close() }()
			_, err = fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: 400\r\n\r\n{", path,
				map[bool]string{true: "application/json", false: "application/x-www-form-urlencoded"}[path == "/v1/auth/login"])
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.SetReadDeadline(time.Now().Add(20 * time.Second))
			in := bufio.NewReader(conn)
			response, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("no answer: %v", err)
			}
			if response.StatusCode != http.StatusRequestTimeout {
				t.Errorf("got %d", response.StatusCode)
			}
			_, _ = io.Copy(io.Discard, response.Body)
			if _, err := in.ReadByte(); err != io.EOF {
				t.Errorf("the connection is still open: %v", err)
			}
		})
	}
}
