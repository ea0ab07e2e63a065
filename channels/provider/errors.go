package provider

import (
	"errors"
	"fmt"
	"time"
)

// ErrorClass says what a failed submission means for the message (rules A13).
// The vocabulary is closed: an adapter maps every answer to one of these.
type ErrorClass string

// The error classes.
const (
	// ClassRecipient: this recipient cannot be reached. No retry.
	ClassRecipient ErrorClass = "permanent_recipient"
	// ClassOptedOut: the carrier holds an opt-out for this pair. No retry, and
	// the opt-out is recorded here too.
	ClassOptedOut ErrorClass = "opted_out_at_carrier"
	// ClassSender: the account or the sending number is at fault. No retry;
	// the channel needs its administrator.
	ClassSender ErrorClass = "permanent_sender"
	// ClassContent: the carrier refuses this content. No retry.
	ClassContent ErrorClass = "content"
	// ClassTransient: certainly not accepted, for a passing reason. Retry.
	ClassTransient ErrorClass = "transient"
	// ClassDelivery: accepted and then not delivered, for a passing reason.
	// Not sent again by itself.
	ClassDelivery ErrorClass = "transient_delivery"
	// ClassAmbiguous: nobody knows whether it was accepted. Never repeated
	// blindly.
	ClassAmbiguous ErrorClass = "ambiguous"
)

// Meaning explains a class to the people who wrote a message. It is empty where
// nothing failed.
func (c ErrorClass) Meaning() string {
	switch c {
	case ClassRecipient:
		return "The recipient does not exist or cannot receive messages."
	case ClassOptedOut:
		return "The recipient has opted out at the carrier."
	case ClassSender:
		return "The provider refuses the account or the sending number."
	case ClassContent:
		return "The carrier refuses the content."
	case ClassTransient:
		return "The provider could not take the message just now."
	case ClassDelivery:
		return "The message was handed over and not delivered."
	case ClassAmbiguous:
		return "It is not known whether the provider took the message."
	}
	return ""
}

// Retryable tells whether a submission of this class was certainly not
// accepted and may be repeated.
func (c ErrorClass) Retryable() bool { return c == ClassTransient }

// Error is the failure of a call to a provider.
type Error struct {
	Class ErrorClass
	// Code is the provider's own, such as 21610, or the HTTP status.
	Code string
	// Message is safe to show to the channel's administrator: no secrets, no
	// message text, no address.
	Message string
	// RetryAfter is the provider's wish; zero where it has none.
	RetryAfter time.Duration

	cause error
}

// Error implements error.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("provider: %s (%s): %s: %v", e.Class, e.Code, e.Message, e.cause)
	}
	return fmt.Sprintf("provider: %s (%s): %s", e.Class, e.Code, e.Message)
}

// Unwrap returns the error behind it.
func (e *Error) Unwrap() error { return e.cause }

// Because returns a copy with the error behind it.
func (e *Error) Because(err error) *Error {
	c := *e
	c.cause = err
	return &c
}

// AsError finds the provider's error in a chain. An error of any other kind
// is ambiguous: an adapter that forgets to classify must not cause a repeat.
func AsError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return &Error{Class: ClassAmbiguous, Code: "unclassified", Message: "The provider's answer was not understood.", cause: err}
}

// Sentinels of Verify and of the parsers.
var (
	// ErrSignature: the signature is missing or wrong.
	ErrSignature = errors.New("provider: invalid signature")
	// ErrForeign: rightly signed, and meant for another account or address.
	ErrForeign = errors.New("provider: callback for another account or address")
	// ErrMalformed: rightly signed, and not readable. Repeating it is no use.
	ErrMalformed = errors.New("provider: callback cannot be read")
)
