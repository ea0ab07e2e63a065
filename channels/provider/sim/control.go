package sim

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// routes serves each carrier under its own prefix and, as no paths collide,
// without one; Twilio's also below /api, where adapters look for the host
// api.twilio.com. Paths that begin with an underscore control the simulator.
func (s *Simulator) routes() http.Handler {
	mux := http.NewServeMux()
	for _, prefix := range []string{"", "/api", "/twilio", "/twilio/api"} {
		(&twilio{s}).routes(mux, prefix)
	}
	for _, prefix := range []string{"", "/clickatell"} {
		(&clickatell{s}).routes(mux, prefix)
	}
	for _, prefix := range []string{"", "/carrier"} {
		(&carrier{s}).routes(mux, prefix)
	}
	mux.HandleFunc("GET /carrier/media/{media}", s.serveCarrierMedia)

	mux.HandleFunc("POST /_account", s.postAccount)
	mux.HandleFunc("GET /_account", s.listing(func(Filter) any { return s.Accounts() }))
	mux.HandleFunc("POST /_script", s.postScript)
	mux.HandleFunc("DELETE /_script", s.clearing(s.ClearScripts))
	mux.HandleFunc("GET /_ledger", s.getLedger)
	mux.HandleFunc("GET /_ledger/duplicates", s.listing(func(Filter) any { return s.Duplicates() }))
	mux.HandleFunc("GET /_ledger/counts", s.listing(func(Filter) any { return s.Counts() }))
	mux.HandleFunc("DELETE /_ledger", s.clearing(s.Reset))
	mux.HandleFunc("GET /_attempts", s.listing(func(f Filter) any { return s.Attempts(f) }))
	mux.HandleFunc("POST /_mo", s.postInbound)
	mux.HandleFunc("GET /_mo", s.listing(func(f Filter) any { return s.Received(f) }))
	mux.HandleFunc("DELETE /_mo", s.clearing(s.ClearReceived))
	mux.HandleFunc("GET /_meter", s.listing(func(Filter) any { return s.Rates() }))
	mux.HandleFunc("POST /_clock", s.postClock)
	mux.HandleFunc("GET /_health", s.getHealth)
	return mux
}

func complain(w http.ResponseWriter, status int, err error) {
	jsonAnswer(status, map[string]string{"error": err.Error()}).write(w)
}

// readControl decodes a control request; a field that nobody knows is a typing
// mistake and refused.
func readControl(w http.ResponseWriter, r *http.Request, into any) bool {
	d := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<20))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		complain(w, http.StatusBadRequest, fmt.Errorf("reading the request: %w", err))
		return false
	}
	return true
}

func (s *Simulator) listing(list func(Filter) any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		f, err := readFilter(r.URL.Query())
		if err != nil {
			complain(w, http.StatusBadRequest, err)
			return
		}
		jsonAnswer(http.StatusOK, list(f)).write(w)
	}
}

func (s *Simulator) clearing(forget func()) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		forget()
		w.WriteHeader(http.StatusNoContent)
	}
}

// readFilter reads ?provider=&account=&from=&to=&client_ref=&after=&limit=.
func readFilter(q url.Values) (Filter, error) {
	f := Filter{
		Provider: provider.Name(q.Get("provider")), Account: q.Get("account"),
		From: numberOf(q.Get("from")), To: numberOf(q.Get("to")), ClientRef: q.Get("client_ref"),
	}
	var err error
	if text := q.Get("after"); text != "" {
		if f.After, err = strconv.ParseUint(text, 10, 64); err != nil {
			return f, fmt.Errorf("after must be a sequence: %w", err)
		}
	}
	if text := q.Get("limit"); text != "" {
		if f.Limit, err = strconv.Atoi(text); err != nil || f.Limit < 0 {
			return f, fmt.Errorf("limit must be a number of at least 0")
		}
	}
	return f, nil
}

// numberOf repairs a number whose + was not escaped and arrived as a space.
func numberOf(text string) string {
	if digits, spaced := strings.CutPrefix(text, " "); spaced {
		return "+" + digits
	}
	return text
}

// postAccount is POST /_account.
func (s *Simulator) postAccount(w http.ResponseWriter, r *http.Request) {
	var a Account
	if !readControl(w, r, &a) {
		return
	}
	if err := s.AddAccount(a); err != nil {
		complain(w, http.StatusUnprocessableEntity, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// scriptRequest is the body of POST /_script: one script, or several steps.
type scriptRequest struct {
	Target
	Default bool `json:"default"`
	scriptWire
	Steps []scriptWire `json:"steps"`
}

// scriptWire is a Script with its durations in units.
type scriptWire struct {
	Behaviour  Behaviour      `json:"behaviour"`
	Code       code           `json:"code"`
	Status     int            `json:"status"`
	RetryAfter float64        `json:"retry_after"` // seconds
	DelayMS    int            `json:"delay_ms"`
	Times      int            `json:"times"`
	Callbacks  *callbacksWire `json:"callbacks"`
	CheckMedia bool           `json:"check_media"`
}

type callbacksWire struct {
	Callbacks
	DelayMS int `json:"delay_ms"`
}

// code is an error code, which may be written as a number.
type code string

// UnmarshalJSON implements json.Unmarshaler.
func (c *code) UnmarshalJSON(data []byte) error {
	*c = code(strings.Trim(string(data), `"`))
	if *c == "null" {
		*c = ""
	}
	return nil
}

func (w scriptWire) script() Script {
	script := Script{
		Behaviour: w.Behaviour, Code: string(w.Code), Status: w.Status, Times: w.Times, CheckMedia: w.CheckMedia,
		RetryAfter: time.Duration(w.RetryAfter * float64(time.Second)), Delay: time.Duration(w.DelayMS) * time.Millisecond,
	}
	if w.Callbacks != nil {
		script.Callbacks = &w.Callbacks.Callbacks
		script.Callbacks.Delay = time.Duration(w.Callbacks.DelayMS) * time.Millisecond
	}
	return script
}

// postScript is POST /_script.
func (s *Simulator) postScript(w http.ResponseWriter, r *http.Request) {
	var request scriptRequest
	if !readControl(w, r, &request) {
		return
	}
	if named := request.Target != (Target{}); named == request.Default || (request.To != "" && request.Account != "") {
		complain(w, http.StatusUnprocessableEntity, fmt.Errorf("name one of to, account and default"))
		return
	}
	list := []Script{request.script()}
	if len(request.Steps) > 0 {
		list = list[:0]
		for _, step := range request.Steps {
			list = append(list, step.script())
		}
	}
	if err := s.SetScript(request.Target, list...); err != nil {
		complain(w, http.StatusUnprocessableEntity, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// getLedger is GET /_ledger: at most 10,000 entries at once. next_after is
// what to ask for after, while there is more.
func (s *Simulator) getLedger(w http.ResponseWriter, r *http.Request) {
	f, err := readFilter(r.URL.Query())
	if err != nil {
		complain(w, http.StatusBadRequest, err)
		return
	}
	if f.Limit == 0 || f.Limit > 10_000 {
		f.Limit = 10_000
	}
	entries := s.Ledger(f)
	document := struct {
		Entries   []Entry `json:"entries"`
		NextAfter *uint64 `json:"next_after"`
		LedgerSize
	}{Entries: entries, LedgerSize: s.LedgerSize()}
	if entries == nil {
		document.Entries = []Entry{}
	}
	if len(entries) == f.Limit {
		document.NextAfter = &entries[len(entries)-1].Sequence
	}
	jsonAnswer(http.StatusOK, document).write(w)
}

// postInbound is POST /_mo.
func (s *Simulator) postInbound(w http.ResponseWriter, r *http.Request) {
	var in Inbound
	if !readControl(w, r, &in) {
		return
	}
	m, err := s.Inject(r.Context(), in)
	if err != nil {
		complain(w, http.StatusUnprocessableEntity, err)
		return
	}
	jsonAnswer(http.StatusOK, m).write(w)
}

// postClock is POST /_clock. It needs a clock that can be moved.
func (s *Simulator) postClock(w http.ResponseWriter, r *http.Request) {
	var request struct {
		AdvanceSeconds float64 `json:"advance_seconds"`
	}
	if !readControl(w, r, &request) {
		return
	}
	manual, ok := s.cfg.Clock.(interface{ Advance(time.Duration) })
	if !ok {
		complain(w, http.StatusConflict, fmt.Errorf("the simulator runs on the system's clock"))
		return
	}
	manual.Advance(time.Duration(request.AdvanceSeconds * float64(time.Second)))
	jsonAnswer(http.StatusOK, map[string]time.Time{"now": s.now()}).write(w)
}

// getHealth is GET /_health.
func (s *Simulator) getHealth(w http.ResponseWriter, _ *http.Request) {
	jsonAnswer(http.StatusOK, struct {
		Status           string    `json:"status"`
		Now              time.Time `json:"now"`
		PendingCallbacks int       `json:"pending_callbacks"`
		LedgerSize
	}{"ok", s.now(), s.postman.waiting(), s.LedgerSize()}).write(w)
}
