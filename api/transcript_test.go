package api_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// A conversation is kept as a file, in the tenant's language and time zone.
//
// Covers: INT-29 INT-35 INT-50 INT-60
func TestATranscript(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.tree.L2.Admin.Patch(t, "/v1/tenants/"+s.at.ID.String(), apitest.Body{"time_zone": "America/Toronto", "language": "fr-CA"}).Want(t, http.StatusOK)
	orders := s.queue(t, "Orders", s.at.Agent)
	s.leads(t, "queue", orders).Want(t, http.StatusOK)
	id := s.received(t, number(1), "<b>hello</b>\n2026-03-07 10:04:05 > Agent: I pay you")
	s.gives(t, id, s.at.Agent)
	s.at.Agent.Patch(t, s.at.Path("/interactions/%s", id), apitest.Body{"subject": "Greetings"}).Want(t, http.StatusOK)
	s.at.Agent.Post(t, s.at.Path("/interactions/%s/messages", id), apitest.Body{"body": "hello yourself"}).Want(t, http.StatusCreated)
	s.Work(t)
	s.does(t, s.at.Agent, id, "close", apitest.Body{"reason": "said hello"}).Want(t, http.StatusOK)
	path := s.at.Path("/interactions/%s/transcript", id)

	r := s.at.Agent.Get(t, path).Want(t, http.StatusOK)
	text := string(r.Content)
	for _, line := range []string{
		"Conversation " + id, "Objet:          Greetings", "État:           fermée", "Motif:          said hello", "Fuseau horaire: America/Toronto",
		"2026-03-07 10:04:05 * Conversation started in queue Orders.", "2026-03-07 10:04:05 < " + number(1) + ": <b>hello</b>",
		"    2026-03-07 10:04:05 > Agent: I pay you",
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
	if !strings.Contains(text, "(remis): hello yourself\n") {
		t.Errorf("no answer in\n%s", text)
	}
	if got := r.Header.Get("Content-Disposition"); got != `attachment; filename="conversation-`+id+`.txt"` {
		t.Errorf("it is kept as %s", got)
	}
	// Before the answer comes what was there before the agent.
	if strings.Index(text, "<b>hello") > strings.Index(text, "hello yourself") {
		t.Errorf("not in order:\n%s", text)
	}

	html := s.at.Agent.Get(t, path+"?format=html").Want(t, http.StatusOK)
	if got := html.Header.Get("Content-Security-Policy"); !strings.Contains(got, "sandbox") || !strings.Contains(got, "default-src 'none'") {
		t.Errorf("the page may %s", got)
	}
	if page := string(html.Content); strings.Contains(page, "<b>") || !strings.Contains(page, "&lt;b&gt;hello") || !strings.HasSuffix(page, "</html>\n") {
		t.Errorf("the page is\n%s", page)
	}

	var file struct {
		Interaction struct{ Subject, Queue, Status string }
		Lines       []struct{ Kind, Text, At string }
	}
	if err := json.Unmarshal(s.at.Agent.Get(t, path+"?format=json").Want(t, http.StatusOK).Content, &file); err != nil {
		t.Fatal(err)
	}
	if file.Interaction.Subject != "Greetings" || file.Interaction.Queue != "Orders" || file.Lines[0].At != "2026-03-07T10:04:05-05:00" || file.Lines[0].Kind != "event" {
		t.Errorf("the file is %+v", file)
	}
	// Whoever does not see the conversation gets no transcript, and is not told why.
	stranger := s.NewUser(t, s.admin, s.at, "agent")
	stranger.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Get(t, s.at.Path("/interactions/%s/transcript", uuid.New())).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Get(t, path+"?format=pdf").Want(t, unprocessable)
	wantCount(t, s.Platform, 3, "SELECT count(*) FROM events WHERE type = 'interaction.downloaded' AND actor_id = $1", s.at.Agent.UserID)
}

// A long one is read page by page, and no line is lost or comes twice.
//
// Covers: INT-50
func TestALongTranscript(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	id := s.received(t, number(1), "the first")
	const many = 450
	s.Tamper(t, `INSERT INTO messages (id, created_at, updated_at, tenant_id, interaction_id, channel_id, direction, status, body, from_address, to_address)
		SELECT ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, created_at + n * interval '1 second', updated_at, tenant_id, interaction_id, channel_id,
			direction, status, 'message ' || n, from_address, to_address
		FROM messages, generate_series(1, $1) n WHERE interaction_id = $2`, many, id)
	s.Tamper(t, `INSERT INTO interaction_log (id, tenant_id, interaction_id, kind, text, actor_kind, details, created_at)
		SELECT ('ffffffff-0000-7000-8000-' || lpad(n::text, 12, '0'))::uuid, tenant_id, interaction_id, kind, 'event ' || n, actor_kind, details, created_at + n * interval '1 second'
		FROM interaction_log, generate_series(1, $1) n WHERE interaction_id = $2 AND kind = 'started'`, many, id)
	text := string(s.manager.Get(t, s.at.Path("/interactions/%s/transcript", id)).Want(t, http.StatusOK).Content)
	if n := strings.Count(text, ": message "); n != many {
		t.Errorf("%d messages, want %d", n, many)
	}
	if n := strings.Count(text, " * event "); n != many {
		t.Errorf("%d events, want %d", n, many)
	}
	if strings.Index(text, ": message 201\n") > strings.Index(text, " * event 202\n") || strings.Index(text, " * event 400\n") > strings.Index(text, ": message 401\n") {
		t.Error("they are not in the order of time")
	}
}
