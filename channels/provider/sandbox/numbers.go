package sandbox

import (
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// Number is a magic destination and what happens to a message for it. Every
// other destination behaves as Delivered.
type Number struct {
	Address string
	// Title says what happens, for documentation.
	Title string

	code     string // names the behaviour inside a provider id
	refusal  *provider.Error
	limited  int  // so many first attempts are asked to slow down
	slow     bool // the answer takes a while
	lost     bool // the answer never arrives
	reports  []report
	final    provider.Status
	failure  provider.ErrorClass
	error    string
	replying string // what the recipient answers
}

// report is one callback, in the words of the operator carrier contract.
type report struct{ status, errorCode string }

var (
	sent      = report{status: "sent"}
	delivered = report{status: "delivered"}
)

// The magic numbers.
const (
	Delivered       = "+15005550001"
	Undelivered     = "+15005550002"
	OptedOut        = "+15005550003"
	Slow            = "+15005550004"
	Silent          = "+15005550005"
	TimeoutAccepted = "+15005550006"
	Disordered      = "+15005550007"
	RateLimited     = "+15005550008"
	Invalid         = "+15005550009"
	NotSMS          = "+15005550010"
	RepliesStop     = "+15005550011"
	TimeoutLost     = "+15005550012"
	NoRoute         = "+15005550013"
	Failed          = "+15005550014"
	SenderRefused   = "+15005550015"
)

// limitedAttempts is how often RateLimited refuses before it accepts.
const limitedAttempts = 2

// Numbers lists the magic numbers, for documentation.
func Numbers() []Number {
	return []Number{
		{
			Address: Delivered, Title: "delivered",
			code: "ok", reports: []report{sent, delivered}, final: provider.StatusDelivered,
		},
		{
			Address: Undelivered, Title: "accepted, then not delivered: the telephone cannot be reached",
			code: "unreachable", reports: []report{sent, {"undelivered", "handset_unreachable"}},
			final: provider.StatusUndelivered, failure: provider.ClassDelivery, error: "handset_unreachable",
		},
		{
			Address: OptedOut, Title: "refused: the recipient has opted out at the carrier",
			refusal: refuse(provider.ClassOptedOut, "opted_out", "The recipient has opted out at the carrier."),
		},
		{
			Address: Slow, Title: "delivered, and the carrier takes seconds to answer",
			code: "slow", slow: true, reports: []report{sent, delivered}, final: provider.StatusDelivered,
		},
		{
			Address: Silent, Title: "accepted, and no report ever comes",
			code: "silent", final: provider.StatusAccepted,
		},
		{
			Address: TimeoutAccepted, Title: "the answer is lost, and the reports show that the message was accepted",
			code: "late", lost: true, reports: []report{sent, delivered}, final: provider.StatusDelivered,
		},
		{
			Address: Disordered, Title: "delivered, and every report comes twice and in the wrong order",
			code: "disordered", reports: []report{delivered, sent, delivered, sent}, final: provider.StatusDelivered,
		},
		{
			Address: RateLimited, Title: "the first two attempts are asked to slow down, the third is delivered",
			code: "limited", limited: limitedAttempts, reports: []report{sent, delivered}, final: provider.StatusDelivered,
		},
		{
			Address: Invalid, Title: "refused: no such number",
			refusal: refuse(provider.ClassRecipient, "invalid_recipient", "The recipient's number is not valid."),
		},
		{
			Address: NotSMS, Title: "refused: a landline",
			refusal: refuse(provider.ClassRecipient, "landline", "The recipient's number cannot receive SMS."),
		},
		{
			Address: RepliesStop, Title: "delivered, and the recipient answers STOP",
			code: "stop", reports: []report{sent, delivered}, final: provider.StatusDelivered, replying: "STOP",
		},
		{
			Address: TimeoutLost, Title: "the answer is lost, and so is the message",
			lost: true,
		},
		{
			Address: NoRoute, Title: "refused: no route to the recipient's country",
			refusal: refuse(provider.ClassRecipient, "no_route", "There is no route to the recipient."),
		},
		{
			Address: Failed, Title: "accepted, then failed for good: a carrier filtered the content",
			code: "filtered", reports: []report{{"failed", "content_refused"}},
			final: provider.StatusFailed, failure: provider.ClassContent, error: "content_refused",
		},
		{
			Address: SenderRefused, Title: "refused: the sending number is not allowed",
			refusal: refuse(provider.ClassSender, "sender_not_allowed", "The sending number is not allowed."),
		},
	}
}

func refuse(class provider.ErrorClass, code, message string) *provider.Error {
	return &provider.Error{Class: class, Code: code, Message: message}
}

var (
	lostAnswer = refuse(provider.ClassAmbiguous, "timeout", "The sandbox did not answer in time.")
	tooFast    = &provider.Error{Class: provider.ClassTransient, Code: "rate_limited", Message: "The sandbox asks to send more slowly.", RetryAfter: time.Second}
)

// behaviours are the magic numbers by address and by the code in an id.
type behaviours struct{ byAddress, byCode map[string]Number }

func magic() behaviours {
	b := behaviours{map[string]Number{}, map[string]Number{}}
	for _, n := range Numbers() {
		b.byAddress[n.Address] = n
		if n.code != "" {
			b.byCode[n.code] = n
		}
	}
	return b
}

func (b behaviours) of(address string) Number {
	if n, known := b.byAddress[address]; known {
		return n
	}
	return b.byAddress[Delivered]
}
