package op

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/trellishq/trellis/internal/fault"
)

// Ceilings and patience for bodies.
const (
	defaultMaxBody   = 1 << 20
	defaultMaxUpload = 20 << 20
	multipartMargin  = 64 << 10 // boundaries and part headers around the file
	bodyTimeout      = 5 * time.Second
	uploadTimeout    = 60 * time.Second
	maxJSONDepth     = 32
)

// bodyKind says what an operation reads.
type bodyKind int

const (
	bodyNone bodyKind = iota
	bodyJSON
	bodyUpload
	bodyRaw
)

// ceiling is the most that is read from the wire.
func (o *operation) ceiling() int64 {
	if o.body == bodyUpload {
		return o.spec.MaxBodyBytes + multipartMargin
	}
	return o.spec.MaxBodyBytes
}

// accepts looks at what the headers say about the body.
func (o *operation) accepts(r *http.Request) error {
	if e := r.Header.Get("Content-Encoding"); e != "" && !strings.EqualFold(e, "identity") {
		return unsupported("Compressed requests are not accepted; send the body as it is.")
	}
	if r.ContentLength == 0 && r.Header.Get("Content-Type") == "" {
		return nil
	}
	switch o.body {
	case bodyJSON:
		return o.acceptsJSON(r)
	case bodyUpload:
		if t, p, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || t != "multipart/form-data" || p["boundary"] == "" {
			return unsupported("The file must be sent as multipart/form-data.")
		}
	}
	return nil
}

func (o *operation) acceptsJSON(r *http.Request) error {
	t, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	known := t == mediaJSON || t == mediaMergePatch && r.Method == http.MethodPatch
	if err != nil || !known {
		return unsupported("The body must be sent as %s.", mediaJSON)
	}
	if c := params["charset"]; c != "" && !strings.EqualFold(c, "utf-8") {
		return unsupported("The body must be encoded as UTF-8.")
	}
	r.Header.Set("Content-Type", mediaJSON) // huma knows one spelling
	return nil
}

func unsupported(format string, args ...any) *fault.Fault {
	return fault.New(fault.Unsupported, fault.CodeUnsupportedMedia, format, args...)
}

// readBody takes the body in, except for uploads, which are streamed. What
// huma and the handler see of JSON is its canonical form: no key twice, keys
// sorted, 5.0 written as 5.
func (rq *request) readBody() error {
	r, o := rq.http, rq.operation
	if o.body == bodyUpload || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	raw, err := rq.receive()
	if err != nil {
		return rq.bodyFault(err)
	}
	switch o.body {
	case bodyRaw:
		rq.body = raw
		return nil
	case bodyNone:
		if s := string(bytes.TrimSpace(raw)); s != "" && s != "{}" {
			return fault.InvalidField(fault.CodeInvalid, "body", "this operation takes no body")
		}
		return nil
	}
	if len(bytes.TrimSpace(raw)) == 0 && o.spec.BodyOptional {
		raw = []byte("{}")
		r.Header.Set("Content-Type", mediaJSON)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return malformed("The request needs a JSON body.")
	}
	if rq.body, err = rq.canonical(raw); err != nil {
		return err
	}
	r.Body = io.NopCloser(bytes.NewReader(rq.body))
	return nil
}

// receive reads the whole body in time. The deadline is taken back once all of
// it is there: left in place it would cancel a handler that works longer than
// it. A body that did not come keeps it, so that the server gives the
// connection up instead of waiting for the rest.
func (rq *request) receive() ([]byte, error) {
	if rq.http.ContentLength == 0 {
		return nil, nil
	}
	wire := http.NewResponseController(rq.writer)
	_ = wire.SetReadDeadline(time.Now().Add(bodyTimeout)) // not every transport has deadlines
	raw, err := io.ReadAll(rq.http.Body)
	if err != nil {
		rq.writer.Header().Set("Connection", "close")
		return nil, err
	}
	_ = wire.SetReadDeadline(time.Time{})
	return raw, nil
}

// bodyFault says why a body could not be read.
func (rq *request) bodyFault(err error) error {
	var tooLarge *http.MaxBytesError
	var slow net.Error
	switch {
	case errors.As(err, &tooLarge):
		return fault.New(fault.TooLarge, fault.CodeBodyTooLarge, "The body is larger than %d bytes.", rq.operation.spec.MaxBodyBytes)
	case errors.As(err, &slow) && slow.Timeout():
		return fault.New(fault.Timeout, fault.CodeRequestTimeout, "The body did not arrive in time.")
	default:
		return malformed("The body ended early or is garbled.").Because(err)
	}
}

// canonical checks the syntax of a JSON text and writes it in one way only.
func (rq *request) canonical(raw []byte) ([]byte, error) {
	if !utf8.Valid(raw) {
		return nil, malformed("The body is not UTF-8.")
	}
	var whole json.RawMessage
	if err := json.Unmarshal(raw, &whole); err != nil {
		return nil, malformed("The body is not JSON: %s.", syntaxError(err))
	}
	d := json.NewDecoder(bytes.NewReader(raw))
	d.UseNumber()
	value, err := readValue(d, "body", 0)
	if err != nil {
		return nil, err
	}
	if err := rq.checkNulls(value); err != nil {
		return nil, err
	}
	return json.Marshal(value)
}

// checkNulls refuses null where the document does not allow it: huma lets it
// through for every field that may be left out.
func (rq *request) checkNulls(value any) error {
	f := fault.New(fault.Invalid, fault.CodeInvalid, "The request has a null where there must be a value.")
	registry := rq.surface.api.OpenAPI().Components.Schemas
	if f.Fields = nulls(registry, rq.operation.bodySchema, value, "body"); len(f.Fields) == 0 {
		return nil
	}
	slices.SortFunc(f.Fields, func(a, b fault.Field) int { return strings.Compare(a.Location, b.Location) })
	return f
}

func nulls(r huma.Registry, schema *huma.Schema, value any, path string) (found []fault.Field) {
	for schema != nil && schema.Ref != "" {
		schema = r.SchemaFromRef(schema.Ref)
	}
	if schema == nil {
		return nil
	}
	switch v := value.(type) {
	case nil:
		if schema.Type != "" && !schema.Nullable {
			return []fault.Field{{Location: path, Message: "must not be null"}}
		}
	case []any:
		for i, item := range v {
			found = append(found, nulls(r, schema.Items, item, path+"["+strconv.Itoa(i)+"]")...)
		}
	case map[string]any:
		for name, item := range v {
			found = append(found, nulls(r, schema.Properties[name], item, path+"."+name)...)
		}
	}
	return found
}

func syntaxError(err error) string {
	var at *json.SyntaxError
	if errors.As(err, &at) {
		return fmt.Sprintf("syntax error at byte %d", at.Offset)
	}
	return "it cannot be read"
}

// readValue reads the next value. Errors of the decoder cannot happen here,
// since the syntax is known to be right; they are passed on all the same.
func readValue(d *json.Decoder, path string, depth int) (any, error) {
	if depth > maxJSONDepth {
		return nil, malformed("The body is nested deeper than %d levels.", maxJSONDepth)
	}
	token, err := d.Token()
	if err != nil {
		return nil, malformed("The body is not JSON.").Because(err)
	}
	switch t := token.(type) {
	case json.Delim:
		if t == '{' {
			return readObject(d, path, depth)
		}
		return readArray(d, path, depth)
	case json.Number:
		return plainNumber(t, path)
	default:
		return t, nil
	}
}

func readObject(d *json.Decoder, path string, depth int) (any, error) {
	object := map[string]any{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return nil, malformed("The body is not JSON.").Because(err)
		}
		key, _ := token.(string)
		at := path + "." + shorten(key)
		if _, twice := object[key]; twice {
			return nil, malformed("The body has a key twice.").At(at, "is given more than once")
		}
		if object[key], err = readValue(d, at, depth+1); err != nil {
			return nil, err
		}
	}
	_, err := d.Token()
	return object, err
}

func readArray(d *json.Decoder, path string, depth int) (any, error) {
	array := []any{}
	for d.More() {
		v, err := readValue(d, path+"["+strconv.Itoa(len(array))+"]", depth+1)
		if err != nil {
			return nil, err
		}
		array = append(array, v)
	}
	_, err := d.Token()
	return array, err
}

// plainNumber writes 5.0 and 1e1 as 5 and 10: JSON Schema calls them integers,
// Go's decoder does not.
func plainNumber(n json.Number, path string) (any, error) {
	if !strings.ContainsAny(string(n), ".eE") {
		return n, nil
	}
	f, err := n.Float64()
	if err != nil {
		return nil, malformed("The body has a number that is out of range.").At(path, "is out of range")
	}
	if f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return json.Number(strconv.FormatInt(int64(f), 10)), nil
	}
	return n, nil
}

// shorten keeps what a client sent from filling logs and answers.
func shorten(s string) string {
	const most = 64
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
