package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// A number that moves on takes nothing of its former holder along.
//
// Covers: CHN-02 CHN-03 CHN-05 CHN-07
func TestANumberMovesOnAndLeavesItsPastBehind(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	next := s.NewTenant(t, s.tree.L2.Admin, s.tree.L2.ID, "customer")

	// A past: an answered conversation whose receipt is still to come, an
	// opt-out, and a message whose callback got lost.
	s.script(t, number(1), sim.Script{Behaviour: sim.Silent, Callbacks: &sim.Callbacks{Order: []string{}}})
	s.Receive(t, s.line, sim.Inbound{Body: "secret of the former holder"})
	s.Receive(t, s.line, sim.Inbound{Body: "STOP", From: number(5)})
	late := s.send(t, number(1), "late receipt")
	s.Work(t)
	s.wantMessage(t, late, "accepted", "")

	path := "/numbers/" + s.numberID
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("%s/reclaim", path), nil).WantProblem(t, http.StatusConflict, "interactions_open", "")
	open := s.manager.Get(t, s.at.Path("/interactions")).Want(t, http.StatusOK)
	for _, id := range texts(t, open, "id") {
		s.manager.Post(t, s.at.Path("/interactions/%s/close", id), apitest.Body{}).Want(t, http.StatusOK)
	}
	s.Inject(t, s.line, sim.Inbound{Body: "lost before the move", NoCallback: true, From: number(2)})
	s.Inject(t, s.line, sim.Inbound{Body: "acknowledged before the move", From: number(3)})
	s.Clock.Advance(2 * time.Second)
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("%s/reclaim", path), nil).Want(t, http.StatusOK)
	s.Clock.Advance(2 * time.Second)
	s.tree.L2.Admin.Post(t, s.tree.L2.Path("%s/assign", path), apitest.Body{"tenant_id": next.ID}).Want(t, http.StatusOK)

	fresh := next.Admin.Get(t, next.Path("/channels")).Want(t, http.StatusOK)
	if len(fresh.Items(t)) != 1 || fresh.String(t, "items.0.address") != s.line.Address || fresh.ID(t, "items.0.id") == s.line.ChannelID {
		t.Fatalf("the new holder's channels are %s", fresh.Content)
	}
	if n := len(s.admin.Get(t, s.at.Path("/channels")).Items(t)); n != 0 {
		t.Errorf("the former holder has %d channels", n)
	}
	if got := s.admin.Get(t, s.at.Path("/channels/%s", s.line.ChannelID)).String(t, "status"); got != "released" {
		t.Errorf("the former holder's channel is %s", got)
	}

	s.Work(t)
	s.Receive(t, s.line, sim.Inbound{Body: "for the new holder"})
	s.Inject(t, s.line, sim.Inbound{Body: "lost after the move", NoCallback: true})
	for range 5 {
		s.Advance(t, 5*time.Minute) // the sweeper looks at the number's list
	}
	inbox := next.Manager.Get(t, next.Path("/interactions?view=all")).Want(t, http.StatusOK)
	if len(inbox.Items(t)) != 1 {
		t.Fatalf("the new holder's inbox is %s", inbox.Content)
	}
	got := texts(t, next.Manager.Get(t, next.Path("/interactions/%s/messages?order=asc", inbox.String(t, "items.0.id"))), "body")
	if !slices.Equal(got, []string{"for the new holder", "lost after the move"}) {
		t.Errorf("the new holder has %q", got)
	}
	if r := next.Admin.Get(t, next.Path("/opt-outs?view=all")); len(r.Items(t)) != 0 {
		t.Errorf("the new holder sees opt-outs: %s", r.Content)
	}
	if r := next.Manager.Get(t, next.Path("/contacts")); len(r.Items(t)) != 1 {
		t.Errorf("the new holder's contacts are %s", r.Content)
	}

	// What was acknowledged before is the former holder's, and only that.
	old := texts(t, s.manager.Get(t, s.at.Path("/interactions?view=all&limit=200")), "preview")
	slices.Sort(old)
	want := []string{"STOP", "acknowledged before the move", "late receipt", "secret of the former holder"}
	if !slices.Equal(old, want) {
		t.Errorf("the former holder has %q, want %q", old, want)
	}

	// A receipt that comes now belongs to who sent the message.
	entry := s.accepted(number(1))[0]
	s.Report(t, s.line, entry.ProviderID, late, "delivered").Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, late, "delivered", "")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM message_status_events WHERE tenant_id = $1", next.ID)

	// The former holder can no longer send; the new one can.
	s.admin.Post(t, s.at.Path("/messages"), apitest.Body{"channel_id": s.line.ChannelID, "to": number(4), "body": "x"}).
		WantProblem(t, http.StatusConflict, "channel_inactive", "")
	next.Admin.Post(t, next.Path("/messages"), apitest.Body{"channel_id": fresh.String(t, "items.0.id"), "to": number(4), "body": "x"}).
		Want(t, http.StatusCreated)
	s.Work(t)
	if e := s.accepted(number(4)); len(e) != 1 || e[0].From != s.line.Address {
		t.Errorf("the carrier has %+v", e)
	}
}

// What waits to be sent is not sent by another's number (rules D1-6).
func TestAMessageThatWaitsDoesNotOutliveTheHolding(t *testing.T) {
	t.Parallel()
	s := sceneWith(t, provider.Scopserv)
	waiting := s.send(t, number(1), "too late")
	s.manager.Post(t, s.at.Path("/interactions/%s/close", s.conversation(t, number(1))), apitest.Body{}).Want(t, http.StatusOK)
	s.tree.L1.Admin.Post(t, s.tree.L1.Path("/numbers/%s/reclaim", s.numberID), nil).Want(t, http.StatusOK)
	s.Work(t)
	s.wantMessage(t, waiting, "failed", "channel_not_owned")
	if n := s.attempts(number(1)); n != 0 {
		t.Errorf("the carrier was asked %d times", n)
	}
}

// Covers: CHN-14
func TestAnExternalChannelCannotBeDistributed(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	operator := p.Operator(t)
	at := apitest.Tenant{ID: p.OperatorTenant()}
	for _, name := range []string{"twilio", "clickatell", "sandbox"} {
		operator.Post(t, at.Path("/numbers"), apitest.Body{
			"address": apitest.NewAddress(), "provider": name, "credentials": apitest.Body{"account_sid": "AC" + strings.Repeat("0", 32)},
		}).WantProblem(t, http.StatusConflict, "channel_not_distributable", "body.provider")
	}
}

// Covers: CHN-21
func TestOnlyAnAdministratorOpensANewChannel(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	for _, c := range []*apitest.Client{s.manager, s.at.Agent, s.at.User} {
		c.Post(t, s.at.Path("/channels"), sandboxChannel()).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}
	s.admin.Post(t, s.at.Path("/channels"), sandboxChannel()).Want(t, http.StatusCreated)
}
