package op

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strconv"

	"github.com/trellishq/trellis/internal/fault"
)

// Media types of the surface.
const (
	mediaJSON       = "application/json"
	mediaMergePatch = "application/merge-patch+json"
	mediaProblem    = "application/problem+json"
	mediaMultipart  = "multipart/form-data"
)

// statuses is the only place where kinds of fault become HTTP status codes.
var statuses = map[fault.Kind]int{
	fault.Internal:        http.StatusInternalServerError,
	fault.Malformed:       http.StatusBadRequest,
	fault.Unauthenticated: http.StatusUnauthorized,
	fault.Forbidden:       http.StatusForbidden,
	fault.NotFound:        http.StatusNotFound,
	fault.NotAllowed:      http.StatusMethodNotAllowed,
	fault.Timeout:         http.StatusRequestTimeout,
	fault.Conflict:        http.StatusConflict,
	fault.Gone:            http.StatusGone,
	fault.Stale:           http.StatusPreconditionFailed,
	fault.Required:        http.StatusPreconditionRequired,
	fault.TooLarge:        http.StatusRequestEntityTooLarge,
	fault.Unsupported:     http.StatusUnsupportedMediaType,
	fault.Invalid:         http.StatusUnprocessableEntity,
	fault.Exhausted:       http.StatusTooManyRequests,
	fault.Unavailable:     http.StatusServiceUnavailable,
}

// statusClientGone is what logs show where the client left before the answer;
// it never goes over the wire.
const statusClientGone = 499

// ProblemsPath is where every problem type is explained; the code follows as
// the fragment.
const ProblemsPath = "/docs/problems"

// typeQuotaExceeded is the registered type for used-up rates and quotas.
const typeQuotaExceeded = "https://iana.org/assignments/http-problem-types#quota-exceeded"

// Problem is the answer to every request that fails (RFC 9457).
type Problem struct {
	Type          string `json:"type" format:"uri-reference" maxLength:"2048" doc:"A stable address that explains this kind of problem." example:"/docs/problems#validation_failed"`
	Title         string `json:"title" maxLength:"200" doc:"The kind of problem in a few words." example:"Validation failed"`
	Status        int    `json:"status" format:"int32" minimum:"400" maximum:"599" doc:"The HTTP status code." example:"422"`
	Detail        string `json:"detail" maxLength:"2000" doc:"What went wrong this time." example:"The request has a wrong value."`
	Instance      string `json:"instance" format:"uri-reference" maxLength:"2048" doc:"The path that was asked for." example:"/v1/tenants/0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00/contacts"`
	Code          string `json:"code" maxLength:"64" doc:"A stable word for this kind of problem, for programs." example:"validation_failed"`
	RequestID     string `json:"request_id" maxLength:"64" doc:"Names this request in logs; give it to support." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f01"`
	RetryAfter    int    `json:"retry_after,omitempty" format:"int32" minimum:"1" maximum:"2764800" doc:"Seconds to wait before trying again; up to a month where a quota is used up." example:"43"`
	CurrentStatus string `json:"current_status,omitempty" maxLength:"64" doc:"The present state that stands in the way." example:"closed"`
	// AssigneeID is left out where nobody has it.
	AssigneeID  string `json:"current_assignee_id,omitempty" format:"uuid" doc:"Who has the interaction, where that stands in the way; left out where nobody has." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"`
	Entitlement string `json:"entitlement,omitempty" maxLength:"64" doc:"The service that the tenant has not been given, with not_entitled." example:"bulk"`
	Quota       string `json:"quota,omitempty" maxLength:"64" doc:"The quota that stands in the way, with quota_exceeded and limit_too_high." example:"messages_per_month"`
	Challenge   string `json:"challenge,omitempty" maxLength:"128" doc:"Of a sign-in that goes on with a second step: send it with the code to completeSession." example:"trl_challenge_c2lnbi1pbi10aGF0LXdhaXRzLWZvci1pdHMtY29kZS4u"`
	// ViolatedPolicies is named as the type quota-exceeded asks for.
	ViolatedPolicies []string `json:"violated-policies,omitempty" maxItems:"10" maxLength:"64" doc:"The limits that the request would exceed, as RateLimit-Policy names them." example:"default"`
	// OpenInteractions is left out where there are none.
	OpenInteractions int            `json:"open_interactions,omitempty" format:"int32" minimum:"1" maximum:"2147483647" doc:"How many conversations stand in the way, with interactions_open." example:"3"`
	Errors           []ProblemField `json:"errors,omitempty" maxItems:"50" doc:"The parts of the request that are wrong."`
}

// ProblemField points at one wrong part of a request.
type ProblemField struct {
	Location string `json:"location" maxLength:"1000" doc:"Where: body.to, query.limit, path.contact_id, header.If-Match." example:"body.name"`
	Message  string `json:"message" maxLength:"1000" doc:"What is wrong with it." example:"expected length <= 100"`
	Value    any    `json:"value,omitempty" doc:"What was sent: only short, plain values that are not secret." example:"\"x\""`
}

// Refusal is a problem with one of many things of a request that was otherwise
// done.
type Refusal struct {
	Status        int            `json:"status" format:"int32" minimum:"400" maximum:"599" doc:"The HTTP status code that the request for this thing alone would have had." example:"409"`
	Code          string         `json:"code" maxLength:"64" doc:"A stable word for this kind of problem, for programs." example:"wrong_assignee"`
	Detail        string         `json:"detail" maxLength:"2000" doc:"What went wrong." example:"Somebody has the interaction now."`
	CurrentStatus string         `json:"current_status,omitempty" maxLength:"64" doc:"The present state that stands in the way." example:"closed"`
	AssigneeID    string         `json:"current_assignee_id,omitempty" format:"uuid" doc:"Who has the interaction, where that stands in the way; left out where nobody has." example:"0197b1f0-1c2a-7d3e-8f4a-5b6c7d8e9f00"`
	Errors        []ProblemField `json:"errors,omitempty" maxItems:"50" doc:"The parts of the request that are wrong."`
}

// RefusalOf words a fault about one of many things.
func RefusalOf(f *fault.Fault) *Refusal {
	out := &Refusal{Status: statuses[f.Kind], Code: string(f.Code), Detail: f.Message, CurrentStatus: f.Present, AssigneeID: f.AssigneeID}
	for _, field := range f.Fields {
		// Without the value, which Surface.echo would have to pass.
		out.Errors = append(out.Errors, ProblemField{Location: field.Location, Message: field.Message})
	}
	return out
}

// Error implements error.
func (p *Problem) Error() string { return p.Code }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return mediaProblem }

var errPanicked = errors.New("op: the handler panicked")

// fail answers a request that went wrong. A client that is gone gets nothing.
func (s *Surface) fail(rq *request, err error) {
	ctx := rq.http.Context()
	if errors.Is(err, context.Canceled) && errors.Is(ctx.Err(), context.Canceled) {
		rq.writer.status = statusClientGone
		return
	}
	s.writeProblem(rq, s.problemOf(rq, s.faultOf(rq, err)))
}

// faultOf finds what may be told about an error, and logs what may not.
func (s *Surface) faultOf(rq *request, err error) error {
	ctx := rq.http.Context()
	f, ok := fault.As(err)
	if !ok && rq.bodyErr != nil {
		f, ok = fault.As(rq.bodyFault(rq.bodyErr))
	}
	if !ok || f.Kind == fault.Internal {
		s.log.ErrorContext(ctx, "request failed", "request_id", rq.id, "operation", rq.operationID(), "error", err)
		return err
	}
	if f.Unwrap() != nil {
		s.log.WarnContext(ctx, "request refused", "request_id", rq.id, "operation", rq.operationID(), "error", err)
	}
	if rq.operation != nil && !rq.operation.declares(f) {
		s.log.ErrorContext(ctx, "operation answers with a fault that it does not declare",
			"request_id", rq.id, "operation", rq.operationID(), "code", f.Code)
	}
	return f
}

// problemOf words an error for the client. What is not a fault is a bare 500.
func (s *Surface) problemOf(rq *request, err error) *Problem {
	f, ok := fault.As(err)
	if !ok || f.Kind == fault.Internal {
		f = fault.New(fault.Internal, fault.CodeInternal, "Something went wrong on our side.")
	}
	p := &Problem{
		Type:             typeOf(f.Kind, f.Code),
		Title:            titleOf(f.Code),
		Status:           statuses[f.Kind],
		Detail:           f.Message,
		Instance:         rq.http.URL.EscapedPath(),
		Code:             string(f.Code),
		RequestID:        rq.id,
		CurrentStatus:    f.Present,
		AssigneeID:       f.AssigneeID,
		Challenge:        f.Challenge,
		ViolatedPolicies: rq.violated,
		OpenInteractions: f.OpenInteractions,
	}
	switch f.Code {
	case fault.CodeNotEntitled:
		p.Entitlement = f.Subject
	case fault.CodeQuotaExceeded, fault.CodeLimitTooHigh:
		p.Quota = f.Subject
		if f.Kind == fault.Exhausted {
			p.ViolatedPolicies = []string{f.Subject}
		}
	}
	if f.RetryAfter > 0 {
		p.RetryAfter = seconds(f.RetryAfter)
	}
	for _, field := range f.Fields {
		p.Errors = append(p.Errors, ProblemField{field.Location, field.Message, s.echo(field.Location, field.Value)})
	}
	return p
}

func typeOf(kind fault.Kind, code fault.Code) string {
	if kind == fault.Exhausted {
		return typeQuotaExceeded
	}
	return ProblemsPath + "#" + string(code)
}

func (s *Surface) writeProblem(rq *request, p *Problem) {
	h := rq.writer.Header()
	h.Set("Content-Type", mediaProblem)
	h.Set("Cache-Control", "no-store")
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		h.Set("WWW-Authenticate", "Bearer")
	}
	body, err := encodeJSON(p)
	if err != nil {
		panic(err) // a problem holds nothing that cannot be encoded
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	rq.writer.WriteHeader(p.Status)
	if rq.http.Method != http.MethodHead {
		_, _ = rq.writer.Write(body) // the client may be gone; nobody is left to tell
	}
}

// encodeJSON writes JSON as people like to read it: without escaped angle
// brackets, and with a newline at its end.
func encodeJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
