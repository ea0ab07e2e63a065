package twilio

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strconv"

	"github.com/twilio/twilio-go/client"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/trellishq/trellis/channels/provider"
)

// call is one exchange with Twilio. twilio-go knows no context, reads no error
// body to its end, hides the HTTP status of an answer that is not JSON and
// writes its host into every URL. So each call has a client of its own, whose
// transport is the call itself: provider.Do makes the request under the
// caller's context, and the answer stays here to be classified.
type call struct {
	ctx     context.Context //nolint:containedctx // twilio-go has no room for it; see above
	adapter *Adapter
	sid     string
	api     *api.ApiService

	answer *provider.Answer // of the last request, nil where there was none
}

// credential is what twilio-go accepts in a user name or a password.
var credential = regexp.MustCompile(`^[0-9A-Za-z]{1,256}$`)

func (ad *Adapter) open(ctx context.Context, a provider.Account) *call {
	c := &call{ctx: ctx, adapter: ad, sid: a.Credentials["account_sid"]}
	base := &client.Client{
		Credentials: client.NewCredentials(c.sid, a.Credentials["auth_token"]),
		HTTPClient: &http.Client{
			Transport:     c,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	}
	base.SetAccountSid(c.sid)
	// A handler made by hand: client.NewRequestHandler would let TWILIO_EDGE
	// and TWILIO_REGION in the environment choose the host.
	c.api = api.NewApiService(&client.RequestHandler{Client: base})
	return c
}

// RoundTrip implements http.RoundTripper for one call.
func (c *call) RoundTrip(r *http.Request) (*http.Response, error) {
	user, token, _ := r.BasicAuth()
	if !credential.MatchString(user) || !credential.MatchString(token) {
		return nil, &provider.Error{Class: provider.ClassSender, Code: "20003", Message: codes[20003].message}
	}
	req := r.Clone(c.ctx)
	req.URL.Scheme, req.URL.Host = c.adapter.base.Scheme, c.adapter.base.Host
	req.URL.Path = c.adapter.base.Path + req.URL.Path
	req.URL.RawPath = ""
	req.Host = ""
	answer, err := provider.Do(c.adapter.http, req)
	if err != nil {
		return nil, err
	}
	c.answer = answer
	return &http.Response{
		Status: http.StatusText(answer.Status), StatusCode: answer.Status,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: answer.Header, Body: io.NopCloser(bytes.NewReader(answer.Body)),
		ContentLength: int64(len(answer.Body)), Request: r,
	}, nil
}

// failure turns the error of a twilio-go method into ours. The texts of
// twilio-go and of Twilio quote numbers, so nothing of them is kept but the
// code.
func (c *call) failure(err error) error {
	var ours *provider.Error
	var theirs *client.TwilioRestError
	switch {
	case errors.As(err, &ours):
		return ours // of the network
	case c.answer != nil && !c.answer.OK():
		return refusal(c.answer)
	case c.answer != nil && err != nil:
		return c.answer.NotUnderstood() // 2xx
	case errors.As(err, &theirs):
		// Refused by twilio-go itself, before any request: 21222, 21224.
		return &provider.Error{Class: provider.ClassSender, Code: strconv.Itoa(theirs.Code), Message: codes[20003].message}
	case err != nil || c.answer == nil:
		return &provider.Error{Class: provider.ClassAmbiguous, Code: "unclassified", Message: "The provider's answer was not understood."}
	default:
		return nil
	}
}

// refusal classifies an answer that is not 2xx. A 4xx goes by Twilio's error
// number where it is listed; 429 and everything else go by the HTTP status.
func refusal(answer *provider.Answer) error {
	e := answer.Refusal()
	if answer.Status < 400 || answer.Status > 499 {
		return e
	}
	var body struct {
		Code int `json:"code"`
	}
	if json.Unmarshal(answer.Body, &body) != nil || body.Code <= 0 {
		return e
	}
	e.Code = strconv.Itoa(body.Code)
	listed, known := codes[body.Code]
	if known && e.Class != provider.ClassTransient && listed.class != provider.ClassDelivery {
		e.Class, e.Message = listed.class, listed.message
	}
	return e
}
