package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

const submitted = "Disposition submitted successfully"

// Covers: INT-37 DSP-06 DSP-08 DSP-10
func TestCloseAndDispose(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	orders, returns := s.queue(t, "Orders", agent), s.queue(t, "Returns", agent)
	spam, sold, refused := s.disposition(t, "Spam", ""), s.disposition(t, "Sold", orders), s.disposition(t, "Refused", returns)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	begin := func(i int) string {
		t.Helper()
		one := s.written(t, i, "hello")
		s.assign(t, one, agent)
		return s.at.Path("/interactions/%s", one)
	}

	// Left open, closed, or closed and disposed; the lists are those of the queue
	// and of the tenant.
	one := begin(1)
	if r := agent.Get(t, one).Want(t, http.StatusOK); strings.Contains(string(r.Content), "disposition") {
		t.Errorf("while it is open it has come to %s", r.Content)
	}
	agent.Post(t, one+"/close", apitest.Body{"disposition_id": refused}).WantProblem(t, unprocessable, "not_found", "body.disposition_id")
	if got := agent.Get(t, one).String(t, "status"); got == "closed" {
		t.Error("closed in spite of a wrong disposition")
	}
	closed := agent.Post(t, one+"/close", apitest.Body{"disposition_id": sold, "note": "two crates"}).Want(t, http.StatusOK)
	if closed.String(t, "status") != "closed" || closed.String(t, "message") != submitted || closed.String(t, "disposition.name") != "Sold" ||
		closed.String(t, "disposition.note") != "two crates" || closed.String(t, "disposition.color") != "#2e7d32" ||
		closed.String(t, "disposition.actor_id") != agent.UserID.String() {
		t.Errorf("closed and disposed it is %s", closed.Content)
	}
	kinds := texts(t, s.manager.Get(t, one+"/log"), "kind")
	if !slices.Contains(kinds, "disposed") {
		t.Errorf("the log has %q", kinds)
	}
	two := begin(2)
	if r := agent.Post(t, two+"/close", apitest.Body{"disposition_id": spam}).Want(t, http.StatusOK); r.String(t, "disposition.note") != "" {
		t.Errorf("disposed without a note it is %s", r.Content)
	}
	three := begin(3)
	plain := agent.Post(t, three+"/close", apitest.Body{"note": "nothing came of it"}).Want(t, http.StatusOK)
	if strings.Contains(string(plain.Content), "isposition") {
		t.Errorf("closed without a disposition it is %s", plain.Content)
	}
	if got := texts(t, s.manager.Get(t, three+"/notes"), "body"); !slices.Equal(got, []string{"nothing came of it"}) {
		t.Errorf("its notes are %q", got)
	}

	// It is final: neither told anew nor changed by renaming.
	for _, path := range []string{one, two} {
		s.manager.Post(t, path+"/disposition", apitest.Body{"disposition_id": spam}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	}
	s.admin.Patch(t, s.at.Path("/dispositions/%s", sold), apitest.Body{"name": "Bought"}).Want(t, http.StatusOK)
	s.admin.Post(t, s.at.Path("/dispositions/%s/archive", sold), nil).Want(t, http.StatusOK)
	if r := s.manager.Get(t, one).Want(t, http.StatusOK); r.String(t, "disposition.name") != "Sold" {
		t.Errorf("renamed, it came to %s", r.Content)
	}

	// What was closed without one can be disposed once, and an open one cannot.
	r := s.manager.Post(t, three+"/disposition", apitest.Body{"disposition_id": spam, "note": "robot"}).Want(t, http.StatusCreated)
	if r.String(t, "message") != submitted || r.String(t, "disposition.note") != "robot" {
		t.Errorf("disposed later: %s", r.Content)
	}
	four := begin(4)
	agent.Post(t, four+"/disposition", apitest.Body{"disposition_id": spam}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	agent.Post(t, four+"/close", apitest.Body{"disposition_id": sold}).WantProblem(t, unprocessable, "not_found", "body.disposition_id")

	// A queue can ask for one.
	s.admin.Patch(t, s.at.Path("/queues/%s", orders), apitest.Body{"disposition_required": true}).Want(t, http.StatusOK)
	agent.Post(t, four+"/close", apitest.Body{}).WantProblem(t, unprocessable, "disposition_required", "body.disposition_id")
	agent.Post(t, four+"/close", apitest.Body{"disposition_id": spam}).Want(t, http.StatusOK)

	// The customer ends what he likes; and what is opened again comes to something
	// anew.
	five := begin(5)
	s.manager.Post(t, five+"/close", apitest.Body{"on_behalf_of": "customer"}).Want(t, http.StatusOK)
	s.admin.Patch(t, s.at.Path("/channels/%s", s.line.ChannelID), apitest.Body{"reopen_within_hours": 24}).Want(t, http.StatusOK)
	s.Receive(t, s.line, sim.Inbound{From: number(4), Body: "one thing more"})
	if r := s.manager.Get(t, four).Want(t, http.StatusOK); r.Value(t, "reopened_at") == nil || r.Value(t, "disposition") != nil {
		t.Errorf("opened again it is %s", r.Content)
	}
	agent.Post(t, four+"/close", apitest.Body{}).WantProblem(t, unprocessable, "disposition_required", "body.disposition_id")
	again := s.disposition(t, "Answered", orders)
	if r := agent.Post(t, four+"/close", apitest.Body{"disposition_id": again}).Want(t, http.StatusOK); r.String(t, "disposition.name") != "Answered" {
		t.Errorf("closed again it is %s", r.Content)
	}
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM interaction_dispositions d WHERE note = '' AND name IN ('Spam', 'Answered') AND interaction_id = $1", four[len(four)-36:])
}
