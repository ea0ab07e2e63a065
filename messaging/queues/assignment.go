package queues

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Strategy says how what waits in a queue comes to one of its members.
type Strategy = queue.Strategy

// The strategies (decisions C-08).
const (
	// Manual leaves it to people.
	Manual = queue.StrategyManual
	// RoundRobin takes turns: the free member whose last turn is longest ago.
	RoundRobin = queue.StrategyRoundRobin
	// LeastLoaded chooses the free member with the smallest part of his capacity
	// in use.
	LeastLoaded = queue.StrategyLeastLoaded
	// Broadcast offers it to all free members; who accepts first has it.
	Broadcast = queue.StrategyBroadcast
)

// Assignment is how a queue assigns by itself, and when.
type Assignment struct {
	Strategy Strategy
	// ReturningCustomer gives a customer to the member who had him last, if he is
	// free.
	ReturningCustomer bool
	// OutsideHours assigns also while the queue is closed (decisions C-09).
	OutsideHours bool
	// OfferFor is how long an offer of a broadcast stands.
	OfferFor time.Duration
	// TimeZone of the hours; empty for the tenant's.
	TimeZone string
	Hours    Hours
}

// Automatic tells whether a queue in use assigns by itself.
func (q Queue) Automatic() bool { return q.ArchivedAt == nil && q.Assignment.Strategy != Manual }

// usual is how a queue assigns that was told nothing: not at all.
func usual() Assignment {
	return Assignment{
		Strategy: queue.DefaultStrategy, ReturningCustomer: queue.DefaultReturningCustomer,
		OutsideHours: queue.DefaultAssignOutsideHours, OfferFor: time.Duration(queue.DefaultOfferSeconds) * time.Second,
	}
}

func assignmentOf(row *ent.Queue) Assignment {
	out := Assignment{
		Strategy: row.Strategy, ReturningCustomer: row.ReturningCustomer, OutsideHours: row.AssignOutsideHours,
		OfferFor: time.Duration(row.OfferSeconds) * time.Second, TimeZone: row.TimeZone,
	}
	// Both were written by this package.
	_ = json.Unmarshal(orNull(row.OpeningHours), &out.Hours.Week)
	_ = json.Unmarshal(orNull(row.Holidays), &out.Hours.Holidays)
	return out
}

func orNull(raw json.RawMessage) json.RawMessage {
	if len(raw) == 0 {
		return json.RawMessage("null")
	}
	return raw
}

// AssignmentSettings are what somebody wants of how a queue assigns; nil leaves
// a setting as it is.
type AssignmentSettings struct {
	Strategy          *Strategy
	ReturningCustomer *bool
	OutsideHours      *bool
	OfferFor          *time.Duration
	// TimeZone is empty for the tenant's.
	TimeZone *string
	// Week points to nil for always.
	Week     *[]WeekSpan
	Holidays *[]Holiday
}

// Bounds of how long an offer stands.
const (
	ShortestOffer = 5 * time.Second
	LongestOffer  = time.Hour
)

func (s *AssignmentSettings) clean() error {
	if s.TimeZone != nil && *s.TimeZone != "" {
		if _, err := tenants.CleanTimeZone(*s.TimeZone); err != nil {
			return err
		}
	}
	if s.Strategy != nil {
		if err := queue.StrategyValidator(*s.Strategy); err != nil {
			return fault.InvalidField(fault.CodeInvalid, "body.strategy", "is no strategy", string(*s.Strategy))
		}
	}
	if s.OfferFor != nil && (*s.OfferFor < ShortestOffer || *s.OfferFor > LongestOffer) {
		return fault.InvalidField(fault.CodeInvalid, "body.offer_timeout_seconds", "must be between 5 and 3600")
	}
	var wanted Hours
	if s.Week != nil {
		wanted.Week = *s.Week
	}
	if s.Holidays != nil {
		wanted.Holidays = *s.Holidays
	}
	cleaned, err := wanted.clean()
	if err != nil {
		return err
	}
	if s.Week != nil {
		s.Week = &cleaned.Week
	}
	if s.Holidays != nil {
		s.Holidays = &cleaned.Holidays
	}
	return nil
}

// set writes the settings that were given and differ from what a queue has.
func (s *AssignmentSettings) set(m *ent.QueueMutation, from Assignment) {
	setIf(s.Strategy, from.Strategy, m.SetStrategy)
	setIf(s.ReturningCustomer, from.ReturningCustomer, m.SetReturningCustomer)
	setIf(s.OutsideHours, from.OutsideHours, m.SetAssignOutsideHours)
	setIf(s.OfferFor, from.OfferFor, func(d time.Duration) { m.SetOfferSeconds(int(d / time.Second)) })
	setIf(s.TimeZone, from.TimeZone, m.SetTimeZone)
	if s.Week != nil && !reflect.DeepEqual(*s.Week, from.Hours.Week) {
		if *s.Week == nil {
			m.ClearOpeningHours()
		} else {
			m.SetOpeningHours(encoded(*s.Week))
		}
	}
	if s.Holidays != nil && (len(*s.Holidays)+len(from.Hours.Holidays) > 0) && !reflect.DeepEqual(*s.Holidays, from.Hours.Holidays) {
		m.SetHolidays(encoded(*s.Holidays))
	}
}

func encoded(list any) json.RawMessage {
	raw, err := json.Marshal(list)
	if err != nil {
		panic("queues: " + err.Error()) // numbers and texts
	}
	return raw
}

// auditedAssignment is what of it is compared before and after a change.
type auditedAssignment struct {
	Strategy            Strategy `json:"strategy"`
	ReturningCustomer   bool     `json:"returning_customer"`
	AssignOutsideHours  bool     `json:"assign_outside_hours"`
	OfferTimeoutSeconds int      `json:"offer_timeout_seconds"`
	TimeZone            string   `json:"time_zone"`
	OpeningHours        []string `json:"opening_hours"`
	Holidays            []string `json:"holidays"`
}

func (a Assignment) audited() auditedAssignment {
	out := auditedAssignment{
		Strategy: a.Strategy, ReturningCustomer: a.ReturningCustomer, AssignOutsideHours: a.OutsideHours,
		OfferTimeoutSeconds: int(a.OfferFor / time.Second), TimeZone: a.TimeZone,
	}
	for _, s := range a.Hours.Week {
		out.OpeningHours = append(out.OpeningHours, s.Weekday.String()+" "+s.String())
	}
	for _, h := range a.Hours.Holidays {
		text := h.Date + " " + h.Name
		for _, s := range h.Hours {
			text += " " + s.String()
		}
		out.Holidays = append(out.Holidays, text)
	}
	return out
}

// opened tells of queues whether they are open now, in the running transaction.
func (s *Service) opened(ctx context.Context, list ...*Queue) error {
	own := ""
	for _, q := range list {
		name := q.Assignment.TimeZone
		if name == "" {
			if own == "" {
				sc, err := scope.From(ctx)
				if err != nil {
					return err
				}
				if err := store.QueryRow(ctx, []any{&own}, `SELECT time_zone FROM tenants WHERE id = $1`, sc.TenantID); err != nil {
					return err
				}
			}
			name = own
		}
		q.Zone = zoneOf(name)
		q.Opening = q.Assignment.Hours.At(s.store.Now(), q.Zone)
	}
	return nil
}

// zones remembers what was read from the time zone database, which is a file.
var zones sync.Map

// zoneOf is the time zone of a name that was accepted when it was stored. One
// that the database has lost since is UTC.
func zoneOf(name string) *time.Location {
	if known, ok := zones.Load(name); ok {
		return known.(*time.Location)
	}
	zone, err := time.LoadLocation(name)
	if err != nil {
		return time.UTC
	}
	zones.Store(name, zone)
	return zone
}

// HoldForRouting returns a queue and lets nobody else look at it until the
// running transaction ends. Who puts something into it is not held up. Faults:
// CodeNotFound.
func (s *Service) HoldForRouting(ctx context.Context, queueID uuid.UUID) (Queue, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Queue{}, err
	}
	_, err = store.Exec(ctx, `SELECT FROM queues WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE`, sc.TenantID, queueID)
	if err != nil {
		return Queue{}, err
	}
	return s.Get(ctx, queueID)
}
