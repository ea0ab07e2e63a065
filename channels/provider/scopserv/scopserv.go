package scopserv

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/clock"
)

// Config is what the adapter needs from the installation.
type Config struct {
	// BaseURL of the operator's platform. Without it every call is refused
	// here, as a fault of the channel.
	BaseURL string
	// HTTP sends the calls; provider.NewHTTPClient where it is nil.
	HTTP *http.Client
	// Clock gives the timestamps of signatures; the system's where it is nil.
	Clock clock.Clock
}

// Adapter is the operator's carrier.
type Adapter struct {
	base  string
	http  *http.Client
	clock clock.Clock
}

var (
	_ provider.Adapter       = (*Adapter)(nil)
	_ provider.Finder        = (*Adapter)(nil)
	_ provider.Reporter      = (*Adapter)(nil)
	_ provider.InboundLister = (*Adapter)(nil)
	_ provider.MediaFetcher  = (*Adapter)(nil)
)

// New makes the adapter.
func New(c Config) *Adapter {
	a := &Adapter{base: strings.TrimRight(c.BaseURL, "/"), http: c.HTTP, clock: c.Clock}
	if a.http == nil {
		a.http = provider.NewHTTPClient()
	}
	if a.clock == nil {
		a.clock = clock.System{}
	}
	return a
}

// Name implements provider.Adapter.
func (*Adapter) Name() provider.Name { return provider.Scopserv }

// Capabilities implements provider.Adapter.
func (*Adapter) Capabilities() provider.Capabilities {
	return provider.Capabilities{
		Inbound: true, Outbound: true, DeliveryReports: true, Distributable: true,
		MaxBodyRunes: 1600, MaxMedia: 10, MaxMediaBytes: 5 << 20,
		MediaTypes:       []string{"image/jpeg", "image/png"},
		SubmissionLookup: true, InboundLookup: true,
	}
}

// CredentialFields implements provider.Adapter.
func (*Adapter) CredentialFields() []provider.CredentialField {
	return []provider.CredentialField{
		{Name: "account", Title: "Account", Required: true, Pattern: `^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`},
		{Name: "secret", Title: "Shared secret", Secret: true, Required: true, Pattern: `^[!-~]{16,256}$`},
	}
}

// Check implements provider.Adapter.
func (ad *Adapter) Check(ctx context.Context, a provider.Account) error {
	var answer AccountAnswer
	if err := ad.get(ctx, a, "/v1/account", &answer); err != nil {
		return err
	}
	if answer.Account != a.Credentials["account"] {
		return &provider.Error{Class: provider.ClassSender, Code: "other_account", Message: "The carrier knows these credentials as another account's."}
	}
	return nil
}

// Submit implements provider.Adapter.
func (ad *Adapter) Submit(ctx context.Context, a provider.Account, s provider.Submission) (provider.Receipt, error) {
	answer, err := ad.call(ctx, a, http.MethodPost, "/v1/messages", SubmitRequest{
		ClientRef: s.ClientRef, Attempt: s.Attempt, From: s.From, To: s.To, Text: s.Body,
		Media: s.MediaURLs, StatusURL: s.StatusURL, ValidForSeconds: int(s.ValidFor / time.Second),
	})
	if err != nil {
		return provider.Receipt{}, err
	}
	if !answer.OK() {
		return provider.Receipt{}, refusal(answer)
	}
	var taken SubmitAnswer
	if err := answer.Decode(&taken); err != nil {
		return provider.Receipt{}, err
	}
	if taken.MessageID == "" {
		return provider.Receipt{}, answer.NotUnderstood()
	}
	receipt := provider.Receipt{ProviderID: taken.MessageID, Status: status(taken.Status), Segments: taken.Segments}
	if receipt.Status == provider.StatusUnknown {
		receipt.Status = provider.StatusAccepted // it has an id, whatever the word
	}
	return receipt, nil
}

// Find implements provider.Finder. The carrier keeps our reference, so the
// time, the numbers and the text of the query are not needed. Messages of
// other attempts are left out.
func (ad *Adapter) Find(ctx context.Context, a provider.Account, q provider.Query) ([]provider.Found, error) {
	var list MessageList
	if err := ad.get(ctx, a, "/v1/messages?client_ref="+url.QueryEscape(q.ClientRef), &list); err != nil {
		return nil, err
	}
	if list.Messages == nil { // "possibly empty", never absent
		return nil, notUnderstood()
	}
	var found []provider.Found
	for _, m := range list.Messages {
		if m.ClientRef == q.ClientRef && (q.Attempt == 0 || m.Attempt == q.Attempt) {
			found = append(found, provider.Found{ProviderID: m.MessageID, CreatedAt: m.CreatedAt, Report: m.Report()})
		}
	}
	provider.OldestFirst(found)
	return found, nil
}

// Report implements provider.Reporter.
func (ad *Adapter) Report(ctx context.Context, a provider.Account, providerID string) (provider.Report, error) {
	var m Message
	err := ad.get(ctx, a, "/v1/messages/"+url.PathEscape(providerID), &m)
	switch {
	case err != nil && provider.AsError(err).Code == "404":
		return provider.Report{}, provider.NoSuchMessage()
	case err != nil:
		return provider.Report{}, err
	}
	if m.MessageID != providerID || m.Status == "" {
		return provider.Report{}, notUnderstood()
	}
	return m.Report(), nil
}

// ListInbound implements provider.InboundLister. The carrier lists 200 at
// most, oldest first: whoever needs more asks again from the newest.
func (ad *Adapter) ListInbound(ctx context.Context, a provider.Account, since time.Time) ([]provider.Inbound, error) {
	query := url.Values{"to": {a.Address}, "since": {since.UTC().Format(time.RFC3339)}}
	var list InboundList
	if err := ad.get(ctx, a, "/v1/inbound?"+query.Encode(), &list); err != nil {
		return nil, err
	}
	if list.Messages == nil {
		return nil, notUnderstood()
	}
	var inbound []provider.Inbound
	for _, e := range list.Messages {
		if e.To == a.Address && e.complete() {
			inbound = append(inbound, e.Inbound())
		}
	}
	return inbound, nil
}

// MediaRequest implements provider.MediaFetcher: a request to the carrier's
// own host is signed, any other goes out bare.
func (ad *Adapter) MediaRequest(ctx context.Context, a provider.Account, link string) (*http.Request, error) {
	req, own, err := provider.NewMediaRequest(ctx, link, ad.base)
	if err == nil && own {
		SignRequest(req, a.Credentials["account"], a.Credentials["secret"], ad.clock.Now(), nil)
	}
	return req, err
}

func (ad *Adapter) get(ctx context.Context, a provider.Account, path string, into any) error {
	answer, err := ad.call(ctx, a, http.MethodGet, path, nil)
	if err != nil {
		return provider.Asking(err)
	}
	if !answer.OK() {
		return provider.Asking(refusal(answer))
	}
	return provider.Asking(answer.Decode(into))
}

func (ad *Adapter) call(ctx context.Context, a provider.Account, method, path string, body any) (*provider.Answer, error) {
	var payload []byte
	if body != nil {
		var err error
		if payload, err = json.Marshal(body); err != nil {
			return nil, misconfigured()
		}
	}
	req, err := http.NewRequestWithContext(ctx, method, ad.base+path, bytes.NewReader(payload))
	if err != nil || ad.base == "" {
		return nil, misconfigured()
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	SignRequest(req, a.Credentials["account"], a.Credentials["secret"], ad.clock.Now(), payload)
	return provider.Do(ad.http, req)
}

// codeWord is what a refusal's code must look like to be shown and stored.
var codeWord = regexp.MustCompile(`^[a-z][a-z_]{0,63}$`)

// refusal classifies a 4xx by the contract's code. What is not a refusal, and
// a code that the contract does not know, is classified by the HTTP status.
func refusal(answer *provider.Answer) error {
	e := answer.Refusal()
	var body RefusalAnswer
	if answer.Status < 400 || answer.Status > 499 || answer.Decode(&body) != nil || !codeWord.MatchString(body.Code) {
		return e
	}
	e.Code = body.Code
	if f, known := failures[body.Code]; known && e.Class != provider.ClassTransient && f.class != provider.ClassDelivery {
		e.Class, e.Message = f.class, f.message
	}
	return e
}

func misconfigured() error {
	return &provider.Error{Class: provider.ClassSender, Code: "not_configured", Message: "The operator's carrier is not set up on this installation."}
}

func notUnderstood() error {
	return &provider.Error{Class: provider.ClassTransient, Code: "not_understood", Message: "The provider's answer was not understood."}
}
