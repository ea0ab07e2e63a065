package api_test

import (
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
)

// Covers: CHN-19 SMS-12
func TestSenderIDs(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	// The account may send under the name at the carrier, too.
	s.line.Account.Addresses = append(s.line.Account.Addresses, "ACME Shop")
	_ = s.Sim.AddAccount(s.line.Account)
	path := s.at.Path("/sender-ids")
	send := func(sender, to string) *apitest.Response {
		return s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
			"channel_id": s.line.ChannelID, "to": to, "body": "sale", "sender": sender, "client_message_id": "to-" + to[1:],
		})
	}
	send("ACME Shop", number(1)).WantProblem(t, unprocessable, "not_found", "body.sender")
	id := s.admin.Post(t, path, apitest.Body{"name": "ACME Shop"}).Want(t, http.StatusCreated).String(t, "id")
	s.admin.Post(t, path, apitest.Body{"name": "acme shop"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	for _, wrong := range []string{"12345", " ACME", "ACMÉ", "123-456", "<b>"} {
		s.admin.Post(t, path, apitest.Body{"name": wrong}).WantProblem(t, unprocessable, "invalid_address", "body.name")
	}
	s.admin.Post(t, path, apitest.Body{"name": "twelve chars"}).WantProblem(t, unprocessable, "validation_failed", "body.name")
	if got := texts(t, s.at.User.Get(t, path), "name"); !slices.Equal(got, []string{"ACME Shop"}) {
		t.Errorf("the sender ids are %q", got)
	}

	sent := send("ACME Shop", number(1)).Want(t, http.StatusCreated)
	if sent.String(t, "from") != "ACME Shop" {
		t.Errorf("the message is %s", sent.Content)
	}
	// The same again is the same message; under another name it is another one.
	if again := send("ACME Shop", number(1)).Want(t, http.StatusCreated).String(t, "id"); again != sent.String(t, "id") {
		t.Errorf("sent again as %s", again)
	}
	send("", number(1)).Want(t, unprocessable)
	s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
		"channel_id": s.line.ChannelID, "to": number(1), "body": "sale", "client_message_id": "to-" + number(1)[1:],
	}).WantProblem(t, http.StatusConflict, "client_message_id_reused", "body.client_message_id")
	s.Work(t)
	if e := s.accepted(number(1)); len(e) != 1 || e[0].From != "ACME Shop" {
		t.Fatalf("the carrier has %+v", e)
	}
	// Its report comes under the name, and is heard.
	s.Work(t)
	s.wantMessage(t, sent.String(t, "id"), "delivered", "")

	// What failed is sent again under the same name, while the tenant has it.
	s.Tamper(t, "UPDATE messages SET status = 'failed' WHERE id = $1", sent.String(t, "id"))
	resend := s.at.Path("/messages/%s/resend", sent.String(t, "id"))
	if r := s.admin.Post(t, resend, nil).Want(t, http.StatusCreated); r.String(t, "from") != "ACME Shop" {
		t.Errorf("sent again as %s", r.Content)
	}
	remove := s.at.Path("/sender-ids/%s", id)
	for _, c := range []*apitest.Client{s.manager, s.at.Agent, s.at.User} {
		c.Do(t, http.MethodDelete, remove, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	s.tree.Other.Admin.Do(t, http.MethodDelete, s.tree.Other.Path("/sender-ids/%s", id), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.Do(t, http.MethodDelete, remove, nil).Want(t, http.StatusNoContent)
	s.admin.Do(t, http.MethodDelete, remove, nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.Do(t, http.MethodDelete, s.at.Path("/sender-ids/%s", uuid.New()), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	send("ACME Shop", number(2)).WantProblem(t, unprocessable, "not_found", "body.sender")
	s.admin.Post(t, resend, nil).WantProblem(t, unprocessable, "not_found", "body.sender")
}

// A name is shown only by channels that can honestly do it.
//
// Covers: CHN-19
func TestAChannelThatShowsNoNames(t *testing.T) {
	t.Parallel()
	for _, name := range []provider.Name{provider.Clickatell, provider.Scopserv} {
		s := sceneWith(t, name)
		s.admin.Post(t, s.at.Path("/sender-ids"), apitest.Body{"name": "ACME"}).Want(t, http.StatusCreated)
		s.admin.Post(t, s.at.Path("/messages"), apitest.Body{
			"channel_id": s.line.ChannelID, "to": number(1), "body": "x", "sender": "ACME",
		}).WantProblem(t, unprocessable, "channel_not_capable", "body.sender")
	}
}
