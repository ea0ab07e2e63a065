package api_test

import (
	"net/http"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// wantUnread checks what somebody has not read of an interaction, and what
// nobody has seen of it.
func (s *scene) wantUnread(t *testing.T, what string, c *apitest.Client, interaction string, unread, unseen int) {
	t.Helper()
	for _, r := range []*apitest.Response{
		c.Get(t, s.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK),
	} {
		if r.Int(t, "unread") != unread || r.Int(t, "unseen") != unseen {
			t.Errorf("%s: %d unread and %d unseen, want %d and %d", what, r.Int(t, "unread"), r.Int(t, "unseen"), unread, unseen)
		}
	}
}

func (s *scene) wantBadge(t *testing.T, what string, c *apitest.Client, interactions, messages, unassigned int) {
	t.Helper()
	r := c.Get(t, s.at.Path("/unread")).Want(t, http.StatusOK)
	if r.Int(t, "interactions") != interactions || r.Int(t, "messages") != messages || r.Int(t, "unassigned") != unassigned {
		t.Errorf("%s: the badge is %s, want %d, %d, %d", what, r.Content, interactions, messages, unassigned)
	}
}

// Everybody has read what he has read; what nobody has seen is the tenant's.
//
// Covers: INT-03 INT-33 INT-55
func TestEverybodyReadsForHimself(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	orders := s.queue(t, "Orders", agent)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	one := s.written(t, 1, "first", "second", "third")
	s.wantBadge(t, "waiting", agent, 0, 0, 1)
	s.wantBadge(t, "waiting", s.at.User, 0, 0, 0)
	s.wantUnread(t, "waiting", agent, one, 3, 3)
	s.assign(t, one, agent)
	s.wantBadge(t, "assigned", agent, 1, 3, 0)
	s.wantBadge(t, "assigned to another", s.manager, 0, 0, 0)

	path := s.at.Path("/interactions/%s", one)
	messages := texts(t, agent.Get(t, path+"/messages?order=asc"), "id")
	agent.Post(t, path+"/read", apitest.Body{"last_message_id": messages[1]}).Want(t, http.StatusOK)
	s.wantUnread(t, "read up to the second", agent, one, 1, 1)
	agent.Post(t, path+"/read", apitest.Body{"last_message_id": messages[0]}).Want(t, http.StatusOK)
	s.wantUnread(t, "the first once more", agent, one, 1, 1)
	status := agent.Get(t, path).String(t, "status")
	if r := agent.Post(t, path+"/read", nil).Want(t, http.StatusOK); !r.Value(t, "needs_reply").(bool) || r.String(t, "status") != status {
		t.Errorf("having been read it is %s", r.Content)
	}
	s.wantUnread(t, "read", agent, one, 0, 0)
	s.wantUnread(t, "read by another", s.manager, one, 3, 0)
	s.wantBadge(t, "read", agent, 0, 0, 0)
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'interaction.read'")
	agent.Post(t, path+"/read", nil).Want(t, http.StatusOK)
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'interaction.read'")

	// Kept for later: his alone.
	agent.Post(t, path+"/unread", apitest.Body{"from_message_id": messages[1]}).Want(t, http.StatusOK)
	s.wantUnread(t, "unread from the second", agent, one, 2, 0)
	agent.Post(t, path+"/read", nil).Want(t, http.StatusOK)
	agent.Post(t, path+"/unread", nil).Want(t, http.StatusOK)
	s.wantUnread(t, "unread", agent, one, 1, 0)
	s.wantBadge(t, "unread", agent, 1, 1, 0)

	// Who answers has read; what comes after is new.
	agent.Post(t, path+"/messages", apitest.Body{"body": "answer"}).Want(t, http.StatusCreated)
	s.wantUnread(t, "answered", agent, one, 0, 0)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "fourth"})
	s.wantUnread(t, "written again", agent, one, 1, 1)
	s.wantBadge(t, "written again", agent, 1, 1, 0)
	if got := agent.Get(t, s.at.Path("/interactions")).Want(t, http.StatusOK); got.Int(t, "items.0.unread") != 1 {
		t.Errorf("the list has %s", got.Content)
	}
	agent.Post(t, path+"/close", apitest.Body{}).Want(t, http.StatusOK)
	s.wantBadge(t, "closed", agent, 0, 0, 0)

	// Where the customer has said nothing, nothing is unread.
	message := s.admin.Get(t, s.at.Path("/messages/%s", s.send(t, number(2), "hello"))).Want(t, http.StatusOK)
	two := s.at.Path("/interactions/%s", message.String(t, "interaction_id"))
	s.admin.Post(t, two+"/unread", nil).WantProblem(t, http.StatusConflict, "conflict", "")
	s.admin.Post(t, two+"/read", apitest.Body{"last_message_id": messages[0]}).WantProblem(t, unprocessable, "not_found", "body.last_message_id")
	s.admin.Post(t, two+"/unread", apitest.Body{"from_message_id": messages[0]}).WantProblem(t, unprocessable, "not_found", "body.from_message_id")
}

// A message that a worker was slow to store has an older id than one that was
// read before it came: it is unread all the same.
func TestALateMessageIsUnread(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.Inject(t, s.line, sim.Inbound{From: number(1), Body: "acknowledged first, stored last"})
	s.Tamper(t, "UPDATE provider_events SET due_at = due_at + interval '1 minute' WHERE state = 'pending'")
	one := s.written(t, 1, "stored first")
	path := s.at.Path("/interactions/%s", one)
	s.manager.Post(t, path+"/read", nil).Want(t, http.StatusOK)
	s.Advance(t, 2*60*1e9)
	if got := texts(t, s.manager.Get(t, path+"/messages?order=asc"), "body"); len(got) != 2 || got[1] != "stored first" {
		t.Fatalf("the messages are %q", got)
	}
	s.wantUnread(t, "a late one", s.manager, one, 1, 1)
}

// Covers: JRN-15
func TestWhatElseWaitsOfAContactIsCounted(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	second := s.TwilioLine(t, s.at)
	one := s.written(t, 1, "hello")
	s.Receive(t, second, sim.Inbound{From: number(1), Body: "and here"})
	s.Tamper(t, "UPDATE interactions SET contact_id = (SELECT contact_id FROM interactions WHERE id = $1)", one)
	count := func(c *apitest.Client) int {
		t.Helper()
		return c.Get(t, s.at.Path("/interactions/%s", one)).Want(t, http.StatusOK).Int(t, "unmanaged")
	}
	if n := count(s.manager); n != 1 {
		t.Errorf("%d others wait", n)
	}
	s.assign(t, one, s.at.Agent)
	if n := count(s.manager); n != 1 {
		t.Errorf("%d others wait, with this one assigned", n)
	}
	if n := count(s.at.Agent); n != 0 {
		t.Errorf("%d wait that the agent does not see", n)
	}
	for _, id := range texts(t, s.manager.Get(t, s.at.Path("/interactions?channel_id=%s", second.ChannelID)), "id") {
		s.assign(t, id, s.at.Agent)
	}
	if n := count(s.manager); n != 0 {
		t.Errorf("%d others wait, with all assigned", n)
	}
}
