package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/jobs"
)

const unprocessable = http.StatusUnprocessableEntity

// Covers: SMS-01 SMS-02 SMS-04 SMS-06 CHN-15
func TestWhatAMessageMayBe(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	next := 0
	send := func(change apitest.Body) *apitest.Response {
		t.Helper()
		next++
		body := apitest.Body{"channel_id": s.line.ChannelID, "to": number(next), "body": "hello"}
		for name, value := range change {
			body[name] = value
			if value == nil {
				delete(body, name)
			}
		}
		return s.admin.Post(t, s.at.Path("/messages"), body)
	}
	refused := func(change apitest.Body, code, location string) {
		t.Helper()
		send(change).WantProblem(t, unprocessable, code, location)
	}

	send(apitest.Body{"body": strings.Repeat("a", 900)}).Want(t, http.StatusCreated)
	refused(apitest.Body{"body": strings.Repeat("a", 901)}, "message_too_long", "body.body")
	// 1800 code points that are 900 in NFC.
	composed := send(apitest.Body{"body": strings.Repeat("e\u0301", 900)}).Want(t, http.StatusCreated)
	if composed.String(t, "body") != strings.Repeat("é", 900) || composed.String(t, "encoding") != "GSM-7" || composed.Int(t, "segments") != 6 {
		t.Errorf("composed %s", composed.Content)
	}
	refused(apitest.Body{"body": strings.Repeat("e\u0301", 901)}, "message_too_long", "body.body")
	refused(apitest.Body{"body": strings.Repeat("ç", 900)}, "too_many_segments", "body.body")
	refused(apitest.Body{"body": strings.Repeat("a", 4001)}, "validation_failed", "body.body")
	refused(apitest.Body{"body": ""}, "empty_message", "body.body")
	refused(apitest.Body{"body": " \n\t\u00a0"}, "empty_message", "body.body")
	refused(apitest.Body{"body": nil}, "empty_message", "body.body")
	refused(apitest.Body{"body": "nul\x00"}, "validation_failed", "body.body")
	emoji := send(apitest.Body{"body": "👨‍👩‍👧‍👦 👍🏽"}).Want(t, http.StatusCreated)
	if emoji.String(t, "body") != "👨‍👩‍👧‍👦 👍🏽" || emoji.String(t, "encoding") != "UCS-2" {
		t.Errorf("emoji %s", emoji.Content)
	}

	for _, bad := range []string{"hello", "+0123456789", "123456789012345678", "514555", "+1 514 555", "5145550199 ext 3", "+15145550199x"} {
		if r := send(apitest.Body{"to": bad}); bad != "514555" { // six digits are a short code
			r.WantProblem(t, unprocessable, "invalid_address", "body.to")
		} else {
			r.Want(t, http.StatusCreated)
		}
	}
	refused(apitest.Body{"to": s.line.Address}, "own_number", "body.to")
	refused(apitest.Body{"to": s.TwilioLine(t, s.at).Address}, "own_number", "body.to")
	refused(apitest.Body{"to": nil}, "validation_failed", "body.to")
	for _, written := range []string{"(514) 555-0177", "1-514-555-0177", "514.555.0177", " +15145550177 "} {
		if got := send(apitest.Body{"to": written, "body": written}).Want(t, http.StatusCreated).String(t, "to"); got != "+15145550177" {
			t.Errorf("%q was read as %s", written, got)
		}
	}
	s.conversation(t, "+15145550177")

	contact := s.manager.Get(t, s.at.Path("/contacts")).String(t, "items.0.id")
	refused(apitest.Body{"contact_id": contact}, "validation_failed", "body.to")
	toContact := send(apitest.Body{"to": nil, "contact_id": contact, "body": "to a contact"}).Want(t, http.StatusCreated)
	if toContact.String(t, "to") != number(1) {
		t.Errorf("the contact was written to at %s", toContact.Content)
	}
	send(apitest.Body{"to": nil, "contact_id": uuid.New()}).WantProblem(t, http.StatusNotFound, "not_found", "body.contact_id")
	send(apitest.Body{"channel_id": uuid.New()}).WantProblem(t, http.StatusNotFound, "not_found", "")

	s.Work(t)
	for _, e := range s.Sim.Ledger(sim.Filter{}) {
		if e.From != s.line.Address {
			t.Errorf("a message left from %s", e.From)
		}
	}
	if n := len(s.Sim.Ledger(sim.Filter{})); n != 8 { // Twilio takes none for a short code
		t.Errorf("the carrier has %d messages", n)
	}
}

func TestAChannelBoundsTheSegments(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"max_segments": 2}).Want(t, http.StatusOK)
	send := func(body string) *apitest.Response {
		t.Helper()
		return s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": body})
	}
	send(strings.Repeat("a", 306)).Want(t, http.StatusCreated)
	send(strings.Repeat("a", 307)).WantProblem(t, unprocessable, "too_many_segments", "body.body")
	preview := s.manager.Post(t, s.at.Path("/messages/preview"), apitest.Body{"body": strings.Repeat("a", 307), "channel_id": s.line.ChannelID}).Want(t, http.StatusOK)
	if preview.Value(t, "allowed") != false || preview.Int(t, "segments") != 3 {
		t.Errorf("the preview is %s", preview.Content)
	}
	s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"status": "inactive"}).Want(t, http.StatusOK)
	send("x").WantProblem(t, http.StatusConflict, "channel_inactive", "")
	s.Work(t)
	// What waited is not sent through a channel that was switched off.
	id := s.admin.Get(t, s.at.Path("/interactions/%s/messages", s.conversation(t, number(1)))).String(t, "items.0.id")
	s.wantMessage(t, id, "failed", "channel_inactive")
}

// The vectors of rules A1-7.
func TestPreviewCountsSegments(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	a, c := strings.Repeat("a", 152), strings.Repeat("ç", 66)
	for _, v := range []struct {
		body, encoding  string
		units, segments int
	}{
		{strings.Repeat("a", 160), "GSM-7", 160, 1},
		{strings.Repeat("a", 161), "GSM-7", 161, 2},
		{strings.Repeat("a", 306), "GSM-7", 306, 2},
		{strings.Repeat("a", 307), "GSM-7", 307, 3},
		{strings.Repeat("a", 158) + "€", "GSM-7", 160, 1},
		{strings.Repeat("a", 159) + "€", "GSM-7", 161, 2},
		{a + "€" + a, "GSM-7", 306, 3},
		{strings.Repeat("[", 80), "GSM-7", 160, 1},
		{strings.Repeat("[", 81), "GSM-7", 162, 2},
		{strings.Repeat("é", 160), "GSM-7", 160, 1},
		{strings.Repeat("Ç", 900), "GSM-7", 900, 6},
		{strings.Repeat("a", 900), "GSM-7", 900, 6},
		{strings.Repeat("ç", 70), "UCS-2", 70, 1},
		{strings.Repeat("ç", 71), "UCS-2", 71, 2},
		{strings.Repeat("ç", 134), "UCS-2", 134, 2},
		{strings.Repeat("ç", 135), "UCS-2", 135, 3},
		{strings.Repeat("ç", 900), "UCS-2", 900, 14},
		{strings.Repeat("😀", 35), "UCS-2", 70, 1},
		{strings.Repeat("😀", 36), "UCS-2", 72, 2},
		{"👨‍👩‍👦", "UCS-2", 8, 1},
		{c + "😀" + c, "UCS-2", 134, 3},
		{strings.Repeat("a", 159) + "’", "UCS-2", 160, 3},
		{"", "GSM-7", 0, 0},
	} {
		r := s.manager.Post(t, s.at.Path("/messages/preview"), apitest.Body{"body": v.body}).Want(t, http.StatusOK)
		if r.String(t, "encoding") != v.encoding || r.Int(t, "units") != v.units || r.Int(t, "segments") != v.segments {
			t.Errorf("%.20q… (%d): %s", v.body, len([]rune(v.body)), r.Content)
		}
	}
	curly := s.manager.Post(t, s.at.Path("/messages/preview"), apitest.Body{"body": "it’s “so”"}).Want(t, http.StatusOK)
	if curly.String(t, "offending_characters.0.character") != "’" || curly.Int(t, "offending_characters.0.index") != 2 {
		t.Errorf("offending: %s", curly.Content)
	}
	s.manager.Post(t, s.at.Path("/messages/preview"), apitest.Body{"body": strings.Repeat("a", 1600)}).
		WantProblem(t, unprocessable, "message_too_long", "body.body")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages")
	if n := len(s.Sim.Attempts(sim.Filter{})); n != 0 {
		t.Errorf("a preview asked the carrier %d times", n)
	}
}

// Covers: SMS-16 SMS-17 INT-02
func TestWhoMayStartAndWhoMayReply(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	start := func(c *apitest.Client, i int) *apitest.Response {
		return c.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(i), "body": "hi"})
	}
	start(s.at.Agent, 1).WantProblem(t, http.StatusForbidden, "forbidden", "")
	start(s.at.Manager, 2).WantProblem(t, http.StatusForbidden, "forbidden", "") // decisions C-06
	start(s.at.Admin, 3).Want(t, http.StatusCreated)
	own := start(s.at.User, 4).Want(t, http.StatusCreated)
	taken := s.conversation(t, number(3))
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", taken), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	start(s.at.User, 3).WantProblem(t, http.StatusConflict, "wrong_state", "") // a colleague's conversation
	if got := own.ID(t, "sender_id"); got != s.at.User.UserID {
		t.Errorf("the sender is %s", got)
	}
	s.at.User.Get(t, s.at.Path("/interactions/%s", own.String(t, "interaction_id"))).Want(t, http.StatusOK)
	if n := len(s.at.User.Get(t, s.at.Path("/interactions?view=all")).Items(t)); n != 1 {
		t.Errorf("the user sees %d interactions", n)
	}
	s.at.Agent.Get(t, s.at.Path("/interactions/%s", own.String(t, "interaction_id"))).WantProblem(t, http.StatusNotFound, "not_found", "")

	// An agent answers what is assigned to him, and nothing else.
	s.Receive(t, s.line, sim.Inbound{Body: "help"})
	conversation := s.conversation(t, apitest.Customer)
	answer := func() *apitest.Response {
		return s.at.Agent.Post(t, s.at.Path("/interactions/%s/messages", conversation), apitest.Body{"body": "here I am"})
	}
	answer().WantProblem(t, http.StatusNotFound, "not_found", "")
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", conversation), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	answer().Want(t, http.StatusCreated)
	s.Work(t)
	if e := s.accepted(apitest.Customer); len(e) != 1 || e[0].Body != "here I am" {
		t.Errorf("the carrier has %+v", e)
	}
}

func TestANameCannotBeAnswered(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Receive(t, s.line, sim.Inbound{From: "MYBANK", Body: "Your code is 1234"})
	s.manager.Post(t, s.at.Path("/interactions/%s/messages", s.conversation(t, "MYBANK")), apitest.Body{"body": "thanks"}).
		WantProblem(t, unprocessable, "channel_not_capable", "")
}

func TestAClientsOwnIDNamesOneMessage(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	send := func(to, body, id string, pictures ...string) *apitest.Response {
		t.Helper()
		content := apitest.Body{"channel_id": s.line.ChannelID, "to": to, "body": body, "client_message_id": id}
		if len(pictures) > 0 {
			content["attachment_ids"] = pictures
		}
		return s.admin.Post(t, s.at.Path("/messages"), content)
	}
	first := send(number(1), "ready", "order-1").Want(t, http.StatusCreated).String(t, "id")
	if again := send(number(1), "ready", "order-1").Want(t, http.StatusCreated).String(t, "id"); again != first {
		t.Errorf("the same again is %s, want %s", again, first)
	}
	send(number(1), "not ready", "order-1").WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")
	send(number(2), "ready", "order-1").WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")
	picture := s.admin.Upload(t, s.at.Path("/attachments"), "a.png", drawing(t, "png")).String(t, "id")
	send(number(1), "ready", "order-1", picture).WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")
	withPicture := send(number(1), "look", "order-2", picture).Want(t, http.StatusCreated).String(t, "id")
	if again := send(number(1), "look", "order-2", picture).Want(t, http.StatusCreated).String(t, "id"); again != withPicture {
		t.Errorf("the same picture again is %s, want %s", again, withPicture)
	}
	s.Work(t)
	if n := len(s.accepted(number(1))); n != 2 {
		t.Errorf("the carrier has %d messages", n)
	}

	// Repeated after the conversation has ended, it opens none.
	s.manager.Post(t, s.at.Path("/interactions/%s/close", s.conversation(t, number(1))), apitest.Body{}).Want(t, http.StatusOK)
	if again := send(number(1), "ready", "order-1").Want(t, http.StatusCreated).String(t, "id"); again != first {
		t.Errorf("after closing, the same again is %s, want %s", again, first)
	}
	s.conversation(t, number(1))

	// Many at once are one.
	var group sync.WaitGroup
	ids := make([]string, 12)
	for i := range ids {
		group.Go(func() {
			r, err := s.admin.Try(http.MethodPost, s.at.Path("/messages"), apitest.Body{
				"channel_id": s.line.ChannelID, "to": number(7), "body": "at once", "client_message_id": "order-7",
			})
			if err == nil && r.Status == http.StatusCreated {
				ids[i] = string(r.Content)
			}
		})
	}
	group.Wait()
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM messages WHERE client_message_id = 'order-7'")
	for i, content := range ids {
		if content == "" {
			t.Errorf("request %d was not answered with the message", i)
		}
	}
}

// Rules C1-3.
func TestFiftyAtOnceAreOneMessage(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	body := apitest.Body{"channel_id": s.line.ChannelID, "to": number(1), "body": "once only"}
	key := apitest.Header{"Idempotency-Key": "the-same-intention"}
	var group sync.WaitGroup
	answers := make([]*apitest.Response, 50)
	errs := make([]error, 50)
	for i := range answers {
		group.Go(func() {
			answers[i], errs[i] = s.admin.Try(http.MethodPost, s.at.Path("/messages"), body, key)
		})
	}
	group.Wait()
	fresh := 0
	for i, r := range answers {
		if errs[i] != nil {
			t.Fatal(errs[i])
		}
		switch replayed := r.Header.Get("Idempotent-Replayed") == "true"; {
		case r.Status == http.StatusCreated && !replayed:
			fresh++
		case r.Status == http.StatusCreated:
		case r.Status == http.StatusConflict && r.String(t, "code") == "idempotency_key_in_use" && r.Header.Get("Retry-After") != "":
		default:
			t.Errorf("answer %d: %d %s", i, r.Status, r.Content)
		}
	}
	if fresh != 1 {
		t.Errorf("%d answers were new", fresh)
	}
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM messages")
	s.Work(t)
	if n := s.attempts(number(1)); n != 1 {
		t.Errorf("the carrier was asked %d times", n)
	}

	replay := s.admin.Post(t, s.at.Path("/messages"), body, key).Want(t, http.StatusCreated)
	if replay.Header.Get("Idempotent-Replayed") != "true" || replay.String(t, "status") != "queued" || replay.Header.Get("Location") == "" {
		t.Errorf("the replay is %v %s", replay.Header, replay.Content)
	}
	body["body"] = "something else"
	s.admin.Post(t, s.at.Path("/messages"), body, key).WantProblem(t, unprocessable, "idempotency_key_reused", "")
	// Another caller's key is another key.
	body["to"] = number(2)
	s.at.User.Post(t, s.at.Path("/messages"), body, key).Want(t, http.StatusCreated)
	// What was refused is not remembered.
	other := apitest.Header{"Idempotency-Key": "another"}
	body["to"] = "nobody"
	s.admin.Post(t, s.at.Path("/messages"), body, other).WantProblem(t, unprocessable, "invalid_address", "body.to")
	body["to"] = number(3)
	s.admin.Post(t, s.at.Path("/messages"), body, other).Want(t, http.StatusCreated)
}

// Covers: SMS-09
func TestAFailedMessageIsSentAgain(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.Reject, Code: "21211", Times: 1})
	failed := s.send(t, number(1), "first try")
	s.admin.Post(t, s.at.Path("/messages/%s/resend", failed), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.Work(t)
	s.wantMessage(t, failed, "failed", "21211")
	again := s.admin.Post(t, s.at.Path("/messages/%s/resend", failed), nil).Want(t, http.StatusCreated)
	if again.String(t, "resent_of_id") != failed || again.String(t, "id") == failed || again.String(t, "body") != "first try" {
		t.Errorf("sent again as %s", again.Content)
	}
	s.Work(t)
	s.wantMessage(t, again.String(t, "id"), "delivered", "")
	s.wantMessage(t, failed, "failed", "21211")
	r := s.admin.Post(t, s.at.Path("/messages/%s/resend", again.String(t, "id")), nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if r.String(t, "current_status") != "delivered" {
		t.Errorf("the problem is %s", r.Content)
	}
	if got := s.bodies(t, s.conversation(t, number(1))); len(got) != 2 {
		t.Errorf("the conversation is %q", got)
	}
}

// Messages of a conversation arrive in the order in which they were accepted
// (rules E5-1).
func TestAConversationIsHandedOverInOrder(t *testing.T) {
	t.Parallel()
	onEachLine(t, func(t *testing.T, s *scene) {
		s.script(t, number(1), sim.Script{Behaviour: sim.RateLimit, Times: 2})
		var want []string
		for i := range 5 {
			want = append(want, fmt.Sprintf("part %d", i))
			s.send(t, number(1), want[i])
		}
		other := s.send(t, number(2), "another conversation")
		s.handleTogether(t, jobs.Messages)
		s.Work(t)
		if n := s.attempts(number(1)); n != 1 {
			t.Errorf("%d submissions while the first is postponed", n)
		}
		s.wantMessage(t, other, "delivered", "")
		for range 6 {
			s.Advance(t, 40*time.Second)
		}
		var got []string
		for _, e := range s.accepted(number(1)) {
			got = append(got, e.Body)
		}
		if !slices.Equal(got, want) {
			t.Errorf("the carrier has %q", got)
		}
	})
}

// An unknown outcome holds the next message up, and not for ever.
func TestAnUnknownOutcomeBlocksForTwoMinutes(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.script(t, number(1), sim.Script{Behaviour: sim.Garbage2xxNotAccepted, Times: 1})
	first := s.send(t, number(1), "nobody knows")
	second := s.send(t, number(1), "behind it")
	s.Work(t)
	s.wantMessage(t, first, "unknown", "")
	s.wantMessage(t, second, "queued", "")
	// Even where the search never ends.
	s.Tamper(t, "UPDATE messages SET due_at = NULL WHERE id = $1", first)
	for range 11 {
		s.Advance(t, 10*time.Second)
	}
	s.wantMessage(t, second, "queued", "")
	s.Advance(t, 9*time.Second)
	s.wantMessage(t, second, "queued", "")
	s.Advance(t, 11*time.Second) // 130 s, a claim's lease later
	s.wantMessage(t, second, "delivered", "")
	if e := s.accepted(number(1)); len(e) != 1 || e[0].Body != "behind it" {
		t.Errorf("the carrier has %+v", e)
	}
}

func TestAMessageNeverLeavesTwice(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	var ids []string
	for i := range 8 {
		ids = append(ids, s.send(t, number(i), "one of many"))
	}
	// The same rows are handed out to four workers at once.
	var group sync.WaitGroup
	tasks := s.claimAll(t)
	for range 4 {
		for _, task := range tasks {
			group.Go(func() { _ = s.Handlers[task.Kind](t.Context(), task) })
		}
	}
	group.Wait()
	s.Work(t)
	for i, id := range ids {
		s.wantMessage(t, id, "delivered", "")
		if n := s.attempts(number(i)); n != 1 {
			t.Errorf("message %d was submitted %d times", i, n)
		}
	}
}
