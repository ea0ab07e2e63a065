package twilio

import (
	"strconv"

	"github.com/trellishq/trellis/channels/provider"
)

// explanation is what an error number of Twilio's means for us.
type explanation struct {
	class   provider.ErrorClass
	message string
}

// codes are Twilio's error numbers, as twilio.com/docs/api/errors explains
// them, in the classes of rules A13. A number that is not here goes by the
// HTTP status of the refusal, and is ClassDelivery in a report.
var codes = map[int]explanation{
	// This recipient.
	21211: {provider.ClassRecipient, "The recipient's number is not valid."},
	21214: {provider.ClassRecipient, "The recipient's number cannot be reached."},
	21265: {provider.ClassRecipient, "The recipient's number cannot be a short code."},
	21408: {provider.ClassRecipient, "The account may not send to the recipient's country."},
	21604: {provider.ClassRecipient, "The recipient's number is missing."},
	21612: {provider.ClassRecipient, "There is no route from this sender to the recipient."},
	21614: {provider.ClassRecipient, "The recipient's number cannot receive SMS."},
	21635: {provider.ClassRecipient, "The recipient's number is a landline."},
	30004: {provider.ClassRecipient, "The recipient's number is blocked from receiving this message."},
	30005: {provider.ClassRecipient, "The recipient's number is unknown or no longer in use."},
	30006: {provider.ClassRecipient, "The recipient's number is a landline or its carrier cannot be reached."},

	// The recipient answered STOP to this sender.
	21610: {provider.ClassOptedOut, "The recipient has opted out of messages from this number."},

	// The account or the sending number.
	20003: {provider.ClassSender, "Twilio refuses the account SID or the auth token."},
	20005: {provider.ClassSender, "The Twilio account is not active."},
	20008: {provider.ClassSender, "Test credentials cannot be used here."},
	20404: {provider.ClassSender, "Twilio does not know this account."},
	21212: {provider.ClassSender, "The sending number is not valid."},
	21222: {provider.ClassSender, "The account SID has characters that it cannot have."},
	21224: {provider.ClassSender, "The auth token has characters that it cannot have."},
	21603: {provider.ClassSender, "The sending number is missing."},
	21606: {provider.ClassSender, "The sending number is not an SMS number of this account."},
	21608: {provider.ClassSender, "A trial account may send to verified numbers only."},
	21659: {provider.ClassSender, "The sending number is not one of this account."},
	21660: {provider.ClassSender, "The sending number belongs to another account."},
	30002: {provider.ClassSender, "The Twilio account is suspended."},
	30032: {provider.ClassSender, "The toll-free number is not verified."},
	30034: {provider.ClassSender, "The sending number is not registered for A2P 10DLC."},

	// The content.
	11751: {provider.ClassContent, "The pictures of the message are too large together."},
	21602: {provider.ClassContent, "The message has no text and no picture."},
	21605: {provider.ClassContent, "The text is too long."},
	21617: {provider.ClassContent, "The text is too long."},
	21620: {provider.ClassContent, "The address of a picture is not valid."},
	21623: {provider.ClassContent, "The message has too many pictures."},
	30007: {provider.ClassContent, "A carrier filtered the message."},
	30019: {provider.ClassContent, "The content is larger than the carrier takes."},
	63034: {provider.ClassContent, "The pictures of the message are too large."},

	// Not accepted, for a passing reason.
	20429: {provider.ClassTransient, "Twilio asks to send more slowly."},
	21611: {provider.ClassTransient, "The sending number's queue at Twilio is full."},
	63017: {provider.ClassTransient, "The account sends more than Twilio takes."},
	63018: {provider.ClassTransient, "The sender has reached its rate at Twilio."},

	// Accepted, and then not delivered for a passing reason.
	30001: {provider.ClassDelivery, "The message waited too long in Twilio's queue."},
	30003: {provider.ClassDelivery, "The recipient's telephone was not reachable."},
	30008: {provider.ClassDelivery, "The carrier gave no reason."},
	30036: {provider.ClassDelivery, "The message was not sent within its validity."},
}

// reportedClass explains the failure of a message that had been accepted. It
// is never a class that asks for another submission.
func reportedClass(s provider.Status, code string) provider.ErrorClass {
	if s != provider.StatusFailed && s != provider.StatusUndelivered {
		return ""
	}
	n, err := strconv.Atoi(code)
	if err != nil {
		return provider.ClassDelivery
	}
	listed, known := codes[n]
	if !known || listed.class == provider.ClassTransient {
		return provider.ClassDelivery
	}
	return listed.class
}
