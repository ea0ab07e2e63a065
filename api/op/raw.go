package op

import (
	"net/http"
	"net/url"
)

// Raw is embedded in inputs that need the request as it came, such as the
// callbacks of providers, whose signatures cover URL and body. Any content
// type is taken, and query parameters that the input does not name are let
// through.
type Raw struct {
	Method string
	URL    *url.URL
	Host   string
	Header http.Header
	// Content is the whole body, up to Spec.MaxBodyBytes.
	Content []byte
	// Address is the client's IP address.
	Address string
}

func (raw *Raw) receive(from Raw) { *raw = from }

type rawReceiver interface{ receive(Raw) }

func (rq *request) raw() Raw {
	r := rq.http
	return Raw{r.Method, r.URL, r.Host, r.Header, rq.body, rq.caller.Address}
}

// Stream is the body of outputs that are written piece by piece: exports and
// event streams. Whatever can fail is done before; an error from here can only
// end the connection. Use http.ResponseController to flush.
type Stream func(w http.ResponseWriter) error
