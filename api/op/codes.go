package op

import (
	"slices"
	"strings"

	"github.com/trellishq/trellis/internal/fault"
)

// ProblemType explains one code of fault.
type ProblemType struct {
	Code     fault.Code
	Title    string
	Meaning  string
	Statuses []int
}

// ProblemTypes lists every code with its meaning, in the order of fault.Codes.
func ProblemTypes() []ProblemType {
	var all []ProblemType
	for _, code := range fault.Codes() {
		m := meanings[code]
		t := ProblemType{Code: code, Title: titleOf(code), Meaning: m.sentence}
		for _, kind := range m.kinds {
			t.Statuses = append(t.Statuses, statuses[kind])
		}
		all = append(all, t)
	}
	return all
}

// titleOf makes "Name taken" of name_taken.
func titleOf(code fault.Code) string {
	words := strings.ReplaceAll(string(code), "_", " ")
	if words == "" {
		return ""
	}
	return strings.ToUpper(words[:1]) + words[1:]
}

// meaning is what a code says, and the kinds of fault that carry it.
type meaning struct {
	sentence string
	kinds    []fault.Kind
}

func means(sentence string, kinds ...fault.Kind) meaning { return meaning{sentence, kinds} }

// meanings explains every code. A code without a line here fails a test.
var meanings = map[fault.Code]meaning{
	fault.CodeInternal:             means("Something went wrong on our side. Trying again later may help; support finds the cause by the request id.", fault.Internal),
	fault.CodeMalformed:            means("The request cannot be read: broken JSON, a key given twice, a query string with broken escapes.", fault.Malformed),
	fault.CodeUnauthenticated:      means("The request carries no credentials, or ones that are not known. Send an access token or an API key as a bearer token.", fault.Unauthenticated),
	fault.CodeForbidden:            means("The caller may know that this exists, and lacks the permission for what was asked.", fault.Forbidden),
	fault.CodeNotFound:             means("There is no such thing, or none that this caller may see; both look the same on purpose. 422 where the request's body names it.", fault.NotFound, fault.Invalid),
	fault.CodeMethodNotAllowed:     means("The path exists and does not know this method; the Allow header lists the methods that it knows.", fault.NotAllowed),
	fault.CodeRequestTimeout:       means("The request's body did not arrive in time.", fault.Timeout),
	fault.CodeConflict:             means("The present state of the thing forbids what was asked.", fault.Conflict),
	fault.CodeGone:                 means("It was here and is no more, such as events that are older than the log reaches back.", fault.Gone),
	fault.CodeStale:                means("The thing has changed since it was read: If-Match names another version. Read it again and repeat the change.", fault.Stale),
	fault.CodePreconditionRequired: means("The tenant accepts changes only with If-Match. Read the thing and repeat the change with its ETag.", fault.Required),
	fault.CodeBodyTooLarge:         means("The body is larger than this operation takes.", fault.TooLarge),
	fault.CodeUnsupportedMedia:     means("The body has a content type or an encoding that this operation does not read.", fault.Unsupported),
	fault.CodeInvalid:              means("The request can be read and is wrong; errors names each wrong part.", fault.Invalid),
	fault.CodeRateLimited:          means("Too many requests in a short time. Wait as long as Retry-After says.", fault.Exhausted),
	fault.CodeUnavailable:          means("A part of the system is down or overloaded. Try again after a while.", fault.Unavailable),
	fault.CodeInvalidCursor:        means("The cursor was changed, belongs to another tenant, or was made for other filters or another order. Start again without it.", fault.Invalid),
	fault.CodeIdempotencyMismatch:  means("This Idempotency-Key was used before for another request. Use a new key for each new intention.", fault.Invalid),
	fault.CodeIdempotencyRunning:   means("A request with this Idempotency-Key is still running. Wait for it and send the same again.", fault.Conflict),

	fault.CodeInvalidLogin:      means("Login and password do not belong together, or the second factor is wrong.", fault.Unauthenticated),
	fault.CodeInvalidToken:      means("The token is expired, revoked, or was never valid.", fault.Unauthenticated, fault.Invalid),
	fault.CodeTokenReused:       means("The refresh token had been used already. All tokens of its family are revoked; log in again.", fault.Unauthenticated),
	fault.CodeWeakPassword:      means("The password does not meet the tenant's rule.", fault.Invalid),
	fault.CodeLoginTaken:        means("Another user has this login.", fault.Conflict),
	fault.CodeExtensionTaken:    means("Another user of the tenant has this internal number.", fault.Conflict),
	fault.CodeRoleTooHigh:       means("A caller cannot give a role that is above its own.", fault.Forbidden),
	fault.CodePermissionTooWide: means("A caller cannot grant a permission that it does not have itself.", fault.Forbidden),
	fault.CodeKeyRestricted:     means("The API key is kept to addresses, web sites or channels, and this is beyond them.", fault.Forbidden),
	fault.CodeMailNotConfigured: means("This needs outgoing mail, and the operator has configured no mail server.", fault.Unavailable),
	fault.CodeSignOnFailed:      means("What the provider of the single sign-on says opens no account here, or the sign-in took too long.", fault.Unauthenticated),
	fault.CodeSignOnRequired:    means("The tenant's users sign in by its single sign-on, and not with passwords.", fault.Forbidden),
	fault.CodePasswordChange:    means("Somebody else has chosen the password: changePassword comes before anything else.", fault.Forbidden),
	fault.CodePasswordExpired:   means("The password is older than the tenant allows: changePassword comes before anything else.", fault.Forbidden),
	fault.CodeSecondFactor:      means("A second factor is required: 401 at a sign-in that needs a code too, and goes on with the challenge; 403 where the caller has none, and setting one up comes before anything else.", fault.Forbidden, fault.Unauthenticated),
	fault.CodeRoleInUse:         means("Somebody has the role. Give these people another one first.", fault.Conflict),

	fault.CodeNameTaken:        means("Something of the same kind in the same place has this name.", fault.Conflict),
	fault.CodeHostTaken:        means("The host name is in use. It belongs to one tenant of the installation.", fault.Conflict),
	fault.CodeWrongParent:      means("A tenant of this type cannot stand below that parent.", fault.Invalid, fault.Conflict),
	fault.CodeTenantSuspended:  means("The tenant, or one above it, is out of service: suspended, archived or deleted.", fault.Forbidden),
	fault.CodeNotEntitled:      means("The tenant has not been given this service; entitlement names it. Who provides for the tenant can switch it on. Also where a tenant would be given what those above it do not have.", fault.Forbidden),
	fault.CodeQuotaExceeded:    means("A quota of the tenant is used up; quota names it. 429 where it fills again with time, 403 where it is a count.", fault.Forbidden, fault.Exhausted),
	fault.CodeLimitTooHigh:     means("A tenant would get a greater limit than those above it have; quota names it.", fault.Invalid),
	fault.CodeNumberTaken:      means("The number has another holder.", fault.Conflict),
	fault.CodeNotDistributable: means("A channel of this kind cannot be handed to another tenant.", fault.Conflict, fault.Invalid),
	fault.CodeInteractionsOpen: means("Interactions are still open on the number. Close them, or ask for it by force.", fault.Conflict),

	fault.CodeCredentialsRejected: means("The provider does not accept the credentials.", fault.Invalid),
	fault.CodeProviderUnreachable: means("The provider does not answer. Try again after a while.", fault.Unavailable),
	fault.CodeChannelInactive:     means("The channel is switched off.", fault.Conflict),
	fault.CodeNotCapable:          means("The channel cannot carry this kind of message.", fault.Invalid),
	fault.CodeInvalidAddress:      means("The address is not one that the channel can reach.", fault.Invalid),
	fault.CodeOwnNumber:           means("The recipient is the channel's own number.", fault.Invalid),
	fault.CodeEmptyMessage:        means("The message has neither text nor attachment.", fault.Invalid),
	fault.CodeMessageTooLong:      means("The text is longer than a message may be.", fault.Invalid),
	fault.CodeTooManySegments:     means("The text would need more segments than the channel allows.", fault.Invalid),
	fault.CodePictureType:         means("The file is not of a picture type that the channel can carry; its content decides, not its name.", fault.Invalid, fault.Unsupported),
	fault.CodePictureTooLarge:     means("The picture is larger than the channel can carry.", fault.Invalid, fault.TooLarge),
	fault.CodeDuplicateMessage:    means("This client_message_id was used before for another message.", fault.Conflict),
	fault.CodeWrongState:          means("The thing is in a state in which this cannot be done; current_status names it.", fault.Conflict),
	fault.CodeWrongAssignee:       means("The interaction is assigned otherwise than the request needs or expects; current_assignee_id names who has it, and is left out where nobody has.", fault.Conflict),
	fault.CodeSelfAssignOff:       means("In this queue managers and administrators say who gets a conversation; agents do not take them.", fault.Forbidden),
	fault.CodeQueueEmpty:          means("Nobody answers in the queue: no active user is a member of it.", fault.Conflict),
	fault.CodeBadSignature:        means("The signature does not belong to the request.", fault.Unauthenticated, fault.Forbidden),
	fault.CodeDispositionRequired: means("The queue asks what the interaction came to; disposition_id is missing.", fault.Invalid),
	fault.CodeChannelMismatch:     means("The request names a channel other than the one it came by.", fault.Invalid, fault.Conflict, fault.Forbidden),
	fault.CodeUnknownPlaceholder:  means("A prepared text asks for a value that nobody knows; errors names each placeholder and its place.", fault.Invalid),
	fault.CodeInNoQueue:           means("Nobody logs in to work who is in no queue and no campaign.", fault.Conflict),
	fault.CodeNotAtWork:           means("The agent is not logged in to work, or the session at work has ended; detail says why, and whether to log in again.", fault.Conflict),
	fault.CodeMessagingDisabled:   means("An administrator has switched the internal messenger off: 403 for the caller, 409 for somebody who cannot be written to, also because his account is not active.", fault.Forbidden, fault.Conflict),
	fault.CodeNotFree:             means("The agent is paused, has no room, or does not answer in the queue; current_status names which.", fault.Conflict),
	fault.CodeMissingValue:        means("A prepared text asks for a value that is not there, and has nothing in its place; errors names the placeholder.", fault.Invalid),
	fault.CodeOptedOut:            means("The recipient has asked the channel to be left alone: nothing can be scheduled for him. A live answer stays possible.", fault.Conflict),
}

// codesByStatus sorts codes into the responses that carry them.
func codesByStatus(codes map[fault.Code][]fault.Kind) map[int][]fault.Code {
	sorted := map[int][]fault.Code{}
	for code, kinds := range codes {
		for _, kind := range kinds {
			sorted[statuses[kind]] = append(sorted[statuses[kind]], code)
		}
	}
	for _, of := range sorted {
		slices.Sort(of)
	}
	return sorted
}
