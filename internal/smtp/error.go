package smtp

import (
	"errors"
	"fmt"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Error is why a letter was not delivered.
type Error struct {
	// Stage is how far it came: compose, connect or deliver.
	Stage string
	// Code is the server's reply, such as 550, or 0 where there was none.
	Code int
	// Enhanced is the enhanced status code (RFC 3463), where there was one.
	Enhanced string
	// Permanent is set where another attempt would end the same.
	Permanent bool

	cause error
}

// Error implements error. What the server said is left out: servers repeat the
// recipient's address.
func (e *Error) Error() string { return "smtp: the letter was not delivered: " + e.Reason() }

// Reason is a short, stable text without an address, such as "deliver 550
// 5.1.1".
func (e *Error) Reason() string {
	words := []string{e.Stage}
	if e.Code != 0 {
		words = append(words, fmt.Sprint(e.Code))
	}
	if e.Enhanced != "" {
		words = append(words, e.Enhanced)
	}
	return strings.Join(words, " ")
}

// Unwrap returns what the library said, which may name the recipient.
func (e *Error) Unwrap() error { return e.cause }

func sendError(err error) error {
	if err == nil {
		return nil
	}
	out := &Error{Stage: "deliver", cause: err}
	var refused *gomail.SendError
	if errors.As(err, &refused) {
		out.Code, out.Enhanced = refused.ErrorCode(), refused.EnhancedStatusCode()
	}
	if out.Code == 0 {
		out.Code = replyCode(err)
	}
	out.Permanent = out.Code >= 500 && out.Code < 600
	return out
}

func replyCode(err error) int {
	var reply *textproto.Error
	if errors.As(err, &reply) {
		return reply.Code
	}
	return 0
}

// domainOf is the part of an address behind the at sign.
func domainOf(address string) string {
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		return address[at+1:]
	}
	return "localhost"
}
