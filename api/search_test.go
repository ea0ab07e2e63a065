package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// results are the addresses that somebody's search finds.
func (s *scene) results(t *testing.T, c *apitest.Client, text string) []string {
	t.Helper()
	got := texts(t, c.Get(t, s.at.Path("/interactions?view=all&q=%s", url.QueryEscape(text))), "address")
	slices.Sort(got)
	return got
}

// People find conversations by what was said in them and by whom, as they type.
//
// Covers: INT-06 INT-45
func TestSearchingTheInbox(t *testing.T) {
	t.Parallel()
	s := twilio(t)
	anna, bob, carl := number(101), number(202), number(303)
	s.Receive(t, s.line, sim.Inbound{From: anna, Body: "Hello, is my ORDER ready? L'été à Québec 👍thanks"})
	s.Receive(t, s.line, sim.Inbound{From: anna, Body: "And the invoice 2026-117?"})
	s.Receive(t, s.line, sim.Inbound{From: bob, Body: "Reordering <b>orders</b>, hello"})
	s.Receive(t, s.line, sim.Inbound{From: carl, Body: "привет, МИР"})
	s.Tamper(t, `UPDATE contacts SET name = 'Anna Müller' WHERE id = (SELECT contact_id FROM interactions WHERE address = $1)`, anna)
	for text, want := range map[string][]string{
		"hello":         {anna, bob},
		"HEL":           {anna, bob},
		"order":         {anna, bob}, // the start of a word
		"rder":          {},          // and not its middle
		"ete quebec":    {anna},
		"ÉTÉ":           {anna},
		"thank":         {anna},
		"order invoice": {anna}, // said in two messages
		"muller order":  {anna}, // one in the name
		"117":           {anna},
		"мир":           {carl},
		"5559202":       {bob}, // a part of a number
		"514 9202":      {bob},
		bob:             {bob},
		"5559":          {anna, bob, carl},
		"nowhere":       {},
		"order nowhere": {},
	} {
		slices.Sort(want)
		if got := s.results(t, s.manager, text); !slices.Equal(got, want) {
			t.Errorf("%q finds %q, want %q", text, got, want)
		}
	}
	s.manager.Get(t, s.at.Path("/interactions?q=%s", url.QueryEscape(" -!? "))).WantProblem(t, unprocessable, "validation_failed", "query.q")
	for _, text := range []string{"'':*", `\`, "a & b | !c", "\"", "<->", strings.Repeat("x", 199), "{,}", "a\u0301b", "%_"} {
		s.manager.Get(t, s.at.Path("/interactions?q=%s", url.QueryEscape(text+"1"))).Want(t, http.StatusOK)
	}

	// What is found is shown where it stands; markup stays text.
	r := s.manager.Get(t, s.at.Path("/interactions?q=orders")).Want(t, http.StatusOK)
	if r.String(t, "items.0.found.in") != "message" || r.String(t, "items.0.found.text") != "Reordering <b>orders</b>, hello" ||
		r.Int(t, "items.0.found.highlights.0.start") != 14 || r.Int(t, "items.0.found.highlights.0.end") != 20 {
		t.Errorf("shown is %s", r.Content)
	}
	if r := s.manager.Get(t, s.at.Path("/interactions?q=mull")); r.String(t, "items.0.found.in") != "contact_name" || r.Value(t, "items.0.found.message_id") != nil {
		t.Errorf("shown is %s", r.Content)
	}
	if r := s.manager.Get(t, s.at.Path("/interactions?q=5559303")); r.String(t, "items.0.found.in") != "address" || r.Int(t, "items.0.found.highlights.0.start") != 5 {
		t.Errorf("shown is %s", r.Content)
	}
	if r := s.manager.Get(t, s.at.Path("/interactions")); r.Value(t, "items.0.found") != nil {
		t.Errorf("without a search: %s", r.Content)
	}

	// Each finds what he sees.
	if got := s.results(t, s.at.Agent, "hello"); len(got) != 0 {
		t.Errorf("the agent finds %q", got)
	}
	s.manager.Post(t, s.at.Path("/interactions/%s/assign", s.conversation(t, bob)), apitest.Body{"user_id": s.at.Agent.UserID}).Want(t, http.StatusOK)
	if got := s.results(t, s.at.Agent, "hello"); !slices.Equal(got, []string{bob}) {
		t.Errorf("the agent finds %q", got)
	}
	if got := s.results(t, s.manager, "anna"); !slices.Equal(got, []string{anna}) {
		t.Errorf("anna is found as %q", got)
	}
	s.Tamper(t, `UPDATE contacts SET name = 'Berta' WHERE name = 'Anna Müller'`)
	if got := s.results(t, s.manager, "anna"); len(got) != 0 {
		t.Errorf("by a name that she has no more, %q is found", got)
	}
	other := s.tree.Other
	if got := other.Manager.Get(t, other.Path("/interactions?view=all&q=hello")).Want(t, http.StatusOK).Items(t); len(got) != 0 {
		t.Errorf("another tenant finds %v", got)
	}
}

// A word that nearly all conversations hold is asked of each in turn, and pages
// go on where they end.
//
// Covers: INT-45
func TestSearchingForAFrequentWord(t *testing.T) {
	t.Parallel()
	f := fillInbox(t)
	f.Tamper(t, `INSERT INTO messages (id, created_at, updated_at, tenant_id, interaction_id, channel_id, direction, status, body, from_address, to_address)
		SELECT gen_random_uuid(), now(), now(), i.tenant_id, i.id, i.channel_id, 'inbound', 'received',
			CASE WHEN n = 1 AND i.preview LIKE '%1' THEN 'frequent rare' ELSE 'frequent words' END, '+15145550000', '+15145550001'
		FROM interactions i, generate_series(1, 14) n WHERE i.tenant_id = $1`, f.at.ID)
	all := func(inboxRow) bool { return true }
	for _, c := range []*apitest.Client{f.manager, f.at.Agent} {
		for _, text := range []string{"frequent", "freq word", "word freq"} {
			got := f.leafThrough(t, c, url.Values{"view": {"all"}, "q": {text}, "sort": {"created_at"}})
			if want := f.inOrder(c, "created_at", all); !slices.Equal(got, want) {
				t.Errorf("%q finds %d, want %d", text, len(got), len(want))
			}
		}
		want := f.inOrder(c, "-status", func(r inboxRow) bool { return strings.HasSuffix(r.Preview, "1") })
		if got := f.leafThrough(t, c, url.Values{"view": {"all"}, "q": {"rare frequent"}, "sort": {"-status"}}); !slices.Equal(got, want) || len(want) == 0 {
			t.Errorf("found are %d, want %d", len(got), len(want))
		}
	}
	if n := f.Count(t, `SELECT count(*) FROM search_documents WHERE tenant_id = $1`, f.at.ID); n < 1000 {
		t.Fatal(fmt.Sprint(n, " documents: no word is frequent"))
	}
}
