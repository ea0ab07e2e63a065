package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// permutations of a list.
func permutations(list []string) [][]string {
	if len(list) < 2 {
		return [][]string{slices.Clone(list)}
	}
	var out [][]string
	for i := range list {
		rest := append(slices.Clone(list[:i]), list[i+1:]...)
		for _, p := range permutations(rest) {
			out = append(out, append([]string{list[i]}, p...))
		}
	}
	return out
}

// Reports come in any order, and twice (rules A7-7).
//
// Covers: SMS-08 SMS-09
func TestReportsInAnyOrderEndTheSame(t *testing.T) {
	t.Parallel()
	words := map[provider.Name][]string{
		provider.Twilio:     {"sending", "sent", "delivered", "read"},
		provider.Clickatell: {"queued", "sent", "delivered", "read"},
		provider.Scopserv:   {"accepted", "sent", "delivered"}, // its contract knows no read
	}
	onEachLine(t, func(t *testing.T, s *scene) {
		all := permutations(words[s.line.Provider])
		last := "read"
		if s.line.Provider == provider.Scopserv {
			last = "delivered"
		}
		var ids []string
		for i, order := range all {
			s.script(t, number(i), sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{Order: order, Copies: 2}})
			ids = append(ids, s.send(t, number(i), "to be reported"))
		}
		s.Work(t)
		for i, order := range all {
			m := s.wantMessage(t, ids[i], last, "")
			if m.Value(t, "delivered_at") == nil {
				t.Errorf("%v: no delivered_at", order)
			}
			events := s.statusEvents(t, ids[i])
			if len(events) != len(order) {
				t.Errorf("%v: %d reports are kept: %q", order, len(events), events)
			}
			changes := s.Count(t, "SELECT count(*) FROM events WHERE object_id = $1 AND type LIKE 'message.%' AND type NOT IN ('message.queued')", ids[i])
			if changes > len(order)+1 {
				t.Errorf("%v: %d events", order, changes)
			}
			for _, e := range s.accepted(number(i)) {
				if e.CallbacksAnswered != 2*len(order) {
					t.Errorf("%v: %d of %d callbacks acknowledged", order, e.CallbacksAnswered, 2*len(order))
				}
			}
		}
	})
}

// statusEvents are a message's reports as "raw applied", oldest first.
func (s *scene) statusEvents(t *testing.T, id string) []string {
	t.Helper()
	var out []string
	for _, item := range s.admin.Get(t, s.at.Path("/messages/%s/status-events", id)).Want(t, http.StatusOK).Items(t) {
		e := item.(map[string]any)
		out = append(out, fmt.Sprintf("%s %t", e["raw_status"], e["applied"]))
	}
	return out
}

func TestALateReportOverwritesNothing(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{Order: []string{"delivered", "sent", "sending", "undelivered:30005", "failed:30007", "mystery"}}})
	s.script(t, number(2), sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{Order: []string{"undelivered:30003", "failed:30008", "sent", "delivered"}}})
	s.script(t, number(3), sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{Order: []string{"failed:30005", "sent", "sending"}}})
	delivered, proved, failed := s.send(t, number(1), "a"), s.send(t, number(2), "b"), s.send(t, number(3), "c")
	s.Work(t)

	m := s.wantMessage(t, delivered, "delivered", "")
	if m.Value(t, "failed_at") != nil || strings.Contains(string(m.Content), `"error"`) {
		t.Errorf("the delivered message is %s", m.Content)
	}
	want := []string{"delivered true", "sent false", "sending false", "undelivered false", "failed false", "mystery false"}
	if got := s.statusEvents(t, delivered); !slices.Equal(got, want) {
		t.Errorf("its reports are %q", got)
	}
	// The same report again, long after it was worked through.
	s.Report(t, s.line, s.accepted(number(1))[0].ProviderID, delivered, "sent").Want(t, http.StatusOK)
	s.Work(t)
	if got := s.statusEvents(t, delivered); !slices.Equal(got, want) {
		t.Errorf("after a repetition its reports are %q", got)
	}
	// Proof of delivery outranks a failure, and clears it away.
	if m := s.wantMessage(t, proved, "delivered", ""); strings.Contains(string(m.Content), `"error"`) {
		t.Errorf("the proved message is %s", m.Content)
	}
	if got := s.statusEvents(t, proved); !slices.Equal(got, []string{"undelivered true", "failed false", "sent false", "delivered true"}) {
		t.Errorf("its reports are %q", got)
	}
	if m := s.wantMessage(t, failed, "failed", "30005"); m.String(t, "error.class") != "permanent_recipient" {
		t.Errorf("the failed message is %s", m.Content)
	}
}

func TestAReportMayBeFasterThanTheAnswer(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.OK, Callbacks: &sim.Callbacks{Order: []string{"sent", "delivered"}, BeforeResponse: true}})
		id := s.send(t, number(1), "faster")
		second := s.send(t, number(1), "behind it")
		s.Work(t)
		s.wantMessage(t, id, "delivered", "")
		s.wantMessage(t, second, "delivered", "")
		if got := s.statusEvents(t, id); len(got) != 2 {
			t.Errorf("the reports are %q", got)
		}
		if n := s.attempts(number(1)); n != 2 {
			t.Errorf("%d submissions", n)
		}
	})
}

// A report without our reference finds its message as soon as the provider's
// id is known (rules A7-4).
func TestAnOrphanedReportFindsItsMessage(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.AcceptThen500, Callbacks: &sim.Callbacks{Order: []string{}}})
	id := s.send(t, number(1), "whose report is it")
	s.Work(t)
	s.wantMessage(t, id, "unknown", "")
	entry := s.accepted(number(1))[0]
	s.Report(t, s.line, entry.ProviderID, "", "delivered").Want(t, http.StatusOK)
	s.Report(t, s.line, "SM00000000000000000000000000000000", "", "delivered").Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, id, "unknown", "")
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM provider_events WHERE state = 'orphan'")
	s.Advance(t, 31*time.Second) // the search finds the message
	s.wantMessage(t, id, "delivered", "")
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM provider_events WHERE state = 'orphan'")
	s.Advance(t, 24*time.Hour)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM provider_events WHERE state = 'dead'")
}

// A report that names another's message is nobody's.
func TestAReportReachesItsOwnTenantOnly(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	foreign := s.TwilioLine(t, s.tree.Other)
	s.script(t, number(1), sim.Script{Behaviour: sim.Silent, Callbacks: &sim.Callbacks{Order: []string{}}})
	id := s.send(t, number(1), "mine")
	s.Work(t)
	entry := s.accepted(number(1))[0]
	// The other tenant signs rightly for its own channel, and names our message.
	for _, reference := range []string{id, ""} {
		s.Report(t, foreign, entry.ProviderID, reference, "delivered").Want(t, http.StatusOK)
	}
	s.Work(t)
	s.wantMessage(t, id, "accepted", "")
	if got := s.statusEvents(t, id); len(got) != 0 {
		t.Errorf("the reports are %q", got)
	}
	// Our own channel's report with another message's id is not this one's.
	s.Report(t, s.line, "SM00000000000000000000000000000000", id, "failed").Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, id, "accepted", "")
	s.Report(t, s.line, entry.ProviderID, id, "delivered").Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, id, "delivered", "")
}

func TestAReportThatDoesNotComeIsAskedForAndGivenUp(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.Silent})
		s.script(t, number(2), sim.Script{Behaviour: sim.Silent, Callbacks: &sim.Callbacks{Order: []string{}}})
		asked, silent := s.send(t, number(1), "ask for me"), s.send(t, number(2), "nobody knows")
		s.Work(t)
		s.wantMessage(t, asked, "accepted", "")
		s.Advance(t, 15*time.Minute)
		s.wantMessage(t, asked, "delivered", "")
		for range 71 {
			s.Advance(t, time.Hour)
		}
		s.wantMessage(t, silent, "accepted", "")
		s.Advance(t, time.Hour) // three days and a quarter of an hour
		s.wantMessage(t, silent, "undelivered", "no_receipt")
		entry := s.accepted(number(2))[0]
		s.Report(t, s.line, entry.ProviderID, silent, "delivered").Want(t, http.StatusOK)
		s.Work(t)
		s.wantMessage(t, silent, "delivered", "")
		if n := s.attempts(number(2)); n != 1 {
			t.Errorf("%d submissions", n)
		}
	})
}

func TestForgedReportsChangeNothing(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.BadSignature})
		id := s.send(t, number(1), "lies about me")
		s.Work(t)
		s.wantMessage(t, id, "accepted", "")
		wantCount(t, s.Platform, 0, "SELECT count(*) FROM provider_events")
		if got := s.statusEvents(t, id); len(got) != 0 {
			t.Errorf("the reports are %q", got)
		}
	})
}
