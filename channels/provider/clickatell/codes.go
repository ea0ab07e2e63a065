package clickatell

import (
	"encoding/json"
	"strconv"
	"strings"

	"github.com/trellishq/trellis/channels/provider"
)

// Codes that decide more than a class.
const (
	codeUnknown    = 1  // status: the message was not found
	codeWrongKey   = 1  // refusal: invalid or missing integration API key
	codeNoResource = 41 // refusal: resource does not exist
)

// statuses is Clickatell's message status table of the One API, with its own
// words (rules A7). The numbers mean something else on the older platform.
var statuses = map[int]struct {
	word   string
	status provider.Status
	class  provider.ErrorClass
}{
	1:  {"UNKNOWN", provider.StatusUnknown, ""},
	2:  {"QUEUED", provider.StatusAccepted, ""},
	3:  {"SCHEDULED", provider.StatusAccepted, ""},
	4:  {"SENT_TO_SUPPLIER", provider.StatusSent, ""},
	5:  {"DEVICE_ACK", provider.StatusDelivered, ""}, // device acknowledged delivery
	6:  {"READ", provider.StatusRead, ""},
	20: {"EXPIRED", provider.StatusFailed, provider.ClassDelivery},
	21: {"STOPPED_BY_USER", provider.StatusCanceled, ""},
	22: {"STOPPED_BY_ADMIN", provider.StatusCanceled, ""},
	23: {"DELIVERY_FAILURE", provider.StatusUndelivered, provider.ClassDelivery},
	24: {"EMULATED", provider.StatusSent, ""}, // a test: never counts as delivered (rules A10-5)
	25: {"INSUFFICIENT_ACCOUNT_BALANCE", provider.StatusFailed, provider.ClassSender},
	26: {"VOLUME_LIMIT", provider.StatusFailed, provider.ClassSender},
	27: {"VOLUME_LIMIT_DAILY", provider.StatusFailed, provider.ClassSender},
	28: {"VOLUME_LIMIT_MONTHLY", provider.StatusFailed, provider.ClassSender},
	29: {"RECIPIENT_DOES_NOT_EXIST", provider.StatusUndelivered, provider.ClassRecipient},
	60: {"ENCRYPTION_ACCESS_DENIED", provider.StatusFailed, provider.ClassContent},
	61: {"ENCRYPTION_CONTENT_ERROR", provider.StatusFailed, provider.ClassContent},
	80: {"MEDIA_NOT_FOUND", provider.StatusFailed, provider.ClassContent},
	81: {"MEDIA_SIZE_ERROR", provider.StatusFailed, provider.ClassContent},
	82: {"MEDIA_CHECKSUM_FAILURE", provider.StatusFailed, provider.ClassContent},
	83: {"MEDIA_REJECTED_BY_SUPPLIER", provider.StatusFailed, provider.ClassContent},
	84: {"MEDIA_METADATA_ERROR", provider.StatusFailed, provider.ClassContent},
	85: {"MEDIA_ACCESS_ERROR", provider.StatusFailed, provider.ClassContent},

	100: {"ROUTING_ERROR", provider.StatusUndelivered, provider.ClassDelivery},
}

// firstFailure is where Clickatell's failures begin: a number from here on
// that the table does not have is a failure of a kind yet unknown, a lower one
// is only stored (rules A10-4).
const firstFailure = 20

// refusals is Clickatell's error table of the One API. A code that is not here
// goes by the HTTP status.
var refusals = map[int]struct {
	class   provider.ErrorClass
	message string
}{
	1:  {provider.ClassSender, "Clickatell refuses the API key."},
	2:  {provider.ClassSender, "The Clickatell account is not active."},
	3:  {provider.ClassSender, "The Clickatell integration is not active."},
	7:  {provider.ClassSender, "Clickatell does not let this account be used from here."},
	18: {provider.ClassAmbiguous, "Clickatell failed while it handled the message."},
	19: {provider.ClassTransient, "Clickatell did not take the message and asks to try again."},
	20: {provider.ClassSender, "The balance of the Clickatell account is used up."},
	21: {provider.ClassContent, "Clickatell cannot read the message."},
	22: {provider.ClassContent, "Clickatell cannot read the message."},
	23: {provider.ClassContent, "Clickatell misses a value of the message."},
	24: {provider.ClassContent, "The text is too long."},
	25: {provider.ClassRecipient, "The recipient's number is not valid."},
	26: {provider.ClassOptedOut, "The recipient has opted out at Clickatell."},
	27: {provider.ClassRecipient, "The recipient cannot be reached by SMS."},
	28: {provider.ClassSender, "The integration is in its test phase and may not send to this recipient."},
	30: {provider.ClassContent, "The kind of content is not supported."},
	31: {provider.ClassContent, "The media are too large."},
	32: {provider.ClassContent, "The media are too large."},
	33: {provider.ClassContent, "The media were not found."},
	38: {provider.ClassSender, "SMS is not active on the integration."},
	39: {provider.ClassSender, "SMS is not available on the integration."},
	40: {provider.ClassContent, "The character set is not supported."},
	41: {provider.ClassSender, "Clickatell does not know this call."},
	42: {provider.ClassSender, "Clickatell does not know this call."},
	43: {provider.ClassTransient, "Clickatell asks to send more slowly."},
	44: {provider.ClassSender, "The sending number is suspended."},
	45: {provider.ClassSender, "The sending number does not belong to the integration."},
	46: {provider.ClassSender, "The demonstration access has ended."},

	100: {provider.ClassContent, "The text has too many segments."},
	101: {provider.ClassRecipient, "The destination does not take messages that can be answered."},
	110: {provider.ClassSender, "The destination needs a two-way integration."},
	111: {provider.ClassSender, "The destination needs STOP commands on the integration."},
}

// fault is an error of Clickatell's: an object with a code, or in some answers
// the code alone. Its description quotes numbers and is not kept.
type fault struct{ code int }

// UnmarshalJSON implements json.Unmarshaler. It takes every shape.
func (f *fault) UnmarshalJSON(raw []byte) error {
	var object struct {
		Code integer `json:"code"`
	}
	var bare integer
	switch {
	case json.Unmarshal(raw, &object) == nil:
		f.code = int(object.Code)
	case json.Unmarshal(raw, &bare) == nil:
		f.code = int(bare)
	}
	return nil
}

// explain is the error of a message that Clickatell says it did not accept.
func (f *fault) explain() *provider.Error {
	e := &provider.Error{Class: provider.ClassContent, Code: "not_accepted", Message: "Clickatell refuses this message."}
	if f == nil || f.code <= 0 {
		return e
	}
	e.Code = strconv.Itoa(f.code)
	if listed, known := refusals[f.code]; known {
		e.Class, e.Message = listed.class, listed.message
	}
	return e
}

// faultOf is the code of a refused call, 0 where there is none.
func faultOf(answer *provider.Answer) int {
	var body struct {
		Error *fault  `json:"error"`
		Code  integer `json:"code"`
	}
	switch {
	case answer.OK() || json.Unmarshal(answer.Body, &body) != nil:
		return 0
	case body.Error != nil:
		return body.Error.code
	default:
		return int(body.Code)
	}
}

// refusal classifies an answer that is not 2xx. A 4xx goes by Clickatell's code
// where it is listed, also one that stands at the only message; 429 and
// everything else go by the HTTP status.
func refusal(answer *provider.Answer) error {
	e := answer.Refusal()
	if answer.Status < 400 || answer.Status > 499 {
		return e
	}
	code := faultOf(answer)
	var body struct {
		Messages []result `json:"messages"`
	}
	if code == 0 && json.Unmarshal(answer.Body, &body) == nil && len(body.Messages) == 1 && body.Messages[0].Error != nil {
		code = body.Messages[0].Error.code
	}
	if code <= 0 {
		return e
	}
	e.Code = strconv.Itoa(code)
	if listed, known := refusals[code]; known && e.Class != provider.ClassTransient {
		e.Class, e.Message = listed.class, listed.message
	}
	return e
}

// integer reads a JSON number, or a text that holds one.
type integer int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *integer) UnmarshalJSON(raw []byte) error {
	text := strings.Trim(string(raw), `"`)
	if text == "null" || text == "" {
		return nil
	}
	value, err := strconv.ParseInt(text, 10, 64)
	*n = integer(value)
	return err
}
