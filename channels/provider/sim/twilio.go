package sim

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
)

// twilio plays Twilio's Programmable Messaging.
// https://www.twilio.com/docs/messaging/api/message-resource
type twilio struct{ sim *Simulator }

const twilioRoot = "/2010-04-01/Accounts/"

func (t *twilio) provider() provider.Name { return provider.Twilio }

// Twilio never repeats a messaging callback.
func (t *twilio) repeats() bool { return false }

func (t *twilio) routes(mux *http.ServeMux, prefix string) {
	root := prefix + twilioRoot
	mux.HandleFunc("POST "+root+"{sid}/Messages.json", t.known(t.create))
	mux.HandleFunc("GET "+root+"{sid}/Messages.json", t.known(t.list))
	mux.HandleFunc("GET "+root+"{sid}/Messages/{message}", t.known(t.get))
	mux.HandleFunc("GET "+root+"{sid}/Messages/{message}/Media.json", t.known(t.mediaList))
	mux.HandleFunc("GET "+root+"{sid}/Messages/{message}/Media/{media}", t.known(t.media))
	mux.HandleFunc("GET "+root+"{sid}", t.known(t.account))
}

// known lets requests through that carry an account's credentials for its own
// path.
func (t *twilio) known(serve func(http.ResponseWriter, *http.Request, *account)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		a := t.sim.accounts.find(provider.Twilio, user)
		proven := a != nil && (equal(password, a.secret) || (a.next != "" && equal(password, a.next)))
		if !proven || strings.TrimSuffix(r.PathValue("sid"), ".json") != user {
			t.sim.counts.noteUnauthorized()
			t.failure("20003", 0, "").write(w)
			return
		}
		serve(w, r, a)
	}
}

// create is POST /2010-04-01/Accounts/{sid}/Messages.json.
func (t *twilio) create(w http.ResponseWriter, r *http.Request, a *account) {
	r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
	if err := r.ParseForm(); err != nil {
		t.failure("20001", 0, "").write(w)
		return
	}
	form := r.PostForm
	sub := &submission{
		account: a, from: form.Get("From"), to: form.Get("To"), body: form.Get("Body"),
		media: form["MediaUrl"], callback: form.Get("StatusCallback"),
	}
	if sub.from == "" && form.Get("MessagingServiceSid") != "" {
		sub.from = a.onlyAddress()
	}
	sub.ref, sub.attempt = namedByCallback(sub.callback)
	if code := t.wrong(sub); code != "" {
		t.sim.turnAway(w, t, sub, code)
		return
	}
	v := t.sim.judge(sub)
	t.sim.conclude(w, r, t, v, []verdict{v}, jsonAnswer(http.StatusCreated, t.created(v)))
}

// namedByCallback finds our own name of a message, and the attempt, in the
// callback URL: Twilio has no field for it.
func namedByCallback(callback string) (ref string, attempt int) {
	_, query := splitQuery(callback)
	values, err := url.ParseQuery(query)
	if err != nil {
		return "", 0
	}
	attempt, _ = strconv.Atoi(values.Get("a")) // absent is 0
	return values.Get("m"), attempt
}

// wrong returns the error code of a submission that Twilio refuses by itself.
func (t *twilio) wrong(sub *submission) string {
	switch {
	case sub.to == "":
		return "21604"
	case sub.from == "":
		return "21603"
	case sub.body == "" && len(sub.media) == 0:
		return "21602"
	case !isE164(sub.to):
		return "21211"
	case !sub.account.holds(sub.from):
		return "21606"
	case utf8.RuneCountInString(sub.body) > 1600:
		return "21617"
	case len(sub.media) > 10:
		return "21623"
	case sub.callback != "" && !isCallbackURL(sub.callback):
		return "21609"
	}
	return ""
}

// isE164 tells whether an address is + and 2 to 15 digits, not beginning with 0.
func isE164(address string) bool {
	if len(address) < 3 || len(address) > 16 || address[0] != '+' || address[1] == '0' {
		return false
	}
	for i := 1; i < len(address); i++ {
		if address[i] < '0' || address[i] > '9' {
			return false
		}
	}
	return true
}

// isCallbackURL refuses what Twilio refuses, host names with an underscore
// among it.
func isCallbackURL(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" &&
		!strings.Contains(u.Hostname(), "_")
}

func (t *twilio) created(v verdict) twilioMessage {
	e := v.entry
	if e.account == nil { // a script answers for what was not accepted
		e = Entry{account: v.sub.account, From: v.sub.from, To: v.sub.to, Body: v.sub.body}
	}
	m := t.outbound(e)
	// At this moment nothing has been sent yet, whatever the reports say.
	m.Status, m.DateSent, m.ErrorCode = "queued", nil, nil
	return m
}

// account is GET /2010-04-01/Accounts/{sid}.json, which proves credentials.
func (t *twilio) account(w http.ResponseWriter, _ *http.Request, a *account) {
	jsonAnswer(http.StatusOK, map[string]any{
		"sid": a.id, "friendly_name": a.ID, "status": "active", "type": "Full", "owner_account_sid": a.id,
		"uri": twilioRoot + a.id + ".json",
	}).write(w)
}

// failures holds the HTTP status and the message of the codes that Trellis
// knows (rules A13); another code is a 400.
var twilioFailures = map[string]struct {
	status  int
	message string
}{
	"20001": {400, "Invalid parameter"},
	"20003": {401, "Authenticate"},
	"20404": {404, "The requested resource was not found"},
	"20429": {429, "Too Many Requests"},
	"20500": {500, "Internal server error"},
	"21211": {400, "Invalid 'To' Phone Number: %s"},
	"21212": {400, "Invalid From Number (caller ID): %s"},
	"21408": {403, "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: %s"},
	"21602": {400, "Message body is required."},
	"21603": {400, "A 'From' phone number is required."},
	"21604": {400, "A 'To' phone number is required."},
	"21606": {400, "The 'From' phone number provided is not a valid message-capable Twilio phone number for this destination."},
	"21609": {400, "The 'StatusCallback' URL is not a valid URL."},
	"21610": {400, "Attempt to send to unsubscribed recipient"},
	"21611": {429, "This 'From' number has exceeded the maximum number of queued messages"},
	"21614": {400, "'To' number is not a valid mobile number: %s"},
	"21617": {400, "The concatenated message body exceeds the 1600 character limit"},
	"21623": {400, "Number of media files exceeds allowed limit"},
	"21635": {400, "'To' number cannot be a Landline: %s"},
	"21659": {400, "'From' is not a Twilio phone number or Short Code country mismatch"},
	"63018": {429, "Rate limit exceeded for Channel"},
}

func (t *twilio) failure(code string, status int, subject string) answer {
	known := twilioFailures[code]
	if known.message == "" {
		known.status, known.message = 400, "The request was refused"
	}
	if strings.Contains(known.message, "%s") {
		known.message = fmt.Sprintf(known.message, subject)
	}
	status = positiveOr(status, known.status)
	number, _ := strconv.Atoi(code) // a code that is no number reads 0
	return jsonAnswer(status, struct {
		Code     int    `json:"code"`
		Message  string `json:"message"`
		MoreInfo string `json:"more_info"`
		Status   int    `json:"status"`
	}{number, known.message, "https://www.twilio.com/docs/errors/" + code, status})
}

func (t *twilio) refused(sub *submission, code string, status int) answer {
	if code == "" {
		code = "21211"
	}
	return t.failure(code, status, sub.to)
}

func (t *twilio) limited(*submission) answer { return t.failure("20429", 0, "") }

func (t *twilio) broken(status int, code string) answer { return t.failure(code, status, "") }

// report is Twilio's status callback.
// https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
func (t *twilio) report(e Entry, st *step, at time.Time) notice {
	form := url.Values{
		"MessageSid": {e.ProviderID}, "SmsSid": {e.ProviderID}, "AccountSid": {e.account.id},
		"MessageStatus": {st.word}, "SmsStatus": {st.word}, "From": {e.From}, "To": {e.To},
		"ApiVersion": {"2010-04-01"},
	}
	if code := twilioErrorCode(st.word, st.code); code != "" {
		form.Set("ErrorCode", code)
	}
	if st.word == "delivered" {
		form.Set("RawDlrDoneDate", at.Format("0601021504"))
	}
	return formNotice(form)
}

// twilioErrorCode is the code of a failure, or Twilio's usual one.
func twilioErrorCode(word, code string) string {
	switch {
	case code != "":
		return code
	case word == "undelivered":
		return "30003"
	case word == "failed":
		return "30008"
	}
	return ""
}

// inbound is Twilio's request to a number's messaging URL.
// https://www.twilio.com/docs/messaging/guides/webhook-request
func (t *twilio) inbound(m *Received, a *account, _ string) notice {
	form := url.Values{
		"MessageSid": {m.SID}, "SmsSid": {m.SID}, "SmsMessageSid": {m.SID}, "AccountSid": {a.id},
		"From": {m.From}, "To": {m.To}, "Body": {m.Body}, "NumMedia": {strconv.Itoa(len(m.Media))},
		"NumSegments": {strconv.Itoa(m.Segments)}, "SmsStatus": {"received"}, "ApiVersion": {"2010-04-01"},
		"FromCity": {"MONTREAL"}, "FromState": {"QC"}, "FromZip": {""}, "FromCountry": {"CA"},
		"ToCity": {"MONTREAL"}, "ToState": {"QC"}, "ToZip": {""}, "ToCountry": {"CA"},
	}
	for i, p := range m.Media {
		form.Set("MediaUrl"+strconv.Itoa(i), p.URL)
		form.Set("MediaContentType"+strconv.Itoa(i), p.ContentType)
	}
	if m.optOutType != "" {
		form.Set("OptOutType", m.optOutType)
	}
	for name, value := range maps.All(m.extra) {
		form.Set(name, value)
	}
	return formNotice(form)
}

func formNotice(form url.Values) notice {
	return notice{
		contentType: "application/x-www-form-urlencoded; charset=UTF-8",
		body:        []byte(form.Encode()), form: form, token: uuid.NewString(), //nolint:forbidigo // Twilio's own token is random
	}
}

func (t *twilio) sign(r *http.Request, n *notice) {
	target, _, _ := strings.Cut(n.url, "#")
	r.Header.Set("User-Agent", "TwilioProxy/1.1")
	r.Header.Set("I-Twilio-Idempotency-Token", n.token)
	r.Header.Set("X-Twilio-Signature", signTwilio(n.secretOf(), target, n.form))
}

func jsonAnswer(status int, document any) answer {
	body, err := json.Marshal(document)
	if err != nil {
		panic("sim: an answer cannot be written as JSON: " + err.Error())
	}
	return answer{status: status, contentType: "application/json", body: body}
}
