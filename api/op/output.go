package op

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"sync"
)

// reply is an answer that is ready to be sent.
type reply struct {
	status int
	header http.Header
	body   []byte
	stream Stream
}

// bodyForm is how an output's Body becomes bytes.
type bodyForm int

const (
	formNone bodyForm = iota
	formJSON
	formBytes
	formStream
)

// shape is what the wrapper knows about an output type: read once, when the
// operation is registered.
type shape struct {
	status  int
	form    bodyForm
	body    reflect.StructField
	headers []headerField
	cache   string
}

type headerField struct {
	name  string
	index []int
	field reflect.StructField
}

var (
	streamType = reflect.TypeFor[Stream]()
	bytesType  = reflect.TypeFor[[]byte]()
)

// shapeOf reads an output type: fields with a header tag, and Body.
func shapeOf[O any](status int) (*shape, error) {
	t := reflect.TypeFor[O]()
	if t.Kind() != reflect.Struct {
		return nil, fmt.Errorf("the output %s is not a struct", t)
	}
	sh := &shape{status: status, cache: "private, no-cache"}
	if _, secret := any(new(O)).(Discreet[O]); secret {
		sh.cache = "no-store"
	}
	for _, f := range allFields(t) {
		name := f.Tag.Get("header")
		switch {
		case f.Name == "Body" && len(f.Index) == 1:
			sh.body, sh.form = f, formOf(f.Type)
		case name == "":
			return nil, fmt.Errorf("output field %s is neither Body nor a header", f.Name)
		case f.Type.Kind() != reflect.String && f.Type.Kind() != reflect.Int:
			return nil, fmt.Errorf("output header %s is neither string nor int", name)
		default:
			sh.headers = append(sh.headers, headerField{name, f.Index, f})
		}
	}
	if sh.status == 0 {
		sh.status = http.StatusOK
		if sh.form == formNone {
			sh.status = http.StatusNoContent
		}
	}
	return sh, nil
}

func formOf(t reflect.Type) bodyForm {
	switch t {
	case bytesType:
		return formBytes
	case streamType:
		return formStream
	default:
		return formJSON
	}
}

func (sh *shape) hasHeader(name string) bool {
	for _, h := range sh.headers {
		if h.name == name {
			return true
		}
	}
	return false
}

// reply encodes an output. The output belongs to the wrapper from here on.
func (sh *shape) reply(out any) (*reply, error) {
	v := reflect.ValueOf(out)
	if v.IsNil() {
		if sh.form != formNone {
			return nil, errors.New("op: the handler returned neither output nor error")
		}
		return &reply{status: sh.status, header: http.Header{"Cache-Control": {sh.cache}}}, nil
	}
	v = v.Elem()
	rp := &reply{status: sh.status, header: http.Header{"Cache-Control": {sh.cache}}}
	for _, h := range sh.headers {
		if f := v.FieldByIndex(h.index); !f.IsZero() {
			rp.header.Set(h.name, fmt.Sprint(f.Interface()))
		}
	}
	return rp, sh.encode(rp, v)
}

func (sh *shape) encode(rp *reply, out reflect.Value) (err error) {
	if sh.form == formNone {
		return nil
	}
	body := out.FieldByIndex(sh.body.Index)
	if rp.header.Get("Content-Type") == "" {
		first, _, _ := strings.Cut(sh.contentTypes(), ",")
		rp.header.Set("Content-Type", first)
	}
	switch sh.form {
	case formBytes:
		rp.body = body.Bytes()
	case formStream:
		rp.stream = body.Interface().(Stream)
	default:
		fillSlices(body)
		rp.body, err = encodeJSON(body.Interface())
	}
	return err
}

// contentTypes lists what the body may be, the usual one first.
func (sh *shape) contentTypes() string {
	if t := sh.body.Tag.Get("contentType"); t != "" {
		return t
	}
	if sh.form == formJSON {
		return mediaJSON
	}
	return "application/octet-stream"
}

// write sends an answer, or 304 if the client has it already.
func (s *Surface) write(rq *request, rp *reply) {
	h := rq.writer.Header()
	for name, values := range rp.header {
		h[name] = values
	}
	switch {
	case rp.status == http.StatusOK && notModified(rq.http, h.Get("ETag")):
		h.Del("Content-Type")
		rq.writer.WriteHeader(http.StatusNotModified)
	case rp.stream != nil:
		s.stream(rq, rp)
	default:
		if rp.status != http.StatusNoContent {
			h.Set("Content-Length", strconv.Itoa(len(rp.body)))
		}
		rq.writer.WriteHeader(rp.status)
		if len(rp.body) > 0 && rq.http.Method != http.MethodHead {
			_, _ = rq.writer.Write(rp.body) // the client may be gone; nobody is left to tell
		}
	}
}

// stream cuts the connection if the body cannot be completed, so that half an
// export does not pass for a whole one.
func (s *Surface) stream(rq *request, rp *reply) {
	rq.writer.WriteHeader(rp.status)
	if rq.http.Method == http.MethodHead {
		return
	}
	if err := rp.stream(rq.writer); err != nil && rq.http.Context().Err() == nil {
		s.log.ErrorContext(rq.http.Context(), "stream broke off", "request_id", rq.id, "operation", rq.operationID(), "error", err)
		panic(http.ErrAbortHandler)
	}
}

// fillSlices makes nil slices and maps empty: the document promises that
// arrays are never null.
func fillSlices(v reflect.Value) {
	if !holdsSlices(v.Type()) {
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fillSlices(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillSlices(v.Field(i))
			}
		}
	case reflect.Map:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeMap(v.Type()))
		}
	case reflect.Slice:
		if v.IsNil() && v.CanSet() {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
		}
		for i := range v.Len() {
			fillSlices(v.Index(i))
		}
	}
}

var (
	sliceHolders  sync.Map // reflect.Type to bool
	marshalerType = reflect.TypeFor[json.Marshaler]()
)

func holdsSlices(t reflect.Type) bool {
	if known, ok := sliceHolders.Load(t); ok {
		return known.(bool)
	}
	sliceHolders.Store(t, true) // a type that holds itself is settled by its other fields
	holds := findSlices(t)
	sliceHolders.Store(t, holds)
	return holds
}

func findSlices(t reflect.Type) bool {
	if t.Implements(marshalerType) || reflect.PointerTo(t).Implements(marshalerType) {
		return false
	}
	switch t.Kind() {
	case reflect.Map:
		return true
	case reflect.Slice:
		return t != bytesType
	case reflect.Pointer:
		return holdsSlices(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() && holdsSlices(f.Type) {
				return true
			}
		}
	}
	return false
}
