package op

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

// Spec says what an operation is.
type Spec struct {
	// ID is a verb and a noun, such as listContacts. It becomes the name of a
	// method in clients and never changes.
	ID string
	// Method and Path; parameters are written {contact_id}.
	Method, Path string
	// Summary is a short title, Description says what the operation changes.
	// Who may call it is added from the permission.
	Summary, Description string
	// Tag is one of Config.Tags.
	Tag string
	// Status of success; 200, or 204 without a body, if it is left out.
	Status int
	// Codes are the faults it can return beyond those that its shape implies.
	Codes []fault.Code
	// BodyOptional takes a request without a body for one with an empty object.
	BodyOptional bool
	// MaxBodyBytes is 1 MiB if it is left out, and 20 MiB for uploads.
	MaxBodyBytes int64
	// Consumes are the content types that inputs with Raw expect, for the
	// document.
	Consumes []string
	// Unrepeatable operations take no part in idempotency: what they do takes so
	// long that no transaction can be held open around it, and doing it twice
	// does no harm.
	Unrepeatable bool
	// Deprecated is when the operation was deprecated, Sunset when it goes.
	Deprecated, Sunset time.Time
}

// Option adds to an operation.
type Option[I any] func(*options[I])

type options[I any] struct {
	before []func(context.Context, *I) error
}

// Before runs work ahead of the handler and outside of the transaction that
// idempotency opens: this is the place for calls to providers. It may leave
// results in unexported fields of the input. It also runs ahead of a replay,
// so doing it twice must do no harm.
func Before[I any](work func(context.Context, *I) error) Option[I] {
	return func(o *options[I]) { o.before = append(o.before, work) }
}

// Empty is the output of operations that answer with 204.
type Empty struct{}

// operation is a registered operation.
type operation struct {
	spec       Spec
	permission authz.Permission
	body       bodyKind
	bodySchema *huma.Schema
	idempotent bool
	// conditional operations know versions and take If-Match.
	conditional bool
	codes       map[fault.Code][]fault.Kind
	repeatable  map[string]bool // query parameters that are lists
}

// written is the output that huma sees: the wrapper writes answers itself, so
// that they can be encoded before a transaction ends, and stored.
type written struct {
	Body func(huma.Context)
}

// Register opens an operation to callers with the permission. It panics with
// the operation's name and everything that is wrong with its declaration, so a
// server with an incomplete operation does not start.
func Register[I, O any](s *Surface, p authz.Permission, spec Spec, handle func(context.Context, *I) (*O, error), opts ...Option[I]) {
	o := newOperation[I](p, spec)
	sh, err := shapeOf[O](o.spec.Status)
	if err = errors.Join(err, s.checkSpec(o), checkTypes[I, O]()); err != nil {
		o.refuse(err)
	}
	var with options[I]
	for _, add := range opts {
		add(&with)
	}
	o.spec.Status = sh.status
	o.expect(new(I))
	defer o.explain()
	huma.Register(s.api, s.describe(o, sh), func(ctx context.Context, in *I) (*written, error) {
		return &written{func(huma.Context) { answer(ctx, sh, with.before, handle, in) }}, nil
	})
	if err := s.complete(o, sh); err != nil {
		o.refuse(err)
	}
}

// answer runs a validated request to its end.
func answer[I, O any](ctx context.Context, sh *shape, before []func(context.Context, *I) error, handle func(context.Context, *I) (*O, error), in *I) {
	rq := requestOf(ctx)
	rp, err := run(ctx, rq, sh, before, handle, in)
	if err != nil {
		rq.surface.fail(rq, err)
		return
	}
	rq.surface.write(rq, rp)
}

func run[I, O any](ctx context.Context, rq *request, sh *shape, before []func(context.Context, *I) error, handle func(context.Context, *I) (*O, error), in *I) (*reply, error) {
	key, err := rq.idempotencyKey()
	if err != nil {
		return nil, err
	}
	switch in := any(in).(type) {
	case uploader:
		file, err := rq.openUpload()
		if err != nil {
			return nil, err
		}
		defer rq.closeUpload()
		in.attach(file)
	case rawReceiver:
		in.receive(rq.raw())
	}
	for _, work := range before {
		if err := work(ctx, in); err != nil {
			return nil, err
		}
	}
	return idempotent(ctx, key, sh, func(ctx context.Context) (*O, error) { return handle(ctx, in) })
}

func newOperation[I any](p authz.Permission, spec Spec) *operation {
	o := &operation{
		spec: spec, permission: p, body: bodyKindOf[I](),
		codes: map[fault.Code][]fault.Kind{}, repeatable: map[string]bool{},
	}
	if o.spec.MaxBodyBytes == 0 {
		o.spec.MaxBodyBytes = defaultMaxBody
		if o.body == bodyUpload {
			o.spec.MaxBodyBytes = defaultMaxUpload
		}
	}
	writes := spec.Method == http.MethodPost || spec.Method == http.MethodPatch || spec.Method == http.MethodDelete
	o.idempotent = writes && p != authz.Public && !spec.Unrepeatable && (o.body == bodyNone || o.body == bodyJSON)
	return o
}

var (
	operationID   = regexp.MustCompile(`^[a-z]+[A-Z][A-Za-z0-9]*$`)
	operationPath = regexp.MustCompile(`^(/([a-z0-9_.-]+|\{[a-z][a-z0-9_]*\}))+$`)
	permission    = regexp.MustCompile(`^([a-z_]+:[a-z_]+|public|authenticated|signed_in)$`)
	methods       = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}
)

// checkSpec finds what is missing in a Spec.
func (s *Surface) checkSpec(o *operation) error {
	var errs []error
	require := func(ok bool, format string, args ...any) {
		if !ok {
			errs = append(errs, fmt.Errorf(format, args...))
		}
	}
	sp := o.spec
	require(!s.sealed, "the document has been handed out already")
	require(permission.MatchString(string(o.permission)), "%q is no permission; an operation without one does not exist", o.permission)
	require(operationID.MatchString(sp.ID), "the id %q is not verbNoun", sp.ID)
	require(slices.Contains(methods, sp.Method), "the method %q is not known", sp.Method)
	require(operationPath.MatchString(sp.Path), "the path %q is not in snake_case", sp.Path)
	require(s.operationAt(sp.Method, sp.Path) == nil, "%s %s is registered twice", sp.Method, sp.Path)
	require(sp.Summary != "" && !strings.HasSuffix(sp.Summary, "."), "the summary is missing, or ends with a full stop")
	require(strings.HasSuffix(sp.Description, "."), "the description is missing, or is no sentence")
	require(slices.ContainsFunc(s.cfg.Tags, func(t Tag) bool { return t.Name == sp.Tag }), "the tag %q is not in Config.Tags", sp.Tag)
	require(o.body == bodyNone || sp.Method != http.MethodGet, "a GET has no body")
	for _, code := range sp.Codes {
		_, known := meanings[code]
		require(known, "the code %q has no meaning", code)
	}
	return errors.Join(errs...)
}

// expect notes the faults that the operation can return: those of its Spec,
// and those that follow from what it is.
func (o *operation) expect(in any) {
	add := func(when bool, codes ...fault.Code) {
		for _, code := range codes {
			if when {
				o.codes[code] = meanings[code].kinds
			}
		}
	}
	_, page := in.(interface{ isPage() })
	_, o.conditional = in.(interface{ isIfMatch() })
	known := o.permission != authz.Public
	add(true, fault.CodeInternal, fault.CodeUnavailable, fault.CodeMalformed, fault.CodeInvalid, fault.CodeRateLimited, fault.CodeUnsupportedMedia)
	add(known, fault.CodeUnauthenticated, fault.CodeForbidden)
	if known {
		o.codes[fault.CodeInvalidToken] = []fault.Kind{fault.Unauthenticated}
	}
	add(strings.Contains(o.spec.Path, "{"), fault.CodeNotFound)
	add(known, fault.CodeTenantSuspended, fault.CodeNotEntitled, fault.CodeKeyRestricted)
	add(known && o.permission != authz.SignedIn, fault.CodePasswordChange, fault.CodePasswordExpired, fault.CodeSecondFactor)
	add(o.spec.Method != http.MethodGet, fault.CodeRequestTimeout, fault.CodeBodyTooLarge)
	add(o.idempotent, fault.CodeIdempotencyRunning, fault.CodeIdempotencyMismatch)
	add(o.conditional, fault.CodeStale)
	add(o.conditional && known, fault.CodePreconditionRequired)
	add(page, fault.CodeInvalidCursor)
	add(true, o.spec.Codes...)
}

func (o *operation) declares(f *fault.Fault) bool {
	return slices.Contains(o.codes[f.Code], f.Kind)
}

func (o *operation) refuse(err error) {
	panic(fmt.Sprintf("op: %s (%s %s):\n%v", o.spec.ID, o.spec.Method, o.spec.Path, err))
}

// explain adds the operation's name to a panic of huma.
func (o *operation) explain() {
	switch cause := recover().(type) {
	case nil:
	case string:
		if strings.HasPrefix(cause, "op: ") {
			panic(cause)
		}
		o.refuse(errors.New(cause))
	default:
		o.refuse(fmt.Errorf("%v", cause))
	}
}

// announceRetirement tells clients what the document tells their authors
// (RFC 9745, RFC 8594).
func (o *operation) announceRetirement(h http.Header) {
	if !o.spec.Deprecated.IsZero() {
		h.Set("Deprecation", "@"+strconv.FormatInt(o.spec.Deprecated.Unix(), 10))
	}
	if !o.spec.Sunset.IsZero() {
		h.Set("Sunset", o.spec.Sunset.UTC().Format(http.TimeFormat))
	}
}
