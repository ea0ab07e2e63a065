package interactions

import (
	"slices"
	"strconv"
	"strings"
)

// Sort is an order of a list. A minus in front turns it round.
type Sort string

// The orders of a list.
const (
	ByLastMessage Sort = "last_message_at"
	ByStart       Sort = "created_at"
	// ByStatus is the order of a conversation's life, and the last message within.
	ByStatus Sort = "status"
	// BySubject is the order of the alphabet, in capitals or not.
	BySubject Sort = "subject"
	// ByWaiting begins with the customer who has waited longest for an answer;
	// whom nobody keeps waiting comes last. It is for what is not closed.
	ByWaiting Sort = "waiting_since"
	// ByPriority is for what is not closed, too.
	ByPriority Sort = "priority"
)

// Reversed is the same order from its end.
func (s Sort) Reversed() Sort {
	if name, ok := strings.CutPrefix(string(s), "-"); ok {
		return Sort(name)
	}
	return "-" + s
}

// Sorts lists all orders, both ways.
func Sorts() []Sort {
	var out []Sort
	for _, s := range []Sort{ByLastMessage, ByStart, ByStatus, BySubject, ByWaiting, ByPriority} {
		out = append(out, s, s.Reversed())
	}
	return out
}

// statusRank is the place of a status in the order of a conversation's life. The
// index h_interactions_status has the same words.
const statusRank = "(CASE i.status WHEN 'waiting_agent' THEN 1 WHEN 'open' THEN 2 WHEN 'waiting_customer' THEN 3 WHEN 'solved' THEN 4 ELSE 5 END)"

// closedFlag stands in front in indexes whose order does not keep the closed ones
// together, so that a list of the others does not wade through them.
const closedFlag = "(CASE i.status WHEN 'closed' THEN 1 ELSE 0 END)"

func rankArray(statuses []Status) string {
	ranks := make([]string, len(statuses))
	for i, status := range statuses {
		ranks[i] = strconv.Itoa(slices.Index(Statuses(), status) + 1)
	}
	return "{" + strings.Join(ranks, ",") + "}"
}

func priorityArray(priorities []Priority) string {
	texts := make([]string, len(priorities))
	for i, p := range priorities {
		texts[i] = strconv.Itoa(int(p))
	}
	return "{" + strings.Join(texts, ",") + "}"
}

// sortKey is an expression over a row of interactions, and its type.
type sortKey struct{ sql, kind string }

// ordering is how a Sort is said in SQL: by its keys and then by id, all of them
// the same way round, so that a place in it is one comparison of rows.
type ordering struct {
	keys []sortKey
	// parts are conditions, in the words of the index that has this order, which
	// together say what a view shows.
	parts map[View][]string
	// openOnly is set where the index has nothing that is closed.
	openOnly bool
}

var orderings = map[Sort]ordering{
	ByLastMessage: {
		keys:  []sortKey{{"i.last_message_at", "timestamptz"}},
		parts: map[View][]string{ClosedView: {statusRank + " = 5"}},
	},
	ByStart: {
		keys:  []sortKey{{"i.created_at", "timestamptz"}},
		parts: map[View][]string{ActiveView: {closedFlag + " = 0"}, ClosedView: {closedFlag + " = 1"}, AllView: {closedFlag + " = 0", closedFlag + " = 1"}},
	},
	// Beyond the first page the start of the subject is compared row by row: lower
	// is not among the functions that go into an index beneath row level security.
	BySubject: {
		keys:  []sortKey{{"left(lower(i.subject), 60)", "text"}},
		parts: map[View][]string{ActiveView: {closedFlag + " = 0"}, ClosedView: {closedFlag + " = 1"}, AllView: {closedFlag + " = 0", closedFlag + " = 1"}},
	},
	ByWaiting: {
		keys:     []sortKey{{"(CASE WHEN i.waiting_since IS NULL THEN 'infinity'::timestamptz ELSE i.waiting_since END)", "timestamptz"}},
		openOnly: true,
	},
	ByPriority: {
		keys:     []sortKey{{"i.priority", "bigint"}, {"i.last_message_at", "timestamptz"}},
		openOnly: true,
	},
	ByStatus: {
		keys:  []sortKey{{statusRank, "int"}, {"i.last_message_at", "timestamptz"}},
		parts: map[View][]string{ActiveView: {statusRank + " < 5"}, ClosedView: {statusRank + " = 5"}},
	},
}

// fits tells whether a view can be had in this order.
func (s Sort) fits(v View) bool {
	o, _, _ := s.direction()
	return !o.openOnly || v == ActiveView
}

// direction returns the keys of an order, and the words for its direction.
func (s Sort) direction() (o ordering, word, behind string) {
	if name, ok := strings.CutPrefix(string(s), "-"); ok {
		return orderings[Sort(name)], " DESC", "<"
	}
	return orderings[s], " ASC", ">"
}
