package clickatell_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// carrier plays Clickatell's One API, as far as the adapter uses it.
type carrier struct {
	*http.ServeMux
	key string

	mu       sync.Mutex
	messages []map[string]any
	last     map[string]any
}

// refusal is how the carrier says no: with a status for the call, or in the
// result of the message.
type refusal struct {
	status, code int
	inResult     bool
}

// refused are the refusals by destination, as Clickatell writes it.
var refused = map[string]refusal{}

func newCarrier(key string) *carrier {
	c := &carrier{ServeMux: http.NewServeMux(), key: key}
	c.HandleFunc("POST /v1/message", c.submit)
	c.HandleFunc("GET /v1/message", c.list)
	c.HandleFunc("GET /v1/message/{id}", c.get)
	return c
}

func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != c.key {
		answer(w, http.StatusUnauthorized, map[string]any{"messages": nil, "error": map[string]any{"code": 1, "description": "Invalid or missing integration API Key"}})
		return
	}
	c.ServeMux.ServeHTTP(w, r)
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (c *carrier) submit(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Messages []map[string]any `json:"messages"`
	}
	_ = json.NewDecoder(r.Body).Decode(&body)
	m := body.Messages[0]
	to, _ := m["to"].(string)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = m
	if x, no := refused[to]; no {
		fault := map[string]any{"code": x.code, "description": "Invalid recipient address: " + to}
		if x.code == 0 {
			fault = nil
		}
		if x.status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "3")
		}
		if x.inResult {
			answer(w, x.status, map[string]any{"messages": []any{map[string]any{"apiMessageId": nil, "accepted": false, "to": to, "error": fault}}, "error": nil})
			return
		}
		answer(w, x.status, map[string]any{"messages": []any{}, "error": fault})
		return
	}
	m["messageId"] = fmt.Sprintf("%032x", len(c.messages)+1)
	m["status"], m["statusCode"], m["timestamp"] = "QUEUED", 2, time.Now().UnixMilli()
	c.messages = append(c.messages, m)
	answer(w, http.StatusAccepted, map[string]any{"messages": []any{map[string]any{"apiMessageId": m["messageId"], "accepted": true, "to": to, "error": nil, "later": 1}}, "error": nil})
}

func (c *carrier) list(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := []any{}
	for _, m := range c.messages {
		if m["clientMessageId"] == r.URL.Query().Get("clientMessageId") {
			list = append(list, m)
		}
	}
	answer(w, http.StatusOK, map[string]any{"messages": list})
}

func (c *carrier) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		if m["messageId"] == r.PathValue("id") {
			answer(w, http.StatusOK, map[string]any{"sms": m})
			return
		}
	}
	answer(w, http.StatusOK, map[string]any{"messageId": r.PathValue("id"), "status": "UNKNOWN", "statusCode": 1, "timestamp": time.Now().UnixMilli()})
}
