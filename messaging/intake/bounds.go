package intake

import (
	"strings"

	"github.com/trellishq/trellis/internal/fault"
)

// A callback is signed, and may be hostile all the same: whoever connects an
// account of his own knows its secret. These bounds are far above what any
// provider sends; what exceeds them is refused before anything is stored.
const (
	maxEvents   = 100      // in one callback
	maxKey      = 512      // bytes of an id, a code or a status
	maxAddress  = 64       // bytes of a telephone number or a sender's name
	maxText     = 64 << 10 // bytes of a text
	maxMedia    = 10       // pictures of one message (Twilio's own limit)
	maxURL      = 2048     // bytes of a picture's URL
	maxAttempt  = 100_000
	maxSegments = 1000
)

// bounded refuses events that no provider would send.
func bounded(events []event) error {
	if len(events) > maxEvents {
		return outOfBounds("it has more than 100 events")
	}
	for _, e := range events {
		if !e.withinBounds() {
			return outOfBounds("a value is far too long or too large")
		}
	}
	return nil
}

func outOfBounds(why string) error {
	return fault.New(fault.Invalid, fault.CodeInvalid, "The callback is refused: %s.", why)
}

func (e event) withinBounds() bool {
	in, r := e.inbound, e.report
	for _, m := range in.Media {
		if len(m.URL) > maxURL || len(m.ContentType) > maxKey {
			return false
		}
	}
	return plain(maxKey, e.key, in.ProviderID, in.OptOutType, r.ProviderID, r.ClientRef, r.RawStatus, r.ErrorCode) &&
		plain(maxAddress, in.From, in.To) && len(in.Body) <= maxText && len(in.Media) <= maxMedia &&
		between(in.Segments, maxSegments) && between(r.Segments, maxSegments) && between(r.Attempt, maxAttempt)
}

// plain tells whether texts are short and fit for a key.
func plain(limit int, texts ...string) bool {
	for _, text := range texts {
		if len(text) > limit || strings.ContainsRune(text, 0) {
			return false
		}
	}
	return true
}

func between(n, most int) bool { return n >= 0 && n <= most }
