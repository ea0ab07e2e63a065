package op

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"

	"github.com/trellishq/trellis/internal/fault"
)

const cursorMAC = 16 // bytes of the code before the key

// Cursors makes and reads the cursors of lists. A cursor is the sort key of
// the last item, authenticated together with what the list is a list of: it
// is worth nothing for another tenant, filter or order.
type Cursors struct{ key []byte }

// Cursors returns the surface's cursors, for lists that are not registered as
// operations with op.Page.
func (s *Surface) Cursors() Cursors { return s.cursors }

// Encode makes the cursor that follows last in the list named by binding.
func (c Cursors) Encode(binding string, last any) (string, error) {
	key, err := json.Marshal(last)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(c.code(binding, key), key...)), nil
}

// Decode reads a cursor of the same list into last. Its fault is
// invalid_cursor (422), whatever is wrong.
func (c Cursors) Decode(binding, cursor string, last any) error {
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(raw) < cursorMAC || !hmac.Equal(raw[:cursorMAC], c.code(binding, raw[cursorMAC:])) {
		return errCursor
	}
	if json.Unmarshal(raw[cursorMAC:], last) != nil {
		return errCursor
	}
	return nil
}

var errCursor = fault.InvalidField(fault.CodeInvalidCursor, "query.cursor",
	"is not a cursor of this list; start again without it")

func (c Cursors) code(binding string, key []byte) []byte {
	mac := hmac.New(sha256.New, c.key)
	mac.Write([]byte("cursor/1\x00" + binding + "\x00"))
	mac.Write(key)
	return mac.Sum(nil)[:cursorMAC]
}
