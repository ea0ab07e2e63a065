package op

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

// Budget is what may still be spent from one bucket.
type Budget struct {
	// Policy names the bucket, such as "default" or "login".
	Policy string
	// Limit is the number of requests per Window, Remaining what is left.
	Limit, Remaining int
	Window           time.Duration
	// Reset is when the bucket is full again; where this request is one too many,
	// when it would not be.
	Reset time.Duration
	// Allowed is false where this request is one too many.
	Allowed bool
}

// Route is the operation that a request is for, as far as counting it goes.
type Route struct {
	// ID and Path are those of the Spec.
	ID, Path string
	// Public operations need no caller.
	Public bool
}

// Limiter counts requests, each against all buckets that it belongs to: a
// request passes if every one of them allows it. A caller without credentials
// is counted by its address. Whether requests pass while the counter is down is
// the limiter's choice.
type Limiter interface {
	Take(ctx context.Context, caller Caller, at Route) []Budget
}

// take spends one request and says in the response what is left (the headers
// are lists of structured fields, RFC 9651).
func (s *Surface) take(rq *request, header http.Header) error {
	spec := rq.operation.spec
	budgets := s.cfg.Limiter.Take(rq.http.Context(), rq.caller,
		Route{ID: spec.ID, Path: spec.Path, Public: rq.operation.permission == authz.Public})
	var policies, left, violated []string
	var worst Budget
	for _, b := range budgets {
		policies = append(policies, fmt.Sprintf("%q;q=%d;w=%d", b.Policy, b.Limit, seconds(b.Window)))
		left = append(left, fmt.Sprintf("%q;r=%d;t=%d", b.Policy, max(b.Remaining, 0), seconds(b.Reset)))
		if b.Allowed {
			continue
		}
		violated = append(violated, b.Policy)
		if len(violated) == 1 || b.Reset > worst.Reset {
			worst = b
		}
	}
	if len(budgets) > 0 {
		header.Set("RateLimit-Policy", strings.Join(policies, ", "))
		header.Set("RateLimit", strings.Join(left, ", "))
	}
	if len(violated) == 0 {
		return nil
	}
	rq.violated = violated
	return fault.New(fault.Exhausted, fault.CodeRateLimited,
		"The limit %q of %d requests in %d seconds is used up.", worst.Policy, worst.Limit, seconds(worst.Window)).
		After(time.Duration(max(seconds(worst.Reset), 1)) * time.Second)
}

// seconds rounds up: a client that waits as long as it is told must not be
// too early.
func seconds(d time.Duration) int {
	return int((d + time.Second - 1) / time.Second)
}
