package twilio_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// carrier plays Twilio, as far as the adapter uses it.
type carrier struct {
	*http.ServeMux
	sid, token string

	mu       sync.Mutex
	messages []map[string]any // oldest first
	pictures map[string][]map[string]any
	last     url.Values // of the latest submission
	queries  []url.Values
	page     int // messages on a page of the log
}

// refusals of the carrier by destination: HTTP status and Twilio's number.
var refused = map[string][2]int{}

func newCarrier(sid, token string) *carrier {
	c := &carrier{ServeMux: http.NewServeMux(), sid: sid, token: token, page: 50, pictures: map[string][]map[string]any{}}
	base := "/2010-04-01/Accounts/" + sid
	c.HandleFunc("GET "+base+".json", c.account)
	c.HandleFunc("POST "+base+"/Messages.json", c.submit)
	c.HandleFunc("GET "+base+"/Messages.json", c.list)
	c.HandleFunc("GET "+base+"/Messages/{sid}", c.get)
	c.HandleFunc("GET "+base+"/Messages/{sid}/Media.json", c.media)
	return c
}

func (c *carrier) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if user, password, _ := r.BasicAuth(); user != c.sid || password != c.token {
		refuse(w, http.StatusUnauthorized, 20003)
		return
	}
	c.ServeMux.ServeHTTP(w, r)
}

func refuse(w http.ResponseWriter, status, code int) {
	if status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "3")
	}
	answer(w, status, map[string]any{"code": code, "message": "The 'To' number +15145550199 is wrong", "status": status, "more_info": "https://example.test"})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

func (c *carrier) account(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{"sid": c.sid, "status": "active", "new_field": 1})
}

func (c *carrier) submit(w http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm()
	if x, no := refused[r.PostForm.Get("To")]; no {
		refuse(w, x[0], x[1])
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last = r.PostForm
	m := map[string]any{
		"sid": fmt.Sprintf("SM%032x", len(c.messages)+1), "account_sid": c.sid, "status": "queued", "direction": "outbound-api",
		"from": r.PostForm.Get("From"), "to": r.PostForm.Get("To"), "body": r.PostForm.Get("Body"),
		"num_segments": "1", "num_media": "0", "error_code": nil, "date_sent": nil,
		"date_created": time.Now().UTC().Format(time.RFC1123Z), "date_updated": time.Now().UTC().Format(time.RFC1123Z),
	}
	c.messages = append(c.messages, m)
	answer(w, http.StatusCreated, m)
}

func (c *carrier) list(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	query := r.URL.Query()
	c.queries = append(c.queries, query)
	after, _ := time.Parse(time.RFC3339, query.Get("DateSent>"))
	matching := []map[string]any{}
	for _, m := range slices.Backward(c.messages) {
		sent, _ := m["date_sent"].(string)
		at, _ := time.Parse(time.RFC1123Z, sent)
		if (query.Get("To") == "" || query.Get("To") == m["to"]) && (query.Get("From") == "" || query.Get("From") == m["from"]) && !at.Before(after) {
			matching = append(matching, m)
		}
	}
	page, _ := strconv.Atoi(query.Get("Page"))
	from, to := min(page*c.page, len(matching)), min((page+1)*c.page, len(matching))
	body := map[string]any{"messages": matching[from:to], "next_page_uri": nil}
	if to < len(matching) {
		body["next_page_uri"] = fmt.Sprintf("%s?Page=%d&PageToken=PA%d", r.URL.Path, page+1, page+1)
	}
	answer(w, http.StatusOK, body)
}

func (c *carrier) get(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.messages {
		if r.PathValue("sid") == m["sid"].(string)+".json" {
			answer(w, http.StatusOK, m)
			return
		}
	}
	refuse(w, http.StatusNotFound, 20404)
}

func (c *carrier) media(w http.ResponseWriter, r *http.Request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"media_list": c.pictures[r.PathValue("sid")]})
}

// receive is a message that a customer sent.
func (c *carrier) receive(sid, from, to, body string, at time.Time, pictures ...string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, kind := range pictures {
		c.pictures[sid] = append(c.pictures[sid], map[string]any{"sid": fmt.Sprintf("ME%d", i), "content_type": kind})
	}
	c.messages = append(c.messages, map[string]any{
		"sid": sid, "account_sid": c.sid, "status": "received", "direction": "inbound", "from": from, "to": to, "body": body,
		"num_segments": "1", "num_media": strconv.Itoa(len(pictures)),
		"date_created": at.Format(time.RFC1123Z), "date_sent": at.Format(time.RFC1123Z), "date_updated": at.Format(time.RFC1123Z),
	})
}
