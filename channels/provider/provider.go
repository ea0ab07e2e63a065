package provider

import (
	"context"
	"net/http"
	"time"
)

// Name identifies a provider in the API, in callback paths and in rows.
type Name string

// The providers of SMS.
const (
	Twilio     Name = "twilio"
	Clickatell Name = "clickatell"
	// Scopserv is the operator's own carrier; its numbers can be distributed.
	Scopserv Name = "scopserv"
	// Sandbox is built in and never reaches a telephone.
	Sandbox Name = "sandbox"
)

// Adapter speaks one provider's language. Implementations are stateless and
// safe for concurrent use; every method that waits honours its context.
type Adapter interface {
	// Name is the provider's name.
	Name() Name

	// Capabilities says what a channel of this provider can do.
	Capabilities() Capabilities

	// CredentialFields lists what an account needs, for validation and for
	// documentation.
	CredentialFields() []CredentialField

	// Check proves that the credentials work, without sending anything. It
	// returns nil, or an *Error: ClassSender when the provider refuses them,
	// ClassTransient when the provider cannot be reached.
	Check(ctx context.Context, a Account) error

	// Submit hands one message over. Every failure is an *Error whose class
	// says whether the provider may have accepted the message all the same.
	Submit(ctx context.Context, a Account, s Submission) (Receipt, error)

	// Verify proves that a callback comes from the provider and belongs to
	// this account and address. It returns ErrSignature or ErrForeign.
	Verify(a Account, c Callback) error

	// ParseInbound reads the messages that customers sent. It ignores fields
	// that it does not know.
	ParseInbound(c Callback) ([]Inbound, error)

	// ParseStatus reads delivery reports. A status that the adapter does not
	// know comes back as StatusUnknown and is only stored.
	ParseStatus(c Callback) ([]Report, error)

	// Acknowledgement is the body of the 200 that ends a callback.
	Acknowledgement() Acknowledgement
}

// Finder is implemented by adapters whose provider can be asked what became of
// a submission whose answer was lost.
type Finder interface {
	// Find returns every message that the provider has for the query, oldest
	// first. An empty result says that it has none at present.
	Find(ctx context.Context, a Account, q Query) ([]Found, error)
}

// Reporter is implemented by adapters whose provider can be asked for the
// present status of one message.
type Reporter interface {
	Report(ctx context.Context, a Account, providerID string) (Report, error)
}

// InboundLister is implemented by adapters whose provider can list what it
// received for an address: callbacks that never arrived are recovered by it.
type InboundLister interface {
	ListInbound(ctx context.Context, a Account, since time.Time) ([]Inbound, error)
}

// MediaFetcher is implemented by adapters whose inbound pictures are fetched
// by URL. The request carries credentials only when the URL is on the
// provider's own host; the caller sends it through the guarded client, which
// drops them when it is redirected to another host.
type MediaFetcher interface {
	MediaRequest(ctx context.Context, a Account, url string) (*http.Request, error)
}

// Credentials are an account's secrets and identifiers by field name.
type Credentials map[string]string

// CredentialField describes one field of Credentials.
type CredentialField struct {
	// Name as used in the API, snake_case: account_sid, auth_token, api_key.
	Name string
	// Title for people.
	Title string
	// Secret fields are never shown again, except for their last four characters.
	Secret bool
	// Required fields must not be empty.
	Required bool
	// Pattern is an anchored regular expression that the value must match;
	// empty allows anything up to 256 characters.
	Pattern string
}

// Account is what an adapter needs to act for one channel.
type Account struct {
	Credentials Credentials
	// Address is the channel's own number in E.164, or its short code.
	Address string
}

// Capabilities says what a channel can do. It is served by the API, so that a
// client can ask before it offers a button.
type Capabilities struct {
	Inbound         bool
	Outbound        bool
	DeliveryReports bool
	ReadReceipts    bool
	Templates       bool
	TypingIndicator bool
	SessionWindow   bool // free text only for a while after the customer wrote
	Distributable   bool // numbers may be handed down the tree
	// AlphanumericSenders is set where a message can show a name as its sender.
	AlphanumericSenders bool
	MaxBodyRunes        int // after NFC
	MaxMedia            int // pictures in one message; 0 for none
	MaxMediaBytes       int // all pictures of one message together
	MediaTypes          []string
	SubmissionLookup    bool // a lost answer can be looked up
	InboundLookup       bool // a lost callback can be recovered
	// RepliesToKeywords is set where the provider itself answers STOP and HELP.
	RepliesToKeywords bool
}

// Submission is one attempt to hand over one message.
type Submission struct {
	// ClientRef is the message's id; providers that keep it return it in callbacks.
	ClientRef string
	// Attempt counts from 1.
	Attempt int
	From    string
	To      string
	Body    string
	// MediaURLs are unguessable, expiring, and answer GET and HEAD.
	MediaURLs []string
	// StatusURL is where reports shall go; it names the message and the attempt.
	StatusURL string
	// ValidFor is how long the provider may try; 0 leaves it to the provider.
	ValidFor time.Duration
}

// Receipt is the provider's word that it took a message over.
type Receipt struct {
	ProviderID string
	Status     Status
	// Segments is the provider's own count, 0 where it gives none.
	Segments int
}

// Query describes a submission whose answer was lost.
type Query struct {
	ClientRef string
	Attempt   int
	From      string
	To        string
	Body      string
	// Since and Until bound the time at which the provider may have created it.
	Since time.Time
	Until time.Time
}

// Found is a message that the provider has.
type Found struct {
	ProviderID string
	CreatedAt  time.Time
	Report     Report
}

// Injector is an adapter whose carrier is a part of us, so that somebody outside
// can be played: it writes the callback that the carrier would send.
type Injector interface {
	InboundCallback(a Account, inboundURL string, in Inbound) (Callback, error)
}

// Callback is a request that a provider sent us.
type Callback struct {
	Method string
	// URL as the provider called it, rebuilt from our configured public base
	// URL and never from a header that the client chose.
	URL    string
	Header http.Header
	Body   []byte
	// ReceivedAt is the time of arrival, for signatures that expire.
	ReceivedAt time.Time
}

// Inbound is one message that a customer sent.
type Inbound struct {
	// EventKey tells a repeated callback from a new message; unique per channel.
	EventKey   string
	ProviderID string
	From       string
	To         string
	Body       string
	Media      []Media
	Segments   int
	// OptOutType is the keyword that the provider itself has acted upon:
	// STOP, START or HELP, or empty.
	OptOutType string
	// SentAt is the provider's own time, zero where it gives none.
	SentAt time.Time
}

// Media is a picture that came with an inbound message.
type Media struct {
	URL         string
	ContentType string
}

// Report is one delivery report.
type Report struct {
	// EventKey tells a repeated report from a new one; unique per channel.
	EventKey   string
	ProviderID string
	// ClientRef is our message id where the provider returns it, else empty.
	ClientRef string
	// Attempt that the report is about, 0 where the provider does not say.
	Attempt int
	Status  Status
	// RawStatus is the provider's own word.
	RawStatus string
	// ErrorCode is the provider's own, empty where nothing failed.
	ErrorCode string
	// Class explains a failure; empty where nothing failed.
	Class      ErrorClass
	OccurredAt time.Time // zero where the provider gives none
	Segments   int
}

// Acknowledgement is how a provider wants its callback answered.
type Acknowledgement struct {
	ContentType string
	Body        string
}
