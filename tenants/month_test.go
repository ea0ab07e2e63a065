package tenants

import (
	"testing"
	"time"
)

// A month begins once, at the earliest moment that the people of the zone call
// its first, whatever their clocks do.
func TestAMonthBeginsOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		zone  string
		year  int
		month time.Month
		want  string
	}{
		{"UTC", 2026, time.February, "2026-02-01T00:00:00Z"},
		{"America/Toronto", 2026, time.March, "2026-03-01T05:00:00Z"},
		{"America/Toronto", 2026, time.April, "2026-04-01T04:00:00Z"},
		{"America/Toronto", 2026, time.November, "2026-11-01T04:00:00Z"}, // clocks go back at two
		{"America/Havana", 2026, time.November, "2026-11-01T04:00:00Z"},  // from one to midnight, which comes twice
		{"America/Asuncion", 2017, time.October, "2017-10-01T04:00:00Z"}, // from midnight to one, which does not come
		{"Africa/Cairo", 2010, time.October, "2010-09-30T22:00:00Z"},     // from midnight back to eleven
		{"Asia/Kathmandu", 2026, time.January, "2025-12-31T18:15:00Z"},
		{"Pacific/Kiritimati", 2026, time.April, "2026-03-31T10:00:00Z"},
		{"Pacific/Niue", 2026, time.April, "2026-04-01T11:00:00Z"},
		{"Australia/Lord_Howe", 2026, time.May, "2026-04-30T13:30:00Z"},
		{"Pacific/Kwajalein", 1993, time.August, "1993-08-01T12:00:00Z"}, // a day is left out within the month
	} {
		m := month{c.year, c.month, zoneOf(c.zone)}
		start := m.start()
		if got := start.UTC().Format(time.RFC3339); got != c.want {
			t.Errorf("%s in %s begins at %s, want %s", m, c.zone, got, c.want)
		}
		if monthOf(start, m.zone) != m || monthOf(start.Add(-time.Nanosecond), m.zone) == m {
			t.Errorf("%s in %s does not begin at %s", m, c.zone, start)
		}
		if next := m.next(); monthOf(next.start().Add(-time.Nanosecond), m.zone) != m {
			t.Errorf("%s in %s does not end where %s begins", m, c.zone, next)
		}
	}
	if zoneOf("Nowhere/At_All") != time.UTC {
		t.Error("a zone that is gone is not UTC")
	}
	if got := (month{2026, time.December, time.UTC}).next(); got != (month{2027, time.January, time.UTC}) {
		t.Errorf("behind December is %s", got)
	}
}

// No month of any zone in a hundred years begins twice, or leaves a gap.
func TestMonthsFollowOneAnother(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{
		"America/Toronto", "America/Havana", "America/Asuncion", "America/Sao_Paulo", "America/St_Johns", "Africa/Cairo",
		"Africa/Casablanca", "Asia/Beirut", "Asia/Gaza", "Asia/Tehran", "Atlantic/Azores", "Australia/Lord_Howe",
		"Europe/Dublin", "Pacific/Apia", "Antarctica/Troll",
	} {
		for m := (month{1970, time.January, zoneOf(zone)}); m.year < 2070; m = m.next() {
			start := m.start()
			if monthOf(start, m.zone) != m || monthOf(start.Add(-time.Second), m.zone).next() != m {
				t.Errorf("%s in %s begins at %s", m, zone, start)
			}
		}
	}
}
