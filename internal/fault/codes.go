package fault

// Code is a stable, documented word for one way to fail. Codes are an enum of
// openapi.yaml: they are added, never renamed.
type Code string

// Codes of the HTTP surface itself.
const (
	CodeInternal             Code = "internal_error"
	CodeMalformed            Code = "malformed_request"
	CodeUnauthenticated      Code = "unauthenticated"
	CodeForbidden            Code = "forbidden"
	CodeNotFound             Code = "not_found"
	CodeMethodNotAllowed     Code = "method_not_allowed"
	CodeRequestTimeout       Code = "request_timeout"
	CodeConflict             Code = "conflict"
	CodeGone                 Code = "gone"
	CodeStale                Code = "precondition_failed"
	CodeBodyTooLarge         Code = "body_too_large"
	CodeUnsupportedMedia     Code = "unsupported_media_type"
	CodeInvalid              Code = "validation_failed"
	CodeRateLimited          Code = "rate_limited"
	CodeUnavailable          Code = "unavailable"
	CodeInvalidCursor        Code = "invalid_cursor"
	CodeIdempotencyMismatch  Code = "idempotency_key_reused"
	CodeIdempotencyRunning   Code = "idempotency_key_in_use"
	CodePreconditionRequired Code = "precondition_required"
)

// Codes of identity.
const (
	CodeInvalidLogin      Code = "invalid_login"
	CodeInvalidToken      Code = "invalid_token"
	CodeTokenReused       Code = "refresh_token_reused"
	CodeWeakPassword      Code = "weak_password"
	CodeLoginTaken        Code = "login_taken"
	CodeExtensionTaken    Code = "internal_number_taken"
	CodeRoleTooHigh       Code = "role_not_assignable"
	CodePermissionTooWide Code = "permission_not_grantable"
	CodeKeyRestricted     Code = "key_restricted"
	CodeMailNotConfigured Code = "mail_not_configured"
	CodeSignOnFailed      Code = "single_sign_on_failed"
	CodeSignOnRequired    Code = "single_sign_on_required"
	CodePasswordChange    Code = "password_change_required"
	CodePasswordExpired   Code = "password_expired"
	CodeSecondFactor      Code = "second_factor_required"
	CodeRoleInUse         Code = "role_in_use"
)

// Codes of the tree and of numbers.
const (
	CodeNameTaken        Code = "name_taken"
	CodeHostTaken        Code = "host_taken"
	CodeWrongParent      Code = "wrong_parent"
	CodeTenantSuspended  Code = "tenant_suspended"
	CodeNotEntitled      Code = "not_entitled"
	CodeQuotaExceeded    Code = "quota_exceeded"
	CodeLimitTooHigh     Code = "limit_too_high"
	CodeNumberTaken      Code = "number_taken"
	CodeNotDistributable Code = "channel_not_distributable"
	CodeInteractionsOpen Code = "interactions_open"
)

// Codes of channels and messages.
const (
	CodeCredentialsRejected Code = "credentials_rejected"
	CodeProviderUnreachable Code = "provider_unreachable"
	CodeChannelInactive     Code = "channel_inactive"
	CodeNotCapable          Code = "channel_not_capable"
	CodeInvalidAddress      Code = "invalid_address"
	CodeOwnNumber           Code = "own_number"
	CodeEmptyMessage        Code = "empty_message"
	CodeMessageTooLong      Code = "message_too_long"
	CodeTooManySegments     Code = "too_many_segments"
	CodePictureType         Code = "picture_type_not_allowed"
	CodePictureTooLarge     Code = "picture_too_large"
	CodeDuplicateMessage    Code = "client_message_id_reused"
	CodeWrongState          Code = "wrong_state"
	CodeWrongAssignee       Code = "wrong_assignee"
	CodeSelfAssignOff       Code = "self_assign_off"
	CodeQueueEmpty          Code = "queue_empty"
	CodeBadSignature        Code = "invalid_signature"
	CodeChannelMismatch     Code = "channel_mismatch"
	CodeUnknownPlaceholder  Code = "unknown_placeholder"
	CodeMessagingDisabled   Code = "messaging_disabled"
	CodeDispositionRequired Code = "disposition_required"
	CodeMissingValue        Code = "placeholder_without_value"
	CodeOptedOut            Code = "recipient_opted_out"
)

// Codes of agents at work.
const (
	CodeInNoQueue Code = "agent_in_no_queue"
	CodeNotAtWork Code = "agent_not_logged_in"
	CodeNotFree   Code = "agent_not_available"
)

// Codes lists every code, for the enum of the API document.
func Codes() []Code {
	return []Code{
		CodeInternal,
		CodeMalformed,
		CodeUnauthenticated,
		CodeForbidden,
		CodeNotFound,
		CodeMethodNotAllowed,
		CodeRequestTimeout,
		CodeConflict,
		CodeGone,
		CodeStale,
		CodeBodyTooLarge,
		CodeUnsupportedMedia,
		CodeInvalid,
		CodeRateLimited,
		CodeUnavailable,
		CodeInvalidCursor,
		CodeIdempotencyMismatch,
		CodeIdempotencyRunning,
		CodePreconditionRequired,
		CodeInvalidLogin,
		CodeInvalidToken,
		CodeTokenReused,
		CodeWeakPassword,
		CodeLoginTaken,
		CodeExtensionTaken,
		CodeRoleTooHigh,
		CodePermissionTooWide,
		CodeKeyRestricted,
		CodePasswordChange,
		CodePasswordExpired,
		CodeSecondFactor,
		CodeRoleInUse,
		CodeMailNotConfigured, CodeSignOnFailed, CodeSignOnRequired,
		CodeNameTaken, CodeHostTaken,
		CodeWrongParent,
		CodeTenantSuspended,
		CodeNotEntitled,
		CodeQuotaExceeded,
		CodeLimitTooHigh,
		CodeNumberTaken,
		CodeNotDistributable,
		CodeInteractionsOpen,
		CodeCredentialsRejected, CodeProviderUnreachable, CodeChannelInactive, CodeNotCapable,
		CodeInvalidAddress,
		CodeOwnNumber,
		CodeEmptyMessage, CodeMessageTooLong, CodeTooManySegments,
		CodePictureType,
		CodePictureTooLarge,
		CodeDuplicateMessage,
		CodeWrongState, CodeWrongAssignee, CodeSelfAssignOff, CodeQueueEmpty,
		CodeBadSignature,
		CodeChannelMismatch,
		CodeUnknownPlaceholder,
		CodeInNoQueue, CodeNotAtWork,
		CodeMessagingDisabled,
		CodeDispositionRequired, CodeNotFree,
		CodeMissingValue, CodeOptedOut,
	}
}
