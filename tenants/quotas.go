package tenants

import (
	"fmt"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/internal/fault"
)

// Quota is something of which a tenant has so much and no more.
type Quota string

// The quotas.
const (
	// Seats are users that are active or invited.
	Seats Quota = "seats"
	// MessagesPerMonth are segments of outbound messages in a calendar month of
	// the tenant's time zone.
	MessagesPerMonth Quota = "messages_per_month"
	// StorageBytes are pictures that are kept.
	StorageBytes Quota = "storage_bytes"
	// RequestsPerMinute is the rate of all callers of the tenant together; the
	// rate limiter counts them.
	RequestsPerMinute Quota = "requests_per_minute"
)

// AllQuotas lists every quota.
func AllQuotas() []Quota { return []Quota{Seats, MessagesPerMonth, StorageBytes, RequestsPerMinute} }

// MaxLimit is the greatest limit that is taken: far beyond use, and small enough
// for every client's numbers.
const MaxLimit = 1 << 50

// Quotas are limits; nil is none. What they point at is not changed.
type Quotas struct {
	Seats, MessagesPerMonth, StorageBytes, RequestsPerMinute *int64
}

// Of is the limit of one quota.
func (q Quotas) Of(quota Quota) *int64 {
	if at := q.at(quota); at != nil {
		return *at
	}
	return nil
}

func (q *Quotas) at(quota Quota) **int64 {
	switch quota {
	case Seats:
		return &q.Seats
	case MessagesPerMonth:
		return &q.MessagesPerMonth
	case StorageBytes:
		return &q.StorageBytes
	case RequestsPerMinute:
		return &q.RequestsPerMinute
	}
	return nil
}

func quotasOf(t *ent.Tenant) Quotas {
	return Quotas{t.QuotaSeats, t.QuotaMessagesPerMonth, t.QuotaStorageBytes, t.QuotaRequestsPerMinute}
}

// Limit is the new limit of one quota: nil where there shall be none.
type Limit struct {
	Quota Quota
	Value *int64
}

// with is the limits with those that are set. It refuses a new one that nobody
// could use: greater than that of the tenants above. To have no limit of its
// own is always possible; theirs hold then. prefix is where the limits stand in
// the request.
func (q Quotas) with(set []Limit, above Quotas, prefix string) (Quotas, error) {
	for _, limit := range set {
		at := q.at(limit.Quota)
		if at == nil {
			return q, fmt.Errorf("tenants: %q is no quota", limit.Quota)
		}
		if same(*at, limit.Value) {
			continue
		}
		if err := limit.within(above.Of(limit.Quota), prefix+"."+string(limit.Quota)); err != nil {
			return q, err
		}
		*at = limit.Value
	}
	return q, nil
}

func same(a, b *int64) bool { return a == b || a != nil && b != nil && *a == *b }

// within holds a limit against that of the tenants above.
func (l Limit) within(most *int64, location string) error {
	switch {
	case l.Value == nil:
	case *l.Value < l.Quota.least() || *l.Value > MaxLimit:
		return fault.InvalidField(fault.CodeInvalid, location, fmt.Sprintf("must be %d to %d, or null", l.Quota.least(), int64(MaxLimit)), *l.Value)
	case most != nil && *l.Value > *most:
		return fault.New(fault.Invalid, fault.CodeLimitTooHigh,
			"A tenant cannot be given more than those above it have: %s.", l.Quota).
			About(string(l.Quota)).At(location, fmt.Sprintf("is more than %d, which the tenants above have", *most), *l.Value)
	}
	return nil
}

// uncounted are the limits of a node whose use is not counted: its rate.
func (q Quotas) uncounted() Quotas { return Quotas{RequestsPerMinute: q.RequestsPerMinute} }

// and is the lesser of each limit.
func (q Quotas) and(other Quotas) Quotas {
	for _, quota := range AllQuotas() {
		mine := q.at(quota)
		if theirs := other.Of(quota); theirs != nil && (*mine == nil || *theirs < **mine) {
			*mine = theirs
		}
	}
	return q
}

// least is the smallest limit: a tenant without any request could not even see
// why.
func (q Quota) least() int64 {
	if q == RequestsPerMinute {
		return 1
	}
	return 0
}

// exceeded is the refusal of a count.
func exceeded(quota Quota, limit int64) *fault.Fault {
	return fault.New(fault.Forbidden, fault.CodeQuotaExceeded,
		"The tenant's quota is used up: %s, of which it has %d.", quota, limit).About(string(quota))
}
