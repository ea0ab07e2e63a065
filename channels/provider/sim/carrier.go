package sim

import (
	"encoding/json"
	"io"
	"net/http"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/trellishq/trellis/channels/provider"
)

// carrier plays the operator's own carrier, docs/operator-carrier.md.
type carrier struct{ sim *Simulator }

func (c *carrier) provider() provider.Name { return provider.Scopserv }

func (c *carrier) repeats() bool { return true }

func (c *carrier) routes(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("POST "+prefix+"/v1/messages", c.known(c.submit))
	mux.HandleFunc("GET "+prefix+"/v1/messages", c.known(c.find))
	mux.HandleFunc("GET "+prefix+"/v1/messages/{id}", c.known(c.get))
	mux.HandleFunc("GET "+prefix+"/v1/inbound", c.known(c.listInbound))
	mux.HandleFunc("GET "+prefix+"/v1/account", c.known(c.account))
}

// known lets requests through that are signed by a known account.
func (c *carrier) known(serve func(http.ResponseWriter, *http.Request, *account, []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			c.failure("content_refused", http.StatusRequestEntityTooLarge).write(w)
			return
		}
		a := c.sim.accounts.find(provider.Scopserv, r.Header.Get(headerCarrierAccount))
		timestamp := r.Header.Get(headerCarrierTimestamp)
		if a == nil || !fresh(timestamp, c.sim.now()) ||
			!equal(r.Header.Get(headerCarrierSignature), signCarrier(a.secret, timestamp, r.Method, r.RequestURI, body)) {
			c.sim.counts.noteUnauthorized()
			c.failure("unauthorized", 0).write(w)
			return
		}
		serve(w, r, a, body)
	}
}

type carrierSubmission struct {
	ClientRef string   `json:"client_ref"`
	Attempt   int      `json:"attempt"`
	From      string   `json:"from"`
	To        string   `json:"to"`
	Text      string   `json:"text"`
	Media     []string `json:"media"`
	StatusURL string   `json:"status_url"`
}

type carrierReceipt struct {
	MessageID string `json:"message_id"`
	Status    string `json:"status"`
	Segments  int    `json:"segments"`
}

// submit is POST /v1/messages.
func (c *carrier) submit(w http.ResponseWriter, r *http.Request, a *account, body []byte) {
	var in carrierSubmission
	if err := json.Unmarshal(body, &in); err != nil {
		c.failure("content_refused", http.StatusBadRequest).write(w)
		return
	}
	sub := &submission{
		account: a, ref: in.ClientRef, attempt: in.Attempt, from: in.From, to: in.To, body: in.Text,
		media: in.Media, callback: in.StatusURL, once: in.ClientRef != "",
	}
	if code := c.wrong(sub); code != "" {
		c.sim.turnAway(w, c, sub, code)
		return
	}
	v := c.sim.judge(sub)
	status := http.StatusAccepted
	if v.repeated {
		status = http.StatusOK
	}
	receipt := carrierReceipt{v.entry.ProviderID, "accepted", v.entry.Segments}
	c.sim.conclude(w, r, c, v, []verdict{v}, jsonAnswer(status, receipt))
}

func (c *carrier) wrong(sub *submission) string {
	switch {
	case !isE164(sub.to):
		return "invalid_recipient"
	case !sub.account.holds(sub.from):
		return "sender_not_allowed"
	case sub.body == "" && len(sub.media) == 0, utf8.RuneCountInString(sub.body) > 1600, len(sub.media) > 10:
		return "content_refused"
	case sub.callback != "" && !isCallbackURL(sub.callback):
		return "content_refused"
	}
	return ""
}

var carrierFailures = map[string]struct {
	status  int
	message string
}{
	"unauthorized":       {401, "The account is unknown or the signature is wrong."},
	"sender_not_allowed": {403, "The account does not hold this sender."},
	"not_found":          {404, "There is no such message."},
	"invalid_recipient":  {422, "The recipient cannot exist or cannot receive."},
	"opted_out":          {422, "The recipient has opted out."},
	"content_refused":    {422, "The content is not accepted."},
	"rate_limited":       {429, "Too many messages."},
	"internal_error":     {500, "The carrier failed."},
}

func (c *carrier) failure(code string, status int) answer {
	known := carrierFailures[code]
	if known.message == "" {
		known.status, known.message = 422, "The message was refused."
	}
	return jsonAnswer(positiveOr(status, known.status), struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}{code, known.message})
}

func (c *carrier) refused(_ *submission, code string, status int) answer {
	if code == "" {
		code = "invalid_recipient"
	}
	return c.failure(code, status)
}

// limited always says when to come back, as the contract does; a script may
// name another time.
func (c *carrier) limited(*submission) answer {
	a := c.failure("rate_limited", 0)
	a.header = map[string]string{"Retry-After": "1"}
	return a
}

func (c *carrier) broken(status int, code string) answer { return c.failure(code, status) }

type carrierMessage struct {
	MessageID string    `json:"message_id"`
	ClientRef string    `json:"client_ref"`
	Attempt   int       `json:"attempt"`
	From      string    `json:"from"`
	To        string    `json:"to"`
	Status    string    `json:"status"`
	ErrorCode string    `json:"error_code"`
	Segments  int       `json:"segments"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
}

func (c *carrier) view(e Entry) carrierMessage {
	return carrierMessage{
		MessageID: e.ProviderID, ClientRef: e.ClientRef, Attempt: e.Attempt, From: e.From, To: e.To,
		Status: e.Status, ErrorCode: carrierErrorCode(e.Status, e.ErrorCode), Segments: e.Segments,
		CreatedAt: e.ArrivedAt, UpdatedAt: e.UpdatedAt,
	}
}

func carrierErrorCode(word, code string) string {
	switch {
	case code != "":
		return code
	case word == "undelivered":
		return "handset_unreachable"
	case word == "failed":
		return "unknown_error"
	}
	return ""
}

// find is GET /v1/messages?client_ref=.
func (c *carrier) find(w http.ResponseWriter, r *http.Request, a *account, _ []byte) {
	list := []carrierMessage{}
	if ref := r.URL.Query().Get("client_ref"); ref != "" {
		for _, e := range c.sim.Ledger(Filter{Provider: provider.Scopserv, Account: a.ID, ClientRef: ref}) {
			list = append(list, c.view(e))
		}
	}
	jsonAnswer(http.StatusOK, map[string]any{"messages": list}).write(w)
}

// get is GET /v1/messages/{message_id}.
func (c *carrier) get(w http.ResponseWriter, r *http.Request, a *account, _ []byte) {
	e, ok := c.sim.ledger.get(c.sim.ledger.sequence(r.PathValue("id")))
	if !ok || e.account.id != a.id || e.Provider != provider.Scopserv {
		c.failure("not_found", 0).write(w)
		return
	}
	jsonAnswer(http.StatusOK, c.view(e)).write(w)
}

// account is GET /v1/account, which proves credentials.
func (c *carrier) account(w http.ResponseWriter, _ *http.Request, a *account, _ []byte) {
	jsonAnswer(http.StatusOK, map[string]string{"account": a.id}).write(w)
}

type carrierInbound struct {
	EventID    string                `json:"event_id"`
	MessageID  string                `json:"message_id"`
	From       string                `json:"from"`
	To         string                `json:"to"`
	Text       string                `json:"text"`
	Media      []carrierInboundMedia `json:"media"`
	Segments   int                   `json:"segments"`
	ReceivedAt time.Time             `json:"received_at"`
}

type carrierInboundMedia struct {
	URL         string `json:"url"`
	ContentType string `json:"content_type"`
}

// event is a customer's message, the same in callback and list. Its event id
// follows from the message's.
func (c *carrier) event(m *Received) carrierInbound {
	e := carrierInbound{
		EventID: "in-" + m.SID, MessageID: m.SID, From: m.From, To: m.To, Text: m.Body,
		Media: []carrierInboundMedia{}, Segments: m.Segments, ReceivedAt: m.ReceivedAt,
	}
	for _, p := range m.Media {
		e.Media = append(e.Media, carrierInboundMedia{p.URL, p.ContentType})
	}
	return e
}

// listInbound is GET /v1/inbound?to=&since=: oldest first, at most 200.
func (c *carrier) listInbound(w http.ResponseWriter, r *http.Request, a *account, _ []byte) {
	q := r.URL.Query()
	var since time.Time
	if text := q.Get("since"); text != "" {
		var err error
		if since, err = time.Parse(time.RFC3339, text); err != nil {
			c.failure("content_refused", http.StatusBadRequest).write(w)
			return
		}
	}
	f := Filter{Provider: provider.Scopserv, Account: a.ID, To: q.Get("to")}
	list := []carrierInbound{}
	c.sim.inbox.each(false, func(m *Received) bool {
		if m.matches(f) && !m.ReceivedAt.Before(since) {
			list = append(list, c.event(m))
		}
		return len(list) < 200
	})
	jsonAnswer(http.StatusOK, map[string]any{"messages": list}).write(w)
}

// report is the delivery report of docs/operator-carrier.md.
func (c *carrier) report(e Entry, st *step, at time.Time) notice {
	a := jsonAnswer(http.StatusOK, struct {
		EventID    string    `json:"event_id"`
		MessageID  string    `json:"message_id"`
		ClientRef  string    `json:"client_ref"`
		Attempt    int       `json:"attempt"`
		Status     string    `json:"status"`
		ErrorCode  string    `json:"error_code"`
		Segments   int       `json:"segments"`
		OccurredAt time.Time `json:"occurred_at"`
	}{
		e.ProviderID + "-" + st.word, e.ProviderID, e.ClientRef, e.Attempt,
		st.word, carrierErrorCode(st.word, st.code), e.Segments, at,
	})
	return notice{contentType: a.contentType, body: a.body}
}

func (c *carrier) inbound(m *Received, _ *account, _ string) notice {
	a := jsonAnswer(http.StatusOK, c.event(m))
	return notice{contentType: a.contentType, body: a.body}
}

// sign dates the signature anew for every repetition.
func (c *carrier) sign(r *http.Request, n *notice) {
	timestamp := strconv.FormatInt(c.sim.now().Unix(), 10)
	r.Header.Set(headerCarrierAccount, n.account.id)
	r.Header.Set(headerCarrierTimestamp, timestamp)
	r.Header.Set(headerCarrierSignature, signCarrier(n.secretOf(), timestamp, r.Method, r.URL.RequestURI(), n.body))
}
