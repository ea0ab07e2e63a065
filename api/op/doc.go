// Package op is the way into Trellis: every HTTP operation is registered here,
// and nothing else opens a route. It owns what operations have in common, so
// that none can forget it: permission, limits, validation, idempotency,
// problems, paging, preconditions and the OpenAPI document. It knows no
// business rule, and it is the only place that knows HTTP status codes.
//
// A request passes, in this order: request id, recovery, access log, CORS,
// routing; then per operation: body ceiling, Content-Encoding and Content-Type,
// authentication, rate limit, permission, the body's syntax, validation,
// idempotency, the handler, the response.
package op
