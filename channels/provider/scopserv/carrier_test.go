package scopserv_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/scopserv"
)

// carrier plays the operator's platform, as docs/operator-carrier.md has it.
type carrier struct {
	*http.ServeMux
	account, secret string

	mu       sync.Mutex
	messages []scopserv.Message
	inbound  []scopserv.InboundEvent
	last     scopserv.SubmitRequest
}

// refused are the refusals by destination: HTTP status and code.
var refused = map[string]struct {
	status int
	code   string
}{}

func newCarrier(account, secret string) *carrier {
	c := &carrier{ServeMux: http.NewServeMux(), account: account, secret: secret}
	c.HandleFunc("GET /v1/account", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, scopserv.AccountAnswer{Account: account})
	})
	c.HandleFunc("POST /v1/messages", c.submit)
	c.HandleFunc("GET /v1/messages", c.list)
	c.HandleFunc("GET /v1/messages/{id}", c.get)
	c.HandleFunc("GET /v1/inbound", c.received)
	return c
}

func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	request := provider.Callback{Method: r.Method, URL: "http://" + r.Host + r.RequestURI, Header: r.Header, Body: body, ReceivedAt: time.Now()}
	if r.Header.Get(scopserv.HeaderAccount) != c.account || scopserv.CheckSignature(request, c.secret) != nil {
		answer(w, http.StatusUnauthorized, scopserv.RefusalAnswer{Code: "unauthorized"})
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	c.ServeMux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (c *carrier) submit(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	var s scopserv.SubmitRequest
	_ = json.NewDecoder(r.Body).Decode(&s)
	c.last = s
	if x, no := refused[s.To]; no {
		if x.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "3")
		}
		answer(w, x.status, scopserv.RefusalAnswer{Code: x.code, Message: s.To + " is refused"})
		return
	}
	for _, m := range c.messages {
		if m.ClientRef == s.ClientRef && m.Attempt == s.Attempt {
			answer(w, http.StatusOK, scopserv.SubmitAnswer{MessageID: m.MessageID, Status: "accepted", Segments: 1})
			return
		}
	}
	now := time.Now().UTC().Truncate(time.Second)
	m := scopserv.Message{
		MessageID: fmt.Sprintf("m-%d", len(c.messages)+1), ClientRef: s.ClientRef, Attempt: s.Attempt, From: s.From, To: s.To,
		Status: "accepted", Segments: 1, CreatedAt: now, UpdatedAt: now,
	}
	c.messages = append(c.messages, m)
	answer(w, http.StatusAccepted, map[string]any{"message_id": m.MessageID, "status": "accepted", "segments": 1, "later": "field"})
}

func (c *carrier) list(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := scopserv.MessageList{Messages: []scopserv.Message{}}
	for _, m := range c.messages {
		if m.ClientRef == r.URL.Query().Get("client_ref") {
			list.Messages = append(list.Messages, m)
		}
	}
	answer(w, http.StatusOK, list)
}

func (c *carrier) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		if m.MessageID == r.PathValue("id") {
			answer(w, http.StatusOK, m)
			return
		}
	}
	answer(w, http.StatusNotFound, scopserv.RefusalAnswer{Code: "not_found"})
}

func (c *carrier) received(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since"))
	if err != nil {
		answer(w, http.StatusUnprocessableEntity, scopserv.RefusalAnswer{Code: "since"})
		return
	}
	list := scopserv.InboundList{Messages: []scopserv.InboundEvent{}}
	for _, e := range c.inbound {
		if e.To == r.URL.Query().Get("to") && !e.ReceivedAt.Before(since) {
			list.Messages = append(list.Messages, e)
		}
	}
	answer(w, http.StatusOK, list)
}
