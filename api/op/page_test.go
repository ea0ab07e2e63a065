package op_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/internal/fault"
)

type page struct {
	Items      []Contact `json:"items"`
	NextCursor string    `json:"next_cursor"`
}

func (t *toy) page(tb testing.TB, path string) (page, string) {
	tb.Helper()
	w := t.ask(http.MethodGet, path, "")
	if w.Code != http.StatusOK {
		tb.Fatalf("%s: got %d %s", path, w.Code, w.Body)
	}
	var p page
	if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
		tb.Fatal(err)
	}
	return p, w.Header().Get("Link")
}

func TestListFollowsLinks(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	var got []string
	for path := contacts + "?limit=2&state=active"; path != ""; {
		p, link := toy.page(t, path)
		for _, c := range p.Items {
			got = append(got, c.Name)
		}
		if (link == "") != (p.NextCursor == "") {
			t.Fatalf("link %q and cursor %q disagree", link, p.NextCursor)
		}
		path = strings.TrimSuffix(strings.TrimPrefix(link, "<"), `>; rel="next"`)
	}
	if strings.Join(got, " ") != "Ada Bob Cyd Dan Eve" {
		t.Errorf("got %v", got)
	}
	if p, _ := toy.page(t, contacts); len(p.Items) != 5 {
		t.Errorf("the default limit gave %d items", len(p.Items))
	}
}

func TestCursorHoldsForItsListOnly(t *testing.T) {
	t.Parallel()
	toy := newToy(t)
	p, _ := toy.page(t, contacts+"?limit=2&sort=name&state=active&state=archived")
	good := p.NextCursor
	same := contacts + "?state=active&state=archived&limit=3&sort=name&cursor=" + good
	if p, _ := toy.page(t, same); len(p.Items) != 3 || p.Items[0].Name != "Cyd" {
		t.Errorf("got %+v", p)
	}
	flipped := []byte(good)
	flipped[len(flipped)/2] ^= 1
	for name, path := range map[string]string{
		"another tenant": contactsB + "?limit=2&sort=name&state=active&state=archived&cursor=" + good,
		"another filter": contacts + "?limit=2&sort=name&state=active&cursor=" + good,
		"another order":  contacts + "?limit=2&sort=-name&state=active&state=archived&cursor=" + good,
		"tampered":       contacts + "?limit=2&sort=name&state=active&state=archived&cursor=" + string(flipped),
		"cut off":        contacts + "?limit=2&sort=name&state=active&state=archived&cursor=" + good[:len(good)-4],
	} {
		if w := toy.ask(http.MethodGet, path, ""); w.Code != 422 || problem(t, w).Code != string(fault.CodeInvalidCursor) {
			t.Errorf("%s: got %d %s", name, w.Code, w.Body)
		}
	}
	other := newToy(t)
	w := other.ask(http.MethodGet, same, "", "Authorization", "Bearer bob")
	if w.Code != 422 {
		t.Errorf("another tenant's caller got %d", w.Code)
	}
}

func TestCursorsAreAuthenticated(t *testing.T) {
	t.Parallel()
	cursors := newToy(t).surface.Cursors()
	cursor, err := cursors.Encode("list", 7)
	if err != nil {
		t.Fatal(err)
	}
	var last int
	if err := cursors.Decode("list", cursor, &last); err != nil || last != 7 {
		t.Errorf("got %d, %v", last, err)
	}
	var text string
	if err := cursors.Decode("list", cursor, &text); !fault.Is(err, fault.CodeInvalidCursor) {
		t.Errorf("another type of key got %v", err)
	}
	if err := (op.Cursors{}).Decode("list", cursor, &last); !fault.Is(err, fault.CodeInvalidCursor) {
		t.Errorf("another key got %v", err)
	}
}
