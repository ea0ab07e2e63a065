package op

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/trellishq/trellis/internal/fault"
)

// Budget is what a caller may still spend.
type Budget struct {
	// Policy names the bucket, such as "default" or "login".
	Policy string
	// Limit is the number of requests per Window, Remaining what is left.
	Limit, Remaining int
	Window           time.Duration
	// Reset is when the window ends.
	Reset time.Duration
	// Allowed is false where this request is one too many.
	Allowed bool
}

// Limiter counts requests. A caller without credentials is counted by its
// address, and an operation may have a bucket of its own. Whether requests
// pass while the counter is down is the limiter's choice.
type Limiter interface {
	Take(ctx context.Context, caller Caller, operationID string) Budget
}

// take spends one request and says in the response what is left.
func (s *Surface) take(rq *request, header http.Header) error {
	b := s.cfg.Limiter.Take(rq.http.Context(), rq.caller, rq.operation.spec.ID)
	reset := seconds(b.Reset)
	header.Set("RateLimit-Policy", fmt.Sprintf("%q;q=%d;w=%d", b.Policy, b.Limit, seconds(b.Window)))
	header.Set("RateLimit", fmt.Sprintf("%q;r=%d;t=%d", b.Policy, max(b.Remaining, 0), reset))
	if b.Allowed {
		return nil
	}
	return fault.New(fault.Exhausted, fault.CodeRateLimited,
		"The limit of %d requests in %d seconds is used up.", b.Limit, seconds(b.Window)).
		After(time.Duration(max(reset, 1)) * time.Second)
}

// seconds rounds up: a client that waits as long as it is told must not be
// too early.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
