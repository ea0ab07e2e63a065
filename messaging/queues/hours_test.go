package queues

import (
	"testing"
	"time"
)

func at(t *testing.T, text string) time.Time {
	t.Helper()
	out, err := time.Parse(time.RFC3339, text)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	out, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// weekly are spans on all seven days.
func weekly(spans ...Span) Hours {
	h := Hours{Week: []WeekSpan{}}
	for day := time.Sunday; day <= time.Saturday; day++ {
		for _, s := range spans {
			h.Week = append(h.Week, WeekSpan{day, s})
		}
	}
	return h
}

func TestOpeningHours(t *testing.T) {
	t.Parallel()
	office := Hours{Week: []WeekSpan{
		{time.Monday, Span{9 * 60, 12 * 60}}, {time.Monday, Span{13 * 60, 17 * 60}}, {time.Friday, Span{9 * 60, 24 * 60}}, {time.Saturday, Span{0, 60}},
	}}
	festive := Hours{Holidays: []Holiday{
		{Date: "12-25", Name: "Christmas"}, {Date: "2026-12-25", Name: "Christmas, short", Hours: []Span{{600, 660}}},
	}}
	for name, c := range map[string]struct {
		hours   Hours
		zone    string
		now     string
		open    bool
		changes string
	}{
		"always":                      {Hours{}, "UTC", "2026-03-01T00:00:00Z", true, ""},
		"never":                       {Hours{Week: []WeekSpan{}}, "UTC", "2026-03-01T00:00:00Z", false, ""},
		"before the morning":          {office, "America/Toronto", "2026-11-23T13:59:59Z", false, "2026-11-23T14:00:00Z"},
		"the first moment":            {office, "America/Toronto", "2026-11-23T14:00:00Z", true, "2026-11-23T17:00:00Z"},
		"lunch":                       {office, "America/Toronto", "2026-11-23T17:00:00Z", false, "2026-11-23T18:00:00Z"},
		"the days between":            {office, "America/Toronto", "2026-11-23T22:00:00Z", false, "2026-11-27T14:00:00Z"},
		"over midnight":               {office, "America/Toronto", "2026-11-28T04:59:00Z", true, "2026-11-28T06:00:00Z"},
		"a year without an end":       {weekly(Span{0, 1440}), "UTC", "2026-03-01T10:00:00Z", true, ""},
		"the holiday of this year":    {festive, "UTC", "2026-12-25T10:30:00Z", true, "2026-12-25T11:00:00Z"},
		"before it":                   {festive, "UTC", "2026-12-24T10:30:00Z", true, "2026-12-25T00:00:00Z"},
		"the holiday of every year":   {festive, "UTC", "2027-12-25T10:30:00Z", false, "2027-12-26T00:00:00Z"},
		"a holiday by the local date": {festive, "Pacific/Auckland", "2027-12-24T11:00:00Z", false, "2027-12-25T11:00:00Z"},
		// Toronto: on 8 March 2026 the clock goes from 2:00 to 3:00, on 1 November
		// from 2:00 back to 1:00.
		"an hour that is skipped":     {weekly(Span{120, 180}), "America/Toronto", "2026-03-08T06:30:00Z", false, "2026-03-09T06:00:00Z"},
		"half of it is skipped":       {weekly(Span{150, 240}), "America/Toronto", "2026-03-08T06:59:00Z", false, "2026-03-08T07:00:00Z"},
		"closing in the skipped hour": {weekly(Span{60, 150}), "America/Toronto", "2026-03-08T06:30:00Z", true, "2026-03-08T07:00:00Z"},
		"an hour that comes twice":    {weekly(Span{60, 90}), "America/Toronto", "2026-11-01T05:10:00Z", true, "2026-11-01T05:30:00Z"},
		"between the two":             {weekly(Span{60, 90}), "America/Toronto", "2026-11-01T05:40:00Z", false, "2026-11-01T06:00:00Z"},
		"the second time":             {weekly(Span{60, 90}), "America/Toronto", "2026-11-01T06:10:00Z", true, "2026-11-01T06:30:00Z"},
		"all of it, twice":            {weekly(Span{60, 120}), "America/Toronto", "2026-11-01T05:10:00Z", true, "2026-11-01T07:00:00Z"},
		"no midnight (Beirut)":        {weekly(Span{0, 60}), "Asia/Beirut", "2026-03-28T21:59:00Z", false, "2026-03-29T21:00:00Z"},
		"a day that is none (Samoa)":  {weekly(Span{540, 600}), "Pacific/Apia", "2011-12-30T09:00:00Z", false, "2011-12-30T19:00:00Z"},
	} {
		got := c.hours.At(at(t, c.now), zone(t, c.zone))
		changes := ""
		if got.Changes != nil {
			changes = got.Changes.Format(time.RFC3339)
		}
		if got.Now != c.open || changes != c.changes {
			t.Errorf("%s: open %v, changes %q; want %v, %q", name, got.Now, changes, c.open, c.changes)
		}
	}
}

// Whatever the zone does, At says when it changes: walking from minute to minute
// finds the same.
func TestOpeningHoursMinuteByMinute(t *testing.T) {
	t.Parallel()
	hours := weekly(Span{0, 45}, Span{75, 135}, Span{170, 200}, Span{1380, 1440})
	for _, name := range []string{"America/Toronto", "Australia/Lord_Howe", "Africa/Casablanca", "America/St_Johns", "UTC"} {
		z := zone(t, name)
		for _, start := range []string{"2026-03-07T12:00:00Z", "2026-10-31T12:00:00Z", "2026-04-04T06:00:00Z", "2026-10-03T06:00:00Z", "2026-02-14T12:00:00Z"} {
			now := at(t, start)
			opening := hours.At(now, z)
			for range 48 * 60 {
				next := now.Add(time.Minute)
				changed := hours.open(next.In(z)) != opening.Now
				if told := opening.Changes != nil && !opening.Changes.After(next); told != changed {
					t.Fatalf("%s: at %v open %v, to change at %v; at %v changed is %v", name, now, opening.Now, opening.Changes, next, changed)
				}
				if now = next; changed {
					opening = hours.At(now, z)
				}
			}
		}
	}
}

func TestHoursAreChecked(t *testing.T) {
	t.Parallel()
	day := func(spans ...Span) Hours {
		h := Hours{Week: []WeekSpan{}}
		for _, s := range spans {
			h.Week = append(h.Week, WeekSpan{time.Monday, s})
		}
		return h
	}
	for name, h := range map[string]Hours{
		"backwards": day(Span{60, 30}), "empty": day(Span{60, 60}), "too late": day(Span{60, 1441}), "negative": day(Span{-1, 5}),
		"overlapping": day(Span{60, 120}, Span{0, 61}), "too many": day(make([]Span, MaxWeekSpans+1)...),
		"no date": {Holidays: []Holiday{{Date: "2026-02-29"}}}, "no day": {Holidays: []Holiday{{Date: "13-01"}}}, "odd": {Holidays: []Holiday{{Date: "2026-1-01"}}},
		"twice": {Holidays: []Holiday{{Date: "01-01"}, {Date: "01-01"}}}, "bad hours": {Holidays: []Holiday{{Date: "01-01", Hours: []Span{{5, 4}}}}},
	} {
		if _, err := h.clean(); err == nil {
			t.Errorf("%s is accepted", name)
		}
	}
	h, err := Hours{Week: []WeekSpan{{time.Monday, Span{60, 120}}, {time.Monday, Span{0, 60}}}, Holidays: []Holiday{{Date: "02-29", Name: " x "}}}.clean()
	if err != nil || h.Week[0].From != 0 || h.Holidays[0].Name != "x" {
		t.Errorf("good hours: %+v, %v", h, err)
	}
}

func FuzzParseClock(f *testing.F) {
	for _, seed := range []string{"09:30", "24:00", "24:01", "9:30", "-1:00", "+1:00", "09:60", ":", "09-30", "００:００"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		minutes, ok := ParseClock(text)
		if ok && (Clock(minutes) != text || minutes < 0 || minutes > dayMinutes) {
			t.Errorf("%q is read as %d, which is %q", text, minutes, Clock(minutes))
		}
	})
}
