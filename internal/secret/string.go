package secret

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
)

// Mask is what every secret prints as.
const Mask = "•••"

// String holds a secret in memory and prints as •••, whatever the verb, the
// encoder or the logger. The value sits behind a pointer, so that not even fmt
// walking through an unexported field of another struct can reach it.
//
// The zero String is an unset secret. Compare with Equal, never with ==.
type String struct {
	value *string
}

// NewString hides a value.
func NewString(value string) String { return String{value: &value} }

// Reveal returns the secret itself, for the one call that needs it.
func (s String) Reveal() string {
	if s.value == nil {
		return ""
	}
	return *s.value
}

// IsSet tells whether there is a secret, that is a value other than "".
func (s String) IsSet() bool { return s.Reveal() != "" }

// Equal compares two secrets without telling by its duration where they differ.
func (s String) Equal(other String) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// String implements fmt.Stringer.
func (String) String() string { return Mask }

// GoString implements fmt.GoStringer.
func (String) GoString() string { return Mask }

// Format implements fmt.Formatter: fmt prints the operand of a wrong verb, such
// as %d, without asking String.
func (String) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(Mask)) }

// MarshalJSON implements json.Marshaler.
func (String) MarshalJSON() ([]byte, error) { return []byte(`"` + Mask + `"`), nil }

// MarshalText implements encoding.TextMarshaler.
func (String) MarshalText() ([]byte, error) { return []byte(Mask), nil }

// LogValue implements slog.LogValuer.
func (String) LogValue() slog.Value { return slog.StringValue(Mask) }

// UnmarshalText implements encoding.TextUnmarshaler, so that a secret can be
// read from a setting or from JSON.
func (s *String) UnmarshalText(text []byte) error {
	*s = NewString(string(text))
	return nil
}
