package sim

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// twilioMessage is the Message resource. Numbers are strings and dates are
// RFC 2822, as Twilio writes them.
type twilioMessage struct {
	AccountSID          string            `json:"account_sid"`
	APIVersion          string            `json:"api_version"`
	Body                string            `json:"body"`
	DateCreated         string            `json:"date_created"`
	DateSent            *string           `json:"date_sent"`
	DateUpdated         string            `json:"date_updated"`
	Direction           string            `json:"direction"`
	ErrorCode           *int              `json:"error_code"`
	ErrorMessage        *string           `json:"error_message"`
	From                string            `json:"from"`
	MessagingServiceSID *string           `json:"messaging_service_sid"`
	NumMedia            string            `json:"num_media"`
	NumSegments         string            `json:"num_segments"`
	Price               *string           `json:"price"`
	PriceUnit           string            `json:"price_unit"`
	SID                 string            `json:"sid"`
	Status              string            `json:"status"`
	SubresourceURIs     map[string]string `json:"subresource_uris"`
	To                  string            `json:"to"`
	URI                 string            `json:"uri"`
}

func twilioDate(at time.Time) string { return at.UTC().Format(time.RFC1123Z) }

func (t *twilio) message(a *account, sid string) twilioMessage {
	uri := twilioRoot + a.id + "/Messages/" + sid
	return twilioMessage{
		AccountSID: a.id, APIVersion: "2010-04-01", PriceUnit: "USD", SID: sid, URI: uri + ".json",
		SubresourceURIs: map[string]string{"media": uri + "/Media.json"},
	}
}

// outbound is the resource of a message that we submitted.
func (t *twilio) outbound(e Entry) twilioMessage {
	m := t.message(e.account, e.ProviderID)
	sent := twilioDate(e.ArrivedAt)
	m.Body, m.From, m.To, m.Direction, m.Status = e.Body, e.From, e.To, "outbound-api", e.Status
	m.DateCreated, m.DateSent, m.DateUpdated = sent, &sent, twilioDate(e.UpdatedAt)
	m.NumMedia, m.NumSegments = strconv.Itoa(len(e.MediaURLs)), strconv.Itoa(e.Segments)
	if e.Status == "accepted" { // Twilio's word for a message with a sender
		m.Status = "queued"
	}
	if unsent(e) {
		m.DateSent = nil
	}
	if code, err := strconv.Atoi(twilioErrorCode(e.Status, e.ErrorCode)); err == nil {
		m.ErrorCode = &code
	}
	return m
}

// unsent tells whether Twilio still has a message in its queue: its date_sent
// is null then, and no filter by DateSent finds it.
func unsent(e Entry) bool { return rankOf[e.Status] > 0 && rankOf[e.Status] < rankOf["sent"] }

// received is the resource of a customer's message.
func (t *twilio) received(r Received) twilioMessage {
	m := t.message(r.account, r.SID)
	at := twilioDate(r.ReceivedAt)
	m.Body, m.From, m.To, m.Direction, m.Status = r.Body, r.From, r.To, "inbound", "received"
	m.DateCreated, m.DateSent, m.DateUpdated = at, &at, at
	m.NumMedia, m.NumSegments = strconv.Itoa(len(r.Media)), strconv.Itoa(r.Segments)
	return m
}

// get is GET /2010-04-01/Accounts/{sid}/Messages/{message}.json.
func (t *twilio) get(w http.ResponseWriter, r *http.Request, a *account) {
	sid := strings.TrimSuffix(r.PathValue("message"), ".json")
	if e, ok := t.sim.ledger.get(t.sim.ledger.sequence(sid)); ok && e.account.id == a.id && e.ProviderID == sid {
		jsonAnswer(http.StatusOK, t.outbound(e)).write(w)
		return
	}
	if m, ok := t.sim.inbox.get(a, sid); ok {
		jsonAnswer(http.StatusOK, t.received(m)).write(w)
		return
	}
	t.failure("20404", 0, "").write(w)
}

// page is a question for messages: what to match and where to go on.
type page struct {
	filter       Filter
	since, until time.Time // until zero: no end
	size, number int
	belowOut     uint64 // sequences to go on below
	belowIn      uint64
}

// list is GET /2010-04-01/Accounts/{sid}/Messages.json: newest first, ours and
// the customers', which is how a lost callback is found again.
func (t *twilio) list(w http.ResponseWriter, r *http.Request, a *account) {
	p, ok := t.page(r.URL.Query(), a)
	if !ok {
		t.failure("20001", 0, "").write(w)
		return
	}
	messages, next, more := t.collect(p, a)
	uri := func(number int, token string) string {
		q := r.URL.Query()
		q.Set("PageSize", strconv.Itoa(p.size))
		q.Set("Page", strconv.Itoa(number))
		if q.Del("PageToken"); token != "" {
			q.Set("PageToken", token)
		}
		return twilioRoot + a.id + "/Messages.json?" + q.Encode()
	}
	document := map[string]any{
		"messages": messages, "page": p.number, "page_size": p.size,
		"start": p.number * p.size, "end": max(p.number*p.size+len(messages)-1, 0),
		"uri": uri(p.number, r.URL.Query().Get("PageToken")), "first_page_uri": uri(0, ""),
		"next_page_uri": nil, "previous_page_uri": nil,
	}
	if more {
		document["next_page_uri"] = uri(p.number+1, fmt.Sprintf("PA%x-%x", next.belowOut, next.belowIn))
	}
	jsonAnswer(http.StatusOK, document).write(w)
}

func (t *twilio) page(q url.Values, a *account) (page, bool) {
	p := page{
		filter:   Filter{Provider: provider.Twilio, Account: a.ID, From: q.Get("From"), To: q.Get("To")},
		size:     50,
		belowOut: t.sim.ledger.top(), belowIn: t.sim.inbox.top(),
	}
	if text := q.Get("PageSize"); text != "" {
		size, err := strconv.Atoi(text)
		if err != nil || size < 1 {
			return p, false
		}
		p.size = min(size, 1000)
	}
	if token := q.Get("PageToken"); token != "" {
		if _, err := fmt.Sscanf(token, "PA%x-%x", &p.belowOut, &p.belowIn); err != nil {
			return p, false
		}
		p.number, _ = strconv.Atoi(q.Get("Page")) // for show only
	}
	return p, p.between(q)
}

// between reads the date filters. The inequality is part of the parameter's
// name: DateSent>=2026-01-02 is the parameter "DateSent>".
func (p *page) between(q url.Values) bool {
	for name, values := range q {
		if !strings.HasPrefix(name, "DateSent") || values[0] == "" {
			continue
		}
		at, wholeDay, err := readDate(values[0])
		if err != nil {
			return false
		}
		end := at
		if wholeDay {
			end = at.AddDate(0, 0, 1).Add(-time.Microsecond)
		}
		switch strings.TrimSuffix(name, "=") {
		case "DateSent>":
			p.since = at
		case "DateSent<":
			p.until = end
		case "DateSent":
			p.since = at.Truncate(24 * time.Hour)
			p.until = p.since.Add(24*time.Hour - time.Microsecond)
		}
	}
	return true
}

func readDate(text string) (at time.Time, wholeDay bool, err error) {
	if at, err = time.Parse(time.DateOnly, text); err == nil {
		return at, true, nil
	}
	at, err = time.Parse(time.RFC3339, text)
	return at.UTC(), false, err
}

func (p *page) covers(at time.Time) bool {
	return !at.Before(p.since) && (p.until.IsZero() || !at.After(p.until))
}

// dated tells whether the question filters by date.
func (p *page) dated() bool { return !p.since.IsZero() || !p.until.IsZero() }

// collect merges a page of both kinds by time and tells where the next begins.
func (t *twilio) collect(p page, a *account) (messages []twilioMessage, next page, more bool) {
	var out []Entry
	if p.belowOut > 1 {
		t.sim.ledger.backward(p.filter, p.belowOut, p.since, func(e Entry) bool {
			if p.covers(e.ArrivedAt) && e.account.id == a.id && !(p.dated() && unsent(e)) {
				out = append(out, e)
			}
			return len(out) <= p.size
		})
	}
	var in []Received
	t.sim.inbox.each(true, func(m *Received) bool {
		if m.Sequence < p.belowIn && m.matches(p.filter) && p.covers(m.ReceivedAt) {
			in = append(in, t.sim.inbox.copyOf(m))
		}
		return len(in) <= p.size
	})
	messages, next = []twilioMessage{}, p
	for len(messages) < p.size && len(out)+len(in) > 0 {
		if len(in) == 0 || (len(out) > 0 && !out[0].ArrivedAt.Before(in[0].ReceivedAt)) {
			messages, next.belowOut, out = append(messages, t.outbound(out[0])), out[0].Sequence, out[1:]
		} else {
			messages, next.belowIn, in = append(messages, t.received(in[0])), in[0].Sequence, in[1:]
		}
	}
	return messages, next, len(out)+len(in) > 0
}

// mediaList is GET …/Messages/{message}/Media.json.
func (t *twilio) mediaList(w http.ResponseWriter, r *http.Request, a *account) {
	m, ok := t.sim.inbox.get(a, r.PathValue("message"))
	if !ok {
		t.failure("20404", 0, "").write(w)
		return
	}
	list := []map[string]string{}
	for _, p := range m.Media {
		list = append(list, map[string]string{
			"sid": p.ID, "account_sid": a.id, "parent_sid": m.SID, "content_type": p.ContentType,
			"date_created": twilioDate(m.ReceivedAt), "date_updated": twilioDate(m.ReceivedAt),
			"uri": mediaPath(&m, p.ID) + ".json",
		})
	}
	jsonAnswer(http.StatusOK, map[string]any{
		"media_list": list, "uri": r.URL.RequestURI(), "page": 0, "page_size": 50,
		"next_page_uri": nil, "previous_page_uri": nil,
	}).write(w)
}

// media is GET …/Messages/{message}/Media/{media}: the picture itself.
func (t *twilio) media(w http.ResponseWriter, r *http.Request, a *account) {
	m, ok := t.sim.inbox.get(a, r.PathValue("message"))
	for _, p := range m.Media {
		if ok && p.ID == r.PathValue("media") {
			p.write(w)
			return
		}
	}
	t.failure("20404", 0, "").write(w)
}
