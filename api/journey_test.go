package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// knows makes a known contact.
func (s *scene) knows(t *testing.T, name string, addresses ...string) string {
	t.Helper()
	return s.manager.Post(t, s.at.Path("/contacts"), apitest.Body{"name": name, "addresses": append([]string{}, addresses...)}).
		Want(t, http.StatusCreated).String(t, "id")
}

// heardFrom lets somebody outside write, and returns the conversation that it is in.
func (s *scene) heardFrom(t *testing.T, line apitest.Line, from, body string) string {
	t.Helper()
	s.Clock.Advance(time.Second)
	s.Receive(t, line, sim.Inbound{From: from, Body: body})
	r := s.manager.Get(t, s.at.Path("/interactions?address=%s&channel_id=%s", escape(from), line.ChannelID)).Want(t, http.StatusOK)
	return r.String(t, "items.0.id")
}

func (s *scene) endsIt(t *testing.T, interaction string) {
	t.Helper()
	s.manager.Post(t, s.at.Path("/interactions/%s/close", interaction), apitest.Body{}).Want(t, http.StatusOK)
}

func (s *scene) linkTo(t *testing.T, interaction, contact string) *apitest.Response {
	t.Helper()
	return s.manager.Post(t, s.at.Path("/interactions/%s/link", interaction), apitest.Body{"contact_id": contact})
}

// contactOf is whose an interaction is.
func (s *scene) contactOf(t *testing.T, interaction string) string {
	t.Helper()
	return s.manager.Get(t, s.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK).String(t, "contact_id")
}

// wantAddresses checks at which addresses a contact can be reached.
func (s *scene) wantAddresses(t *testing.T, contact string, want ...string) {
	t.Helper()
	r := s.manager.Get(t, s.at.Path("/contacts/%s", contact)).Want(t, http.StatusOK)
	var got []string
	for _, a := range r.Value(t, "addresses").([]any) {
		got = append(got, a.(string))
	}
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("the addresses are %q, want %q", got, want)
	}
}

// Covers: JRN-01 JRN-03 JRN-05 JRN-06
func TestAnInteractionIsLinkedToAContact(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	first := s.heardFrom(t, s.line, number(1), "hello")
	profile := s.at.Path("/interactions/%s/profile", first)
	if r := s.manager.Get(t, profile).Want(t, http.StatusOK); r.Value(t, "linked") != false || r.String(t, "customer.name") != "" ||
		r.String(t, "country") != "CA" || r.Value(t, "can_unlink") != false || r.Value(t, "can_link") != true {
		t.Errorf("at first: %s", r.Content)
	}
	unknown := s.contactOf(t, first)
	ada, adam := s.knows(t, "Ada Lovelace", number(2)), s.knows(t, "Adam", number(1))
	s.manager.Patch(t, s.at.Path("/contacts/%s", ada), apitest.Body{
		"email": "ADA@maple.example", "facebook_page": "https://www.facebook.com/ada", "location": "Montréal",
	}).Want(t, http.StatusOK)

	// Who has the address is suggested; others are found.
	suggest := s.at.Path("/interactions/%s/contact-suggestions", first)
	want := func(query, reason string, names ...string) {
		t.Helper()
		r := s.manager.Get(t, suggest+query).Want(t, http.StatusOK)
		var got []string
		for i := range r.Items(t) {
			got = append(got, r.String(t, fmt.Sprintf("items.%d.customer.name", i)))
			if r.String(t, fmt.Sprintf("items.%d.reason", i)) != reason {
				t.Errorf("%s: %s", query, r.Content)
			}
		}
		if !slices.Equal(got, names) {
			t.Errorf("%q suggests %q, want %q", query, got, names)
		}
	}
	want("", "same_address", "Adam")
	want("?q=ADA", "matches", "Ada Lovelace", "Adam")
	want("?q="+escape(number(2)), "matches", "Ada Lovelace")
	want("?q=nobody", "matches")

	etag := s.manager.Get(t, s.at.Path("/interactions/%s", first)).Header.Get("ETag")
	linked := s.linkTo(t, first, ada).Want(t, http.StatusOK)
	if linked.String(t, "contact_id") != ada {
		t.Errorf("linked: %s", linked.Content)
	}
	s.manager.Post(t, s.at.Path("/interactions/%s/unlink", first), nil, apitest.Header{"If-Match": etag}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	card := s.manager.Get(t, profile).Want(t, http.StatusOK)
	for field, want := range map[string]any{
		"linked": true, "can_unlink": true, "can_view": true, "can_edit": true, "customer.name": "Ada Lovelace",
		"customer.email": "ada@maple.example", "customer.facebook_page": "https://www.facebook.com/ada", "customer.location": "Montréal",
		"address": number(1),
	} {
		if got := card.Value(t, field); got != want {
			t.Errorf("the card's %s is %v, want %v", field, got, want)
		}
	}
	s.wantAddresses(t, ada, number(1), number(2))
	if log := s.manager.Get(t, s.at.Path("/interactions/%s/log", first)).Want(t, http.StatusOK); log.String(t, "items.0.kind") != "linked" ||
		!strings.Contains(log.String(t, "items.0.text"), "linked the conversation to the contact Ada Lovelace") {
		t.Errorf("the log is %s", log.Content)
	}

	// What the address writes from then on is hers, until somebody takes it away.
	s.endsIt(t, first)
	second := s.heardFrom(t, s.line, number(1), "hello again")
	if got := s.contactOf(t, second); got != ada {
		t.Errorf("the next conversation is %s's", got)
	}
	unlink := func(interaction string) *apitest.Response {
		return s.manager.Post(t, s.at.Path("/interactions/%s/unlink", interaction), nil)
	}
	if r := unlink(second).Want(t, http.StatusOK); r.String(t, "contact_id") != unknown || r.String(t, "address") != number(1) {
		t.Errorf("unlinked: %s", r.Content)
	}
	unlink(second).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.wantAddresses(t, ada, number(1), number(2)) // the first is still hers
	unlink(first).Want(t, http.StatusOK)
	s.wantAddresses(t, ada, number(2))
	s.endsIt(t, second)
	if got := s.contactOf(t, s.heardFrom(t, s.line, number(1), "and again")); got != unknown {
		t.Errorf("after unlinking the next is %s's", got)
	}
	// An address of his own stays with a contact.
	s.linkTo(t, first, adam).Want(t, http.StatusOK)
	unlink(first).Want(t, http.StatusOK)
	s.wantAddresses(t, adam, number(1))

	theirs := s.tree.Other.Admin.Post(t, s.tree.Other.Path("/contacts"), apitest.Body{"name": "Theirs"}).Want(t, http.StatusCreated).String(t, "id")
	for _, contact := range []string{theirs, unknown, uuid.NewString()} {
		s.linkTo(t, first, contact).WantProblem(t, unprocessable, "not_found", "body.contact_id")
	}
	// An agent links what he sees.
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/link", first), apitest.Body{"contact_id": ada}).WantProblem(t, http.StatusNotFound, "not_found", "")
	third := s.conversationNow(t, number(1))
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", third), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/link", third), apitest.Body{"contact_id": ada}).Want(t, http.StatusOK)
}

// conversationNow is the conversation with a number that is not closed.
func (s *scene) conversationNow(t *testing.T, address string) string {
	t.Helper()
	r := s.manager.Get(t, s.at.Path("/interactions?address=%s", escape(address))).Want(t, http.StatusOK)
	if len(r.Items(t)) != 1 {
		t.Fatalf("open with %s: %s", address, r.Content)
	}
	return r.String(t, "items.0.id")
}

// Covers: JRN-01
func TestContactsOfLateAreSuggested(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	var names []string
	for i := range 7 {
		name := fmt.Sprintf("Person %d", i)
		s.linkTo(t, s.heardFrom(t, s.line, number(10+i), "hello"), s.knows(t, name)).Want(t, http.StatusOK)
		names = append([]string{name}, names...)
	}
	fresh := s.heardFrom(t, s.line, number(1), "hello")
	r := s.manager.Get(t, s.at.Path("/interactions/%s/contact-suggestions", fresh)).Want(t, http.StatusOK)
	var got []string
	for i := range r.Items(t) {
		got = append(got, r.String(t, fmt.Sprintf("items.%d.customer.name", i)))
	}
	if !slices.Equal(got, names[:5]) || r.String(t, "items.0.reason") != "recent" {
		t.Errorf("suggested are %s", r.Content)
	}
	// A namesake of who is linked already comes before them.
	twin := s.knows(t, "person 6")
	last := s.conversationNow(t, number(16))
	if r := s.manager.Get(t, s.at.Path("/interactions/%s/contact-suggestions", last)); r.String(t, "items.0.customer.contact_id") != twin ||
		r.String(t, "items.0.reason") != "same_name" {
		t.Errorf("suggested are %s", r.Content)
	}
}

// Covers: JRN-02
func TestAContactIsMadeOfAConversation(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	first := s.heardFrom(t, s.line, number(1), "hello")
	s.endsIt(t, first)
	second := s.heardFrom(t, s.line, number(1), "it is me again")
	create := func(name string) *apitest.Response {
		return s.manager.Post(t, s.at.Path("/interactions/%s/contact", second), apitest.Body{
			"name": name, "addresses": []string{"(438) 555-0123"}, "email": "ada@maple.example",
		})
	}
	create("  ").WantProblem(t, unprocessable, "validation_failed", "body.name")
	ada := create("Ada").Want(t, http.StatusOK).String(t, "contact_id")
	// The sender whom nobody knew is Ada, with all that he has written.
	if got := s.contactOf(t, first); got != ada {
		t.Errorf("the first conversation is %s's", got)
	}
	s.wantAddresses(t, ada, number(1), "+14385550123")
	if r := s.manager.Get(t, s.at.Path("/contacts/%s/history", ada)).Want(t, http.StatusOK); len(r.Items(t)) != 1 || r.String(t, "items.0.id") != first {
		t.Errorf("her history is %s", r.Content)
	}
	// From a known contact the conversation alone moves to the new one.
	eve := create("Eve").Want(t, http.StatusOK).String(t, "contact_id")
	if eve == ada || s.contactOf(t, first) != ada || s.contactOf(t, second) != eve {
		t.Errorf("Eve is %s, Ada %s", eve, ada)
	}
	s.wantAddresses(t, eve, number(1), "+14385550123")
}

// Covers: JRN-04 JRN-07 JRN-08
func TestAContactsHistoryComesEightAtATime(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	ada := s.knows(t, "Ada", number(1))
	var closed []string
	for i := range 9 {
		one := s.heardFrom(t, s.line, number(1), fmt.Sprint(i))
		s.endsIt(t, one)
		closed = append([]string{one}, closed...)
	}
	open := s.heardFrom(t, s.line, number(1), "present")
	stranger := s.heardFrom(t, s.line, number(2), "somebody else's")
	s.endsIt(t, stranger)
	path := s.at.Path("/contacts/%s/history", ada)
	page := s.manager.Get(t, path).Want(t, http.StatusOK)
	if got := texts(t, page, "id"); !slices.Equal(got, closed[:8]) {
		t.Errorf("the first page is %q, want %q", got, closed[:8])
	}
	more := s.manager.Get(t, path+"?cursor="+page.String(t, "next_cursor")).Want(t, http.StatusOK)
	if got := texts(t, more, "id"); !slices.Equal(got, closed[8:]) || more.Header.Get("Link") != "" {
		t.Errorf("more: %s", more.Content)
	}
	// What is linked comes in, what is unlinked goes; and asked again it is new.
	s.linkTo(t, stranger, ada).Want(t, http.StatusOK)
	s.manager.Post(t, s.at.Path("/interactions/%s/unlink", closed[0]), nil).Want(t, http.StatusOK)
	s.endsIt(t, open)
	want := append([]string{stranger, open}, closed[1:]...)
	if got := texts(t, s.manager.Get(t, path+"?limit=200"), "id"); !slices.Equal(got, want) {
		t.Errorf("after that: %q, want %q", got, want)
	}
	s.manager.Get(t, s.at.Path("/contacts/%s/history", uuid.New())).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// Covers: JRN-10
func TestPreviousConversationsAreReadWithThePresentOne(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	second := s.NewUser(t, s.admin, s.at, "agent")
	orders := s.queue(t, "Orders", s.at.Agent)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "look", Media: []sim.Picture{{ContentType: "image/png", Content: drawing(t, "png")}}})
	s.Work(t)
	old := s.conversation(t, number(1))
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", old), apitest.Body{"user_id": second.UserID}).Want(t, http.StatusOK)
	s.Clock.Advance(time.Second)
	answer := second.Post(t, s.at.Path("/interactions/%s/messages", old), apitest.Body{"body": "nice"}).Want(t, http.StatusCreated).String(t, "id")
	s.endsIt(t, old)
	picture := s.manager.Get(t, s.at.Path("/interactions/%s/messages?order=asc", old)).String(t, "items.0.attachments.0.id")

	oldPath := s.at.Path("/interactions/%s", old)
	reads := []string{oldPath, oldPath + "/messages", oldPath + "/record", s.at.Path("/messages/%s", answer), s.at.Path("/attachments/%s", picture)}
	for _, path := range reads {
		s.at.Agent.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	// The customer writes again; nobody has it, and it waits in the agent's queue.
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	present := s.heardFrom(t, s.line, number(1), "and now?")
	previous := s.at.Path("/interactions/%s/previous", present)
	list := s.at.Agent.Get(t, previous).Want(t, http.StatusOK)
	if got := texts(t, list, "id"); !slices.Equal(got, []string{old}) || list.Value(t, "items.0.can_inspect") != true ||
		list.Value(t, "items.0.can_open") != false || list.String(t, "items.0.agent_name") != "agent" {
		t.Errorf("previous are %s", list.Content)
	}
	for _, path := range reads {
		s.at.Agent.Get(t, path).Want(t, http.StatusOK)
	}
	if r := s.at.Agent.Get(t, s.at.Path("/interactions/%s/profile", present)).Want(t, http.StatusOK); r.Int(t, "previous_interactions") != 1 {
		t.Errorf("the card is %s", r.Content)
	}
	// The whole log, the newest on top, with pictures and what happened.
	record := s.at.Agent.Get(t, oldPath+"/record").Want(t, http.StatusOK)
	kinds := texts(t, record, "kind")
	if kinds[0] != "event" || record.String(t, "items.0.event.kind") != "closed" || !strings.Contains(string(record.Content), picture) {
		t.Errorf("the record is %s", record.Content)
	}
	var said []string
	var paged []string
	cursor := ""
	for {
		r := s.at.Agent.Get(t, oldPath+"/record?limit=2"+cursor).Want(t, http.StatusOK)
		for i := range r.Items(t) {
			paged = append(paged, r.String(t, fmt.Sprintf("items.%d.id", i)))
			if r.String(t, fmt.Sprintf("items.%d.kind", i)) == "message" {
				said = append(said, r.String(t, fmt.Sprintf("items.%d.message.body", i)))
			}
		}
		if r.Header.Get("Link") == "" {
			break
		}
		cursor = "&cursor=" + r.String(t, "next_cursor")
	}
	if !slices.Equal(said, []string{"nice", "look"}) || !slices.Equal(paged, texts(t, record, "id")) {
		t.Errorf("page by page: %q, %q", said, paged)
	}
	// Reading is all: he neither writes nor closes nor marks there.
	s.at.Agent.Post(t, oldPath+"/messages", apitest.Body{"body": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Post(t, oldPath+"/close", apitest.Body{}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Post(t, oldPath+"/unlink", nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Post(t, s.at.Path("/messages/%s/resend", answer), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	// Who has nothing with the customer reads nothing, and what is open is not previous.
	s.at.User.Get(t, previous).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.User.Get(t, oldPath+"/record").WantProblem(t, http.StatusNotFound, "not_found", "")
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", present), apitest.Body{"user_id": s.at.User.UserID}).Want(t, http.StatusOK)
	s.at.User.Get(t, oldPath+"/record").Want(t, http.StatusOK)
	s.at.Agent.Get(t, oldPath+"/record").WantProblem(t, http.StatusNotFound, "not_found", "")
	s.endsIt(t, present)
	s.at.User.Get(t, oldPath+"/record").WantProblem(t, http.StatusNotFound, "not_found", "")
}

// Covers: JRN-11 JRN-12 JRN-13 JRN-15
func TestAJourneyGoesOverAllChannels(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	other := s.TwilioLine(t, s.at)
	ada := s.knows(t, "Ada", number(1))
	missed := s.heardFrom(t, s.line, number(1), "anybody?")
	s.endsIt(t, missed)
	handled := s.heardFrom(t, other, number(1), "hello")
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", handled), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	waiting := s.heardFrom(t, s.line, number(1), "again")
	path := s.at.Path("/contacts/%s/journey", ada)
	tag := s.admin.Post(t, s.at.Path("/tags"), apitest.Body{"name": "Urgent", "color": "#d32f2f"}).Want(t, http.StatusCreated).String(t, "id")
	s.manager.Post(t, s.at.Path("/interactions/tag"), apitest.Body{"interaction_ids": []string{missed}, "add_tag_ids": []string{tag}}).Want(t, http.StatusOK)
	sold := s.admin.Post(t, s.at.Path("/dispositions"), apitest.Body{"name": "Sold", "color": "#2e7d32"}).Want(t, http.StatusCreated).String(t, "id")
	s.Tamper(t, `INSERT INTO interaction_dispositions (tenant_id, interaction_id, disposition_id, name, note, created_at)
		VALUES ($1, $2, $3, 'Sold', '', now())`, s.at.ID, missed, sold)
	journey := s.manager.Get(t, path).Want(t, http.StatusOK)
	if got := texts(t, journey, "id"); !slices.Equal(got, []string{waiting, handled, missed}) {
		t.Fatalf("the journey is %s", journey.Content)
	}
	for place, want := range map[string]any{
		"items.0.status": "waiting_agent", "items.0.agent_id": nil, "items.0.agent_name": "", "items.0.channel_id": s.line.ChannelID.String(),
		"items.1.agent_name": "agent", "items.1.agent_id": s.at.Agent.UserID.String(), "items.1.channel_id": other.ChannelID.String(),
		"items.1.channel_kind": "sms", "items.1.channel_name": "Line", "items.2.status": "closed", "items.2.agent_id": nil,
		"items.0.can_open": true, "items.2.can_inspect": true, "items.1.missed": false, "items.2.missed": true,
		"items.2.tags.0.name": "Urgent", "items.2.disposition.name": "Sold", "items.2.disposition.color": "#2e7d32",
	} {
		if got := journey.Value(t, place); got != want {
			t.Errorf("%s is %v, want %v", place, got, want)
		}
	}
	// Who has a conversation with her sees it all, and may open his own.
	mine := s.at.Agent.Get(t, path).Want(t, http.StatusOK)
	for place, want := range map[string]any{
		"items.0.can_inspect": false, "items.0.can_open": false, "items.0.preview": "",
		"items.1.can_inspect": true, "items.1.can_open": true, "items.1.preview": "hello",
		"items.2.can_inspect": true, "items.2.can_open": false,
	} {
		if got := mine.Value(t, place); got != want {
			t.Errorf("to the agent %s is %v, want %v", place, got, want)
		}
	}
	if r := s.at.User.Get(t, path).Want(t, http.StatusOK); len(r.Items(t)) != 0 {
		t.Errorf("to a user who has nothing with her it is %s", r.Content)
	}
	page := s.manager.Get(t, path+"?limit=2").Want(t, http.StatusOK)
	if got := texts(t, s.manager.Get(t, path+"?limit=2&cursor="+page.String(t, "next_cursor")), "id"); !slices.Equal(got, []string{missed}) {
		t.Errorf("the second page is %q", got)
	}
	// New and taken by nobody.
	if r := s.manager.Get(t, s.at.Path("/interactions/%s/profile", handled)).Want(t, http.StatusOK); r.Int(t, "unmanaged_interactions") != 1 {
		t.Errorf("the card is %s", r.Content)
	}
	s.tree.Other.Admin.Get(t, s.tree.Other.Path("/contacts/%s/journey", ada)).WantProblem(t, http.StatusNotFound, "not_found", "")
}

func TestContactsAreMadeAndChanged(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	path := s.at.Path("/contacts")
	made := s.at.Agent.Post(t, path, apitest.Body{"name": " Ada ", "addresses": []string{"(514) 555-0123", "+15145550123", "73737", "ACME"}}).Want(t, http.StatusCreated)
	ada := made.String(t, "id")
	s.wantAddresses(t, ada, "+15145550123", "73737", "ACME")
	if made.String(t, "name") != "Ada" || made.Header.Get("Location") != s.at.Path("/contacts/%s", ada) {
		t.Errorf("made: %s", made.Content)
	}
	for field, bad := range map[string]apitest.Body{
		"body.name":          {"name": "\t"},
		"body.addresses[1]":  {"name": "x", "addresses": []string{number(1), "no number at all"}},
		"body.email":         {"name": "x", "email": "Ada <ada@maple.example>"},
		"body.facebook_page": {"name": "x", "facebook_page": "javascript:alert(1)"},
		"body.location":      {"name": "x", "location": "a\u0000b"},
	} {
		if r := s.manager.Post(t, path, bad).Want(t, unprocessable); !strings.Contains(string(r.Content), `"`+field+`"`) {
			t.Errorf("%s: %s", field, r.Content)
		}
	}
	one := s.at.Path("/contacts/%s", ada)
	changed := s.at.User.Patch(t, one, apitest.Body{"addresses": []string{"ACME", number(3)}, "email": "ada@maple.example"}, apitest.Header{"If-Match": made.Header.Get("ETag")}).
		Want(t, http.StatusOK)
	s.wantAddresses(t, ada, "ACME", number(3))
	s.manager.Patch(t, one, apitest.Body{"name": "Eve"}, apitest.Header{"If-Match": made.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.manager.Patch(t, one, apitest.Body{"email": ""}, apitest.Header{"If-Match": changed.Header.Get("ETag")}).Want(t, http.StatusOK)
	s.manager.Patch(t, one, apitest.Body{"name": nil}).Want(t, unprocessable)
	// A sender whom nobody knew is known by his name.
	conversation := s.heardFrom(t, s.line, number(1), "hello")
	unknown := s.contactOf(t, conversation)
	s.manager.Patch(t, s.at.Path("/contacts/%s", unknown), apitest.Body{"location": "Québec"}).Want(t, http.StatusOK)
	s.manager.Patch(t, s.at.Path("/contacts/%s", unknown), apitest.Body{"name": "Bob"}).Want(t, http.StatusOK)
	if r := s.manager.Get(t, s.at.Path("/interactions/%s/profile", conversation)).Want(t, http.StatusOK); r.Value(t, "linked") != true ||
		r.String(t, "customer.location") != "Québec" {
		t.Errorf("the card is %s", r.Content)
	}
	if got := s.contactOf(t, s.heardFrom(t, s.line, number(3), "it is Ada")); got != ada {
		t.Errorf("her number leads to %s", got)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE data::text LIKE '%maple%' OR data::text LIKE '%bec%'")
}

// knownInteractionOf is an interaction with somebody whom the tenant knows.
func knownInteractionOf(t *testing.T, w *world, c *caller, n *node) map[string]string {
	t.Helper()
	ids := interactionOf(t, w, c, n)
	n.boss.Patch(t, n.Path("/contacts/%s", ids["contact_id"]), apitest.Body{"name": "Ada"}).Want(t, http.StatusOK)
	return ids
}
