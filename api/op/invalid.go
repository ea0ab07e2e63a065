package op

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trellishq/trellis/internal/fault"
)

const maxFieldErrors = 50

// fromHuma words what huma found wrong. huma puts whole bodies and objects
// into its errors; only locations, messages and short plain values pass.
func fromHuma(ctx huma.Context, status int, message string, errs ...error) huma.StatusError {
	rq := requestOf(ctx.Context())
	if status >= 500 {
		return rq.surface.problemOf(rq, rq.surface.faultOf(rq, fmt.Errorf("huma: %s: %w", message, errors.Join(errs...))))
	}
	f := fault.New(fault.Invalid, fault.CodeInvalid, "The request has %s.", wrongValues(len(errs)))
	for _, err := range errs {
		f.Fields = append(f.Fields, fieldOf(err))
	}
	slices.SortStableFunc(f.Fields, func(a, b fault.Field) int { return strings.Compare(a.Location, b.Location) })
	f.Fields = f.Fields[:min(len(f.Fields), maxFieldErrors)]
	return rq.surface.problemOf(rq, f)
}

func wrongValues(n int) string {
	if n == 1 {
		return "a wrong value"
	}
	return fmt.Sprintf("%d wrong values", n)
}

var missingProperty = regexp.MustCompile(`^expected required property (.+) to be present$`)

// fieldOf gives an error of huma a precise place: a missing property is
// reported where it should have been.
func fieldOf(err error) fault.Field {
	detailer, ok := err.(huma.ErrorDetailer)
	if !ok {
		return fault.Field{Location: "request", Message: "is not valid"}
	}
	d := detailer.ErrorDetail()
	if m := missingProperty.FindStringSubmatch(d.Message); m != nil {
		return fault.Field{Location: d.Location + "." + m[1], Message: "is required"}
	}
	if d.Message == "unexpected property" {
		return fault.Field{Location: shortenPath(d.Location), Message: "is not known here"}
	}
	if d.Location == "body" && strings.HasPrefix(d.Message, "json: ") {
		return fault.Field{Location: "body", Message: "has a value of a wrong type or size"}
	}
	return fault.Field{Location: shortenPath(d.Location), Message: withoutEcho(d.Message), Value: d.Value}
}

// withoutEcho cuts what the standard library's parsers add to huma's messages:
// they repeat the value.
func withoutEcho(message string) string {
	for _, prefix := range []string{"expected string to be RFC", "expected string to be regex", "expected duration", "invalid value"} {
		if strings.HasPrefix(message, prefix) {
			before, _, _ := strings.Cut(message, ": ")
			return before
		}
	}
	return message
}

func shortenPath(path string) string {
	if i := strings.LastIndexByte(path, '.'); i >= 0 {
		return path[:i+1] + shorten(path[i+1:])
	}
	return shorten(path)
}

// secretName matches names whose values are never repeated, whatever their
// schema says.
var secretName = regexp.MustCompile(`(?i)(password|passwd|secret|token|authorization|api_?key|credential|otp|totp|pin|signature|private|cookie)`)

// echo lets a value through that is short, plain and not secret.
func (s *Surface) echo(location string, value any) any {
	leaf := location[strings.LastIndexByte(location, '.')+1:]
	leaf, _, _ = strings.Cut(leaf, "[")
	if strings.HasPrefix(location, "header.") || secretName.MatchString(location) || s.secrets[leaf] {
		return nil
	}
	switch v := value.(type) {
	case string:
		if len(v) > 64 {
			return nil
		}
		return v
	case bool, int, int32, int64, float64:
		return v
	default:
		return nil
	}
}
