package identity

import (
	"github.com/trellishq/trellis/internal/fault"
)

// One answer each, whatever the reason: it must not tell who guesses how close
// he came.
var (
	errInvalidLogin = fault.New(fault.Unauthenticated, fault.CodeInvalidLogin,
		"Login and password do not belong together.")
	errInvalidToken = fault.New(fault.Unauthenticated, fault.CodeInvalidToken,
		"The token is not valid: it has expired, was revoked, or never was.")
	errChallenge = fault.New(fault.Unauthenticated, fault.CodeInvalidToken,
		"The challenge is over: it was used, has expired, or was tried too often. Sign in again.")
	errInvalidFactor = fault.New(fault.Unauthenticated, fault.CodeInvalidLogin,
		"The code is not right, or was used before.")
	errTokenReused = fault.New(fault.Unauthenticated, fault.CodeTokenReused,
		"The refresh token had been used already. Its session has been ended; log in again.")
	errNoCredentials = fault.New(fault.Unauthenticated, fault.CodeUnauthenticated,
		"The request carries no access token and no API key.")
	errActing = fault.New(fault.Forbidden, fault.CodeForbidden,
		"This is an act-as session: what concerns your own account is seen and done without it.")
	errSuspended = fault.New(fault.Forbidden, fault.CodeTenantSuspended,
		"The tenant is suspended.")
)
