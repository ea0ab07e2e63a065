package queues

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/internal/fault"
)

// Span is a part of a day on the clock of a queue's time zone, from From until
// before Until, in minutes after midnight; 1440 is the end of the day.
type Span struct {
	From  int `json:"from"`
	Until int `json:"until"`
}

// WeekSpan is a span of every such day of the week.
type WeekSpan struct {
	Weekday time.Weekday `json:"weekday"`
	Span
}

// Holiday is a date with hours of its own; without any it is closed.
type Holiday struct {
	// Date is "2026-12-25", or "12-25" for one that comes every year.
	Date  string `json:"date"`
	Name  string `json:"name"`
	Hours []Span `json:"hours,omitempty"`
}

// Hours are when a queue is open. The zero Hours are always.
type Hours struct {
	// Week is nil for a queue that is open on every day, and empty for one that is
	// open on none.
	Week     []WeekSpan
	Holidays []Holiday
}

// Bounds of opening hours.
const (
	MaxWeekSpans = 70
	MaxHolidays  = 400
	MaxDaySpans  = 10

	dayMinutes = 24 * 60
)

// Opening is what opening hours say at one moment.
type Opening struct {
	Now bool
	// Changes is when that changes next; nil if it does not within a year.
	Changes *time.Time
	// Holiday is the name of the present day, where it is one.
	Holiday string
}

// At tells whether the hours are open at a time in a zone, and until when. It
// goes by the clock on the wall: an hour that the clock skips is no hour, and
// one that it repeats is open twice.
func (h Hours) At(now time.Time, zone *time.Location) Opening {
	local := now.In(zone)
	out := Opening{Now: h.open(local)}
	if holiday := h.holidayOn(local); holiday != nil {
		out.Holiday = holiday.Name
	}
	if h.Week == nil && len(h.Holidays) == 0 {
		return out
	}
	for day := range horizon {
		date := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, zone)
		for _, at := range h.boundaries(date, zone) {
			if at.After(now) && h.open(at.In(zone)) != out.Now {
				at = at.UTC()
				out.Changes = &at
				return out
			}
		}
	}
	return out
}

// horizon is how many days At looks ahead: a year, and the day of a leap year.
const horizon = 367

// open tells whether a wall clock stands within the hours.
func (h Hours) open(local time.Time) bool {
	minute := local.Hour()*60 + local.Minute()
	return slices.ContainsFunc(h.spansOn(local), func(s Span) bool { return s.From <= minute && minute < s.Until })
}

// spansOn are the spans of the day of a wall clock.
func (h Hours) spansOn(local time.Time) []Span {
	if holiday := h.holidayOn(local); holiday != nil {
		return holiday.Hours
	}
	if h.Week == nil {
		return []Span{{0, dayMinutes}}
	}
	var out []Span
	for _, s := range h.Week {
		if s.Weekday == local.Weekday() {
			out = append(out, s.Span)
		}
	}
	return out
}

// holidayOn is the holiday on the day of a wall clock. One of this year comes
// before one of every year.
func (h Hours) holidayOn(local time.Time) *Holiday {
	if len(h.Holidays) == 0 {
		return nil
	}
	full := local.Format(time.DateOnly)
	var found *Holiday
	for i, holiday := range h.Holidays {
		switch holiday.Date {
		case full:
			return &h.Holidays[i]
		case full[len("2006-"):]:
			found = &h.Holidays[i]
		}
	}
	return found
}

// boundaries are the moments of a day at which something may change, in order:
// the ends of its spans, the midnight before it, and the moment at which the
// clocks are set.
func (h Hours) boundaries(noon time.Time, zone *time.Location) []time.Time {
	minutes := []int{0}
	for _, s := range h.spansOn(noon) {
		minutes = append(minutes, s.From, s.Until)
	}
	var out []time.Time
	for _, minute := range minutes {
		out = append(out, instants(noon, minute, zone)...)
	}
	if _, set := noon.Add(-24 * time.Hour).ZoneBounds(); !set.IsZero() && set.Format(time.DateOnly) == noon.Format(time.DateOnly) {
		out = append(out, set)
	}
	slices.SortFunc(out, time.Time.Compare)
	return out
}

// instants are the moments at which the clock on the wall shows a minute of a
// day: one, none where it skips that minute, two where it shows it again.
func instants(noon time.Time, minute int, zone *time.Location) []time.Time {
	wall := time.Date(noon.Year(), noon.Month(), noon.Day(), 0, minute, 0, 0, time.UTC)
	var out []time.Time
	for _, near := range []time.Time{noon.Add(-24 * time.Hour), noon.Add(24 * time.Hour)} {
		_, offset := near.In(zone).Zone()
		at := wall.Add(-time.Duration(offset) * time.Second).In(zone)
		if at.Format(wallFormat) == wall.Format(wallFormat) && !slices.ContainsFunc(out, at.Equal) {
			out = append(out, at)
		}
	}
	return out
}

const wallFormat = "2006-01-02 15:04"

// clean checks hours and brings them in order.
func (h Hours) clean() (Hours, error) {
	if len(h.Week) > MaxWeekSpans || len(h.Holidays) > MaxHolidays {
		return Hours{}, fault.InvalidField(fault.CodeInvalid, "body.opening_hours", "are too many")
	}
	out := Hours{Holidays: slices.Clone(h.Holidays)}
	if h.Week != nil {
		out.Week = slices.Clone(h.Week)
	}
	slices.SortFunc(out.Week, func(a, b WeekSpan) int {
		return cmp.Or(cmp.Compare(a.Weekday, b.Weekday), cmp.Compare(a.From, b.From))
	})
	byDay := map[time.Weekday][]Span{}
	for _, s := range out.Week {
		byDay[s.Weekday] = append(byDay[s.Weekday], s.Span)
	}
	for _, spans := range byDay {
		if err := checkSpans("body.opening_hours", spans); err != nil {
			return Hours{}, err
		}
	}
	return out, cleanHolidays(out.Holidays)
}

func cleanHolidays(list []Holiday) error {
	seen := map[string]bool{}
	for i := range list {
		at := fmt.Sprintf("body.holidays[%d]", i)
		h := &list[i]
		h.Name = strings.TrimSpace(h.Name)
		if !isDate(h.Date) {
			return fault.InvalidField(fault.CodeInvalid, at+".date", "is no date such as 2026-12-25, or 12-25 for every year", h.Date)
		}
		if seen[h.Date] {
			return fault.InvalidField(fault.CodeInvalid, at+".date", "stands in the list twice", h.Date)
		}
		seen[h.Date] = true
		h.Hours = slices.Clone(h.Hours)
		slices.SortFunc(h.Hours, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
		if err := checkSpans(at+".hours", h.Hours); err != nil {
			return err
		}
	}
	slices.SortFunc(list, func(a, b Holiday) int { return cmp.Compare(a.Date, b.Date) })
	return nil
}

// isDate accepts a date, and a day of every year; the 29th of February is one.
func isDate(s string) bool {
	if len(s) == len("01-02") {
		s = "2024-" + s
	}
	_, err := time.Parse(time.DateOnly, s)
	return err == nil && len(s) == len(time.DateOnly)
}

// checkSpans refuses spans of a day, in order, that are empty or overlap.
func checkSpans(field string, spans []Span) error {
	if len(spans) > MaxDaySpans {
		return fault.InvalidField(fault.CodeInvalid, field, "are more than ten on a day")
	}
	for i, s := range spans {
		switch {
		case s.From < 0 || s.Until > dayMinutes || s.From >= s.Until:
			return fault.InvalidField(fault.CodeInvalid, field, "must begin before they end, on the same day", s.String())
		case i > 0 && s.From < spans[i-1].Until:
			return fault.InvalidField(fault.CodeInvalid, field, "must not overlap", s.String())
		}
	}
	return nil
}

// String writes a span as people do: 09:00–17:30.
func (s Span) String() string { return Clock(s.From) + "–" + Clock(s.Until) }

// Clock writes minutes after midnight as 09:05, and the end of a day as 24:00.
func Clock(minutes int) string { return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60) }

// ParseClock reads what Clock writes.
func ParseClock(text string) (minutes int, ok bool) {
	hour, minute, found := strings.Cut(text, ":")
	if !found || len(hour) != 2 || len(minute) != 2 {
		return 0, false
	}
	h, err := strconv.ParseUint(hour, 10, 8)
	if err != nil {
		return 0, false
	}
	m, err := strconv.ParseUint(minute, 10, 8)
	if err != nil || m > 59 || h > 24 || h == 24 && m > 0 {
		return 0, false
	}
	return int(h*60 + m), true
}
