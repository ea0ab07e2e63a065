package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/jobs"
)

// refusal is what a carrier does and what must become of the message.
type refusal struct {
	name                string
	script              sim.Script
	status, class, code string
	attempts            int
}

func rejects(code, class string) refusal {
	return refusal{name: code, script: sim.Script{Behaviour: sim.Reject, Code: code}, status: "failed", class: class, code: code, attempts: 1}
}

func reports(word, status, class, code string) refusal {
	return refusal{
		name: word, script: sim.Script{Behaviour: sim.ReportAs, Callbacks: &sim.Callbacks{Order: []string{"sent", word}}},
		status: status, class: class, code: code, attempts: 1,
	}
}

// ambiguous are answers after which nobody knows; the same for all carriers.
func ambiguous() []refusal {
	none := &sim.Callbacks{Order: []string{}}
	return []refusal{
		{name: "500 before", script: sim.Script{Behaviour: sim.Fail500BeforeAccept}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "503 before", script: sim.Script{Behaviour: sim.Fail500BeforeAccept, Status: 503}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "500 after", script: sim.Script{Behaviour: sim.AcceptThen500, Callbacks: none}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "garbage", script: sim.Script{Behaviour: sim.Garbage2xx, Callbacks: none}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "garbage not accepted", script: sim.Script{Behaviour: sim.Garbage2xxNotAccepted}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "reset before", script: sim.Script{Behaviour: sim.RefuseBeforeAccept}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "reset after", script: sim.Script{Behaviour: sim.AcceptThenReset, Callbacks: none}, status: "unknown", class: "ambiguous", attempts: 1},
		{name: "429", script: sim.Script{Behaviour: sim.RateLimit}, status: "queued", class: "transient", attempts: 1},
	}
}

var refusals = map[provider.Name][]refusal{
	provider.Twilio: {
		rejects("21211", "permanent_recipient"), rejects("21614", "permanent_recipient"), rejects("21635", "permanent_recipient"),
		rejects("21408", "permanent_recipient"), rejects("21610", "opted_out_at_carrier"), rejects("20003", "permanent_sender"),
		rejects("21606", "permanent_sender"), rejects("21659", "permanent_sender"), rejects("21212", "permanent_sender"),
		rejects("30034", "permanent_sender"), rejects("30007", "content"), rejects("21617", "content"), rejects("63034", "content"),
		rejects("59999", "content"), // an unlisted 4xx fails for good
		{name: "21611", script: sim.Script{Behaviour: sim.Reject, Code: "21611"}, status: "queued", class: "transient", code: "21611", attempts: 1},
		{name: "63018", script: sim.Script{Behaviour: sim.Reject, Code: "63018"}, status: "queued", class: "transient", code: "63018", attempts: 1},
		reports("undelivered:30003", "undelivered", "transient_delivery", "30003"), reports("undelivered:30005", "undelivered", "permanent_recipient", "30005"),
		reports("failed:30007", "failed", "content", "30007"), reports("failed:30008", "failed", "transient_delivery", "30008"),
		reports("failed:21610", "failed", "opted_out_at_carrier", "21610"), reports("failed:30034", "failed", "permanent_sender", "30034"),
		reports("failed:20429", "failed", "transient_delivery", "20429"), // never a reason to submit again
	},
	provider.Clickatell: {
		rejects("25", "permanent_recipient"), rejects("26", "opted_out_at_carrier"), rejects("1", "permanent_sender"),
		rejects("24", "content"), rejects("999", "content"),
		// The code says "not taken", the status says nobody knows: the status counts.
		{name: "19", script: sim.Script{Behaviour: sim.Reject, Code: "19"}, status: "unknown", class: "ambiguous", code: "500", attempts: 1},
		reports("undelivered:23", "undelivered", "transient_delivery", "23"), reports("undelivered:29", "undelivered", "permanent_recipient", "29"),
		reports("failed:25", "failed", "permanent_sender", "25"), reports("failed:80", "failed", "content", "80"),
	},
	provider.Scopserv: {
		rejects("invalid_recipient", "permanent_recipient"), rejects("opted_out", "opted_out_at_carrier"),
		rejects("unauthorized", "permanent_sender"), rejects("sender_not_allowed", "permanent_sender"),
		rejects("content_refused", "content"), rejects("something_new", "content"),
		reports("undelivered:handset_unreachable", "undelivered", "transient_delivery", "handset_unreachable"),
		reports("undelivered:landline", "undelivered", "permanent_recipient", "landline"),
		reports("failed:content_refused", "failed", "content", "content_refused"),
	},
}

// Every class of rules A13, by each carrier.
func TestWhatACarrierRefuses(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		cases := append(slices.Clone(refusals[s.line.Provider]), ambiguous()...)
		ids := make([]string, len(cases))
		for i, c := range cases {
			s.script(t, number(i), c.script)
			ids[i] = s.send(t, number(i), "case "+c.name)
		}
		s.Work(t)
		for i, c := range cases {
			m := s.message(t, ids[i])
			if m.String(t, "status") != c.status || m.String(t, "error.class") != c.class || (c.code != "" && m.String(t, "error.code") != c.code) {
				t.Errorf("%s: the message is %s", c.name, m.Content)
			}
			if n := s.attempts(number(i)); n != c.attempts {
				t.Errorf("%s: %d submissions, want %d", c.name, n, c.attempts)
			}
			optOuts := s.Count(t, "SELECT count(*) FROM opt_outs WHERE address = $1 AND source = 'carrier'", number(i))
			if (c.class == "opted_out_at_carrier") != (optOuts == 1) {
				t.Errorf("%s: %d opt-outs", c.name, optOuts)
			}
		}
		// Nothing that failed for good is submitted again, ever.
		for range 6 {
			s.Advance(t, time.Hour)
		}
		for i, c := range cases {
			m := s.message(t, ids[i])
			if c.class != "ambiguous" && c.class != "transient" && (s.attempts(number(i)) != 1 || m.String(t, "status") != c.status) {
				t.Errorf("%s: after hours %d submissions and %s", c.name, s.attempts(number(i)), m.Content)
			}
			if c.class == "ambiguous" && s.attempts(number(i)) != 1 {
				t.Errorf("%s: repeated blindly", c.name)
			}
		}
	})
}

// Covers: CHN-12 CHN-13
func TestARefusedAccountIsToldOnceAndRecovers(t *testing.T) {
	t.Parallel()
	codes := map[provider.Name]string{provider.Twilio: "20003", provider.Clickatell: "1", provider.Scopserv: "unauthorized"}
	onEachLine(t, func(t *testing.T, s *scene) {
		fault := func() string {
			return s.admin.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)).Want(t, http.StatusOK).String(t, "fault")
		}
		if got := fault(); got != "" {
			t.Fatalf("at first the fault is %q", got)
		}
		for i := range 3 {
			s.script(t, number(i), sim.Script{Behaviour: sim.Reject, Code: codes[s.line.Provider]})
			s.send(t, number(i), "refused")
		}
		s.Work(t)
		if got := fault(); got == "" || strings.Contains(got, "secret") || strings.Contains(got, s.line.Account.Credentials["auth_token"]) && s.line.Provider == provider.Twilio {
			t.Errorf("the fault is %q", got)
		}
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'channel.misconfigured'")
		s.send(t, number(7), "fine again")
		s.Work(t)
		if got := fault(); got != "" {
			t.Errorf("after a success the fault is %q", got)
		}
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'channel.recovered'")
	})
}

// The waits of rules A13, a fifth more or less, until the message expires.
func TestATransientRefusalIsRetriedUntilTheMessageExpires(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.RateLimit})
	id := s.send(t, number(1), "never taken")
	behind := s.send(t, number(1), "behind it")
	begun := s.Clock.Now()
	s.Work(t)
	for i, pause := range []time.Duration{5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute, 30 * time.Minute} {
		if n := s.attempts(number(1)); n != i+1 {
			t.Fatalf("before pause %d: %d submissions", i, n)
		}
		s.Advance(t, pause*8/10-time.Second)
		if n := s.attempts(number(1)); n != i+1 {
			t.Fatalf("pause %d of %s was cut short", i, pause)
		}
		s.Advance(t, pause*4/10+2*time.Second)
		if n := s.attempts(number(1)); n != i+2 {
			t.Fatalf("after pause %d of %s: %d submissions", i, pause, n)
		}
	}
	m := s.wantMessage(t, id, "queued", "20429")
	if m.Int(t, "attempts") != s.attempts(number(1)) {
		t.Errorf("the message is %s", m.Content)
	}
	for s.Clock.Now().Sub(begun) < 4*time.Hour-10*time.Minute {
		s.Advance(t, 10*time.Minute)
	}
	s.wantMessage(t, id, "queued", "")
	for range 8 {
		s.Advance(t, 10*time.Minute)
	}
	s.wantMessage(t, id, "expired", "expired")
	s.wantMessage(t, behind, "expired", "expired")
	before := s.attempts(number(1))
	s.Advance(t, 5*time.Hour)
	if n := s.attempts(number(1)); n != before || len(s.accepted(number(1))) != 0 {
		t.Errorf("an expired message was submitted")
	}
	s.admin.Post(t, s.at.Path("/messages/%s/resend", id), nil).Want(t, http.StatusCreated)
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.RateLimit, RetryAfter: 90 * time.Second, Times: 1})
		id := s.send(t, number(1), "later, please")
		s.Work(t)
		for range 8 {
			s.Advance(t, 11*time.Second)
		}
		if n := s.attempts(number(1)); n != 1 {
			t.Errorf("after 88 s: %d submissions", n)
		}
		s.Advance(t, 2*time.Second)
		s.wantMessage(t, id, "delivered", "")
		if n := s.attempts(number(1)); n != 2 {
			t.Errorf("after 90 s: %d submissions", n)
		}
	})
}

// A provider that cannot be connected to has certainly taken nothing.
func TestARefusedConnectionIsTransient(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		if err := s.Sim.Close(); err != nil {
			t.Fatal(err)
		}
		id := s.send(t, number(1), "nobody home")
		s.handleTogether(t, jobs.Messages)
		m := s.wantMessage(t, id, "queued", "not_connected")
		if m.String(t, "error.class") != "transient" {
			t.Errorf("the message is %s", m.Content)
		}
	})
}

// The carrier took the message and its answer got lost: a report tells.
func TestALostAnswerIsMadeUpForByAReport(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		behaviours := []sim.Behaviour{sim.AcceptThen500, sim.AcceptThenReset, sim.Garbage2xx}
		var ids []string
		for i, b := range behaviours {
			s.script(t, number(i), sim.Script{Behaviour: b})
			ids = append(ids, s.send(t, number(i), "taken all the same"))
		}
		s.Work(t)
		for i, b := range behaviours {
			m := s.wantMessage(t, ids[i], "delivered", "")
			if strings.Contains(string(m.Content), `"error"`) || m.Int(t, "attempts") != 1 {
				t.Errorf("%s: the message is %s", b, m.Content)
			}
		}
		for range 10 {
			s.Advance(t, time.Minute)
		}
		for i := range behaviours {
			if n := s.attempts(number(i)); n != 1 {
				t.Errorf("%d submissions", n)
			}
		}
	})
}

// The provider's own list tells, where no report comes.
func TestALostAnswerIsLookedUp(t *testing.T) {
	t.Parallel()
	for _, name := range []provider.Name{provider.Twilio, provider.Scopserv} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			s := sceneWith(t, name)
			for i, b := range []sim.Behaviour{sim.AcceptThen500, sim.AcceptThenReset, sim.Garbage2xx} {
				s.script(t, number(i), sim.Script{Behaviour: b, Callbacks: &sim.Callbacks{Order: []string{}}})
				id := s.send(t, number(i), fmt.Sprintf("look me up %d", i))
				s.Work(t)
				s.wantMessage(t, id, "unknown", "")
				s.Advance(t, 29*time.Second)
				s.wantMessage(t, id, "unknown", "")
				s.Advance(t, 2*time.Second)
				m := s.wantMessage(t, id, "accepted", "")
				if strings.Contains(string(m.Content), `"error"`) || m.Value(t, "accepted_at") == nil {
					t.Errorf("%s: the message is %s", b, m.Content)
				}
				if n := s.attempts(number(i)); n != 1 {
					t.Errorf("%s: %d submissions", b, n)
				}
			}
		})
	}
}

// What is not found three times over two minutes was not sent.
func TestAnUnknownOutcomeThatIsNotFoundFails(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.Garbage2xxNotAccepted})
		id := s.send(t, number(1), "lost for good")
		s.Work(t)
		for range 11 {
			s.Advance(t, 10*time.Second)
			s.wantMessage(t, id, "unknown", "")
		}
		for range 5 {
			s.Advance(t, 10*time.Second)
		}
		m := s.wantMessage(t, id, "failed", "submission_unknown")
		if m.String(t, "error.class") != "ambiguous" {
			t.Errorf("the message is %s", m.Content)
		}
		wantCount(t, s.Platform, 3, "SELECT lookups FROM messages WHERE id = $1", id)
		for range 10 {
			s.Advance(t, time.Hour)
		}
		if n := s.attempts(number(1)); n != 1 {
			t.Errorf("%d submissions", n)
		}
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM messages")
	})
}

// A tenant may prefer one too many over one too few.
func TestAnUnknownOutcomeMayBeSentAgain(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"on_unknown": "resend"}).Want(t, http.StatusOK)
		s.script(t, number(1), sim.Script{Behaviour: sim.Garbage2xxNotAccepted, Times: 1})
		id := s.send(t, number(1), "again, please")
		s.Work(t)
		for range 20 {
			s.Advance(t, 10*time.Second)
		}
		s.wantMessage(t, id, "failed", "submission_unknown")
		r := s.admin.Get(t, s.at.Path("/interactions/%s/messages", s.conversation(t, number(1)))).Want(t, http.StatusOK)
		if len(r.Items(t)) != 2 || r.String(t, "items.0.resent_of_id") != id || r.String(t, "items.0.status") != "delivered" {
			t.Errorf("the messages are %s", r.Content)
		}
		if n := len(s.accepted(number(1))); n != 1 {
			t.Errorf("the carrier has %d messages", n)
		}
	})
}

// A provider that does not answer in time may have the message. The ten seconds
// are real: they are the adapter's own.
func TestAnAnswerThatDoesNotComeIsAmbiguous(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("waits for the adapter's ten seconds")
	}
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.AcceptThenHang, Callbacks: &sim.Callbacks{Order: []string{}}})
		id := s.send(t, number(1), "still there?")
		s.Work(t)
		m := s.wantMessage(t, id, "unknown", "timeout")
		if m.String(t, "error.class") != "ambiguous" || s.attempts(number(1)) != 1 {
			t.Errorf("the message is %s", m.Content)
		}
	})
}
