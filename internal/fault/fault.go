// Package fault is the one error type that services return on purpose. A fault
// says what went wrong in words that are safe to show to a client; everything
// else that is an error is a bug or an outage and reaches the client as a bare
// 500 with a request id.
package fault

import (
	"errors"
	"fmt"
	"time"
)

// Kind groups faults by what a caller can do about them. The API maps each
// kind to one HTTP status, in one place.
type Kind int

// The kinds of fault.
const (
	Internal        Kind = iota // a bug or an outage; the message is not shown
	Malformed                   // the request cannot be read (400)
	Unauthenticated             // no or no valid credentials (401)
	Forbidden                   // the caller may know that it exists, and may not (403)
	NotFound                    // it does not exist, or not for this caller (404)
	NotAllowed                  // the path does not know this method (405)
	Timeout                     // the client was too slow (408)
	Conflict                    // the present state forbids it (409)
	Gone                        // it was there and is no more (410)
	Stale                       // If-Match failed (412)
	Required                    // the change must say which version it means (428)
	TooLarge                    // over a size limit (413)
	Unsupported                 // wrong content type (415)
	Invalid                     // readable and wrong (422)
	Exhausted                   // a rate or quota is used up (429)
	Unavailable                 // a part of the system is down; try again (503)
)

// Field points at one wrong part of a request.
type Field struct {
	// Location is a path such as body.to, query.limit or header.If-Match.
	Location string
	// Message says what is wrong and what would be right.
	Message string
	// Value is the offending value: short, scalar and never a secret.
	Value any
}

// Fault is an error with a stable code and a message for the client.
type Fault struct {
	Kind    Kind
	Code    Code
	Message string
	Fields  []Field
	// RetryAfter is how long to wait before trying again; zero says nothing.
	RetryAfter time.Duration
	// Challenge is what has to come with the next step of an Unauthenticated
	// request that goes on. It is a secret, and told to the client alone.
	Challenge string
	// Present is the state that stands in the way of a Conflict.
	Present string
	// AssigneeID is who has the interaction that a Conflict is about; empty for
	// nobody.
	AssigneeID string
	// Subject names the entitlement or the quota that it is about.
	Subject string
	// OpenInteractions is how many conversations stand in the way.
	OpenInteractions int

	cause error
}

// New makes a fault. The message is shown to clients.
func New(kind Kind, code Code, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Code: code, Message: fmt.Sprintf(format, args...)}
}

// Error implements error.
func (f *Fault) Error() string {
	if f.cause != nil {
		return fmt.Sprintf("%s: %s: %v", f.Code, f.Message, f.cause)
	}
	return fmt.Sprintf("%s: %s", f.Code, f.Message)
}

// Unwrap returns the error behind the fault, which is logged and never shown.
func (f *Fault) Unwrap() error { return f.cause }

// Because returns a copy of the fault with the error behind it.
func (f *Fault) Because(err error) *Fault {
	c := *f
	c.cause = err
	return &c
}

// At returns a copy of the fault that also points at a part of the request.
func (f *Fault) At(location, message string, value ...any) *Fault {
	c := *f
	field := Field{Location: location, Message: message}
	if len(value) > 0 {
		field.Value = value[0]
	}
	c.Fields = append(append([]Field(nil), f.Fields...), field)
	return &c
}

// After returns a copy of the fault that says when to try again.
func (f *Fault) After(d time.Duration) *Fault {
	c := *f
	c.RetryAfter = d
	return &c
}

// Showing returns a copy of the fault that names the present state.
func (f *Fault) Showing(state string) *Fault {
	c := *f
	c.Present = state
	return &c
}

// AssignedTo returns a copy of the fault that names who has the interaction.
func (f *Fault) AssignedTo(userID string) *Fault {
	c := *f
	c.AssigneeID = userID
	return &c
}

// About returns a copy of the fault that names an entitlement or a quota.
func (f *Fault) About(subject string) *Fault {
	c := *f
	c.Subject = subject
	return &c
}

// WithChallenge returns a copy of the fault that carries a challenge.
func (f *Fault) WithChallenge(challenge string) *Fault {
	c := *f
	c.Challenge = challenge
	return &c
}

// Holding returns a copy of the fault that says how many conversations stand in
// the way.
func (f *Fault) Holding(openInteractions int) *Fault {
	c := *f
	c.OpenInteractions = openInteractions
	return &c
}

// As finds a fault in an error's chain.
func As(err error) (*Fault, bool) {
	var f *Fault
	ok := errors.As(err, &f)
	return f, ok
}

// Is tells whether an error's chain holds a fault with this code.
func Is(err error, code Code) bool {
	f, ok := As(err)
	return ok && f.Code == code
}

// InvalidField is the common case of one wrong field (422).
func InvalidField(code Code, location, message string, value ...any) *Fault {
	return New(Invalid, code, "The request has a wrong value.").At(location, message, value...)
}

// Missing is the answer for what does not exist and for what the caller may
// not know to exist: both look the same.
func Missing(noun string) *Fault {
	return New(NotFound, CodeNotFound, "There is no such %s.", noun)
}
