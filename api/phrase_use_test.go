package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// conversationOf is an interaction that a customer has begun, given to the
// agent; the customer has a name.
func (s *scene) conversationOf(t *testing.T, name string) string {
	t.Helper()
	s.Receive(t, s.line, sim.Inbound{Body: "hello"})
	interaction := s.conversation(t, apitest.Customer)
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", interaction), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	s.Tamper(t, "UPDATE contacts SET name = $1 WHERE tenant_id = $2", name, s.at.ID)
	return interaction
}

func (s *scene) reply(t *testing.T, c *apitest.Client, interaction string, body apitest.Body) *apitest.Response {
	t.Helper()
	return c.Post(t, s.at.Path("/interactions/%s/messages", interaction), body)
}

// Covers: TPL-02 TPL-07
func TestAMessageIsMadeOfAPhrase(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada Lovelace")
	phrase := s.phrase(t, "Order", "Dear {{contact.first_name|customer}}, order {{variable.order}} is ready. {{agent.name}}, {{tenant.name}}, {{channel.address}}")
	plain := s.phrase(t, "Plain", "Until six, {{contact.last_name|you}}.")

	s.reply(t, s.at.Agent, interaction, apitest.Body{"phrase_id": phrase}).WantProblem(t, unprocessable, "placeholder_without_value", "body.variables")
	variables := func(pairs ...string) (out []apitest.Body) {
		for i := 0; i < len(pairs); i += 2 {
			out = append(out, apitest.Body{"name": pairs[i], "value": pairs[i+1]})
		}
		return out
	}
	refused := func(body apitest.Body, code, location string) {
		t.Helper()
		s.reply(t, s.at.Agent, interaction, body).WantProblem(t, unprocessable, code, location)
	}
	refused(apitest.Body{"phrase_id": phrase, "variables": variables("order", "1", "other", "2")}, "validation_failed", "body.variables")
	refused(apitest.Body{"phrase_id": phrase, "variables": variables("order", "1", "order", "2")}, "validation_failed", "body.variables")
	refused(apitest.Body{"phrase_id": phrase, "variables": variables("order", "\u0007")}, "validation_failed", "body.variables")
	refused(apitest.Body{"phrase_id": phrase, "variables": variables("order", strings.Repeat("9", 900))}, "message_too_long", "body.body")
	refused(apitest.Body{"body": "x", "variables": variables("order", "1")}, "validation_failed", "body.variables")
	refused(apitest.Body{"phrase_id": phrase, "body": "x", "variables": variables("order", "1")}, "validation_failed", "body.variables")
	refused(apitest.Body{"phrase_id": uuid.New()}, "not_found", "body.phrase_id")
	wantCount(t, s.Platform, 0, "SELECT uses FROM phrases WHERE id = $1", phrase)

	// A value is text, whatever it looks like.
	sent := s.reply(t, s.at.Agent, interaction, apitest.Body{"phrase_id": phrase, "variables": variables("order", "{{contact.name}}")}).Want(t, http.StatusCreated)
	tenant := s.admin.Get(t, s.at.Path("")).String(t, "name")
	want := "Dear Ada, order {{contact.name}} is ready. agent, " + tenant + ", " + s.line.Address
	if sent.String(t, "body") != want || sent.String(t, "phrase_id") != phrase {
		t.Errorf("sent %s, want %q", sent.Content, want)
	}
	// What somebody has made of it is sent as it is.
	edited := s.reply(t, s.at.Agent, interaction, apitest.Body{"phrase_id": plain, "body": "Until seven, {{contact.last_name}}."}).Want(t, http.StatusCreated)
	if edited.String(t, "body") != "Until seven, {{contact.last_name}}." || edited.String(t, "phrase_id") != plain {
		t.Errorf("sent %s", edited.Content)
	}
	s.reply(t, s.at.Agent, interaction, apitest.Body{"phrase_id": plain}).Want(t, http.StatusCreated)
	s.Work(t)
	if got := s.accepted(apitest.Customer); len(got) != 3 || got[0].Body != want || got[2].Body != "Until six, Lovelace." {
		t.Errorf("the carrier has %+v", got)
	}
	// A new conversation has nobody's name; a key has none either.
	key := s.admin.Post(t, s.at.Path("/api-keys"), apitest.Body{"name": "Key", "permissions": []string{"interactions:start", "phrases:read"}}).
		Want(t, http.StatusCreated).String(t, "key")
	body := apitest.Body{"channel_id": s.line.ChannelID, "to": number(3), "phrase_id": plain}
	if got := s.admin.As(key).Post(t, s.at.Path("/messages"), body).Want(t, http.StatusCreated).String(t, "body"); got != "Until six, you." {
		t.Errorf("sent %q", got)
	}
	body["phrase_id"], body["variables"] = phrase, variables("order", "7")
	s.admin.As(key).Post(t, s.at.Path("/messages"), body).WantProblem(t, unprocessable, "placeholder_without_value", "body.phrase_id")

	// The same again under the client's own name is the same message, whatever
	// the customer is called by now.
	again := apitest.Body{"phrase_id": plain, "client_message_id": "once"}
	first := s.reply(t, s.at.Agent, interaction, again).Want(t, http.StatusCreated).String(t, "id")
	s.Tamper(t, "UPDATE contacts SET name = 'Ada King' WHERE name <> ''")
	if got := s.reply(t, s.at.Agent, interaction, again).Want(t, http.StatusCreated).String(t, "id"); got != first {
		t.Errorf("the same again is %s, want %s", got, first)
	}

	used := s.admin.Get(t, s.at.Path("/phrases/%s", plain)).Want(t, http.StatusOK)
	if used.Int(t, "uses") != 4 || used.Value(t, "last_used_at") == nil || used.Header.Get("ETag") != `"1"` {
		t.Errorf("it was used %s, version %s", used.Content, used.Header.Get("ETag"))
	}
	wantTexts(t, "used most", s.found(t, s.admin, "sort=uses"), "Plain", "Order")
	s.admin.Do(t, http.MethodDelete, s.at.Path("/phrases/%s", plain), nil).Want(t, http.StatusNoContent)
	if got := s.message(t, first).String(t, "phrase_id"); got != plain {
		t.Errorf("the message names %s", got)
	}
}

// Covers: TPL-08 TPL-09 TPL-10
func TestPhrasesAreSuggestedFilled(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	interaction := s.conversationOf(t, "Ada Lovelace")
	other := s.TwilioLine(t, s.at).ChannelID
	sales := s.departmentWith(t, "Sales", s.at.Agent)
	desk := s.departmentWith(t, "Desk")
	s.admin.Do(t, http.MethodPut, s.at.Path("/channels/%s/members", s.line.ChannelID), apitest.Body{"restricted": true, "user_ids": []string{}}).Want(t, http.StatusOK)
	hello := s.phrase(t, "Hello", "Hello {{contact.first_name}}, your {{variable.thing}}")
	here := s.phrase(t, "Here", "Hé ’", apitest.Body{"scope": "channel", "channel_ids": []any{s.line.ChannelID}})
	s.phrase(t, "Elsewhere", "x", apitest.Body{"scope": "channel", "channel_ids": []any{other}})
	s.phrase(t, "Whats", "x", apitest.Body{"channel_kinds": []string{"whatsapp"}})
	s.phrase(t, "Sales", "x {{agent.first_name}}", apitest.Body{"scope": "department", "department_ids": []string{sales}, "channel_kinds": []string{"sms"}})
	s.phrase(t, "Desk", "x", apitest.Body{"scope": "department", "department_ids": []string{desk}})

	suggested := func(query string) *apitest.Response {
		t.Helper()
		return s.at.Agent.Get(t, s.at.Path("/interactions/%s/phrases?%s", interaction, query)).Want(t, http.StatusOK)
	}
	r := suggested("")
	wantTexts(t, "suggested", texts(t, r, "title"), "Hello", "Here", "Sales")
	wantTexts(t, "filled", texts(t, r, "text"), "Hello Ada, your ", "Hé ’", "x agent")
	if r.String(t, "items.0.missing.0") != "variable.thing" || r.String(t, "items.1.encoding") != "UCS-2" || r.String(t, "items.1.scope") != "channel" {
		t.Errorf("suggested %s", r.Content)
	}
	wantTexts(t, "searched", texts(t, suggested("search=HE"), "title"), "Hello", "Here")
	s.reply(t, s.at.Agent, interaction, apitest.Body{"phrase_id": here}).Want(t, http.StatusCreated)
	wantTexts(t, "used most", texts(t, suggested("limit=1"), "title"), "Here")
	wantTexts(t, "the administrator's", texts(t, s.admin.Get(t, s.at.Path("/interactions/%s/phrases", interaction)), "title"), "Here", "Desk", "Hello", "Sales")

	preview := func(c *apitest.Client, body apitest.Body) *apitest.Response {
		t.Helper()
		return c.Post(t, s.at.Path("/interactions/%s/phrases/%s/preview", interaction, hello), body)
	}
	p := preview(s.at.Agent, apitest.Body{"variables": []apitest.Body{{"name": "thing", "value": strings.Repeat("[", 80)}}}).Want(t, http.StatusOK)
	if p.String(t, "text") != "Hello Ada, your "+strings.Repeat("[", 80) || p.Int(t, "segments") != 2 || len(p.Value(t, "missing").([]any)) != 0 {
		t.Errorf("the preview is %s", p.Content)
	}
	preview(s.at.Agent, apitest.Body{"variables": []apitest.Body{{"name": "thin", "value": "x"}}}).WantProblem(t, unprocessable, "validation_failed", "body.variables")
	preview(s.at.User, apitest.Body{}).WantProblem(t, http.StatusNotFound, "not_found", "")
	s.at.User.Get(t, s.at.Path("/interactions/%s/phrases", interaction)).WantProblem(t, http.StatusNotFound, "not_found", "")
	// Above, phrases are administration and conversations are not.
	s.tree.L2.Admin.Get(t, s.at.Path("/interactions/%s/phrases", interaction)).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
