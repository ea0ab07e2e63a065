package tenants

import (
	"sort"
	"sync"
	"time"
)

// month is a calendar month in a time zone.
type month struct {
	year  int
	month time.Month
	zone  *time.Location
}

// monthOf is the month that a moment lies in, as the people of a time zone see
// it.
func monthOf(at time.Time, zone *time.Location) month {
	year, m, _ := at.In(zone).Date()
	return month{year, m, zone}
}

func (m month) next() month {
	year, next, _ := time.Date(m.year, m.month+1, 1, 0, 0, 0, 0, time.UTC).Date()
	return month{year, next, m.zone}
}

// No time zone is further ahead of UTC, or behind it.
const (
	aheadMost  = 15 * time.Hour
	behindMost = 13 * time.Hour
)

// start is the first moment of the month, which is not always midnight: clocks
// that are set forward may leave midnight out. Where they are set back, and
// midnight comes twice, it is the earlier one. It is looked for to the second,
// by halving: Time.ZoneBounds would lead there sooner, and goes astray on the
// last days of leap years.
func (m month) start() time.Time {
	wall := time.Date(m.year, m.month, 1, 0, 0, 0, 0, time.UTC)
	earliest := wall.Add(-aheadMost)
	seconds := sort.Search(int((aheadMost+behindMost)/time.Second), func(n int) bool {
		at := monthOf(earliest.Add(time.Duration(n)*time.Second), m.zone)
		return at.year > m.year || at.year == m.year && at.month >= m.month
	})
	return earliest.Add(time.Duration(seconds) * time.Second).In(m.zone)
}

// first is the date by which a month is stored.
func (m month) first() string {
	return time.Date(m.year, m.month, 1, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

// String is the month as it is shown.
func (m month) String() string {
	return time.Date(m.year, m.month, 1, 0, 0, 0, 0, time.UTC).Format(monthLayout)
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
