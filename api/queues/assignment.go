package queues

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/queues"
)

// Assignment is how a queue assigns by itself, as clients see it.
type Assignment struct {
	Strategy            string     `json:"strategy" enum:"manual,round_robin,least_loaded,broadcast" doc:"How what waits comes to a member: by people, in turns, by the smallest part of the capacity in use, or by an offer to all that are free. Only members who are at work, not paused, and below their capacity get anything by itself."`
	ReturningCustomer   bool       `json:"returning_customer" doc:"A customer comes to the member who had him last, if he is free."`
	AssignOutsideHours  bool       `json:"assign_outside_hours" doc:"The queue assigns also while it is closed."`
	OfferTimeoutSeconds int        `json:"offer_timeout_seconds" minimum:"5" maximum:"3600" doc:"How long an offer stands, where the strategy is broadcast." example:"30"`
	TimeZone            *string    `json:"time_zone" nullable:"true" maxLength:"64" doc:"The zone of the opening hours, by its IANA name; null for the tenant's." example:"America/Toronto"`
	OpeningHours        []WeekSpan `json:"opening_hours" nullable:"true" maxItems:"70" doc:"When the queue is open in an ordinary week; null is always, an empty list never."`
	Holidays            []Holiday  `json:"holidays" maxItems:"400" doc:"Days with hours of their own."`
	OpenNow             bool       `json:"open_now" doc:"Whether it is within its opening hours at present."`
	OpensAt             *time.Time `json:"opens_at" nullable:"true" doc:"When it opens next; null while it is open, and where it does not open within a year."`
	ClosesAt            *time.Time `json:"closes_at" nullable:"true" doc:"When it closes next; null while it is closed, and where it does not close within a year."`
}

// DaySpan is a part of a day.
type DaySpan struct {
	From  string `json:"from" pattern:"^([01][0-9]|2[0-3]):[0-5][0-9]$" maxLength:"5" doc:"When it begins, by the clock in the queue's time zone." example:"09:00"`
	Until string `json:"until" pattern:"^(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$" maxLength:"5" doc:"When it ends; 24:00 is the end of the day." example:"17:30"`
}

// WeekSpan is a span of every such day of the week.
type WeekSpan struct {
	Weekday string `json:"weekday" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" doc:"The day of the week."`
	DaySpan
}

// Holiday is a day with hours of its own.
type Holiday struct {
	Date  string    `json:"date" pattern:"^([0-9]{4}-)?[0-9]{2}-[0-9]{2}$" maxLength:"10" doc:"The date; without a year it comes every year." example:"12-25"`
	Name  string    `json:"name" maxLength:"200" doc:"What it is." example:"Christmas"`
	Hours []DaySpan `json:"hours" maxItems:"10" doc:"When the queue is open on this day; empty for not at all."`
}

func assignmentView(q queues.Queue) Assignment {
	a := q.Assignment
	out := Assignment{
		Strategy: string(a.Strategy), ReturningCustomer: a.ReturningCustomer, AssignOutsideHours: a.OutsideHours,
		OfferTimeoutSeconds: int(a.OfferFor / time.Second), Holidays: []Holiday{}, OpenNow: q.Opening.Now,
	}
	if a.TimeZone != "" {
		out.TimeZone = &a.TimeZone
	}
	if q.Opening.Now {
		out.ClosesAt = q.Opening.Changes
	} else {
		out.OpensAt = q.Opening.Changes
	}
	if a.Hours.Week != nil {
		out.OpeningHours = []WeekSpan{}
	}
	for _, s := range a.Hours.Week {
		out.OpeningHours = append(out.OpeningHours, WeekSpan{strings.ToLower(s.Weekday.String()), spanView(s.Span)})
	}
	for _, h := range a.Hours.Holidays {
		day := Holiday{Date: h.Date, Name: h.Name, Hours: []DaySpan{}}
		for _, s := range h.Hours {
			day.Hours = append(day.Hours, spanView(s))
		}
		out.Holidays = append(out.Holidays, day)
	}
	return out
}

func spanView(s queues.Span) DaySpan { return DaySpan{queues.Clock(s.From), queues.Clock(s.Until)} }

// CreateAssignment is how a new queue is to assign.
type CreateAssignment struct {
	Strategy            *string     `json:"strategy,omitempty" enum:"manual,round_robin,least_loaded,broadcast" default:"manual" doc:"How what waits comes to a member."`
	ReturningCustomer   *bool       `json:"returning_customer,omitempty" default:"true" doc:"Whether a customer comes to the member who had him last, if he is free."`
	AssignOutsideHours  *bool       `json:"assign_outside_hours,omitempty" default:"true" doc:"Whether the queue assigns also while it is closed."`
	OfferTimeoutSeconds *int        `json:"offer_timeout_seconds,omitempty" minimum:"5" maximum:"3600" default:"30" doc:"How long an offer stands." example:"30"`
	TimeZone            *string     `json:"time_zone,omitempty" maxLength:"64" doc:"The zone of the opening hours; the tenant's if it is left out." example:"America/Toronto"`
	OpeningHours        *[]WeekSpan `json:"opening_hours,omitempty" maxItems:"70" doc:"When the queue is open; always if it is left out."`
	Holidays            *[]Holiday  `json:"holidays,omitempty" maxItems:"400" doc:"Days with hours of their own."`
}

func (c CreateAssignment) settings() (queues.AssignmentSettings, error) {
	out := queues.AssignmentSettings{ReturningCustomer: c.ReturningCustomer, OutsideHours: c.AssignOutsideHours, TimeZone: c.TimeZone}
	if c.Strategy != nil {
		strategy := queues.Strategy(*c.Strategy)
		out.Strategy = &strategy
	}
	if c.OfferTimeoutSeconds != nil {
		d := time.Duration(*c.OfferTimeoutSeconds) * time.Second
		out.OfferFor = &d
	}
	var err error
	if c.OpeningHours != nil {
		if out.Week, err = weekOf(*c.OpeningHours); err != nil {
			return out, err
		}
	}
	if c.Holidays != nil {
		out.Holidays, err = holidaysOf(*c.Holidays)
	}
	return out, err
}

// UpdateAssignment is what is to change in how a queue assigns.
type UpdateAssignment struct {
	Strategy            op.Optional[string]     `json:"strategy,omitzero" nullable:"false" enum:"manual,round_robin,least_loaded,broadcast" doc:"How what waits comes to a member."`
	ReturningCustomer   op.Optional[bool]       `json:"returning_customer,omitzero" nullable:"false" doc:"Whether a customer comes to the member who had him last, if he is free."`
	AssignOutsideHours  op.Optional[bool]       `json:"assign_outside_hours,omitzero" nullable:"false" doc:"Whether the queue assigns also while it is closed."`
	OfferTimeoutSeconds op.Optional[int]        `json:"offer_timeout_seconds,omitzero" nullable:"false" minimum:"5" maximum:"3600" doc:"How long an offer stands." example:"30"`
	TimeZone            op.Optional[string]     `json:"time_zone,omitzero" maxLength:"64" doc:"The zone of the opening hours; null for the tenant's." example:"America/Toronto"`
	OpeningHours        op.Optional[[]WeekSpan] `json:"opening_hours,omitzero" maxItems:"70" doc:"When the queue is open; null for always."`
	Holidays            op.Optional[[]Holiday]  `json:"holidays,omitzero" nullable:"false" maxItems:"400" doc:"Days with hours of their own."`
}

func (u UpdateAssignment) settings() (queues.AssignmentSettings, error) {
	out, err := CreateAssignment{
		Strategy: u.Strategy.Pointer(), ReturningCustomer: u.ReturningCustomer.Pointer(), AssignOutsideHours: u.AssignOutsideHours.Pointer(),
		OfferTimeoutSeconds: u.OfferTimeoutSeconds.Pointer(), TimeZone: u.TimeZone.Pointer(),
		OpeningHours: u.OpeningHours.Pointer(), Holidays: u.Holidays.Pointer(),
	}.settings()
	if u.TimeZone.Null {
		out.TimeZone = new(string)
	}
	if u.OpeningHours.Null {
		out.Week = new([]queues.WeekSpan)
	}
	return out, err
}

// weekdays by their names.
func weekday(name string) time.Weekday {
	return time.Weekday(slices.IndexFunc([]time.Weekday{0, 1, 2, 3, 4, 5, 6}, func(d time.Weekday) bool {
		return strings.EqualFold(d.String(), name)
	}))
}

func weekOf(list []WeekSpan) (*[]queues.WeekSpan, error) {
	out := []queues.WeekSpan{}
	for i, s := range list {
		span, err := spanOf(s.DaySpan, fmt.Sprintf("body.opening_hours[%d]", i))
		if err != nil {
			return nil, err
		}
		out = append(out, queues.WeekSpan{Weekday: weekday(s.Weekday), Span: span})
	}
	return &out, nil
}

func holidaysOf(list []Holiday) (*[]queues.Holiday, error) {
	out := []queues.Holiday{}
	for i, h := range list {
		day := queues.Holiday{Date: h.Date, Name: h.Name}
		for j, s := range h.Hours {
			span, err := spanOf(s, fmt.Sprintf("body.holidays[%d].hours[%d]", i, j))
			if err != nil {
				return nil, err
			}
			day.Hours = append(day.Hours, span)
		}
		out = append(out, day)
	}
	return &out, nil
}

func spanOf(s DaySpan, at string) (queues.Span, error) {
	from, okFrom := queues.ParseClock(s.From)
	until, okUntil := queues.ParseClock(s.Until)
	if !okFrom || !okUntil {
		return queues.Span{}, fault.InvalidField(fault.CodeInvalid, at, "is no time of a day", s.From+"–"+s.Until)
	}
	return queues.Span{From: from, Until: until}, nil
}
