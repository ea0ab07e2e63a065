package api_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

func (s *scene) addNote(t *testing.T, c *apitest.Client, interaction string, body apitest.Body) *apitest.Response {
	t.Helper()
	return c.Post(t, s.at.Path("/interactions/%s/notes", interaction), body)
}

// wantNotes checks the notes of an interaction that somebody reads, oldest first.
func (s *scene) wantNotes(t *testing.T, what string, c *apitest.Client, interaction string, want ...string) {
	t.Helper()
	if got := texts(t, c.Get(t, s.at.Path("/interactions/%s/notes?order=asc", interaction)), "body"); !slices.Equal(got, want) {
		t.Errorf("%s reads %q, want %q", what, got, want)
	}
}

// A note is for colleagues: nothing of it leaves, and it is no message.
//
// Covers: INT-53 INT-42
func TestANoteNeverReachesTheCustomer(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	one := s.written(t, 1, "hello")
	s.assign(t, one, agent)
	path := s.at.Path("/interactions/%s", one)
	before := agent.Get(t, path).Want(t, http.StatusOK)
	upload := func() string {
		return agent.Upload(t, s.at.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
	}
	picture := upload()
	s.Clock.Advance(time.Minute)
	note := s.addNote(t, agent, one, apitest.Body{"body": "confidential: pays late", "attachment_ids": []string{picture}}).Want(t, http.StatusCreated)
	if got := note.String(t, "attachments.0.id"); got != picture || note.String(t, "author_id") != agent.UserID.String() || note.String(t, "author_name") == "" {
		t.Errorf("the note is %s", note.Content)
	}
	after := agent.Get(t, path).Want(t, http.StatusOK)
	if string(after.Content) != string(before.Content) {
		t.Errorf("a note changed the interaction from %s to %s", before.Content, after.Content)
	}
	if got := s.bodies(t, one); !slices.Equal(got, []string{"hello"}) {
		t.Errorf("the messages are %q", got)
	}
	// The picture is the note's, and no message can carry it away.
	agent.Get(t, s.at.Path("/attachments/%s", picture)).Want(t, http.StatusOK)
	agent.Post(t, path+"/messages", apitest.Body{"body": "x", "attachment_ids": []string{picture}}).
		WantProblem(t, unprocessable, "validation_failed", "body.attachment_ids[0]")
	agent.Post(t, path+"/messages", apitest.Body{"body": "answer", "attachment_ids": []string{upload()}}).Want(t, http.StatusCreated)
	s.Work(t)
	// The answer is all that was ever handed to a carrier.
	sent := s.Sim.Ledger(sim.Filter{})
	if attempts := s.Sim.Attempts(sim.Filter{}); len(attempts) != 1 || len(sent) != 1 || sent[0].Body != "answer" || len(sent[0].MediaURLs) != 1 {
		t.Fatalf("the carrier has %+v of %+v", sent, attempts)
	}
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM messages WHERE body LIKE '%confidential%'")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM events WHERE data::text LIKE '%confidential%'")

	s.addNote(t, agent, one, apitest.Body{"body": "  "}).WantProblem(t, unprocessable, "empty_message", "body.body")
	s.addNote(t, agent, one, apitest.Body{"body": "x", "attachment_ids": []string{picture}}).
		WantProblem(t, unprocessable, "validation_failed", "body.attachment_ids[0]")
	agent.Post(t, path+"/close", apitest.Body{}).Want(t, http.StatusOK)
	s.addNote(t, s.manager, one, apitest.Body{"body": "handled well"}).Want(t, http.StatusCreated)
	s.wantNotes(t, "the manager", s.manager, one, "confidential: pays late", "handled well")
	s.addNote(t, s.at.User, one, apitest.Body{"body": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
}

// Covers: INT-54
func TestSecretNotesAreForSupervisorsAndTheAgent(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent, colleague := s.at.Agent, s.NewUser(t, s.admin, s.at, "agent")
	s.leads(t, "queue", s.queue(t, "Orders", agent, colleague)).Want(t, http.StatusOK)
	one := s.written(t, 1, "hello")
	secret := apitest.Body{"body": "be careful", "secret": true}
	s.addNote(t, agent, one, secret).WantProblem(t, http.StatusForbidden, "forbidden", "")
	picture := s.manager.Upload(t, s.at.Path("/attachments"), "a.png", drawing(t, "png")).Want(t, http.StatusCreated).String(t, "id")
	secret["attachment_ids"] = []string{picture}
	id := s.addNote(t, s.manager, one, secret).Want(t, http.StatusCreated).String(t, "id")
	s.addNote(t, agent, one, apitest.Body{"body": "who is that"}).Want(t, http.StatusCreated)

	note, shown := s.at.Path("/notes/%s", id), s.at.Path("/attachments/%s", picture)
	s.wantNotes(t, "an agent of the queue", agent, one, "who is that")
	s.wantNotes(t, "the administrator", s.admin, one, "be careful", "who is that")
	for _, path := range []string{note, shown} {
		agent.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
		s.admin.Get(t, path).Want(t, http.StatusOK)
	}
	// A transcript has notes for who asks for them, and no others than he reads.
	for _, format := range []string{"text", "json", "html"} {
		for what, of := range map[string]struct {
			by             *apitest.Client
			notes          string
			secret, common bool
		}{
			"without notes": {s.manager, "false", false, false},
			"the manager's": {s.manager, "true", true, true},
			"the agent's":   {agent, "true", false, true},
		} {
			r := of.by.Get(t, s.at.Path("/interactions/%s/transcript?format=%s&notes=%s", one, format, of.notes)).Want(t, http.StatusOK)
			text := string(r.Content)
			if strings.Contains(text, "be careful") != of.secret || strings.Contains(text, "who is that") != of.common {
				t.Errorf("%s transcript is\n%s", what, text)
			}
		}
	}
	s.assign(t, one, agent)
	s.wantNotes(t, "the agent who has it", agent, one, "be careful", "who is that")
	for _, path := range []string{note, shown} {
		agent.Get(t, path).Want(t, http.StatusOK)
	}
	agent.Patch(t, note, apitest.Body{"body": "mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.assign(t, one, colleague)
	agent.Get(t, note).WantProblem(t, http.StatusNotFound, "not_found", "")
	agent.Patch(t, note, apitest.Body{"body": "mine"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.wantNotes(t, "the colleague who has it now", colleague, one, "be careful", "who is that")

	// Who could not read it is not mentioned in it.
	secret = apitest.Body{"body": "look at this", "secret": true, "mentioned_user_ids": []uuid.UUID{colleague.UserID, s.admin.UserID}}
	s.addNote(t, s.manager, one, secret).Want(t, http.StatusCreated)
	secret["mentioned_user_ids"] = []uuid.UUID{s.admin.UserID, agent.UserID}
	s.addNote(t, s.manager, one, secret).WantProblem(t, unprocessable, "not_found", "body.mentioned_user_ids[1]")
}

func TestWhoIsMentionedIsTold(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	one := s.written(t, 1, "hello")
	told := func(c *apitest.Client) int {
		t.Helper()
		return s.Count(t, "SELECT count(*) FROM events WHERE type = 'note.mentioned' AND data->>'user_id' = $1 AND data->>'interaction_id' = $2",
			c.UserID.String(), one)
	}
	mention := func(c ...*apitest.Client) apitest.Body {
		ids := []uuid.UUID{}
		for _, who := range c {
			ids = append(ids, who.UserID)
		}
		return apitest.Body{"body": "please look", "mentioned_user_ids": ids}
	}
	note := s.addNote(t, s.manager, one, mention(agent, s.at.User, agent)).Want(t, http.StatusCreated)
	path := s.at.Path("/notes/%s", note.String(t, "id"))
	if told(agent) != 1 || told(s.at.User) != 1 {
		t.Errorf("the agent was told %d times, the user %d times", told(agent), told(s.at.User))
	}
	edited := s.manager.Patch(t, path, mention(agent, s.admin)).Want(t, http.StatusOK)
	if told(agent) != 1 || told(s.admin) != 1 || edited.Value(t, "edited_at") == nil || len(edited.Value(t, "mentioned_user_ids").([]any)) != 2 {
		t.Errorf("edited: the agent was told %d times, the admin %d times: %s", told(agent), told(s.admin), edited.Content)
	}
	stranger := s.tree.Other.Agent
	s.addNote(t, s.manager, one, mention(agent, stranger)).WantProblem(t, unprocessable, "not_found", "body.mentioned_user_ids[1]")
	gone := s.NewUser(t, s.admin, s.at, "agent")
	s.admin.Do(t, http.MethodDelete, s.at.Path("/users/%s", gone.UserID), nil).Want(t, http.StatusNoContent)
	s.addNote(t, s.manager, one, mention(gone)).WantProblem(t, unprocessable, "not_found", "body.mentioned_user_ids[0]")
	wantCount(t, s.Platform, 1, "SELECT count(*) FROM internal_notes")
}

func TestAnAuthorChangesHisNoteForADay(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	one := s.written(t, 1, "hello")
	first := s.addNote(t, s.manager, one, apitest.Body{"body": "first"}).Want(t, http.StatusCreated)
	second := s.addNote(t, s.manager, one, apitest.Body{"body": "second"}).Want(t, http.StatusCreated)
	path := s.at.Path("/notes/%s", first.String(t, "id"))
	s.admin.Patch(t, path, apitest.Body{"body": "mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.admin.Do(t, http.MethodDelete, path, nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	s.manager.Patch(t, path, apitest.Body{"body": "1st"}).Want(t, http.StatusOK)
	s.manager.Patch(t, path, apitest.Body{"body": "again"}, apitest.Header{"If-Match": first.Header.Get("ETag")}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.manager.Patch(t, path, apitest.Body{"body": " "}).WantProblem(t, unprocessable, "empty_message", "body.body")
	s.manager.Do(t, http.MethodDelete, path, nil).Want(t, http.StatusNoContent)
	s.manager.Get(t, path).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.manager.Do(t, http.MethodDelete, path, nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.wantNotes(t, "the manager", s.manager, one, "second")
	wantCount(t, s.Platform, 0, "SELECT count(*) FROM internal_notes WHERE body LIKE '%1st%'")

	s.Clock.Advance(24 * time.Hour)
	manager := s.Login(t, s.Text(t, "SELECT login FROM users WHERE id = $1", s.manager.UserID))
	path = s.at.Path("/notes/%s", second.String(t, "id"))
	manager.Patch(t, path, apitest.Body{"body": "late"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	manager.Do(t, http.MethodDelete, path, nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
}
