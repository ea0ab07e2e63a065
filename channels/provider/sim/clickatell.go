package sim

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/trellishq/trellis/channels/provider"
)

// clickatell plays Clickatell's One API for SMS. Its own reference is not
// public; the fields follow its published clients and callback guide.
type clickatell struct{ sim *Simulator }

func (c *clickatell) provider() provider.Name { return provider.Clickatell }

func (c *clickatell) repeats() bool { return true }

func (c *clickatell) routes(mux *http.ServeMux, prefix string) {
	mux.HandleFunc("POST "+prefix+"/v1/message", c.known(c.submit))
	mux.HandleFunc("GET "+prefix+"/v1/message", c.known(c.find))
	mux.HandleFunc("GET "+prefix+"/v1/message/{id}", c.known(c.get))
	mux.HandleFunc("GET "+prefix+"/v1/balance", c.known(c.balance))
}

// known lets requests through that carry an account's key, which stands in
// the Authorization header by itself.
func (c *clickatell) known(serve func(http.ResponseWriter, *http.Request, *account)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		a := c.sim.accounts.find(provider.Clickatell, r.Header.Get("Authorization"))
		if a == nil {
			c.sim.counts.noteUnauthorized()
			c.requestError("1", 0).write(w)
			return
		}
		serve(w, r, a)
	}
}

type clickatellRequest struct {
	Messages []clickatellMessage `json:"messages"`
}

type clickatellMessage struct {
	Channel         string `json:"channel"`
	To              string `json:"to"`
	From            string `json:"from"`
	Content         string `json:"content"`
	ClientMessageID string `json:"clientMessageId"`
}

type clickatellResult struct {
	APIMessageID *string          `json:"apiMessageId"`
	Accepted     bool             `json:"accepted"`
	To           string           `json:"to"`
	Error        *clickatellError `json:"error"`
}

type clickatellError struct {
	Code        int    `json:"code"`
	Description string `json:"description"`
}

type clickatellAnswer struct {
	Messages []clickatellResult `json:"messages"`
	Error    *clickatellError   `json:"error"`
}

// submit is POST /v1/message. The first message with a script that breaks the
// answer decides about the answer to all.
func (c *clickatell) submit(w http.ResponseWriter, r *http.Request, a *account) {
	var request clickatellRequest
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest)).Decode(&request)
	if err != nil || len(request.Messages) == 0 {
		c.requestError("21", 0).write(w)
		return
	}
	var lead verdict
	var all []verdict
	var document clickatellAnswer
	for _, m := range request.Messages {
		result, v := c.take(a, m)
		document.Messages = append(document.Messages, result)
		if v.rule == nil {
			continue
		}
		all = append(all, v)
		if lead.rule == nil || lead.rule.ending == endProperly || lead.rule.ending == endRefused {
			lead = v
		}
	}
	proper := jsonAnswer(c.status(document), document)
	if lead.rule == nil { // no message got as far as a script
		proper.write(w)
		return
	}
	c.sim.conclude(w, r, c, c.perMessage(lead), all, proper)
}

// take decides about one message. The verdict has no rule where the message is
// wrong in itself.
func (c *clickatell) take(a *account, m clickatellMessage) (clickatellResult, verdict) {
	sub := &submission{
		account: a, ref: m.ClientMessageID, from: internationalOf(m.From), to: internationalOf(m.To), body: m.Content,
	}
	if sub.from == "" {
		sub.from = a.onlyAddress()
	}
	sub.callback = a.destination(sub.from).status
	result := clickatellResult{To: m.To}
	if code := c.wrong(sub, m.Channel); code != "" {
		c.sim.countRefused(sub)
		result.Error = describe(code)
		return result, verdict{}
	}
	v := c.sim.judge(sub)
	switch {
	case v.rule.accepts:
		result.Accepted, result.APIMessageID = true, &v.entry.ProviderID
	case v.rule.ending == endRefused:
		result.Error = describe(c.codeOf(v.rule.Code))
	}
	return result, v
}

// perMessage keeps a refusal of one message within its result: the request
// itself succeeds, unless the code concerns the account or a status is asked for.
func (c *clickatell) perMessage(lead verdict) verdict {
	if lead.rule.ending == endRefused && lead.rule.Status == 0 && clickatellRequestErrors[c.codeOf(lead.rule.Code)] == 0 {
		proper := *lead.rule
		proper.ending = endProperly
		lead.rule = &proper
	}
	return lead
}

// status is 202 where every message is accepted and 207 otherwise.
func (c *clickatell) status(document clickatellAnswer) int {
	for _, m := range document.Messages {
		if !m.Accepted {
			return http.StatusMultiStatus
		}
	}
	return http.StatusAccepted
}

func (c *clickatell) wrong(sub *submission, channel string) string {
	switch {
	case channel != "sms":
		return "39"
	case sub.body == "":
		return "23"
	case !isE164(sub.to):
		return "25"
	case sub.from != "" && !sub.account.holds(sub.from):
		return "45"
	case utf8.RuneCountInString(sub.body) > 1600:
		return "24"
	}
	return ""
}

// internationalOf adds the + that Clickatell leaves away, so that the ledger
// and the scripts know one spelling. Short codes stay as they are.
func internationalOf(address string) string {
	if len(address) < 9 || strings.Trim(address, "0123456789") != "" {
		return address
	}
	return "+" + address
}

func nationalOf(address string) string { return strings.TrimPrefix(address, "+") }

var clickatellDescriptions = map[string]string{
	"1": "Invalid or missing integration API Key.", "2": "The account is not active.",
	"3": "The integration is not active.", "18": "Internal error.", "19": "Internal error. Please retry.",
	"20": "Your account balance is insufficient.", "21": "The payload data is malformed.",
	"23": "Invalid or missing parameter.", "24": "Maximum message content size exceeded.",
	"25": "Invalid or missing recipient address.", "26": "The recipient has opted out.",
	"27": "The recipient is not available on this channel.", "39": "The channel is not available on this integration.",
	"41": "The resource does not exist.", "43": "Rate limit exceeded.", "44": "The From number is suspended.",
	"45": "The From number is not related to this integration.",
}

// clickatellRequestErrors are the codes that concern the whole request.
var clickatellRequestErrors = map[string]int{"1": 401, "2": 403, "3": 403, "18": 500, "19": 500, "21": 400, "41": 404, "43": 429}

func describe(code string) *clickatellError {
	number, _ := strconv.Atoi(code) // a code that is no number reads 0
	description := clickatellDescriptions[code]
	if description == "" {
		description = "The message was refused."
	}
	return &clickatellError{number, description}
}

func (c *clickatell) codeOf(code string) string {
	if code == "" {
		return "25"
	}
	return code
}

func (c *clickatell) requestError(code string, status int) answer {
	status = positiveOr(status, positiveOr(clickatellRequestErrors[code], http.StatusBadRequest))
	return jsonAnswer(status, clickatellAnswer{Messages: []clickatellResult{}, Error: describe(code)})
}

func (c *clickatell) refused(_ *submission, code string, status int) answer {
	return c.requestError(c.codeOf(code), status)
}

func (c *clickatell) limited(*submission) answer { return c.requestError("43", 0) }

func (c *clickatell) broken(status int, code string) answer { return c.requestError(code, status) }

// clickatellStatus is the present status of a message, at GET /v1/message.
type clickatellStatus struct {
	APIMessageID    string `json:"apiMessageId"`
	ClientMessageID string `json:"clientMessageId"`
	Channel         string `json:"channel"`
	From            string `json:"from"`
	To              string `json:"to"`
	StatusCode      int    `json:"statusCode"`
	Status          string `json:"status"`
	Timestamp       int64  `json:"timestamp"` // milliseconds
	CreatedAt       int64  `json:"createdTimestamp"`
}

func (c *clickatell) view(e Entry) clickatellStatus {
	code, word := clickatellWord(e.Status, e.ErrorCode)
	return clickatellStatus{
		APIMessageID: e.ProviderID, ClientMessageID: e.ClientRef, Channel: "sms",
		From: nationalOf(e.From), To: nationalOf(e.To), StatusCode: code, Status: word,
		Timestamp: e.UpdatedAt.UnixMilli(), CreatedAt: e.ArrivedAt.UnixMilli(),
	}
}

// get is GET /v1/message/{id}. The status stands under the channel's name.
func (c *clickatell) get(w http.ResponseWriter, r *http.Request, a *account) {
	e, ok := c.sim.ledger.get(c.sim.ledger.sequence(r.PathValue("id")))
	if !ok || e.account.id != a.id || e.Provider != provider.Clickatell {
		c.requestError("41", 0).write(w)
		return
	}
	view := c.view(e)
	jsonAnswer(http.StatusOK, struct {
		clickatellStatus
		SMS clickatellStatus `json:"sms"`
	}{view, view}).write(w)
}

// find is GET /v1/message?clientMessageId=: every message of that name.
func (c *clickatell) find(w http.ResponseWriter, r *http.Request, a *account) {
	list := []clickatellStatus{}
	if ref := r.URL.Query().Get("clientMessageId"); ref != "" {
		for _, e := range c.sim.Ledger(Filter{Provider: provider.Clickatell, Account: a.ID, ClientRef: ref}) {
			list = append(list, c.view(e))
		}
	}
	jsonAnswer(http.StatusOK, map[string]any{"messages": list}).write(w)
}

// balance is GET /v1/balance, which proves a key.
func (c *clickatell) balance(w http.ResponseWriter, _ *http.Request, _ *account) {
	jsonAnswer(http.StatusOK, map[string]any{"balance": 1000.0, "currency": "USD"}).write(w)
}

// clickatellStatuses are the One API's numbers and words.
var clickatellStatuses = map[int]string{
	1: "UNKNOWN", 2: "QUEUED", 3: "SCHEDULED", 4: "SENT_TO_SUPPLIER", 5: "DEVICE_ACK", 6: "READ",
	20: "EXPIRED", 21: "STOPPED_BY_USER", 22: "STOPPED_BY_ADMIN", 23: "DELIVERY_FAILURE", 24: "EMULATED",
	25: "INSUFFICIENT_ACCOUNT_BALANCE", 26: "VOLUME_LIMIT", 27: "VOLUME_LIMIT_DAILY",
	28: "VOLUME_LIMIT_MONTHLY", 29: "RECIPIENT_DOES_NOT_EXIST",
}

var clickatellNumbers = map[string]int{
	"accepted": 2, "queued": 2, "scheduled": 3, "sending": 2, "sent": 4, "delivered": 5, "read": 6,
	"undelivered": 23, "failed": 20,
}

// clickatellWord translates a status. Its number is also its error code, so a
// failure's code is its number.
func clickatellWord(word, code string) (int, string) {
	number, known := clickatellNumbers[word]
	if own, err := strconv.Atoi(word); !known && err == nil {
		number = own
	}
	if failure, err := strconv.Atoi(code); err == nil {
		number = failure
	}
	if name := clickatellStatuses[number]; name != "" {
		return number, name
	}
	return number, strings.ToUpper(word)
}

// report is the status callback: a list, which Clickatell may lengthen.
func (c *clickatell) report(e Entry, st *step, at time.Time) notice {
	number, word := clickatellWord(st.word, st.code)
	return clickatellEvent(e.account, "messageStatusUpdate", map[string]any{
		"channel": "sms", "messageId": e.ProviderID, "clientMessageId": e.ClientRef,
		"from": nationalOf(e.From), "to": nationalOf(e.To), "statusCode": number, "status": word,
		"timestamp": at.UnixMilli(),
	})
}

func (c *clickatell) inbound(m *Received, a *account, _ string) notice {
	return clickatellEvent(a, "moText", map[string]any{
		"channel": "sms", "messageId": m.SID, "relatedMessageId": nil, "relatedClientMessageId": nil,
		"from": nationalOf(m.From), "to": nationalOf(m.To), "timestamp": m.ReceivedAt.UnixMilli(),
		"encryptionKey": nil, "content": m.Body,
	})
}

func clickatellEvent(a *account, kind string, event map[string]any) notice {
	integration := a.Credentials["api_id"]
	if integration == "" {
		integration = "ff80808160ea0ad50160ecd6b6ef0001"
	}
	document := jsonAnswer(http.StatusOK, map[string]any{
		"integrationId": integration, "integrationName": "simulator",
		"event": map[string]any{kind: []any{event}},
	})
	return notice{contentType: document.contentType, body: document.body}
}

// sign adds the user and password that the account's callbacks are configured
// with: Clickatell has no signature.
func (c *clickatell) sign(r *http.Request, n *notice) {
	if n.account.secret != "" {
		r.SetBasicAuth("clickatell", n.secretOf())
	}
}
