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
)

// staff is a tenant whose people write to one another.
type staff struct {
	*apitest.Platform
	tree                        apitest.Tree
	at                          apitest.Tenant
	admin, manager, agent, user *apitest.Client
}

func newStaff(t *testing.T) *staff {
	t.Helper()
	s := &staff{Platform: apitest.Start(t)}
	s.tree = s.Grow(t)
	s.at = s.tree.Customer
	s.admin, s.manager, s.agent, s.user = s.at.Admin, s.at.Manager, s.at.Agent, s.at.User
	return s
}

// writeTo sends a private message.
func (s *staff) writeTo(t *testing.T, from, to *apitest.Client, body string) *apitest.Response {
	t.Helper()
	return from.Post(t, s.at.Path("/staff/%s/messages", to.UserID), apitest.Body{"body": body})
}

// group makes a group of the manager's.
func (s *staff) group(t *testing.T, name string, members ...*apitest.Client) string {
	t.Helper()
	ids := []uuid.UUID{}
	for _, m := range members {
		ids = append(ids, m.UserID)
	}
	return s.manager.Post(t, s.at.Path("/staff-chats"), apitest.Body{"name": name, "user_ids": ids}).Want(t, http.StatusCreated).String(t, "id")
}

func (s *staff) post(t *testing.T, c *apitest.Client, chat, body string) *apitest.Response {
	t.Helper()
	return c.Post(t, s.at.Path("/staff-chats/%s/messages", chat), apitest.Body{"body": body})
}

// wantUnread checks somebody's totals.
func (s *staff) wantUnread(t *testing.T, c *apitest.Client, messages, chats int) {
	t.Helper()
	r := c.Get(t, s.at.Path("/staff-chats/unread")).Want(t, http.StatusOK)
	if r.Int(t, "messages") != messages || r.Int(t, "chats") != chats {
		t.Errorf("unread is %s, want %d messages in %d chats", r.Content, messages, chats)
	}
}

// Covers: IMS-01 IMS-05 IMS-06
func TestColleaguesWriteToOneAnother(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	first := s.writeTo(t, s.agent, s.manager, "Who has the key?").Want(t, http.StatusCreated)
	chat := first.String(t, "chat_id")
	s.Clock.Advance(time.Second)
	if again := s.writeTo(t, s.manager, s.agent, "I do.").Want(t, http.StatusCreated); again.String(t, "chat_id") != chat || again.Int(t, "seq") != 2 {
		t.Errorf("the answer is %s", again.Content)
	}
	s.Clock.Advance(time.Second)
	s.post(t, s.agent, chat, "Thanks!").Want(t, http.StatusCreated)

	// Each sees the other; nobody else sees anything.
	messages := s.at.Path("/staff-chats/%s/messages", chat)
	if got := texts(t, s.manager.Get(t, messages), "body"); !slices.Equal(got, []string{"Thanks!", "I do.", "Who has the key?"}) {
		t.Errorf("the history is %q", got)
	}
	page := s.agent.Get(t, messages+"?limit=2").Want(t, http.StatusOK)
	rest := s.agent.Get(t, messages+"?limit=2&cursor="+page.String(t, "next_cursor"))
	if got := texts(t, rest, "body"); !slices.Equal(got, []string{"Who has the key?"}) {
		t.Errorf("the second page is %q", got)
	}
	if got := texts(t, s.agent.Get(t, messages+"?order=asc&limit=1"), "body"); !slices.Equal(got, []string{"Who has the key?"}) {
		t.Errorf("the oldest is %q", got)
	}
	mine := s.manager.Get(t, s.at.Path("/staff-chats/%s", chat)).Want(t, http.StatusOK)
	if mine.String(t, "with.id") != s.agent.UserID.String() || mine.String(t, "kind") != "private" || mine.Value(t, "may_write") != true ||
		mine.String(t, "last_message.body") != "Thanks!" {
		t.Errorf("the manager's chat is %s", mine.Content)
	}
	for _, stranger := range []*apitest.Client{s.admin, s.user} {
		nobodys := s.at.Path("/staff-chats/%s", uuid.New())
		for _, path := range []string{"", "/messages", "/members"} {
			theirs := stranger.Get(t, s.at.Path("/staff-chats/%s%s", chat, path)).WantProblem(t, http.StatusNotFound, "not_found", "")
			none := stranger.Get(t, nobodys+path).Want(t, http.StatusNotFound)
			if theirs.String(t, "detail") != none.String(t, "detail") {
				t.Errorf("%s: %s and %s", path, theirs.Content, none.Content)
			}
		}
		s.post(t, stranger, chat, "me too").WantProblem(t, http.StatusNotFound, "not_found", "")
		if r := stranger.Get(t, s.at.Path("/staff-chats")).Want(t, http.StatusOK); len(r.Items(t)) != 0 {
			t.Errorf("a stranger's chats are %s", r.Content)
		}
	}
	// A key is no person, and whoever acts in the tenant is none of its people.
	key := s.admin.Post(t, s.at.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"staff_messages:read"}}).
		Want(t, http.StatusCreated).String(t, "key")
	s.admin.As(key).Get(t, s.at.Path("/staff-chats")).WantProblem(t, http.StatusForbidden, "forbidden", "")
	acting, _ := act(t, s.tree.L2.Admin, s.at)
	openContent(t, s.at)
	s.Clock.Advance(2 * time.Second) // rights are at most a second old
	acting.Get(t, s.at.Path("/contacts")).Want(t, http.StatusOK)
	for _, path := range []string{"/staff", "/staff-chats", "/staff-chats/" + chat + "/messages"} {
		acting.Get(t, s.at.Path("%s", path)).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}

	// Nobody writes to himself, to whom there is not, or to another tenant's.
	s.writeTo(t, s.agent, s.agent, "me").WantProblem(t, unprocessable, "validation_failed", "path.user_id")
	s.writeTo(t, s.agent, s.tree.Other.Agent, "you").WantProblem(t, http.StatusNotFound, "not_found", "")
	s.writeTo(t, s.agent, s.manager, " \n ").WantProblem(t, unprocessable, "empty_message", "body.body")
	s.writeTo(t, s.agent, s.manager, strings.Repeat("é", 4001)).WantProblem(t, unprocessable, "message_too_long", "body.body")
	s.writeTo(t, s.agent, s.manager, strings.Repeat("é", 4000)).Want(t, http.StatusCreated)
}

// Covers: IMS-05
func TestWhatIsUnreadIsCounted(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	byAgent := s.writeTo(t, s.agent, s.manager, "1").Want(t, http.StatusCreated).String(t, "chat_id")
	s.Clock.Advance(time.Second)
	byUser := s.writeTo(t, s.user, s.manager, "2").Want(t, http.StatusCreated).String(t, "chat_id")
	s.Clock.Advance(time.Second)
	all := s.group(t, "All", s.agent, s.user)
	s.Clock.Advance(time.Second)
	second := s.writeTo(t, s.agent, s.manager, "3").Want(t, http.StatusCreated).String(t, "id")
	s.Clock.Advance(time.Second)
	s.post(t, s.user, all, "4").Want(t, http.StatusCreated)
	s.wantUnread(t, s.manager, 4, 3)
	s.wantUnread(t, s.agent, 1, 1)
	s.wantUnread(t, s.user, 0, 0)

	// The newest sender stands on top; each chat and each colleague has its count.
	list := s.manager.Get(t, s.at.Path("/staff-chats")).Want(t, http.StatusOK)
	if got := texts(t, list, "id"); !slices.Equal(got, []string{all, byAgent, byUser}) {
		t.Errorf("the chats are %s", list.Content)
	}
	if list.Int(t, "items.0.unread") != 1 || list.Int(t, "items.1.unread") != 2 || list.Int(t, "items.2.unread") != 1 {
		t.Errorf("unread are %s", list.Content)
	}
	page := s.manager.Get(t, s.at.Path("/staff-chats?limit=2")).Want(t, http.StatusOK)
	rest := s.manager.Get(t, s.at.Path("/staff-chats?limit=2&cursor=%s", page.String(t, "next_cursor")))
	if got := texts(t, rest, "id"); !slices.Equal(got, []string{byUser}) {
		t.Errorf("the second page is %s", rest.Content)
	}
	people := s.manager.Get(t, s.at.Path("/staff")).Want(t, http.StatusOK)
	if got := texts(t, people, "name"); !slices.Equal(got, []string{"agent", "tenant_admin", "user"}) {
		t.Errorf("the colleagues are %q", got)
	}
	if people.Int(t, "items.0.unread") != 2 || people.String(t, "items.0.chat_id") != byAgent || people.Value(t, "items.1.chat_id") != nil {
		t.Errorf("the colleagues are %s", people.Content)
	}

	// Up to a message, which never goes back; then all.
	read := s.at.Path("/staff-chats/%s/read", byAgent)
	firstID := s.manager.Get(t, s.at.Path("/staff-chats/%s/messages?order=asc", byAgent)).String(t, "items.0.id")
	if r := s.manager.Post(t, read, apitest.Body{"staff_message_id": firstID}).Want(t, http.StatusOK); r.Int(t, "unread") != 1 || r.Int(t, "read_seq") != 1 {
		t.Errorf("after the first: %s", r.Content)
	}
	if r := s.manager.Post(t, read, apitest.Body{"staff_message_id": second}).Want(t, http.StatusOK); r.Int(t, "unread") != 0 {
		t.Errorf("after the second: %s", r.Content)
	}
	if r := s.manager.Post(t, read, apitest.Body{"staff_message_id": firstID}).Want(t, http.StatusOK); r.Int(t, "read_seq") != 2 {
		t.Errorf("the marker went back: %s", r.Content)
	}
	s.manager.Post(t, read, apitest.Body{"staff_message_id": uuid.New()}).WantProblem(t, unprocessable, "not_found", "body.staff_message_id")
	s.wantUnread(t, s.manager, 2, 2)
	if got := texts(t, s.manager.Get(t, s.at.Path("/staff-chats?unread=true")), "id"); !slices.Equal(got, []string{all, byUser}) {
		t.Errorf("unread chats are %q", got)
	}
	s.manager.Post(t, s.at.Path("/staff-chats/%s/read", all), nil).Want(t, http.StatusOK)
	s.wantUnread(t, s.manager, 1, 1)
	if seen := s.user.Get(t, s.at.Path("/staff-chats/%s/members", all)).Want(t, http.StatusOK); !strings.Contains(string(seen.Content), `"read_seq":1`) {
		t.Errorf("nobody sees that the manager has read: %s", seen.Content)
	}
	// What was deleted before anybody read it is unread for nobody.
	mine := s.post(t, s.user, byUser, "5").Want(t, http.StatusCreated).String(t, "id")
	s.wantUnread(t, s.manager, 2, 1)
	s.user.Do(t, http.MethodDelete, s.at.Path("/staff-chats/%s/messages/%s", byUser, mine), nil).Want(t, http.StatusNoContent)
	s.wantUnread(t, s.manager, 1, 1)
}

// Covers: IMS-02
func TestRecipientsShowWhoIsThere(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	for i, name := range []string{"Ada Lovelace", "Charles Babbage", "Mary SOMERVILLE"} {
		s.admin.Post(t, s.at.Path("/users"), apitest.Body{
			"login": fmt.Sprintf("person-%d@maple.example", i), "name": name, "role": "agent", "password": apitest.Password, "send_welcome": false,
		}).Want(t, http.StatusCreated)
	}
	names := func(query string) []string {
		t.Helper()
		return texts(t, s.agent.Get(t, s.at.Path("/staff?limit=200%s", query)), "name")
	}
	want := func(query string, want ...string) {
		t.Helper()
		if got := names(query); !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}
	want("", "Ada Lovelace", "Charles Babbage", "manager", "Mary SOMERVILLE", "tenant_admin", "user")
	want("&q=LOVE", "Ada Lovelace")
	want("&q=some", "Mary SOMERVILLE")
	want("&q=%25")
	want("&presence=online", "manager", "tenant_admin", "user")
	want("&presence=offline", "Ada Lovelace", "Charles Babbage", "Mary SOMERVILLE")
	want("&presence=offline&q=a", "Ada Lovelace", "Charles Babbage", "Mary SOMERVILLE")
	s.user.Post(t, "/v1/auth/logout", nil).Want(t, http.StatusNoContent)
	want("&presence=online", "manager", "tenant_admin")
	s.admin.Do(t, http.MethodPut, "/v1/me/presence", apitest.Body{"presence": "busy"}).Want(t, http.StatusOK)
	want("&presence=online", "manager", "tenant_admin")
	var paged []string
	cursor := ""
	for range 4 {
		r := s.agent.Get(t, s.at.Path("/staff?limit=2%s", cursor)).Want(t, http.StatusOK)
		paged = append(paged, texts(t, r, "name")...)
		if r.Header.Get("Link") == "" {
			break
		}
		cursor = "&cursor=" + r.String(t, "next_cursor")
	}
	if !slices.Equal(paged, names("")) {
		t.Errorf("page by page: %q", paged)
	}
	// Who cannot sign in is no recipient.
	s.admin.Patch(t, s.at.Path("/users/%s", s.user.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	want("&q=user")
	s.writeTo(t, s.agent, s.user, "hello?").WantProblem(t, http.StatusConflict, "messaging_disabled", "")
}

// Covers: IMS-03
func TestTheMessengerIsSwitchedOffForAUser(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	chat := s.writeTo(t, s.manager, s.agent, "before").Want(t, http.StatusCreated).String(t, "chat_id")
	all := s.group(t, "All", s.agent, s.user)
	function := func(list ...string) {
		t.Helper()
		s.admin.Patch(t, s.at.Path("/users/%s", s.agent.UserID), apitest.Body{"disabled_functions": append([]string{}, list...)}).Want(t, http.StatusOK)
	}
	function("internal_messenger")
	marked := s.manager.Get(t, s.at.Path("/staff?q=agent")).Want(t, http.StatusOK)
	if marked.Value(t, "items.0.can_be_written_to") != false {
		t.Errorf("he is not marked: %s", marked.Content)
	}
	if r := s.manager.Get(t, s.at.Path("/staff-chats/%s", chat)).Want(t, http.StatusOK); r.Value(t, "may_write") != false {
		t.Errorf("the chat is %s", r.Content)
	}
	s.writeTo(t, s.manager, s.agent, "x").WantProblem(t, http.StatusConflict, "messaging_disabled", "")
	s.post(t, s.manager, chat, "x").WantProblem(t, http.StatusConflict, "messaging_disabled", "")
	s.manager.Post(t, s.at.Path("/staff-chats"), apitest.Body{"name": "New", "user_ids": []uuid.UUID{s.user.UserID, s.agent.UserID}}).
		WantProblem(t, http.StatusConflict, "messaging_disabled", "body.user_ids[1]")
	// All of it refuses him; the others of his groups go on.
	for _, path := range []string{"/staff", "/staff-chats", "/staff-chats/unread", "/staff-chats/" + chat, "/staff-chats/" + chat + "/messages"} {
		s.agent.Get(t, s.at.Path("%s", path)).WantProblem(t, http.StatusForbidden, "messaging_disabled", "")
	}
	s.writeTo(t, s.agent, s.manager, "x").WantProblem(t, http.StatusForbidden, "messaging_disabled", "")
	s.post(t, s.agent, all, "x").WantProblem(t, http.StatusForbidden, "messaging_disabled", "")
	s.post(t, s.manager, all, "still here").Want(t, http.StatusCreated)
	function()
	s.writeTo(t, s.manager, s.agent, "after").Want(t, http.StatusCreated)
	s.wantUnread(t, s.agent, 3, 2)
}

// Covers: IMS-04
func TestGroups(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	for _, c := range []*apitest.Client{s.agent, s.user} {
		c.Post(t, s.at.Path("/staff-chats"), apitest.Body{"name": "Mine", "user_ids": []string{}}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	s.admin.Post(t, s.at.Path("/staff-chats"), apitest.Body{"name": "Board", "user_ids": []uuid.UUID{s.manager.UserID}}).Want(t, http.StatusCreated)
	for _, stranger := range []uuid.UUID{s.tree.Other.Agent.UserID, uuid.New()} {
		s.manager.Post(t, s.at.Path("/staff-chats"), apitest.Body{"name": "Mine", "user_ids": []uuid.UUID{stranger}}).
			WantProblem(t, unprocessable, "not_found", "body.user_ids[0]")
	}
	chat := s.group(t, "Night shift", s.agent, s.agent, s.manager)
	path := s.at.Path("/staff-chats/%s", chat)
	member := func(c *apitest.Client) string { return path + "/members/" + c.UserID.String() }
	set := func(by, of *apitest.Client, role string, readOnly bool) *apitest.Response {
		t.Helper()
		return by.Do(t, http.MethodPut, member(of), apitest.Body{"chat_role": role, "read_only": readOnly})
	}
	if got := texts(t, s.agent.Get(t, path+"/members"), "chat_role"); len(got) != 2 {
		t.Errorf("the members are %q", got)
	}

	// Members write, unless they were made read-only, each or all.
	s.post(t, s.agent, chat, "1").Want(t, http.StatusCreated)
	set(s.manager, s.agent, "member", true).Want(t, http.StatusOK)
	s.post(t, s.agent, chat, "x").WantProblem(t, http.StatusForbidden, "forbidden", "")
	if r := s.agent.Get(t, path).Want(t, http.StatusOK); r.Value(t, "may_write") != false || r.String(t, "role") != "member" {
		t.Errorf("the agent's group is %s", r.Content)
	}
	set(s.manager, s.agent, "member", false).Want(t, http.StatusOK)
	s.post(t, s.agent, chat, "2").Want(t, http.StatusCreated)
	etag := s.manager.Get(t, path).Header.Get("ETag")
	s.manager.Patch(t, path, apitest.Body{"read_only": true}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK)
	s.manager.Patch(t, path, apitest.Body{"name": "Stale"}, apitest.Header{"If-Match": etag}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.post(t, s.agent, chat, "x").WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.post(t, s.manager, chat, "3").Want(t, http.StatusCreated)
	s.manager.Patch(t, path, apitest.Body{"read_only": false, "name": "Late shift"}).Want(t, http.StatusOK)

	// The tenant's administrator is in it when he was put into it, and not before.
	s.admin.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.Patch(t, path, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	set(s.admin, s.admin, "admin", false).WantProblem(t, http.StatusNotFound, "not_found", "")
	set(s.manager, s.tree.Other.Agent, "member", false).WantProblem(t, http.StatusNotFound, "not_found", "")
	set(s.manager, s.user, "admin", false).WantProblem(t, unprocessable, "validation_failed", "body.role")
	set(s.manager, s.user, "member", false).Want(t, http.StatusOK)
	// Who comes later reads what was said, and has none of it as unread.
	if got := texts(t, s.user.Get(t, path+"/messages"), "body"); !slices.Equal(got, []string{"3", "2", "1"}) {
		t.Errorf("the new member reads %q", got)
	}
	s.wantUnread(t, s.user, 0, 0)
	set(s.agent, s.user, "member", true).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.agent.Do(t, http.MethodDelete, member(s.user), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")

	// The last administrator stays; who is out is out.
	s.manager.Do(t, http.MethodDelete, member(s.manager), nil).WantProblem(t, http.StatusConflict, "conflict", "")
	set(s.manager, s.manager, "member", false).WantProblem(t, http.StatusConflict, "conflict", "")
	s.manager.Do(t, http.MethodDelete, member(s.user), nil).Want(t, http.StatusNoContent)
	s.user.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.agent.Do(t, http.MethodDelete, member(s.agent), nil).Want(t, http.StatusNoContent)
	s.agent.Get(t, path+"/messages").WantProblem(t, http.StatusNotFound, "not_found", "")
	set(s.manager, s.admin, "admin", false).Want(t, http.StatusOK)
	s.manager.Do(t, http.MethodDelete, member(s.manager), nil).Want(t, http.StatusNoContent)
	s.admin.Do(t, http.MethodPut, member(s.agent), apitest.Body{"chat_role": "member", "read_only": false}).Want(t, http.StatusOK)

	// An end keeps what was said.
	s.admin.Post(t, path+"/archive", nil).Want(t, http.StatusOK)
	s.post(t, s.agent, chat, "x").WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Patch(t, path, apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := texts(t, s.agent.Get(t, s.at.Path("/staff-chats?view=archived")), "name"); !slices.Equal(got, []string{"Late shift"}) {
		t.Errorf("archived are %q", got)
	}
	if r := s.agent.Get(t, path+"/messages").Want(t, http.StatusOK); len(r.Items(t)) != 3 {
		t.Errorf("the agent reads %s", r.Content)
	}
	// A private chat is no group.
	private := s.writeTo(t, s.admin, s.agent, "hello").Want(t, http.StatusCreated).String(t, "chat_id")
	s.admin.Patch(t, s.at.Path("/staff-chats/%s", private), apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.agent.Do(t, http.MethodDelete, s.at.Path("/staff-chats/%s/members/%s", private, s.agent.UserID), nil).
		WantProblem(t, http.StatusConflict, "wrong_state", "")
}

// A group whose administrators are gone is taken over by a manager who is in it.
func TestAGroupIsNotLeftWithoutAnAdministrator(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	second := s.NewUser(t, s.admin, s.at, "manager")
	chat := s.group(t, "Night shift", s.agent, second)
	path := s.at.Path("/staff-chats/%s", chat)
	second.Patch(t, path, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.admin.Patch(t, s.at.Path("/users/%s", s.manager.UserID), apitest.Body{"status": "disabled"}).Want(t, http.StatusOK)
	second.Patch(t, path, apitest.Body{"name": "Mine"}).Want(t, http.StatusOK)
	second.Do(t, http.MethodPut, path+"/members/"+second.UserID.String(), apitest.Body{"chat_role": "admin", "read_only": false}).Want(t, http.StatusOK)
}

// Covers: IMS-01
func TestAMessageToColleaguesIsEditedAndDeleted(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	body := apitest.Body{"body": "wrong", "client_message_id": "draft-1"}
	write := s.at.Path("/staff/%s/messages", s.manager.UserID)
	m := s.agent.Post(t, write, body).Want(t, http.StatusCreated)
	chat, id := m.String(t, "chat_id"), m.String(t, "id")
	path := s.at.Path("/staff-chats/%s/messages/%s", chat, id)
	// The same again is the same message; the name is the sender's own.
	if again := s.agent.Post(t, write, body).Want(t, http.StatusCreated); again.String(t, "id") != id {
		t.Errorf("it was sent twice: %s", again.Content)
	}
	s.agent.Post(t, write, apitest.Body{"body": "other", "client_message_id": "draft-1"}).
		WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")
	s.agent.Post(t, s.at.Path("/staff/%s/messages", s.user.UserID), body).WantProblem(t, http.StatusConflict, "client_message_id_reused", "")
	s.manager.Post(t, s.at.Path("/staff/%s/messages", s.agent.UserID), body).Want(t, http.StatusCreated)

	s.manager.Patch(t, path, apitest.Body{"body": "mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.manager.Do(t, http.MethodDelete, path, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.user.Patch(t, path, apitest.Body{"body": "mine"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.Clock.Advance(time.Minute)
	edited := s.agent.Patch(t, path, apitest.Body{"body": "right"}).Want(t, http.StatusOK)
	if edited.String(t, "body") != "right" || edited.Value(t, "edited_at") == nil {
		t.Errorf("edited: %s", edited.Content)
	}
	s.agent.Patch(t, path, apitest.Body{"body": "x"}, apitest.Header{"If-Match": m.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.agent.Patch(t, path, apitest.Body{"body": " "}).WantProblem(t, unprocessable, "empty_message", "body.body")
	s.agent.Do(t, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	s.agent.Do(t, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	s.agent.Patch(t, path, apitest.Body{"body": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	gone := s.manager.Get(t, s.at.Path("/staff-chats/%s/messages?order=asc", chat)).Want(t, http.StatusOK)
	if gone.String(t, "items.0.body") != "" || gone.Value(t, "items.0.deleted_at") == nil || len(gone.Items(t)) != 2 {
		t.Errorf("deleted: %s", gone.Content)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM staff_messages WHERE body IN ('wrong', 'right') AND id = $1", id)
}

// Covers: IMS-01
func TestPicturesForColleaguesAreTheirs(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	upload := func(c *apitest.Client) string {
		return c.Upload(t, s.at.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
	}
	picture := upload(s.agent)
	write := s.at.Path("/staff/%s/messages", s.user.UserID)
	// Nobody sends what somebody else has uploaded.
	s.manager.Post(t, write, apitest.Body{"attachment_ids": []string{picture}}).WantProblem(t, unprocessable, "not_found", "body.attachment_ids[0]")
	m := s.agent.Post(t, write, apitest.Body{"attachment_ids": []string{picture}}).Want(t, http.StatusCreated)
	chat := m.String(t, "chat_id")
	seen := s.user.Get(t, s.at.Path("/staff-chats/%s/messages", chat)).Want(t, http.StatusOK)
	if got := s.Anonymous().Get(t, strings.TrimPrefix(seen.String(t, "items.0.attachments.0.url"), s.URL)).Want(t, http.StatusOK); len(got.Content) == 0 {
		t.Error("the picture is empty")
	}
	s.agent.Post(t, write, apitest.Body{"attachment_ids": []string{picture}}).WantProblem(t, unprocessable, "validation_failed", "body.attachment_ids[0]")
	// It is no part of a conversation with a customer, for whoever sees them all.
	for _, c := range []*apitest.Client{s.manager, s.admin} {
		c.Get(t, s.at.Path("/attachments/%s", picture)).WantProblem(t, http.StatusNotFound, "not_found", "")
	}
	s.agent.Do(t, http.MethodDelete, s.at.Path("/staff-chats/%s/messages/%s", chat, m.String(t, "id")), nil).Want(t, http.StatusNoContent)
	if r := s.user.Get(t, s.at.Path("/staff-chats/%s/messages", chat)).Want(t, http.StatusOK); strings.Contains(string(r.Content), picture) {
		t.Errorf("the picture is still there: %s", r.Content)
	}
}

// What happened in a chat is told to who is in it, without a word of what was
// said, and is nobody's entry in the audit log.
func TestEventsOfChatsNameTheirAudience(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	s.writeTo(t, s.agent, s.user, "a secret word").Want(t, http.StatusCreated)
	audience := s.Text(t, "SELECT data->>'user_ids' FROM events WHERE type = 'staff_message.created'")
	if !strings.Contains(audience, s.agent.UserID.String()) || !strings.Contains(audience, s.user.UserID.String()) || strings.Count(audience, ",") != 1 {
		t.Errorf("the event is for %s", audience)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE data::text LIKE '%secret%'")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM audit_entries WHERE object_kind LIKE 'staff%'")
	// Groups are administered, which is written down.
	chat := s.group(t, "Night shift", s.agent)
	s.post(t, s.agent, chat, "another secret").Want(t, http.StatusCreated)
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM audit_entries WHERE object_kind LIKE 'staff%'")
	s.manager.Do(t, http.MethodDelete, s.at.Path("/staff-chats/%s/members/%s", chat, s.agent.UserID), nil).Want(t, http.StatusNoContent)
	last := s.Text(t, "SELECT data->>'user_ids' FROM events WHERE type = 'staff_group.member_removed'")
	if !strings.Contains(last, s.agent.UserID.String()) {
		t.Errorf("who was taken out is not told: %s", last)
	}
}

// Twenty write at once: the places have no gaps, and two first messages of two
// people make one chat.
func TestManyWriteAtOnce(t *testing.T) {
	t.Parallel()
	s := newStaff(t)
	var wait sync.WaitGroup
	for i := range 20 {
		from, to := s.agent, s.user
		if i%2 == 0 {
			from, to = to, from
		}
		wait.Go(func() {
			r, err := from.Try(http.MethodPost, s.at.Path("/staff/%s/messages", to.UserID), apitest.Body{"body": fmt.Sprint(i)})
			if err != nil || r.Status != http.StatusCreated {
				t.Errorf("%d: %v %v", i, r, err)
			}
		})
	}
	wait.Wait()
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM staff_chats")
	wantCount(t, s.Platform, 20, "SELECT count(DISTINCT seq) FROM staff_messages WHERE seq BETWEEN 1 AND 20")
	s.wantUnread(t, s.agent, 10, 1)
}

// staffChatOf is the caller's own chat with somebody of the node, with a message
// that he has written.
func staffChatOf(t *testing.T, _ *world, c *caller, n *node) map[string]string {
	t.Helper()
	m := c.Post(t, n.Path("/staff/%s/messages", n.user), apitest.Body{"body": "hello"}).Want(t, http.StatusCreated)
	return map[string]string{"chat_id": m.String(t, "chat_id"), "staff_message_id": m.String(t, "id"), "user_id": n.user}
}

func staffGroupOf(t *testing.T, _ *world, c *caller, n *node) map[string]string {
	t.Helper()
	g := c.Post(t, n.Path("/staff-chats"), apitest.Body{"name": "Night shift", "user_ids": []string{}}).Want(t, http.StatusCreated)
	return map[string]string{"chat_id": g.String(t, "id"), "user_id": n.user}
}

// memberOf is the caller himself, in a group of the boss's.
func memberOf(t *testing.T, _ *world, c *caller, n *node) map[string]string {
	t.Helper()
	g := n.boss.Post(t, n.Path("/staff-chats"), apitest.Body{"name": "Night shift", "user_ids": []uuid.UUID{c.UserID}}).Want(t, http.StatusCreated)
	return map[string]string{"chat_id": g.String(t, "id"), "user_id": c.UserID.String()}
}

// staffGroup is a group of the node's boss and user with a message of the boss's.
func (w *world) staffGroup(t *testing.T, n *node) (chat, message string) {
	t.Helper()
	chat = n.boss.Post(t, n.Path("/staff-chats"), apitest.Body{"name": "Night shift", "user_ids": []string{n.user}}).Want(t, http.StatusCreated).String(t, "id")
	message = n.boss.Post(t, n.Path("/staff-chats/%s/messages", chat), apitest.Body{"body": "hello"}).Want(t, http.StatusCreated).String(t, "id")
	return chat, message
}
