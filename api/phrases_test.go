package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
)

// phrase makes one as the administrator and returns its id.
func (s *scene) phrase(t *testing.T, title, content string, with ...apitest.Body) string {
	t.Helper()
	body := apitest.Body{"title": title, "content": content, "language": "en"}
	for _, more := range with {
		for name, value := range more {
			body[name] = value
		}
	}
	return s.admin.Post(t, s.at.Path("/phrases"), body).Want(t, http.StatusCreated).String(t, "id")
}

// found are the titles that somebody's list has.
func (s *scene) found(t *testing.T, c *apitest.Client, query string) []string {
	t.Helper()
	return texts(t, c.Get(t, s.at.Path("/phrases?%s", query)), "title")
}

func (s *scene) departmentWith(t *testing.T, name string, members ...*apitest.Client) string {
	t.Helper()
	id := s.admin.Post(t, s.at.Path("/departments"), apitest.Body{"name": name}).Want(t, http.StatusCreated).String(t, "id")
	for _, m := range members {
		s.admin.Do(t, http.MethodPut, s.at.Path("/departments/%s/members/%s", id, m.UserID), nil).Want(t, http.StatusNoContent)
	}
	return id
}

func wantTexts(t *testing.T, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

// Covers: TPL-01 TPL-03 TPL-04 TPL-06
func TestPhrasesAreMadeChangedAndDeletedByThoseAboveAgents(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	sales, desk := s.departmentWith(t, "Sales"), s.departmentWith(t, "Desk")
	body := apitest.Body{
		"title": " Ouverture ", "content": "Nous sommes ouverts.\r\nÀ bientôt, {{ agent.first_name | nous }}", "language": "fr",
		"scope": "department", "department_ids": []string{sales, desk, sales}, "channel_kinds": []string{"whatsapp", "sms", "sms"},
	}
	made := s.manager.Post(t, s.at.Path("/phrases"), body).Want(t, http.StatusCreated)
	if made.String(t, "title") != "Ouverture" || made.String(t, "content") != "Nous sommes ouverts.\nÀ bientôt, {{ agent.first_name | nous }}" ||
		len(made.Value(t, "department_ids").([]any)) != 2 || made.String(t, "channel_kinds.0") != "sms" || made.String(t, "placeholders.0") != "agent.first_name" {
		t.Errorf("made %s", made.Content)
	}
	id, tag := made.String(t, "id"), made.Header.Get("ETag")
	if got := made.Header.Get("Location"); got != s.at.Path("/phrases/%s", id) {
		t.Errorf("it is at %s", got)
	}
	for _, c := range []*apitest.Client{s.at.Agent, s.at.User} {
		c.Post(t, s.at.Path("/phrases"), body).WantProblem(t, http.StatusForbidden, "forbidden", "")
		c.Patch(t, s.at.Path("/phrases/%s", id), apitest.Body{"title": "Mine"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
		c.Do(t, http.MethodDelete, s.at.Path("/phrases/%s", id), nil).WantProblem(t, http.StatusForbidden, "forbidden", "")
	}

	changed := s.admin.Patch(t, s.at.Path("/phrases/%s", id), apitest.Body{"content": "Fermé.", "scope": "global"}, apitest.Header{"If-Match": tag}).Want(t, http.StatusOK)
	if changed.String(t, "scope") != "global" || len(changed.Value(t, "department_ids").([]any)) != 0 || changed.String(t, "title") != "Ouverture" {
		t.Errorf("changed to %s", changed.Content)
	}
	s.admin.Patch(t, s.at.Path("/phrases/%s", id), apitest.Body{"title": "Late"}, apitest.Header{"If-Match": tag}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	s.admin.Do(t, http.MethodDelete, s.at.Path("/phrases/%s", id), nil, apitest.Header{"If-Match": tag}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	wantTexts(t, "the old text", s.found(t, s.at.Agent, "search=bient"))
	wantTexts(t, "the new text", s.found(t, s.at.Agent, "search=FERME"), "Ouverture")

	s.manager.Do(t, http.MethodDelete, s.at.Path("/phrases/%s", id), nil).Want(t, http.StatusNoContent)
	s.admin.Get(t, s.at.Path("/phrases/%s", id)).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.Do(t, http.MethodDelete, s.at.Path("/phrases/%s", id), nil).WantProblem(t, http.StatusNotFound, "not_found", "")
	wantTexts(t, "after deleting", s.found(t, s.admin, ""))
	audited := s.admin.Get(t, s.at.Path("/audit?object_id=%s", id))
	if got := texts(t, audited, "action"); len(got) != 3 {
		t.Errorf("the audit log has %q", got)
	}
}

// Covers: TPL-07
func TestAPhraseThatNobodyCouldFillIsRefused(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	create := func(change apitest.Body) *apitest.Response {
		t.Helper()
		body := newPhrase("Hours")
		for name, value := range change {
			body[name] = value
		}
		return s.admin.Post(t, s.at.Path("/phrases"), body)
	}
	r := create(apitest.Body{"content": "Dear {{contact.fist_name}}, {{contact.name}} {{agent.nam}}"}).
		WantProblem(t, unprocessable, "unknown_placeholder", "body.content")
	if got := texts2(t, r, "errors", "message"); len(got) != 2 || !strings.Contains(got[0], "{{contact.fist_name}} (at character 6)") {
		t.Errorf("the places are %q", got)
	}
	create(apitest.Body{"content": "Dear {{contact.name"}).WantProblem(t, unprocessable, "validation_failed", "body.content")
	create(apitest.Body{"content": strings.Repeat("a", 2001)}).WantProblem(t, unprocessable, "validation_failed", "body.content")
	create(apitest.Body{"content": " \n "}).WantProblem(t, unprocessable, "validation_failed", "body.content")
	create(apitest.Body{"content": "turned \u202e around"}).WantProblem(t, unprocessable, "validation_failed", "body.content")
	create(apitest.Body{"title": "  "}).WantProblem(t, unprocessable, "validation_failed", "body.title")
	create(apitest.Body{"language": "nl"}).WantProblem(t, unprocessable, "validation_failed", "body.language")
	create(apitest.Body{"scope": "department"}).WantProblem(t, unprocessable, "validation_failed", "body.department_ids")
	create(apitest.Body{"scope": "channel"}).WantProblem(t, unprocessable, "validation_failed", "body.channel_ids")
	create(apitest.Body{"channel_ids": []any{s.line.ChannelID}}).WantProblem(t, unprocessable, "validation_failed", "body.channel_ids")
	foreign := s.TwilioLine(t, s.tree.Other)
	create(apitest.Body{"scope": "channel", "channel_ids": []any{s.line.ChannelID, foreign.ChannelID}}).WantProblem(t, unprocessable, "not_found", "body.channel_ids")
	create(apitest.Body{"scope": "department", "department_ids": []any{uuid.New()}}).WantProblem(t, unprocessable, "not_found", "body.department_ids")
	create(apitest.Body{"content": "{{variable.order_number}} and {{contact.name|you}}"}).Want(t, http.StatusCreated)
	for _, p := range s.at.User.Get(t, s.at.Path("/phrase-placeholders")).Want(t, http.StatusOK).Items(t) {
		create(apitest.Body{"content": fmt.Sprintf("{{%s}}", p.(map[string]any)["name"])}).Want(t, http.StatusCreated)
	}
}

// texts2 are the texts of one field in a list that is not items.
func texts2(t *testing.T, r *apitest.Response, list, field string) (out []string) {
	t.Helper()
	items, _ := r.Value(t, list).([]any)
	for _, item := range items {
		text, _ := item.(map[string]any)[field].(string)
		out = append(out, text)
	}
	return out
}

// Covers: TPL-05 TPL-10
func TestPhrasesAreFoundAsOneTypes(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	s.phrase(t, "Öffnungszeiten", "Wir haben bis sechs offen.", apitest.Body{"language": "de"})
	s.phrase(t, "Late opening", "On Thursdays until nine.")
	s.phrase(t, "Reopening", "We reopen in May.")
	s.phrase(t, "Greeting", "Open the door, {{contact.name|friend}}.", apitest.Body{"channel_kinds": []string{"whatsapp"}})
	s.phrase(t, "Ümlaut", "We stay open.", apitest.Body{"language": "pt-BR"})
	s.phrase(t, "opening hours", "Until six.", apitest.Body{"channel_kinds": []string{"sms", "chat"}})
	agent := s.at.Agent

	wantTexts(t, "ranked", s.found(t, agent, "search=OPEN"), "opening hours", "Late opening", "Reopening", "Greeting", "Ümlaut")
	wantTexts(t, "accents", s.found(t, agent, "search=offn"), "Öffnungszeiten")
	wantTexts(t, "accents typed", s.found(t, agent, "search=%C3%B6FFN"), "Öffnungszeiten")
	wantTexts(t, "one letter", s.found(t, agent, "search=%C3%BC"), "Ümlaut", "Öffnungszeiten", "opening hours", "Late opening")
	wantTexts(t, "two letters", s.found(t, agent, "search=UM"), "Ümlaut")
	wantTexts(t, "the end of a text", s.found(t, agent, "search=x."), "opening hours")
	wantTexts(t, "several words", s.found(t, agent, "search=%20haben%20%20bis%20"), "Öffnungszeiten")
	wantTexts(t, "its letters in another order", s.found(t, agent, "search=openopen"))
	wantTexts(t, "wildcards are letters", s.found(t, agent, "search=%25"))
	wantTexts(t, "a placeholder", s.found(t, agent, "search=contact.name"), "Greeting")

	wantTexts(t, "by title", s.found(t, agent, "sort=title"), "Greeting", "Late opening", "Öffnungszeiten", "opening hours", "Reopening", "Ümlaut")
	wantTexts(t, "by title, turned", s.found(t, agent, "sort=title&order=desc&search=open"), "Ümlaut", "Reopening", "opening hours", "Late opening", "Greeting")
	wantTexts(t, "by content", s.found(t, agent, "sort=content"), "Late opening", "Greeting", "opening hours", "Reopening", "Ümlaut", "Öffnungszeiten")
	wantTexts(t, "by language", s.found(t, agent, "sort=language"), "Greeting", "Late opening", "opening hours", "Reopening", "Öffnungszeiten", "Ümlaut")
	wantTexts(t, "of a language", s.found(t, agent, "language=pt-BR"), "Ümlaut")
	wantTexts(t, "for a kind of channels", s.found(t, agent, "channel_kind=chat&search=open&sort=title"), "Late opening", "opening hours", "Reopening", "Ümlaut")

	for _, query := range []string{"search=open", "sort=content", "sort=language&order=desc", "sort=uses", "sort=title&order=desc"} {
		var got []string
		for cursor := ""; ; {
			r := agent.Get(t, s.at.Path("/phrases?limit=2&%s%s", query, cursor)).Want(t, http.StatusOK)
			got = append(got, texts(t, r, "title")...)
			next, more := r.Value(t, "next_cursor").(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		wantTexts(t, "in pages, "+query, got, s.found(t, agent, query)...)
	}
}

// Covers: TPL-02 TPL-08 TPL-09
func TestWhoIsOfferedWhichPhrases(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	sales := s.departmentWith(t, "Sales", s.at.Agent)
	desk := s.departmentWith(t, "Desk", s.at.User)
	own := s.TwilioLine(t, s.at).ChannelID
	s.admin.Do(t, http.MethodPut, s.at.Path("/channels/%s/members", own), apitest.Body{"restricted": true, "user_ids": []any{s.at.User.UserID}}).Want(t, http.StatusOK)
	of := func(scope string, ids ...any) apitest.Body {
		return apitest.Body{"scope": scope, scope + "_ids": ids}
	}
	s.phrase(t, "a everybody", "x")
	s.phrase(t, "b sales", "x", of("department", sales))
	s.phrase(t, "c desk", "x", of("department", desk))
	both := s.phrase(t, "d both", "x", of("department", sales, desk))
	s.phrase(t, "e line", "x", of("channel", s.line.ChannelID))
	hidden := s.phrase(t, "f own", "x", of("channel", own))

	wantTexts(t, "the administrator", s.found(t, s.admin, ""), "a everybody", "b sales", "c desk", "d both", "e line", "f own")
	wantTexts(t, "the manager", s.found(t, s.manager, ""), "a everybody", "b sales", "c desk", "d both", "e line", "f own")
	wantTexts(t, "the agent", s.found(t, s.at.Agent, ""), "a everybody", "b sales", "d both", "e line")
	wantTexts(t, "the user", s.found(t, s.at.User, ""), "a everybody", "c desk", "d both", "e line", "f own")
	wantTexts(t, "on a channel", s.found(t, s.at.User, fmt.Sprintf("channel_id=%s", own)), "a everybody", "c desk", "d both", "f own")
	wantTexts(t, "of a department", s.found(t, s.admin, "department_id="+sales), "b sales", "d both")
	wantTexts(t, "of a scope", s.found(t, s.at.Agent, "scope=department"), "b sales", "d both")
	s.at.Agent.Get(t, s.at.Path("/phrases/%s", hidden)).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.Agent.Get(t, s.at.Path("/phrases/%s", both)).Want(t, http.StatusOK)
	// The list says which is which.
	marks := texts(t, s.admin.Get(t, s.at.Path("/phrases")), "scope")
	wantTexts(t, "the marks", marks, "global", "department", "department", "department", "channel", "channel")

	// A phrase loses a department that is no more.
	for _, department := range []string{sales, desk} {
		s.admin.Do(t, http.MethodDelete, s.at.Path("/departments/%s", department), nil).Want(t, http.StatusNoContent)
	}
	wantTexts(t, "the agent, afterwards", s.found(t, s.at.Agent, ""), "a everybody", "e line")
	if r := s.admin.Get(t, s.at.Path("/phrases/%s", both)).Want(t, http.StatusOK); len(r.Value(t, "department_ids").([]any)) != 0 {
		t.Errorf("it is for %s", r.Content)
	}
	// Resellers and the operator prepare texts for those below.
	s.tree.L2.Admin.Post(t, s.at.Path("/phrases"), newPhrase("From above")).Want(t, http.StatusCreated)
	s.tree.Other.Admin.Get(t, s.at.Path("/phrases")).WantProblem(t, http.StatusNotFound, "not_found", "")

	// A key that is kept to channels knows no texts of others.
	key := s.admin.Post(t, s.at.Path("/api-keys"), apitest.Body{
		"name": "Key", "permissions": []string{"phrases:read", "phrases:write"}, "channel_ids": []any{s.line.ChannelID},
	}).Want(t, http.StatusCreated).String(t, "key")
	wantTexts(t, "the key", s.found(t, s.admin.As(key), "scope=channel"), "e line")
	s.admin.As(key).Patch(t, s.at.Path("/phrases/%s", hidden), apitest.Body{"title": "x"}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.admin.As(key).Post(t, s.at.Path("/phrases"), apitest.Body{
		"title": "x", "content": "x", "language": "en", "scope": "channel", "channel_ids": []any{own},
	}).WantProblem(t, unprocessable, "not_found", "body.channel_ids")
}
