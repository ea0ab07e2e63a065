// Package clickatell speaks Clickatell's One API and reads its callbacks. The
// older platform uses the same numbers with other meanings (rules, section
// 0.4); this adapter knows the One API only, and a channel of another dialect
// needs an adapter of its own.
package clickatell

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// publicURL is where Clickatell serves the One API.
const publicURL = "https://platform.clickatell.com"

// maxValidity is the longest validityPeriod, in minutes.
const maxValidity = 24 * 60

// nobody is the id of no message. Asking for it proves the key: Clickatell
// refuses a wrong one before it looks.
const nobody = "00000000000000000000000000000000"

// Config is what the adapter needs from the installation.
type Config struct {
	// BaseURL of a simulator; empty for Clickatell itself.
	BaseURL string
	// HTTP sends the calls; provider.NewHTTPClient where it is nil.
	HTTP *http.Client
}

// Adapter is Clickatell.
type Adapter struct {
	base string
	http *http.Client
}

var (
	_ provider.Adapter  = (*Adapter)(nil)
	_ provider.Finder   = (*Adapter)(nil)
	_ provider.Reporter = (*Adapter)(nil)
)

// New makes the adapter.
func New(c Config) *Adapter {
	a := &Adapter{base: strings.TrimRight(c.BaseURL, "/"), http: c.HTTP}
	if a.base == "" {
		a.base = publicURL
	}
	if a.http == nil {
		a.http = provider.NewHTTPClient()
	}
	return a
}

// Name implements provider.Adapter.
func (*Adapter) Name() provider.Name { return provider.Clickatell }

// Capabilities implements provider.Adapter. Pictures are not offered: the One
// API has none for SMS.
func (*Adapter) Capabilities() provider.Capabilities {
	return provider.Capabilities{
		Inbound: true, Outbound: true, DeliveryReports: true,
		MaxBodyRunes: 1600, SubmissionLookup: true,
	}
}

// CredentialFields implements provider.Adapter. Clickatell signs nothing: its
// callbacks prove themselves by the password of HTTP basic authentication,
// which is set beside the callback URL in Clickatell's portal (rules A10-3).
// Where api_id is set, callbacks must name it as their integrationId.
func (*Adapter) CredentialFields() []provider.CredentialField {
	return []provider.CredentialField{
		{Name: "api_key", Title: "API key", Secret: true, Required: true, Pattern: `^[!-~]{8,256}$`},
		{Name: "callback_secret", Title: "Password of the callbacks", Secret: true, Required: true, Pattern: `^[!-~]{16,256}$`},
		{Name: "api_id", Title: "Integration id", Pattern: `^[0-9A-Za-z-]{1,64}$`},
	}
}

// Check implements provider.Adapter.
func (ad *Adapter) Check(ctx context.Context, a provider.Account) error {
	answer, err := ad.call(ctx, a, http.MethodGet, "/v1/message/"+nobody, nil)
	if err != nil {
		return provider.Asking(err)
	}
	if answer.OK() || answer.Status == http.StatusNotFound || faultOf(answer) == codeNoResource {
		return nil
	}
	return provider.Asking(refusal(answer))
}

// submission is the body of POST /v1/message.
type submission struct {
	Messages []message `json:"messages"`
}

type message struct {
	Channel         string `json:"channel"`
	To              string `json:"to"`
	From            string `json:"from,omitempty"`
	Content         string `json:"content"`
	ClientMessageID string `json:"clientMessageId,omitempty"`
	ValidityPeriod  int    `json:"validityPeriod,omitempty"` // minutes
}

// result is Clickatell's word on one message of a submission.
type result struct {
	APIMessageID string `json:"apiMessageId"`
	Accepted     *bool  `json:"accepted"`
	Error        *fault `json:"error"`
}

// Submit implements provider.Adapter. A 2xx is not yet an acceptance: each
// message has its own result.
func (ad *Adapter) Submit(ctx context.Context, a provider.Account, s provider.Submission) (provider.Receipt, error) {
	if len(s.MediaURLs) > 0 {
		return provider.Receipt{}, &provider.Error{Class: provider.ClassContent, Code: "no_media", Message: "Clickatell carries no pictures by SMS."}
	}
	m := message{Channel: "sms", To: digits(s.To), From: digits(s.From), Content: s.Body, ClientMessageID: s.ClientRef}
	if s.ValidFor > 0 {
		m.ValidityPeriod = min(max(int(s.ValidFor/time.Minute), 1), maxValidity)
	}
	answer, err := ad.call(ctx, a, http.MethodPost, "/v1/message", submission{Messages: []message{m}})
	if err != nil {
		return provider.Receipt{}, err
	}
	if !answer.OK() {
		return provider.Receipt{}, refusal(answer)
	}
	var body struct {
		Messages []result `json:"messages"`
		Error    *fault   `json:"error"`
	}
	if err := answer.Decode(&body); err != nil {
		return provider.Receipt{}, err
	}
	switch {
	case len(body.Messages) == 0 && body.Error != nil:
		return provider.Receipt{}, body.Error.explain() // no message was processed
	case len(body.Messages) != 1 || body.Messages[0].Accepted == nil:
		return provider.Receipt{}, answer.NotUnderstood()
	}
	r := body.Messages[0]
	switch {
	case !*r.Accepted:
		return provider.Receipt{}, r.Error.explain()
	case r.APIMessageID == "":
		return provider.Receipt{}, answer.NotUnderstood()
	}
	return provider.Receipt{ProviderID: r.APIMessageID, Status: provider.StatusAccepted}, nil
}

// Find implements provider.Finder by clientMessageId. Clickatell's published
// reference does not describe this query. So only a list is an answer: that
// the query is unknown (404, 405, "resource does not exist") or answered with
// something else means that nobody can tell, which is an error, and never that
// there is no such message.
func (ad *Adapter) Find(ctx context.Context, a provider.Account, q provider.Query) ([]provider.Found, error) {
	answer, err := ad.call(ctx, a, http.MethodGet, "/v1/message?clientMessageId="+url.QueryEscape(q.ClientRef), nil)
	if err != nil {
		return nil, provider.Asking(err)
	}
	if answer.Status == http.StatusNotFound || answer.Status == http.StatusMethodNotAllowed || faultOf(answer) == codeNoResource {
		return nil, cannotTell()
	}
	if !answer.OK() {
		return nil, provider.Asking(refusal(answer))
	}
	var body struct {
		Messages []event `json:"messages"`
	}
	if answer.Decode(&body) != nil || body.Messages == nil {
		return nil, cannotTell()
	}
	var found []provider.Found
	for _, e := range body.Messages {
		switch {
		case e.ClientMessageID != q.ClientRef:
			return nil, cannotTell() // it did not search by our id
		case e.id() != "":
			found = append(found, provider.Found{ProviderID: e.id(), CreatedAt: e.at(), Report: e.report()})
		}
	}
	provider.OldestFirst(found)
	return found, nil
}

func cannotTell() error {
	return &provider.Error{Class: provider.ClassTransient, Code: "cannot_tell", Message: "Clickatell cannot say whether it has the message."}
}

// messageID is what Clickatell's ids look like. They go into paths.
var messageID = regexp.MustCompile(`^[0-9A-Za-z_-]{1,64}$`)

// Report implements provider.Reporter. The answer holds one entry for the
// channel; of a message that was not found it is flat and says UNKNOWN.
func (ad *Adapter) Report(ctx context.Context, a provider.Account, providerID string) (provider.Report, error) {
	if !messageID.MatchString(providerID) {
		return provider.Report{}, provider.NoSuchMessage()
	}
	answer, err := ad.call(ctx, a, http.MethodGet, "/v1/message/"+providerID, nil)
	switch {
	case err != nil:
		return provider.Report{}, provider.Asking(err)
	case answer.Status == http.StatusNotFound, faultOf(answer) == codeNoResource:
		return provider.Report{}, provider.NoSuchMessage()
	case !answer.OK():
		return provider.Report{}, provider.Asking(refusal(answer))
	}
	var body struct {
		event
		SMS *event `json:"sms"`
	}
	if err := answer.Decode(&body); err != nil {
		return provider.Report{}, provider.Asking(err)
	}
	e := body.event
	if body.SMS != nil {
		e = *body.SMS
	}
	switch {
	case e.number() == codeUnknown:
		return provider.Report{}, provider.NoSuchMessage()
	case e.number() == 0 && e.Status == "", e.id() != "" && e.id() != providerID:
		return provider.Report{}, provider.Asking(answer.NotUnderstood())
	}
	e.MessageID = providerID
	return e.report(), nil
}

func (ad *Adapter) call(ctx context.Context, a provider.Account, method, path string, body any) (*provider.Answer, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, unusable()
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, ad.base+path, bytes.NewReader(payload))
	if err != nil || a.Credentials["api_key"] == "" {
		return nil, unusable()
	}
	req.Header.Set("Authorization", a.Credentials["api_key"]) // the bare key, no scheme
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return provider.Do(ad.http, req)
}

func unusable() error {
	return &provider.Error{Class: provider.ClassSender, Code: strconv.Itoa(codeWrongKey), Message: refusals[codeWrongKey].message}
}

// digits is a number as Clickatell writes it, without the plus.
func digits(address string) string { return strings.TrimPrefix(address, "+") }

// e164 puts the plus back. Short codes have at most eight digits, and letters
// are a sender's name: both stay.
func e164(address string) string {
	if len(address) <= 8 || len(address) > 15 || strings.Trim(address, "0123456789") != "" {
		return address
	}
	return "+" + address
}
