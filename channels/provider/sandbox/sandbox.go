// Package sandbox is the carrier that is built in. It never reaches a
// telephone: what becomes of a message is decided by its destination, so that
// an integration can meet every outcome on purpose. Its callbacks are those of
// the operator carrier contract and travel by HTTP like any carrier's, so that
// a test exercises the whole way.
package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/scopserv"
	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/internal/clock"
)

// account is what the sandbox calls every account in its callbacks.
const account = "sandbox"

// Config says how the sandbox runs. The zero value is usable.
type Config struct {
	// HTTP posts the callbacks; provider.NewHTTPClient where it is nil.
	HTTP *http.Client
	// Clock dates the callbacks; the system's where it is nil.
	Clock clock.Clock
	// Workers is how many messages are reported on at the same time, 4 when 0.
	Workers int
	// Queue is how many messages wait to be reported on, 1024 when 0. A message
	// beyond it gets no callback; Report tells of it all the same.
	Queue int
	// SlowAnswer is how long the slow number takes, 5 s when 0.
	SlowAnswer time.Duration
	// RetryPause is the pause before a callback that was not answered 2xx is
	// repeated, 1 s when 0. It doubles, and after three tries it is given up.
	RetryPause time.Duration
}

// Adapter is the sandbox. It runs workers of its own: Close ends them.
type Adapter struct {
	clock   clock.Clock
	slow    time.Duration
	numbers behaviours
	postman *postman
}

var (
	_ provider.Adapter  = (*Adapter)(nil)
	_ provider.Reporter = (*Adapter)(nil)
)

// New starts the sandbox.
func New(c Config) *Adapter {
	if c.HTTP == nil {
		c.HTTP = provider.NewHTTPClient()
	}
	if c.Clock == nil {
		c.Clock = clock.System{}
	}
	return &Adapter{
		clock: c.Clock, slow: orElse(c.SlowAnswer, 5*time.Second), numbers: magic(),
		postman: startPostman(c.HTTP, c.Clock, orElse(c.Workers, 4), orElse(c.Queue, 1024), orElse(c.RetryPause, time.Second)),
	}
}

func orElse[N int | time.Duration](n, usual N) N {
	if n > 0 {
		return n
	}
	return usual
}

// Close gives up the callbacks that are not yet posted and waits for the
// workers. It may be called twice.
func (ad *Adapter) Close() { ad.postman.close() }

// Name implements provider.Adapter.
func (*Adapter) Name() provider.Name { return provider.Sandbox }

// Capabilities implements provider.Adapter. There is no lookup of a lost
// answer: the sandbox remembers nothing and does not guess.
func (*Adapter) Capabilities() provider.Capabilities {
	return provider.Capabilities{
		Inbound: true, Outbound: true, DeliveryReports: true,
		MaxBodyRunes: 1600, MaxMedia: 10, MaxMediaBytes: 5 << 20,
		MediaTypes: []string{"image/jpeg", "image/png"},
	}
}

// CredentialFields implements provider.Adapter.
func (*Adapter) CredentialFields() []provider.CredentialField {
	return []provider.CredentialField{
		{Name: "secret", Title: "Secret that signs the callbacks", Secret: true, Required: true, Pattern: `^[!-~]{16,256}$`},
	}
}

// Check implements provider.Adapter.
func (*Adapter) Check(ctx context.Context, a provider.Account) error {
	if err := ctx.Err(); err != nil {
		return provider.Asking(provider.ClassifyNetwork(err))
	}
	if a.Credentials["secret"] == "" {
		return refuse(provider.ClassSender, "unauthorized", "The sandbox needs a secret.")
	}
	return nil
}

// Submit implements provider.Adapter. The answer depends on nothing but the
// submission: the same one is always answered alike.
func (ad *Adapter) Submit(ctx context.Context, a provider.Account, s provider.Submission) (provider.Receipt, error) {
	if err := ad.Check(ctx, a); err != nil {
		return provider.Receipt{}, err
	}
	n := ad.numbers.of(s.To)
	if n.refusal != nil {
		return provider.Receipt{}, n.refusal
	}
	if n.limited > 0 && s.Attempt <= n.limited {
		return provider.Receipt{}, tooFast
	}
	if n.slow {
		if err := wait(ctx, ad.slow); err != nil {
			return provider.Receipt{}, provider.ClassifyNetwork(err)
		}
	}
	receipt := provider.Receipt{
		ProviderID: newID(n, s.Attempt, s.ClientRef), Status: provider.StatusAccepted,
		Segments: segments.Count(s.Body).Segments,
	}
	if s.StatusURL != "" {
		ad.postman.send(a.Credentials["secret"], ad.callbacks(n, receipt, s))
	}
	if n.lost {
		return provider.Receipt{}, lostAnswer
	}
	return receipt, nil
}

// wait pauses, and ends early with the context.
func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// callbacks are what a message causes, in order. A repetition of a report has
// the same event id, as a carrier's would.
func (ad *Adapter) callbacks(n Number, r provider.Receipt, s provider.Submission) []callback {
	now := ad.clock.Now()
	var list []callback
	for _, report := range n.reports {
		list = append(list, callback{url: s.StatusURL, body: scopserv.ReportEvent{
			EventID: r.ProviderID + ":" + report.status, MessageID: r.ProviderID, ClientRef: s.ClientRef, Attempt: s.Attempt,
			Status: report.status, ErrorCode: report.errorCode, Segments: r.Segments, OccurredAt: now,
		}})
	}
	if n.replying != "" {
		id := r.ProviderID + ":reply"
		list = append(list, callback{url: inboundURL(s.StatusURL), body: scopserv.InboundEvent{
			EventID: id, MessageID: id, From: s.To, To: s.From, Text: n.replying,
			Segments: segments.Count(n.replying).Segments, ReceivedAt: now,
		}})
	}
	return list
}

// inboundURL is beside the URL of the reports: /status becomes /inbound. A URL
// of another form has none.
func inboundURL(statusURL string) string {
	path, _, _ := strings.Cut(statusURL, "?")
	base, ok := strings.CutSuffix(path, "/status")
	if !ok {
		return ""
	}
	return base + "/inbound"
}

// An id says what became of the message, so that Report needs no memory:
// sbx, the behaviour, the attempt and our reference, between dots.
var idPattern = regexp.MustCompile(`^sbx\.([a-z]+)\.([0-9]{1,9})\.(.*)$`)

func newID(n Number, attempt int, clientRef string) string {
	return "sbx." + n.code + "." + strconv.Itoa(attempt) + "." + clientRef
}

// Report implements provider.Reporter.
func (ad *Adapter) Report(ctx context.Context, _ provider.Account, providerID string) (provider.Report, error) {
	if err := ctx.Err(); err != nil {
		return provider.Report{}, provider.Asking(provider.ClassifyNetwork(err))
	}
	parts := idPattern.FindStringSubmatch(providerID)
	if parts == nil {
		return provider.Report{}, provider.NoSuchMessage()
	}
	n, known := ad.numbers.byCode[parts[1]]
	if !known {
		return provider.Report{}, provider.NoSuchMessage()
	}
	attempt, err := strconv.Atoi(parts[2])
	if err != nil {
		return provider.Report{}, provider.NoSuchMessage()
	}
	return provider.Report{
		EventKey: providerID + ":" + string(n.final), ProviderID: providerID, ClientRef: parts[3], Attempt: attempt,
		Status: n.final, RawStatus: string(n.final), ErrorCode: n.error, Class: n.failure,
	}, nil
}

// Verify implements provider.Adapter, by the operator carrier's signature.
func (*Adapter) Verify(a provider.Account, c provider.Callback) error {
	if err := scopserv.CheckSignature(c, a.Credentials["secret"]); err != nil {
		return err
	}
	var body struct {
		To string `json:"to"`
	}
	if json.Unmarshal(c.Body, &body) == nil && body.To != "" && body.To != a.Address {
		return provider.ErrForeign
	}
	return nil
}

// ParseInbound implements provider.Adapter.
func (*Adapter) ParseInbound(c provider.Callback) ([]provider.Inbound, error) {
	return scopserv.ReadInbound(c)
}

// ParseStatus implements provider.Adapter.
func (*Adapter) ParseStatus(c provider.Callback) ([]provider.Report, error) {
	return scopserv.ReadStatus(c)
}

// Acknowledgement implements provider.Adapter.
func (*Adapter) Acknowledgement() provider.Acknowledgement {
	return provider.Acknowledgement{ContentType: "application/json", Body: "{}"}
}
