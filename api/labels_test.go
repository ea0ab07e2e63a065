package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// tag makes a tag of the scene's customer.
func (s *scene) tag(t *testing.T, name string) string {
	t.Helper()
	return s.admin.Post(t, s.at.Path("/tags"), apitest.Body{"name": name, "color": "#D32F2F"}).Want(t, http.StatusCreated).String(t, "id")
}

// written is a conversation that a customer has begun, by the name of its number.
func (s *scene) written(t *testing.T, i int, bodies ...string) string {
	t.Helper()
	for _, body := range bodies {
		s.Receive(t, s.line, sim.Inbound{From: number(i), Body: body})
	}
	return s.conversation(t, number(i))
}

// tagNames are the tags of an interaction, as somebody sees them.
func (s *scene) tagNames(t *testing.T, c *apitest.Client, interaction string) (names []string) {
	t.Helper()
	r := c.Get(t, s.at.Path("/interactions/%s", interaction)).Want(t, http.StatusOK)
	tags, _ := r.Value(t, "tags").([]any)
	for i := range tags {
		names = append(names, r.String(t, fmt.Sprintf("tags.%d.name", i)))
	}
	return names
}

func (s *scene) put(t *testing.T, c *apitest.Client, path string) *apitest.Response {
	t.Helper()
	return c.Do(t, http.MethodPut, path, nil)
}

func (s *scene) assign(t *testing.T, interaction string, to *apitest.Client) {
	t.Helper()
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", interaction), apitest.Body{"user_id": to.UserID}).Want(t, http.StatusOK)
}

// Covers: INT-52
func TestAnInteractionHasManyTags(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	agent := s.at.Agent
	urgent, french := s.tag(t, "Urgent"), s.tag(t, "French")
	one, other := s.written(t, 1, "bonjour"), s.written(t, 2, "hello")
	s.assign(t, one, agent)
	path := func(interaction, tag string) string { return s.at.Path("/interactions/%s/tags/%s", interaction, tag) }

	before := agent.Get(t, s.at.Path("/interactions/%s", one)).Want(t, http.StatusOK).Header.Get("ETag")
	s.put(t, agent, path(one, urgent)).Want(t, http.StatusOK)
	s.put(t, agent, path(one, french)).Want(t, http.StatusOK)
	if r := s.put(t, agent, path(one, urgent)).Want(t, http.StatusOK); r.String(t, "tags.1.color") != "#d32f2f" {
		t.Errorf("the tagged interaction is %s", r.Content)
	}
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM events WHERE type = 'interaction.tagged'")
	if got := s.tagNames(t, s.manager, one); !slices.Equal(got, []string{"French", "Urgent"}) {
		t.Errorf("the tags are %q", got)
	}
	// Another tag is another thing to show, and not another version to change.
	agent.Get(t, s.at.Path("/interactions/%s", one), apitest.Header{"If-None-Match": before}).Want(t, http.StatusOK)
	agent.Post(t, s.at.Path("/interactions/%s/read", one), nil, apitest.Header{"If-Match": before}).Want(t, http.StatusOK)

	// What the agent does not see he cannot tag, alone or among others.
	s.put(t, agent, path(other, urgent)).WantProblem(t, http.StatusNotFound, "not_found", "")
	none := []string{}
	many := func(c *apitest.Client, add, remove []string, of ...string) *apitest.Response {
		t.Helper()
		return c.Post(t, s.at.Path("/interactions/tag"), apitest.Body{"interaction_ids": of, "add_tag_ids": add, "remove_tag_ids": remove})
	}
	many(agent, []string{urgent}, none, one, other).WantProblem(t, unprocessable, "not_found", "body.interaction_ids[1]")
	if got := s.tagNames(t, s.manager, other); got != nil {
		t.Errorf("the other one has %q", got)
	}
	if r := many(s.manager, []string{urgent}, []string{french}, one, other).Want(t, http.StatusOK); r.Int(t, "changed") != 2 {
		t.Errorf("two were to be changed: %s", r.Content)
	}
	if r := many(s.manager, []string{urgent}, []string{french}, one, other).Want(t, http.StatusOK); r.Int(t, "changed") != 0 {
		t.Errorf("the same again changed %s", r.Content)
	}
	for _, interaction := range []string{one, other} {
		if got := s.tagNames(t, s.manager, interaction); !slices.Equal(got, []string{"Urgent"}) {
			t.Errorf("tagged together they have %q", got)
		}
	}

	// An archived tag stays where it is, and comes to nobody else.
	s.admin.Post(t, s.at.Path("/tags/%s/archive", urgent), nil).Want(t, http.StatusOK)
	again := s.tag(t, "urgent")
	if got := s.tagNames(t, agent, one); !slices.Equal(got, []string{"Urgent"}) {
		t.Errorf("with its tag archived it has %q", got)
	}
	third := s.written(t, 3, "hi")
	s.put(t, s.manager, path(third, urgent)).WantProblem(t, http.StatusNotFound, "not_found", "")
	many(s.manager, []string{urgent}, none, third).WantProblem(t, unprocessable, "not_found", "body.add_tag_ids")
	s.put(t, s.manager, path(third, again)).Want(t, http.StatusOK)
	agent.Do(t, http.MethodDelete, path(one, urgent), nil).Want(t, http.StatusNoContent)
	agent.Do(t, http.MethodDelete, path(one, urgent), nil).Want(t, http.StatusNoContent)
	if got := s.tagNames(t, agent, one); got != nil {
		t.Errorf("without its tag it has %q", got)
	}
	log := texts(t, agent.Get(t, s.at.Path("/interactions/%s/log?order=asc", one)), "kind")
	if n := len(log); n < 5 || !slices.Equal(log[n-4:], []string{"tagged", "tagged", "untagged", "untagged"}) {
		t.Errorf("the log has %q", log)
	}
}

func TestAnInteractionHasFiftyTagsAtMost(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	one := s.written(t, 1, "hello")
	var tags []string
	for i := range 51 {
		tags = append(tags, s.tag(t, fmt.Sprint("Tag ", i)))
	}
	body := apitest.Body{"interaction_ids": []string{one}, "add_tag_ids": tags[:50]}
	s.manager.Post(t, s.at.Path("/interactions/tag"), body).Want(t, http.StatusOK)
	s.put(t, s.manager, s.at.Path("/interactions/%s/tags/%s", one, tags[50])).WantProblem(t, http.StatusConflict, "conflict", "")
	if got := s.tagNames(t, s.manager, one); len(got) != 50 {
		t.Errorf("it has %d tags", len(got))
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	tags := s.at.Path("/tags")
	s.tag(t, "Urgent")
	s.admin.Post(t, tags, apitest.Body{"name": " uRGENT ", "color": "#ffffff"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	s.admin.Post(t, tags, apitest.Body{"name": "Red", "color": "red"}).WantProblem(t, unprocessable, "validation_failed", "body.color")
	path := s.at.Path("/tags/%s", s.tag(t, "French"))
	s.admin.Patch(t, path, apitest.Body{"name": "URGENT"}).WantProblem(t, http.StatusConflict, "name_taken", "body.name")
	etag := s.admin.Patch(t, path, apitest.Body{"color": "#0000FF"}).Want(t, http.StatusOK).Header.Get("ETag")
	s.admin.Patch(t, path, apitest.Body{"name": "English"}, apitest.Header{"If-Match": `"1"`}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	if r := s.admin.Patch(t, path, apitest.Body{}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK); r.String(t, "color") != "#0000ff" || r.String(t, "name") != "French" {
		t.Errorf("the tag is %s", r.Content)
	}
	if got := texts(t, s.at.User.Get(t, tags), "name"); !slices.Equal(got, []string{"Urgent", "French"}) {
		t.Errorf("the tags are %q", got)
	}
	if got := texts(t, s.at.Agent.Get(t, tags+"?q=RGE"), "name"); !slices.Equal(got, []string{"Urgent"}) {
		t.Errorf("found are %q", got)
	}
	s.admin.Post(t, path+"/archive", nil).Want(t, http.StatusOK)
	s.admin.Post(t, path+"/archive", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Patch(t, path, apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := texts(t, s.manager.Get(t, tags+"?view=archived"), "name"); !slices.Equal(got, []string{"French"}) {
		t.Errorf("archived are %q", got)
	}
	wantCount(t, s.Platform, 2, "SELECT count(*) FROM audit_entries WHERE action = 'tag.created' AND tenant_id = $1", s.at.ID)
	s.manager.Post(t, tags, apitest.Body{"name": "Mine", "color": "#ffffff"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}

// dispose adds a disposition to the tenant's list, or to a queue's.
func (s *scene) disposition(t *testing.T, name, queue string) string {
	t.Helper()
	body := apitest.Body{"name": name, "color": "#2E7D32"}
	if queue != "" {
		body["queue_id"] = queue
	}
	return s.admin.Post(t, s.at.Path("/dispositions"), body).Want(t, http.StatusCreated).String(t, "id")
}

// Covers: DSP-04 DSP-07
func TestDispositions(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	list := s.at.Path("/dispositions")
	orders := s.queue(t, "Orders", s.at.Agent)
	s.disposition(t, "Spam", "")
	sold := s.admin.Post(t, list, apitest.Body{
		"name": "Sold", "code": "SLD", "color": "#2E7D32", "hotkey": "f2", "kind": "personal_callback", "queue_id": orders,
	}).Want(t, http.StatusCreated)
	if sold.String(t, "hotkey") != "F2" || sold.String(t, "color") != "#2e7d32" || sold.String(t, "kind") != "personal_callback" || sold.String(t, "queue_id") != orders {
		t.Errorf("the disposition is %s", sold.Content)
	}
	// What is unique is so in one list.
	s.disposition(t, "Sold", "")
	for field, value := range map[string]string{"name": "SOLD", "code": "sld", "hotkey": "F2"} {
		body := apitest.Body{"name": "Else", "color": "#ffffff", "queue_id": orders}
		body[field] = value
		s.admin.Post(t, list, body).WantProblem(t, http.StatusConflict, "name_taken", "body."+field)
	}
	for field, value := range map[string]string{"hotkey": "F13", "code": "a b", "kind": "whatever"} {
		body := apitest.Body{"name": "Else", "color": "#ffffff"}
		body[field] = value
		s.admin.Post(t, list, body).WantProblem(t, unprocessable, "validation_failed", "body."+field)
	}
	s.admin.Post(t, list, apitest.Body{"name": "Else", "color": "#ffffff", "queue_id": uuid.New()}).
		WantProblem(t, unprocessable, "not_found", "body.queue_id")

	names := func(query string) []string { return texts(t, s.at.Agent.Get(t, list+query), "name") }
	for query, want := range map[string][]string{
		"": {"Spam", "Sold", "Sold"}, "?list=default": {"Spam", "Sold"}, "?list=custom": {"Sold"}, "?queue_id=" + orders: {"Sold"},
		"?q=sl": {"Sold"}, "?q=SPA": {"Spam"}, "?q=nothing": nil,
	} {
		if got := names(query); !slices.Equal(got, want) {
			t.Errorf("%q lists %q, want %q", query, got, want)
		}
	}

	path := s.at.Path("/dispositions/%s", sold.String(t, "id"))
	etag := s.admin.Patch(t, path, apitest.Body{"hotkey": "", "kind": "retry"}).Want(t, http.StatusOK).Header.Get("ETag")
	s.admin.Patch(t, path, apitest.Body{"name": "Bought"}, apitest.Header{"If-Match": `"1"`}).
		WantProblem(t, http.StatusPreconditionFailed, "precondition_failed", "")
	if r := s.admin.Patch(t, path, apitest.Body{}, apitest.Header{"If-Match": etag}).Want(t, http.StatusOK); r.String(t, "kind") != "retry" || r.String(t, "hotkey") != "" || r.String(t, "code") != "SLD" {
		t.Errorf("the disposition is %s", r.Content)
	}
	s.admin.Post(t, path+"/archive", nil).Want(t, http.StatusOK)
	s.admin.Post(t, path+"/archive", nil).WantProblem(t, http.StatusConflict, "wrong_state", "")
	s.admin.Patch(t, path, apitest.Body{"name": "x"}).WantProblem(t, http.StatusConflict, "wrong_state", "")
	if got := names("?view=archived"); !slices.Equal(got, []string{"Sold"}) {
		t.Errorf("archived are %q", got)
	}
	s.disposition(t, "Sold", orders)
	s.manager.Post(t, list, apitest.Body{"name": "Mine", "color": "#ffffff"}).WantProblem(t, http.StatusForbidden, "forbidden", "")
}
