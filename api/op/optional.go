package op

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Optional is a field of a JSON merge patch (RFC 7396), which knows three
// answers: left out (leave as it is), null (clear) and a value (set). Fields
// carry `json:"name,omitzero"` and the tags of T, which is a scalar or a list,
// and `nullable:"false"` where the field cannot be cleared: null is 422 then.
type Optional[T any] struct {
	Set   bool // the field was sent
	Null  bool // it was sent as null
	Value T    // what was sent; the zero value for null
}

// Apply writes what was sent; null sets the zero value.
func (o Optional[T]) Apply(to *T) {
	if o.Set {
		*to = o.Value
	}
}

// ApplyPointer writes what was sent to a field that may be absent.
func (o Optional[T]) ApplyPointer(to **T) {
	switch {
	case o.Null:
		*to = nil
	case o.Set:
		value := o.Value
		*to = &value
	}
}

// Pointer is what was sent, and nil where nothing or null was.
func (o Optional[T]) Pointer() *T {
	if !o.Set || o.Null {
		return nil
	}
	return &o.Value
}

// IsZero makes omitzero leave out what was not set.
func (o Optional[T]) IsZero() bool { return !o.Set }

// UnmarshalJSON implements json.Unmarshaler.
func (o *Optional[T]) UnmarshalJSON(b []byte) error {
	*o = Optional[T]{Set: true}
	if string(b) == "null" {
		o.Null = true
		return nil
	}
	return json.Unmarshal(b, &o.Value)
}

// MarshalJSON implements json.Marshaler.
func (o Optional[T]) MarshalJSON() ([]byte, error) {
	if !o.Set || o.Null {
		return []byte("null"), nil
	}
	return json.Marshal(o.Value)
}

// Schema implements huma.SchemaProvider: T, or null.
func (o Optional[T]) Schema(r huma.Registry) *huma.Schema {
	s := r.Schema(reflect.TypeFor[T](), true, "")
	if s.Ref != "" {
		panic("op: Optional holds scalars and lists, not " + reflect.TypeFor[T]().String())
	}
	nullable := *s
	nullable.Nullable = true
	return &nullable
}

func (Optional[T]) isOptional() {}
