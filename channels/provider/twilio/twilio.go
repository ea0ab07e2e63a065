// Package twilio speaks Twilio's Messages API, release 2010-04-01, and reads
// its callbacks. It is the only importer of twilio-go, of whose 63 packages it
// takes the two that it needs.
package twilio

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/trellishq/trellis/channels/provider"
)

// publicURL is where Twilio serves its API.
const publicURL = "https://api.twilio.com"

// The bounds of ValidityPeriod in seconds.
const (
	minValidity = 1
	maxValidity = 36_000
)

// Config is what the adapter needs from the installation.
type Config struct {
	// BaseURL of a simulator; empty for Twilio itself.
	BaseURL string
	// HTTP sends the calls; provider.NewHTTPClient where it is nil.
	HTTP *http.Client
}

// Adapter is Twilio.
type Adapter struct {
	base *url.URL
	http *http.Client
}

var (
	_ provider.Adapter       = (*Adapter)(nil)
	_ provider.Finder        = (*Adapter)(nil)
	_ provider.Reporter      = (*Adapter)(nil)
	_ provider.InboundLister = (*Adapter)(nil)
	_ provider.MediaFetcher  = (*Adapter)(nil)
)

// New makes the adapter. A base URL that cannot be read is met by every call
// as a provider that cannot be reached.
func New(c Config) *Adapter {
	a := &Adapter{http: c.HTTP}
	if a.http == nil {
		a.http = provider.NewHTTPClient()
	}
	base := c.BaseURL
	if base == "" {
		base = publicURL
	}
	parsed, err := url.Parse(strings.TrimRight(base, "/"))
	if err != nil {
		parsed = &url.URL{}
	}
	a.base = parsed
	return a
}

// Name implements provider.Adapter.
func (*Adapter) Name() provider.Name { return provider.Twilio }

// Capabilities implements provider.Adapter.
func (*Adapter) Capabilities() provider.Capabilities {
	return provider.Capabilities{
		Inbound: true, Outbound: true, DeliveryReports: true, AlphanumericSenders: true,
		MaxBodyRunes: 1600, MaxMedia: 10, MaxMediaBytes: 5 << 20,
		MediaTypes:       []string{"image/jpeg", "image/png"},
		SubmissionLookup: true, InboundLookup: true, RepliesToKeywords: true,
	}
}

// CredentialFields implements provider.Adapter.
func (*Adapter) CredentialFields() []provider.CredentialField {
	return []provider.CredentialField{
		{Name: "account_sid", Title: "Account SID", Required: true, Pattern: `^AC[0-9a-fA-F]{32}$`},
		{Name: "auth_token", Title: "Auth token", Secret: true, Required: true, Pattern: `^[0-9A-Za-z]{16,128}$`},
		{Name: "auth_token_next", Title: "Secondary auth token, while it is rotated", Secret: true, Pattern: `^[0-9A-Za-z]{16,128}$`},
	}
}

// Check implements provider.Adapter.
func (ad *Adapter) Check(ctx context.Context, a provider.Account) error {
	call := ad.open(ctx, a)
	account, err := call.api.FetchAccount(call.sid)
	if err := call.failure(err); err != nil {
		return provider.Asking(err)
	}
	if word(account.Sid) != call.sid {
		return provider.Asking(call.answer.NotUnderstood())
	}
	if s := word(account.Status); s == "suspended" || s == "closed" {
		return &provider.Error{Class: provider.ClassSender, Code: "account_" + s, Message: "Twilio has suspended or closed this account."}
	}
	return nil
}

// Submit implements provider.Adapter. Twilio has no idempotency key for
// messages (rules, section 0.1): whoever gets ClassAmbiguous must look the
// message up and never submit again.
func (ad *Adapter) Submit(ctx context.Context, a provider.Account, s provider.Submission) (provider.Receipt, error) {
	params := &api.CreateMessageParams{}
	params.SetFrom(s.From).SetTo(s.To)
	if s.Body != "" {
		params.SetBody(s.Body)
	}
	if len(s.MediaURLs) > 0 {
		params.SetMediaUrl(s.MediaURLs)
	}
	if s.StatusURL != "" {
		params.SetStatusCallback(s.StatusURL)
	}
	if s.ValidFor > 0 {
		params.SetValidityPeriod(min(max(int(s.ValidFor/time.Second), minValidity), maxValidity))
	}

	call := ad.open(ctx, a)
	created, err := call.api.CreateMessage(params)
	if err := call.failure(err); err != nil {
		return provider.Receipt{}, err
	}
	if !idPattern.MatchString(word(created.Sid)) {
		return provider.Receipt{}, call.answer.NotUnderstood()
	}
	receipt := provider.Receipt{ProviderID: *created.Sid, Status: status(word(created.Status)), Segments: number(created.NumSegments)}
	if receipt.Status == provider.StatusUnknown {
		receipt.Status = provider.StatusAccepted // it has an id, whatever the word
	}
	return receipt, nil
}

// MediaRequest implements provider.MediaFetcher.
func (ad *Adapter) MediaRequest(ctx context.Context, a provider.Account, link string) (*http.Request, error) {
	req, own, err := provider.NewMediaRequest(ctx, link, ad.base.String())
	if err == nil && own {
		req.SetBasicAuth(a.Credentials["account_sid"], a.Credentials["auth_token"])
	}
	return req, err
}

// idPattern is what an id of Twilio's looks like. It goes into paths.
var idPattern = regexp.MustCompile(`^[A-Z]{2}[0-9A-Za-z]{1,62}$`)

// statuses are Twilio's words for what became of a message (rules A7).
var statuses = map[string]provider.Status{
	"accepted":            provider.StatusAccepted, // a messaging service will choose the sender
	"scheduled":           provider.StatusAccepted,
	"queued":              provider.StatusAccepted,
	"sending":             provider.StatusAccepted, // on its way to the upstream carrier
	"sent":                provider.StatusSent,     // taken by the upstream carrier
	"partially_delivered": provider.StatusSent,     // some segments arrived; the raw word tells
	"delivered":           provider.StatusDelivered,
	"read":                provider.StatusRead,
	"undelivered":         provider.StatusUndelivered,
	"failed":              provider.StatusFailed,
	"canceled":            provider.StatusCanceled,
}

func status(raw string) provider.Status {
	if s, known := statuses[raw]; known {
		return s
	}
	return provider.StatusUnknown
}

func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func number(s *string) int {
	n, err := strconv.Atoi(word(s))
	if err != nil || n < 0 {
		return 0
	}
	return n
}
