package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
)

// A queue tells whether it is open, by the clock of its zone, and what comes
// next.
//
// Covers: QUE-16
func TestAQueueHasOpeningHours(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	span := func(day, from, until string) apitest.Body {
		return apitest.Body{"weekday": day, "from": from, "until": until}
	}
	path := s.at.Path("/queues/%s", s.queue(t, "Orders"))
	want := func(r *apitest.Response, open bool, opens, closes string) {
		t.Helper()
		r.Want(t, http.StatusOK)
		text := func(field string) string {
			if r.Value(t, field) == nil {
				return ""
			}
			return r.String(t, field)
		}
		if r.Value(t, "open_now") != open || text("opens_at") != opens || text("closes_at") != closes {
			t.Errorf("open %v, opens %q, closes %q; want %v, %q, %q", r.Value(t, "open_now"), text("opens_at"), text("closes_at"), open, opens, closes)
		}
	}
	now := s.Clock.Now().UTC()
	want(s.admin.Get(t, path), true, "", "")
	day := func(days int) string {
		return []string{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}[(int(now.Weekday())+days)%7]
	}
	at := func(days, hour int) string {
		return time.Date(now.Year(), now.Month(), now.Day()+days, hour, 0, 0, 0, time.UTC).Format(time.RFC3339)
	}
	changed := s.admin.Patch(t, path, apitest.Body{"time_zone": "UTC", "opening_hours": []apitest.Body{
		span(day(2), "13:00", "24:00"), span(day(1), "09:00", "12:00"), span(day(1), "13:00", "17:00"),
	}})
	want(changed, false, at(1, 9), "")
	s.Clock.Advance(time.Date(now.Year(), now.Month(), now.Day()+1, 9, 0, 0, 0, time.UTC).Sub(s.Clock.Now()))
	want(s.at.Agent.Get(t, path), true, "", at(1, 12))
	want(s.admin.Patch(t, path, apitest.Body{"holidays": []apitest.Body{{
		"date": s.Clock.Now().UTC().Format("01-02"), "name": "Founder's day", "hours": []apitest.Body{{"from": "15:00", "until": "16:00"}},
	}}}), false, at(1, 15), "")
	want(s.admin.Patch(t, path, apitest.Body{"holidays": []apitest.Body{}, "time_zone": nil}), false, at(1, 13), "") // Toronto
	want(s.admin.Patch(t, path, apitest.Body{"opening_hours": nil}), true, "", "")
	want(s.admin.Patch(t, path, apitest.Body{"opening_hours": []apitest.Body{}}), false, "", "")

	etag := s.admin.Get(t, path).Header.Get("ETag")
	if same := s.admin.Patch(t, path, apitest.Body{"opening_hours": []apitest.Body{}, "strategy": "manual", "holidays": []apitest.Body{}}); same.Want(t, http.StatusOK).Header.Get("ETag") != etag {
		t.Errorf("nothing was changed, and the version is %s", same.Header.Get("ETag"))
	}
	s.admin.Patch(t, path, apitest.Body{"strategy": "broadcast"}, apitest.Header{"If-Match": `"1"`}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	for field, body := range map[string]apitest.Body{
		"body.opening_hours":               {"opening_hours": []apitest.Body{span("monday", "09:00", "12:00"), span("monday", "11:59", "13:00")}},
		"body.opening_hours[0].until":      {"opening_hours": []apitest.Body{span("monday", "09:00", "24:01")}},
		"body.opening_hours[0].weekday":    {"opening_hours": []apitest.Body{span("someday", "09:00", "12:00")}},
		"body.holidays[0].date":            {"holidays": []apitest.Body{{"date": "2026-02-30", "name": "x", "hours": []apitest.Body{}}}},
		"body.time_zone":                   {"time_zone": "Mars/Olympus"},
		"body.strategy":                    {"strategy": "loudest"},
		"body.offer_timeout_seconds":       {"offer_timeout_seconds": 4},
		"body.holidays[0].hours[0].from":   {"holidays": []apitest.Body{{"date": "01-01", "name": "x", "hours": []apitest.Body{{"from": "9", "until": "10:00"}}}}},
		"body.holidays[0].hours[0].colour": {"holidays": []apitest.Body{{"date": "01-01", "name": "x", "hours": []apitest.Body{{"from": "09:00", "until": "10:00", "colour": "red"}}}}},
	} {
		s.admin.Patch(t, path, body).WantProblem(t, unprocessable, "validation_failed", field)
	}
	made := s.admin.Post(t, s.at.Path("/queues"), apitest.Body{
		"name": "Night", "strategy": "least_loaded", "returning_customer": false, "assign_outside_hours": false, "offer_timeout_seconds": 60,
		"time_zone": "Europe/Paris", "opening_hours": []apitest.Body{span("friday", "22:00", "24:00")},
		"holidays": []apitest.Body{{"date": "2026-07-14", "name": "Bastille Day", "hours": []apitest.Body{}}},
	}).Want(t, http.StatusCreated)
	if made.String(t, "strategy") != "least_loaded" || made.Value(t, "returning_customer") != false || made.Value(t, "assign_outside_hours") != false ||
		made.String(t, "time_zone") != "Europe/Paris" || made.String(t, "opening_hours.0.until") != "24:00" || made.String(t, "holidays.0.name") != "Bastille Day" {
		t.Errorf("made: %s", made.Content)
	}
	s.manager.Patch(t, path, apitest.Body{"strategy": "broadcast"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
