package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/jobs"
)

// nothingStored checks that no trace is left of a callback.
func nothingStored(t *testing.T, p *apitest.Platform) {
	t.Helper()
	for _, table := range []string{"provider_events", "messages", "interactions", "contacts", "opt_outs", "message_status_events"} {
		wantCount(t, p, 0, "SELECT count(*) FROM "+table)
	}
}

func TestForgedCallbacksAreRefusedAndNothingIsStored(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		inbound := s.line.Inbound("SM1", apitest.Customer, s.line.Address, "STOP")
		wrong := provider.Credentials{}
		for name, value := range s.line.Account.Credentials {
			wrong[name] = value
		}
		for _, name := range []string{"auth_token", "callback_secret", "secret"} {
			wrong[name] = "not-the-secret-that-it-is"
		}
		elsewhere := s.line.Inbound("SM1", apitest.Customer, apitest.NewAddress(), "hello")

		s.Call(t, s.line, apitest.Callback{Body: inbound, Unsigned: true}).WantProblem(t, http.StatusForbidden, "invalid_signature", "")
		s.Call(t, s.line, apitest.Callback{Body: inbound, Credentials: wrong}).WantProblem(t, http.StatusForbidden, "invalid_signature", "")
		s.Call(t, s.line, apitest.Callback{Body: inbound, Credentials: provider.Credentials{}}).WantProblem(t, http.StatusForbidden, "invalid_signature", "")
		s.Call(t, s.line, apitest.Callback{Body: elsewhere}).WantProblem(t, http.StatusForbidden, "channel_mismatch", "")
		got := s.Inject(t, s.line, sim.Inbound{Body: "STOP", BadSignature: true})
		for _, a := range got.Answers {
			if a.Status != http.StatusForbidden {
				t.Errorf("the forged callback was answered %d", a.Status)
			}
		}
		nothingStored(t, s.Platform)

		parts := strings.Split(s.line.Account.InboundURL, "/")
		token := parts[len(parts)-2]
		unknown := strings.Replace(s.line.Account.InboundURL, token, strings.Repeat("0", len(token)), 1)
		s.Call(t, s.line, apitest.Callback{URL: unknown, Body: inbound}).WantProblem(t, http.StatusNotFound, "not_found", "")
		other := strings.Replace(s.line.Account.InboundURL, "/"+string(s.line.Provider)+"/", "/sandbox/", 1)
		s.Call(t, s.line, apitest.Callback{URL: other, Body: inbound}).WantProblem(t, http.StatusNotFound, "not_found", "")
		nothingStored(t, s.Platform)

		s.Call(t, s.line, apitest.Callback{Body: inbound}).Want(t, http.StatusOK)
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM provider_events")
	})
}

// A tenant that has an account of its own can sign; it must not be able to
// write into another's channel with it.
func TestASignatureIsGoodForItsOwnChannelOnly(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	foreign := s.TwilioLine(t, s.tree.Other)
	form := s.line.Inbound("SM1", apitest.Customer, s.line.Address, "hello").(url.Values)
	s.Call(t, s.line, apitest.Callback{Body: form, Credentials: foreign.Account.Credentials}).
		WantProblem(t, http.StatusForbidden, "invalid_signature", "")

	// Rightly signed for this URL, and about the other's account or number.
	account := s.line.Inbound("SM1", apitest.Customer, s.line.Address, "hello").(url.Values)
	account.Set("AccountSid", foreign.Account.Credentials["account_sid"])
	s.Call(t, s.line, apitest.Callback{Body: account}).WantProblem(t, http.StatusForbidden, "channel_mismatch", "")
	s.Call(t, s.line, apitest.Callback{Body: s.line.Inbound("SM1", apitest.Customer, foreign.Address, "hello")}).
		WantProblem(t, http.StatusForbidden, "channel_mismatch", "")

	// A URL's signature is not another URL's.
	signed := apitest.Callback{URL: s.line.Account.InboundURL, Body: form}
	moved := signed
	moved.URL = foreign.Account.InboundURL
	s.Call(t, s.line, moved).WantProblem(t, http.StatusForbidden, "invalid_signature", "")
	nothingStored(t, s.Platform)
}

// Covers: INT-01
func TestARepeatedCallbackChangesNothing(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		first := s.Receive(t, s.line, sim.Inbound{Body: "once", Copies: 3})
		s.Receive(t, s.line, sim.Inbound{Body: "once", SID: first.SID})
		second := s.Receive(t, s.line, sim.Inbound{Body: "at the same time", Copies: 20, Concurrent: true})
		if n := len(second.Answers); n != 20 {
			t.Fatalf("%d answers", n)
		}
		for _, a := range append(first.Answers, second.Answers...) {
			if a.Status != http.StatusOK {
				t.Errorf("a copy was answered %d: %s", a.Status, a.Body)
			}
		}
		conversation := s.conversation(t, apitest.Customer)
		if got := s.bodies(t, conversation); !slices.Equal(got, []string{"once", "at the same time"}) {
			t.Errorf("the messages are %q", got)
		}
		if n := s.manager.Get(t, s.at.Path("/interactions/%s", conversation)).Int(t, "unseen"); n != 2 {
			t.Errorf("%d unseen", n)
		}
		wantCount(t, s.Platform, 2, "SELECT count(*) FROM provider_events")
		wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'message.received'")
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM contacts")
	})
}

// Messages stand in the order in which they were acknowledged, whichever worker
// is first.
func TestInboundKeepsItsOrder(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	var want []string
	for i := range 8 { // as many as one round hands out of a tenant
		want = append(want, fmt.Sprintf("line %02d", i))
		s.Inject(t, s.line, sim.Inbound{Body: want[i]})
	}
	tasks, err := jobs.NewClaimer(s.Store).Claim(t.Context(), jobs.ProviderEvents, 100)
	if err != nil || len(tasks) != len(want) {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	slices.SortFunc(tasks, func(a, b jobs.Task) int { return strings.Compare(b.ID.String(), a.ID.String()) })
	for _, task := range tasks {
		if err := s.Handlers[jobs.ProviderEvents](t.Context(), task); err != nil {
			t.Fatal(err)
		}
	}
	s.Work(t)
	conversation := s.conversation(t, apitest.Customer)
	if got := s.bodies(t, conversation); !slices.Equal(got, want) {
		t.Errorf("the messages are %q", got)
	}
	down := texts(t, s.manager.Get(t, s.at.Path("/interactions/%s/messages", conversation)), "body")
	slices.Reverse(down)
	if !slices.Equal(down, want) {
		t.Errorf("newest first, the messages are %q", down)
	}
	shown := s.manager.Get(t, s.at.Path("/interactions/%s", conversation))
	if shown.String(t, "preview") != want[len(want)-1] {
		t.Errorf("the preview is %q", shown.String(t, "preview"))
	}
}

func TestAnUnknownSenderBecomesOneContact(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	second := s.TwilioLine(t, s.at)
	s.Inject(t, s.line, sim.Inbound{Body: "one"})
	s.Inject(t, s.line, sim.Inbound{Body: "two"})
	s.Inject(t, second, sim.Inbound{Body: "three"})
	s.handleTogether(t, jobs.ProviderEvents)
	s.Work(t)
	contacts := s.manager.Get(t, s.at.Path("/contacts")).Want(t, http.StatusOK)
	if n := len(contacts.Items(t)); n != 1 || contacts.String(t, "items.0.addresses.0") != apitest.Customer {
		t.Errorf("the contacts are %s", contacts.Content)
	}
	inbox := s.manager.Get(t, s.at.Path("/interactions")).Want(t, http.StatusOK)
	for i := range inbox.Items(t) {
		if got := inbox.String(t, fmt.Sprintf("items.%d.contact_id", i)); got != contacts.String(t, "items.0.id") {
			t.Errorf("interaction %d is with contact %s", i, got)
		}
	}
	if len(inbox.Items(t)) != 2 {
		t.Errorf("the interactions are %s", inbox.Content)
	}
}

// handleTogether does what is due of a kind, all rows at the same time.
func (s *scene) handleTogether(t *testing.T, kind jobs.Kind) {
	t.Helper()
	tasks, err := jobs.NewClaimer(s.Store).Claim(t.Context(), kind, 100)
	if err != nil || len(tasks) == 0 {
		t.Fatalf("%d tasks, %v", len(tasks), err)
	}
	var group sync.WaitGroup
	for _, task := range tasks {
		group.Go(func() {
			if err := s.Handlers[kind](t.Context(), task); err != nil {
				t.Logf("%s: %v", kind, err)
			}
		})
	}
	group.Wait()
}

// Covers: INT-01 INT-05 INT-06
func TestWhatTheCustomerWritesNext(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Receive(t, s.line, sim.Inbound{Body: "first"})
	conversation := s.conversation(t, apitest.Customer)
	status := func(want string, needsReply bool) *apitest.Response {
		t.Helper()
		r := s.manager.Get(t, s.at.Path("/interactions/%s", conversation)).Want(t, http.StatusOK)
		if r.String(t, "status") != want || r.Value(t, "needs_reply") != needsReply {
			t.Fatalf("the interaction is %s", r.Content)
		}
		return r
	}
	status("waiting_agent", true)
	s.manager.Post(t, s.at.Path("/interactions/%s/messages", conversation), apitest.Body{"body": "answer"}).Want(t, http.StatusCreated)
	s.Work(t)
	status("open", false)
	s.Receive(t, s.line, sim.Inbound{Body: "second"})
	before := status("waiting_agent", true)

	s.manager.Post(t, s.at.Path("/interactions/%s/close", conversation), apitest.Body{}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{Body: "third"})
	closed := status("closed", true)
	if closed.String(t, "preview") != "second" {
		t.Errorf("the closed interaction shows %s", closed.Content)
	}
	all := s.manager.Get(t, s.at.Path("/interactions?view=all")).Want(t, http.StatusOK)
	active := s.manager.Get(t, s.at.Path("/interactions")).Want(t, http.StatusOK)
	if len(all.Items(t)) != 2 || len(active.Items(t)) != 1 {
		t.Fatalf("active %s, all %s", active.Content, all.Content)
	}
	if active.String(t, "items.0.contact_id") != before.String(t, "contact_id") || active.String(t, "items.0.id") == conversation {
		t.Errorf("the new interaction is %s", active.Content)
	}
	if got := s.bodies(t, active.String(t, "items.0.id")); !slices.Equal(got, []string{"third"}) {
		t.Errorf("the new interaction has %q", got)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM contacts")
}

func TestTextsOfEveryKindArriveWhole(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		sent := []struct{ body, want string }{
			{"👨‍👩‍👧‍👦 🇨🇦 👍🏽", ""},
			{"ç’est déjà l’été — “oui”", ""},
			{"مرحبا שלום 你好 नमस्ते", ""},
			{"e\u0301 stays two code points", ""},
			{"tab\tnewline\r\nend", ""},
			{`quotes " and \ and \u0000 and %00 & = +`, ""},
			{"<script>alert('x')</script>'; DROP TABLE messages;--", ""},
			{"nul\x00inside", "nulinside"},
			{strings.Repeat("é", 1600), ""},
			{" ", ""},
		}
		if s.line.Provider == provider.Twilio { // JSON cannot carry it
			sent = append(sent, struct{ body, want string }{"bad \xff\xfe bytes", "bad \uFFFD bytes"},
				struct{ body, want string }{"\xffSTOP", "\uFFFDSTOP"})
		}
		var want []string
		for _, text := range sent {
			got := s.Receive(t, s.line, sim.Inbound{Body: text.body})
			if got.Answers[0].Status != http.StatusOK {
				t.Errorf("%q was answered %d", text.body, got.Answers[0].Status)
			}
			if text.want == "" {
				text.want = text.body
			}
			want = append(want, text.want)
		}
		got := s.bodies(t, s.conversation(t, apitest.Customer))
		if len(got) != len(want) {
			t.Fatalf("%d of %d messages: %q", len(got), len(want), got)
		}
		for i := range want {
			// Two bad bytes may be one sign of replacement or two.
			if strings.ReplaceAll(got[i], "\uFFFD\uFFFD", "\uFFFD") != want[i] {
				t.Errorf("message %d is %q, want %q", i, got[i], want[i])
			}
		}
	})
}

// optOuts are the opt-outs of a view as "address source keyword ended".
func (s *scene) optOuts(t *testing.T, view string) []string {
	t.Helper()
	var out []string
	for _, item := range s.admin.Get(t, s.at.Path("/opt-outs?view=%s", view)).Want(t, http.StatusOK).Items(t) {
		o := item.(map[string]any)
		out = append(out, fmt.Sprintf("%s %s %s %t", o["address"], o["source"], o["keyword"], o["ended_at"] != nil))
	}
	return out
}

// Covers: OPT-01
func TestStopCountsFromItsAcknowledgement(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.Inject(t, s.line, sim.Inbound{Body: " Stop. "})
		wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages") // nobody has worked yet
		if got := s.optOuts(t, "active"); !slices.Equal(got, []string{apitest.Customer + " keyword  Stop.  false"}) {
			t.Fatalf("the opt-outs are %q", got)
		}
		s.Inject(t, s.line, sim.Inbound{Body: "STOP"})
		s.Inject(t, s.line, sim.Inbound{Body: "ARRÊT"})
		s.Inject(t, s.line, sim.Inbound{Body: "please stop it"})
		if got := s.optOuts(t, "all"); len(got) != 1 {
			t.Fatalf("the opt-outs are %q", got)
		}
		s.Work(t)
		if got := s.bodies(t, s.conversation(t, apitest.Customer)); len(got) != 4 {
			t.Errorf("the messages are %q", got)
		}
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'opt_out.started'")

		s.Inject(t, s.line, sim.Inbound{Body: "START"})
		if got := s.optOuts(t, "active"); len(got) != 0 {
			t.Errorf("after START the opt-outs are %q", got)
		}
		if got := s.optOuts(t, "all"); len(got) != 1 || !strings.HasSuffix(got[0], " true") {
			t.Errorf("the ended opt-outs are %q", got)
		}
		s.Inject(t, s.line, sim.Inbound{Body: "YES"}) // ends nothing any more
		s.Inject(t, s.line, sim.Inbound{Body: "STOP", From: number(1)})
		s.Inject(t, s.line, sim.Inbound{Body: "quit"})
		if got := s.optOuts(t, "all"); len(got) != 3 {
			t.Errorf("the opt-outs are %q", got)
		}
		wantCount(t, s.Platform, 1, "SELECT count(*) FROM events WHERE type = 'opt_out.ended'")
		// A live answer stays possible (decisions C-25).
		s.Work(t)
		s.manager.Post(t, s.at.Path("/interactions/%s/messages", s.conversation(t, apitest.Customer)),
			apitest.Body{"body": "You are out."}).Want(t, http.StatusCreated)
	})
}

// A provider may try a callback once and forget it.
func TestALostCallbackIsRecovered(t *testing.T) {
	t.Parallel()
	for _, name := range []provider.Name{provider.Twilio, provider.Scopserv} {
		t.Run(string(name), func(t *testing.T) {
			t.Parallel()
			s := sceneWith(t, name)
			s.Receive(t, s.line, sim.Inbound{Body: "came"})
			s.Clock.Advance(time.Minute)
			lost := s.Receive(t, s.line, sim.Inbound{Body: "STOP", NoCallback: true})
			if got := s.bodies(t, s.conversation(t, apitest.Customer)); len(got) != 1 {
				t.Fatalf("the messages are %q", got)
			}
			s.Advance(t, 5*time.Minute)
			r := s.manager.Get(t, s.at.Path("/interactions/%s/messages?order=asc", s.conversation(t, apitest.Customer))).Want(t, http.StatusOK)
			if len(r.Items(t)) != 2 || r.String(t, "items.1.body") != "STOP" {
				t.Fatalf("the messages are %s", r.Content)
			}
			if r.Value(t, "items.0.recovered") != false || r.Value(t, "items.1.recovered") != true {
				t.Errorf("recovered is wrong: %s", r.Content)
			}
			if got := s.optOuts(t, "active"); len(got) != 1 {
				t.Errorf("the recovered STOP made the opt-outs %q", got)
			}
			for range 6 { // the list is read again and again, and the callback comes late
				s.Advance(t, 5*time.Minute)
			}
			s.Receive(t, s.line, sim.Inbound{Body: "STOP", SID: lost.SID})
			if got := s.bodies(t, s.conversation(t, apitest.Customer)); len(got) != 2 {
				t.Errorf("the messages are %q", got)
			}
		})
	}
}
