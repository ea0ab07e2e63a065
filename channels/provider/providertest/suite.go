// Package providertest is the suite that every adapter passes. An adapter's
// own test runs it against a small server that plays the provider; the same
// suite runs against a simulator. Faults of the network are the suite's own:
// it stands between adapter and carrier and breaks the exchange.
package providertest

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Suite describes one adapter and its provider's side.
type Suite struct {
	// New makes the adapter, pointed at a carrier at base, whose calls client
	// sends.
	New func(tb testing.TB, base string, client *http.Client) provider.Adapter

	// Account is one that the carrier accepts. Its credentials fit the fields
	// that the adapter declares.
	Account provider.Account

	// WrongCredentials are refused by the carrier.
	WrongCredentials provider.Credentials

	// Carrier plays the provider and accepts whatever Refusals do not name.
	// Nil where the adapter makes no calls: then only callbacks are tested.
	Carrier http.Handler

	// Refusals are the errors that the carrier answers on demand.
	Refusals []Refusal

	// Inbound is the callback for a message that a customer sent, signed with
	// the account's credentials whatever they are. With extra it carries fields
	// that the adapter cannot know.
	Inbound func(tb testing.TB, a provider.Account, in provider.Inbound, extra bool) provider.Callback

	// Status is the callback for a delivery report, likewise.
	Status func(tb testing.TB, a provider.Account, e Event, extra bool) provider.Callback

	// BodyUnsigned is set where the provider proves who calls and signs nothing.
	BodyUnsigned bool

	// StatusNamesAddress is set where a report names the sending number.
	StatusNamesAddress bool

	// Statuses are all of the provider's words, or numbers, for what became of
	// a message.
	Statuses map[string]provider.Status

	// UnknownStatus is a word that the provider does not have yet.
	UnknownStatus string

	// Sequence is what a message passes through until the end.
	Sequence []string

	// Receive gives the carrier a customer's message to be listed. Needed where
	// the adapter lists inbound messages.
	Receive func(tb testing.TB, in provider.Inbound)

	// OwnMedia is the path of a picture on the carrier's host. Needed where the
	// adapter fetches pictures.
	OwnMedia string
}

// Refusal is an error that the carrier answers to one destination.
type Refusal struct {
	Name string
	// To is the destination that the carrier refuses in this way. Empty takes
	// the suite's usual one.
	To string
	// Prepare, where it is set, scripts the carrier before the submission.
	Prepare func(tb testing.TB)
	// Class and Code are what the adapter makes of it.
	Class      provider.ErrorClass
	Code       string
	RetryAfter time.Duration
}

// Event is a delivery report in the provider's words.
type Event struct {
	ProviderID string
	ClientRef  string
	Attempt    int
	Status     string
	ErrorCode  string
	OccurredAt time.Time
}

// Run runs the suite.
func Run(t *testing.T, s Suite) {
	t.Run("Describes", s.describes)
	t.Run("Callbacks", s.callbacks)
	t.Run("Statuses", s.statuses)
	if s.Carrier != nil {
		RunCarrier(t, s)
	}
}

// RunCarrier runs the half of the suite that calls the carrier. It can do
// without everything that describes callbacks and statuses.
func RunCarrier(t *testing.T, s Suite) {
	t.Run("Accepts", s.accepts)
	t.Run("ChecksCredentials", s.checksCredentials)
	t.Run("Refusals", s.refusals)
	t.Run("Faults", s.faults)
	t.Run("Unreachable", s.unreachable)
	t.Run("Context", s.honoursContext)
	t.Run("Connections", s.keepsConnections)
	t.Run("Lookups", s.lookups)
}

// The numbers and texts of the suite, chosen so that none occurs in an error
// by chance.
const (
	recipient = "+15145550199"
	stranger  = "+15145550177"
	clientRef = "0192f0c1-7d1e-7c3a-9b2d-5a6b7c8d9e0f"
	text      = "Confidential-7431 été"
	attempt   = 2
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func (s Suite) submission() provider.Submission {
	return provider.Submission{
		ClientRef: clientRef, Attempt: attempt, From: s.Account.Address, To: recipient, Body: text,
		StatusURL: "https://hooks.example.test/hooks/p/token/status?m=" + clientRef + "&a=2",
		ValidFor:  4 * time.Hour,
	}
}

func (s Suite) inbound() provider.Inbound {
	return provider.Inbound{
		EventKey: "SM00000000000000000000000000000001", ProviderID: "SM00000000000000000000000000000001",
		From: recipient, To: s.Account.Address, Body: text, Segments: 1, SentAt: noon,
	}
}

func (s Suite) event(status string) Event {
	return Event{
		ProviderID: "SM00000000000000000000000000000002", ClientRef: clientRef, Attempt: attempt,
		Status: status, OccurredAt: noon,
	}
}

// with returns the suite's account after a change.
func (s Suite) with(change func(*provider.Account)) provider.Account {
	a := s.Account
	a.Credentials = provider.Credentials{}
	for name, value := range s.Account.Credentials {
		a.Credentials[name] = value
	}
	change(&a)
	return a
}

// check fails unless err is an *Error of a class, and gives nothing away.
func (s Suite) check(t *testing.T, err error, class provider.ErrorClass) *provider.Error {
	t.Helper()
	var e *provider.Error
	if !errors.As(err, &e) {
		t.Fatalf("error %T %v, want a *provider.Error", err, err)
	}
	if e.Class != class {
		t.Errorf("class %s (%v), want %s", e.Class, err, class)
	}
	if e.Code == "" || e.Message == "" {
		t.Errorf("error without code or message: %+v", *e)
	}
	s.discreet(t, err)
	return e
}

// discreet fails where an error quotes a secret, a number or the text.
func (s Suite) discreet(t testing.TB, err error) {
	t.Helper()
	if err == nil {
		return
	}
	forbidden := []string{text, "Confidential", clientRef, strings.TrimPrefix(recipient, "+"), strings.TrimPrefix(s.Account.Address, "+")}
	for _, field := range s.New(t, "http://carrier.invalid", nil).CredentialFields() {
		if value := s.Account.Credentials[field.Name]; field.Secret && value != "" {
			forbidden = append(forbidden, value)
		}
	}
	shown := fmt.Sprintf("%v %+v", err, err)
	for _, secret := range forbidden {
		if strings.Contains(shown, secret) {
			t.Errorf("the error %q gives away %q", shown, secret)
		}
	}
}
