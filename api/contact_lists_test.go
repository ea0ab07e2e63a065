package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// contactList makes a list with nobody on it.
func (s *scene) contactList(t *testing.T, name string) string {
	t.Helper()
	return s.admin.Post(t, s.at.Path("/contact-lists"), apitest.Body{"name": name}).Want(t, http.StatusCreated).String(t, "id")
}

// adds sets the list of a channel.
func (s *scene) adds(t *testing.T, channel uuid.UUID, list any) *apitest.Response {
	t.Helper()
	return s.admin.Patch(t, s.at.Path("/channels/%s", channel), apitest.Body{"contact_list_id": list})
}

// firstAddresses are where the contacts of a list can be reached.
func firstAddresses(t *testing.T, r *apitest.Response) (out []string) {
	t.Helper()
	for i := range r.Items(t) {
		out = append(out, r.String(t, fmt.Sprintf("items.%d.addresses.0", i)))
	}
	return out
}

// wantOn checks who is on a list, oldest first.
func (s *scene) wantOn(t *testing.T, list string, addresses ...string) {
	t.Helper()
	r := s.at.Agent.Get(t, s.at.Path("/contacts?list_id=%s", list)).Want(t, http.StatusOK)
	if got := firstAddresses(t, r); !slices.Equal(got, addresses) {
		t.Errorf("on the list are %q, want %q", got, addresses)
	}
}

// Covers: CHN-20
func TestUnknownSendersComeOnTheListOfTheirChannel(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	second := s.TwilioLine(t, s.at)
	web, shop := s.contactList(t, "Web"), s.contactList(t, "Shop")
	if r := s.admin.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)).Want(t, http.StatusOK); r.Value(t, "contact_list_id") != nil {
		t.Errorf("at first the channel is %s", r.Content)
	}
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "before there was a list"})
	s.adds(t, s.line.ChannelID, web).Want(t, http.StatusOK)
	s.adds(t, second.ChannelID, shop).Want(t, http.StatusOK)
	if got := s.at.Agent.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)).String(t, "contact_list_id"); got != web {
		t.Errorf("the channel's list is %s, want %s", got, web)
	}

	// Whom the tenant knows stays where he is, also who was only written to.
	s.send(t, number(2), "hello")
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "again"})
	s.Receive(t, s.line, sim.Inbound{From: number(2), Body: "hello to you"})
	s.wantOn(t, web)
	s.Receive(t, s.line, sim.Inbound{From: number(3), Body: "who are you"})
	s.Receive(t, second, sim.Inbound{From: number(4), Body: "anybody there"})
	s.Receive(t, s.line, sim.Inbound{From: number(4), Body: "and here"})
	s.Receive(t, second, sim.Inbound{From: number(3), Body: "and there"})
	s.Receive(t, s.line, sim.Inbound{From: number(5), Body: "me too", Copies: 3})
	s.wantOn(t, web, number(3), number(5))
	s.wantOn(t, shop, number(4))
	wantCount(t, s.Platform, 3, "SELECT count(*) FROM events WHERE type = 'contact.added_to_list'")
	first := s.admin.Get(t, s.at.Path("/contacts?limit=1&list_id=%s", web)).Want(t, http.StatusOK)
	rest := s.admin.Get(t, s.at.Path("/contacts?limit=1&list_id=%s&cursor=%s", web, first.String(t, "next_cursor"))).Want(t, http.StatusOK)
	if got := firstAddresses(t, rest); !slices.Equal(got, []string{number(5)}) {
		t.Errorf("on the second page are %q", got)
	}

	// Null takes the channel to no list; what else is changed leaves it.
	s.admin.Patch(t, s.at.Path("/channels/%s", second.ChannelID), apitest.Body{"name": "Renamed"}).Want(t, http.StatusOK)
	s.adds(t, s.line.ChannelID, nil).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(6), Body: "to no list"})
	s.Receive(t, second, sim.Inbound{From: number(7), Body: "to the shop"})
	s.wantOn(t, web, number(3), number(5))
	s.wantOn(t, shop, number(4), number(7))
}

// Covers: CHN-20
func TestWhichListAChannelCanHave(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	other := s.tree.Other
	theirs := other.Admin.Post(t, other.Path("/contact-lists"), apitest.Body{"name": "Web"}).Want(t, http.StatusCreated).ID(t, "id")
	gone, web := s.contactList(t, "Gone"), s.contactList(t, "Web")
	s.admin.Post(t, s.at.Path("/contact-lists/%s/archive", gone), nil).Want(t, http.StatusOK)
	for _, list := range []any{theirs, gone, uuid.New(), uuid.Nil, s.line.ChannelID} {
		s.adds(t, s.line.ChannelID, list).WantProblem(t, unprocessable, "not_found", "body.contact_list_id")
		body := sandboxChannel()
		body["contact_list_id"] = list
		s.admin.Post(t, s.at.Path("/channels"), body).WantProblem(t, unprocessable, "not_found", "body.contact_list_id")
	}
	body := sandboxChannel()
	body["contact_list_id"] = web
	made := s.admin.Post(t, s.at.Path("/channels"), body).Want(t, http.StatusCreated)
	if made.String(t, "contact_list_id") != web {
		t.Errorf("the new channel is %s", made.Content)
	}
	// A reseller above configures channels, and sees nobody's lists.
	above := s.tree.L2.Admin
	above.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"contact_list_id": web}).Want(t, http.StatusOK)
	above.Get(t, s.at.Path("/contact-lists/%s", web)).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

func TestContactLists(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	lists := s.at.Path("/contact-lists")
	web := s.contactList(t, "Web")
	s.admin.Post(t, lists, apitest.Body{"name": " wEB "}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	s.admin.Post(t, lists, apitest.Body{"name": "  "}).Want(t, unprocessable)
	path := s.at.Path("/contact-lists/%s", s.contactList(t, "Shop"))
	s.admin.Patch(t, path, apitest.Body{"name": "WEB"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	etag := s.admin.Patch(t, path, apitest.Body{"name": "Store"}).Want(t, http.StatusOK).Header.Get("ETag")
	s.admin.Patch(t, path, apitest.Body{"name": "Stores"}, apitest.Header{"If-Match": `"1"`}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Patch(t, path, apitest.Body{}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK)
	if got := texts(t, s.at.User.Get(t, lists), "name"); !slices.Equal(got, []string{"Web", "Store"}) {
		t.Errorf("the lists are %q", got)
	}

	// In use it cannot go; then its name is free, and who is on it stays.
	s.adds(t, s.line.ChannelID, web).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(1), Body: "hello"})
	archive := s.at.Path("/contact-lists/%s/archive", web)
	s.admin.Post(t, archive, nil).WantProblem(t, http.StatusConflict, "conflict", "")
	s.adds(t, s.line.ChannelID, nil).Want(t, http.StatusOK)
	if r := s.admin.Post(t, archive, nil).Want(t, http.StatusOK); r.Value(t, "archived_at") == nil {
		t.Errorf("archived: %s", r.Content)
	}
	s.admin.Post(t, archive, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Patch(t, s.at.Path("/contact-lists/%s", web), apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.contactList(t, "web")
	if got := texts(t, s.manager.Get(t, s.at.Path("/contact-lists?view=archived")), "name"); !slices.Equal(got, []string{"Web"}) {
		t.Errorf("archived are %q", got)
	}
	s.wantOn(t, web, number(1))
	s.manager.Post(t, lists, apitest.Body{"name": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// Covers: CHN-20
func TestAMovedNumberLeavesItsContactListBehind(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	next := s.NewTenant(t, s.tree.L2.Admin, s.tree.L2.ID, "customer")
	web := s.contactList(t, "Web")
	s.adds(t, s.line.ChannelID, web).Want(t, http.StatusOK)
	s.Inject(t, s.line, sim.Inbound{From: number(1), Body: "acknowledged before the move"})
	path := "/numbers/" + s.numberID
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("%s/reclaim", path), nil).Want(t, http.StatusOK)
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("%s/assign", path), apitest.Body{"tenant_id": next.ID}).Want(t, http.StatusOK)
	if r := next.Admin.Get(t, next.Path("/channels")).Want(t, http.StatusOK); r.Value(t, "items.0.contact_list_id") != nil {
		t.Errorf("the new holder's channel is %s", r.Content)
	}
	s.Receive(t, s.line, sim.Inbound{From: number(2), Body: "for the new holder"})
	if r := next.Manager.Get(t, next.Path("/contacts")); len(r.Items(t)) != 1 {
		t.Errorf("the new holder's contacts are %s", r.Content)
	}
	s.wantOn(t, web, number(1))
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM contact_list_members")
	// The channel that was released does not keep the list in use.
	s.admin.Post(t, s.at.Path("/contact-lists/%s/archive", web), nil).Want(t, http.StatusOK)
}
