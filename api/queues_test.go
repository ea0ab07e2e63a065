package api_test

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// leads sets where a line's messages go.
func (s *scene) leads(t *testing.T, kind string, id any) *apitest.Response {
	t.Helper()
	destination := apitest.Body{"type": kind}
	if id != nil {
		destination["id"] = id
	}
	return s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"destination": destination})
}

// queue makes a queue with members.
func (s *scene) queue(t *testing.T, name string, members ...*apitest.Client) string {
	t.Helper()
	id := s.admin.Post(t, s.at.Path("/queues"), apitest.Body{"name": name}).Want(t, http.StatusCreated).String(t, "id")
	ids := []uuid.UUID{}
	for _, m := range members {
		ids = append(ids, m.UserID)
	}
	s.admin.Do(t, http.MethodPut, s.at.Path("/queues/%s/members", id), apitest.Body{"user_ids": ids}).Want(t, http.StatusOK)
	return id
}

// sees are the previews of the conversations that somebody sees.
func (s *scene) sees(t *testing.T, c *apitest.Client, query string) []string {
	t.Helper()
	got := texts(t, c.Get(t, s.at.Path("/interactions?limit=200%s", query)), "preview")
	slices.Sort(got)
	return got
}

// Inbound messages go where their channel leads: to all who administer, to one
// user, or into a queue.
//
// Covers: CHN-08 CHN-09 CHN-10 CHN-11 USR-04 USR-05
func TestMessagesGoWhereTheirChannelLeads(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	second := s.NewUser(t, s.admin, s.at, "agent")
	want := func(what string, c *apitest.Client, query string, previews ...string) {
		t.Helper()
		if got := s.sees(t, c, query); !slices.Equal(got, previews) {
			t.Errorf("%s sees %q, want %q", what, got, previews)
		}
	}
	if r := s.admin.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)); r.String(t, "destination.type") != "tenant" || r.Value(t, "destination.id") != nil {
		t.Errorf("at first the channel leads to %s", r.Content)
	}
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "1 for all"})
	want("the manager", s.manager, "", "1 for all")
	want("the agent", s.at.Agent, "")

	// To a queue: its members see what nobody has been given.
	orders := s.queue(t, "Orders", s.at.Agent, s.manager)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(2), Body: "2 an order"})
	want("the manager", s.manager, "", "1 for all", "2 an order")
	want("the manager", s.manager, "&queue_id="+orders, "2 an order")
	want("a member", s.at.Agent, "", "2 an order")
	want("no member", second, "")
	order := s.conversation(t, number(2))
	if r := s.at.Agent.Get(t, s.at.Path("/interactions/%s", order)).Want(t, http.StatusOK); r.String(t, "queue_id") != orders || r.Value(t, "assignee_id") != nil {
		t.Errorf("the order is %s", r.Content)
	}
	second.Get(t, s.at.Path("/interactions/%s", order)).WantProblem(t, http.StatusNotFound, "not_found", "")
	second.Get(t, s.at.Path("/interactions/%s/messages", order)).WantProblem(t, http.StatusNotFound, "not_found", "")
	second.Post(t, s.at.Path("/interactions/%s/messages", order), apitest.Body{"body": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	// An agent answers what is his (decisions C-07), and starts nothing.
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/messages", order), apitest.Body{"body": "x"}).WantProblem(t, http.StatusConflict, "wrong_assignee", "")
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", order), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/messages", order), apitest.Body{"body": "3 on its way"}).Want(t, http.StatusCreated)
	s.at.Agent.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(2), "body": "x"}).
		WantProblem(t, http.StatusForbidden, "forbidden", "")
	// Given to one, it is his, also where he is no member.
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", order), apitest.Body{"user_id": second.UserID}).Want(t, http.StatusOK)
	want("who has it", second, "", "3 on its way")
	want("a member", s.at.Agent, "")

	// To a user: it is his from the start. What is somebody's stays his.
	s.leads(t, "user", s.at.Agent.UserID).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(3), Body: "4 for the agent"})
	s.Receive(t, s.line, sim.Inbound{From: number(2), Body: "5 thanks"})
	want("the agent", s.at.Agent, "", "4 for the agent")
	want("who has the order", second, "", "5 thanks")
	// What was nobody's comes along with the next message.
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "6 hello?"})
	want("the agent", s.at.Agent, "", "4 for the agent", "6 hello?")

	// A user who is away for good has no messages: they are for all again.
	s.admin.Patch(t, s.at.Path("/users/%s", s.at.Agent.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(4), Body: "7 anybody?"})
	open := s.conversation(t, number(4))
	if r := s.manager.Get(t, s.at.Path("/interactions/%s", open)).Want(t, http.StatusOK); r.Value(t, "assignee_id") != nil {
		t.Errorf("it went to %s", r.Content)
	}
}

// Covers: CHN-09 CHN-10
func TestWhatCanBeADestination(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	away := s.NewUser(t, s.admin, s.at, "agent")
	s.admin.Patch(t, s.at.Path("/users/%s", away.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	theirs := s.tree.Other.Admin.Post(t, s.tree.Other.Path("/queues"), apitest.Body{"name": "Theirs"}).Want(t, http.StatusCreated).ID(t, "id")
	gone := s.queue(t, "Gone")
	s.admin.Post(t, s.at.Path("/queues/%s/archive", gone), nil).Want(t, http.StatusOK)
	for _, user := range []uuid.UUID{s.at.Agent.UserID, s.manager.UserID, s.at.User.UserID} {
		if got := s.leads(t, "user", user).Want(t, http.StatusOK).ID(t, "destination.id"); got != user {
			t.Errorf("it leads to %s", got)
		}
	}
	for _, user := range []uuid.UUID{s.admin.UserID, away.UserID, s.tree.Other.Agent.UserID, uuid.New()} {
		s.leads(t, "user", user).WantProblem(t, unprocessable, "not_found", "body.destination.id")
	}
	for _, queue := range []any{theirs, gone, uuid.New(), s.at.Agent.UserID} {
		s.leads(t, "queue", queue).WantProblem(t, unprocessable, "not_found", "body.destination.id")
	}
	s.leads(t, "queue", nil).WantProblem(t, unprocessable, "not_found", "body.destination.id")
	s.leads(t, "tenant", s.at.ID).WantProblem(t, unprocessable, "validation_failed", "body.destination.id")
	s.leads(t, "moon", nil).WantProblem(t, unprocessable, "validation_failed", "body.destination.type")
	s.leads(t, "tenant", nil).Want(t, http.StatusOK)
	for _, c := range []*apitest.Client{s.manager, s.at.Agent, s.at.User} {
		c.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"destination": apitest.Body{"type": "tenant"}}).
			WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
}

// Covers: USR-06 CHN-18
func TestAUserHasHisOwnNumber(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	own := s.TwilioLine(t, s.at)
	other := s.NewUser(t, s.admin, s.at, "user")
	s.admin.Patch(t, s.at.Path("/channels/%s", own.ChannelID), apitest.Body{
		"destination": apitest.Body{"type": "user", "id": s.at.User.UserID},
	}).Want(t, http.StatusOK)
	channels := func(c *apitest.Client) []string {
		got := texts(t, c.Get(t, s.at.Path("/channels")), "id")
		slices.Sort(got)
		return got
	}
	common, his := s.line.ChannelID.String(), own.ChannelID.String()
	both := []string{common, his}
	slices.Sort(both)
	send := func(c *apitest.Client, channel, to string) *apitest.Response {
		return c.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": channel, "to": to, "body": "from my number"})
	}
	if got := channels(s.at.User); !slices.Equal(got, both) {
		t.Errorf("the user may choose %q", got)
	}
	if got := channels(other); !slices.Equal(got, []string{common}) {
		t.Errorf("another user may choose %q", got)
	}
	if got := channels(s.manager); !slices.Equal(got, both) {
		t.Errorf("the manager sees %q", got)
	}
	// He sends and receives; to others the number is not there.
	send(s.at.User, his, number(1)).Want(t, http.StatusCreated)
	s.Receive(t, own, sim.Inbound{From: number(2), Body: "for you"})
	if got := s.sees(t, s.at.User, ""); !slices.Equal(got, []string{"for you", "from my number"}) {
		t.Errorf("the user sees %q", got)
	}
	if got := s.sees(t, other, ""); len(got) != 0 {
		t.Errorf("another user sees %q", got)
	}
	send(other, his, number(3)).WantProblem(t, http.StatusNotFound, "not_found", "")
	other.Get(t, s.at.Path("/channels/%s", his)).WantProblem(t, http.StatusNotFound, "not_found", "")
	other.Get(t, s.at.Path("/channels/%s/capabilities", his)).WantProblem(t, http.StatusNotFound, "not_found", "")
	if sent := s.accepted(number(1)); len(sent) != 1 || sent[0].From != own.Address {
		t.Errorf("the carrier has %+v", sent)
	}
}

// Covers: CHN-18 SMS-17
func TestAChannelIsForThoseItWasMadeAvailableTo(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	other := s.NewUser(t, s.admin, s.at, "user")
	path := s.at.Path("/channels/%s/members", s.line.ChannelID)
	put := func(body apitest.Body) *apitest.Response { return s.admin.Do(t, http.MethodPut, path, body) }
	send := func(c *apitest.Client, to string) *apitest.Response {
		return c.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": to, "body": "x"})
	}
	if r := s.admin.Get(t, path).Want(t, http.StatusOK); r.Value(t, "restricted") != false {
		t.Errorf("at first: %s", r.Content)
	}
	send(other, number(1)).Want(t, http.StatusCreated)
	put(apitest.Body{"restricted": true, "user_ids": []uuid.UUID{s.at.User.UserID, s.at.User.UserID}}).Want(t, http.StatusOK)
	if r := s.admin.Get(t, path).Want(t, http.StatusOK); r.Value(t, "restricted") != true || r.String(t, "user_ids.0") != s.at.User.UserID.String() {
		t.Errorf("then: %s", r.Content)
	}
	send(s.at.User, number(2)).Want(t, http.StatusCreated)
	send(other, number(3)).WantProblem(t, http.StatusNotFound, "not_found", "")
	send(s.admin, number(4)).Want(t, http.StatusCreated)
	if got := texts(t, other.Get(t, s.at.Path("/channels")), "id"); len(got) != 0 {
		t.Errorf("another user may choose %q", got)
	}
	if got := texts(t, s.at.Agent.Get(t, s.at.Path("/channels")), "id"); len(got) != 0 {
		t.Errorf("the agent may choose %q", got)
	}
	// An agent who was granted to start messages chooses among the same.
	s.admin.Patch(t, s.at.Path("/users/%s", s.at.Agent.UserID), apitest.Body{"granted_permissions": []string{"interactions:start"}}).Want(t, http.StatusOK)
	s.Clock.Advance(2 * time.Second) // rights are at most a second old
	send(s.at.Agent, number(7)).WantProblem(t, http.StatusNotFound, "not_found", "")
	put(apitest.Body{"restricted": true, "user_ids": []uuid.UUID{s.at.User.UserID, s.at.Agent.UserID}}).Want(t, http.StatusOK)
	send(s.at.Agent, number(7)).Want(t, http.StatusCreated)
	put(apitest.Body{"restricted": true, "user_ids": []uuid.UUID{s.at.User.UserID}}).Want(t, http.StatusOK)
	// What he was given on it he answers.
	s.Receive(t, s.line, sim.Inbound{From: number(5), Body: "?"})
	given := s.conversation(t, number(5))
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", given), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/messages", given), apitest.Body{"body": "!"}).Want(t, http.StatusCreated)

	for _, stranger := range []uuid.UUID{s.tree.Other.User.UserID, uuid.New()} {
		put(apitest.Body{"restricted": true, "user_ids": []uuid.UUID{stranger}}).WantProblem(t, unprocessable, "not_found", "body.user_ids")
	}
	put(apitest.Body{"restricted": true, "user_ids": []uuid.UUID{}}).Want(t, http.StatusOK)
	send(s.at.User, number(6)).WantProblem(t, http.StatusNotFound, "not_found", "")
	put(apitest.Body{"restricted": false, "user_ids": []uuid.UUID{}}).Want(t, http.StatusOK)
	send(other, number(6)).Want(t, http.StatusCreated)
	for _, c := range []*apitest.Client{s.manager, s.at.Agent, s.at.User} {
		c.Get(t, path).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
}

// Covers: CHN-11
func TestQueues(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	queues := s.at.Path("/queues")
	orders := s.queue(t, "Orders", s.at.Agent)
	s.admin.Post(t, queues, apitest.Body{"name": " oRDERS "}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	s.admin.Post(t, queues, apitest.Body{"name": "  "}).Want(t, unprocessable)
	support := s.queue(t, "Support")
	path := s.at.Path("/queues/%s", support)
	s.admin.Patch(t, path, apitest.Body{"name": "ORDERS"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	etag := s.admin.Patch(t, path, apitest.Body{"name": "Help"}).Want(t, http.StatusOK).Header.Get("ETag")
	s.admin.Patch(t, path, apitest.Body{"name": "Helps"}, apitest.Header{"If-Match": `"1"`}).WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Patch(t, path, apitest.Body{}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK)
	if got := texts(t, s.at.Agent.Get(t, queues), "name"); !slices.Equal(got, []string{"Orders", "Help"}) {
		t.Errorf("the queues are %q", got)
	}
	// Members are agents and managers of the tenant, and nobody twice.
	members := s.at.Path("/queues/%s/members", orders)
	for _, stranger := range []uuid.UUID{s.at.User.UserID, s.admin.UserID, s.tree.Other.Agent.UserID, uuid.New()} {
		s.admin.Do(t, http.MethodPut, members, apitest.Body{"user_ids": []uuid.UUID{stranger}}).
			WantProblem(t, unprocessable, "not_found", "body.user_ids")
	}
	s.admin.Do(t, http.MethodPut, members, apitest.Body{"user_ids": []uuid.UUID{s.manager.UserID, s.manager.UserID}}).Want(t, http.StatusOK)
	if r := s.at.Agent.Get(t, members).Want(t, http.StatusOK); r.String(t, "user_ids.0") != s.manager.UserID.String() {
		t.Errorf("the members are %s", r.Content)
	}
	// In use it cannot go; then its name is free.
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	archive := s.at.Path("/queues/%s/archive", orders)
	s.admin.Post(t, archive, nil).WantProblem(t, http.StatusConflict, "conflict", "")
	s.leads(t, "tenant", nil).Want(t, http.StatusOK)
	if r := s.admin.Post(t, archive, nil).Want(t, http.StatusOK); r.Value(t, "archived_at") == nil {
		t.Errorf("archived: %s", r.Content)
	}
	s.admin.Post(t, archive, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Patch(t, s.at.Path("/queues/%s", orders), apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Do(t, http.MethodPut, members, apitest.Body{"user_ids": []uuid.UUID{}}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.queue(t, "orders")
	if got := texts(t, s.admin.Get(t, s.at.Path("/queues?view=archived")), "name"); !slices.Equal(got, []string{"Orders"}) {
		t.Errorf("archived are %q", got)
	}
	s.at.User.Get(t, queues).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.manager.Post(t, queues, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
