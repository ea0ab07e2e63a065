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
	for _, s := range []Sort{ByLastMessage, ByStart, ByStatus} {
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

// sortKey is an expression over a row of interactions, and its type.
type sortKey struct{ sql, kind string }

// ordering is how a Sort is said in SQL: by its keys and then by id, all of them
// the same way round, so that a place in it is one comparison of rows.
type ordering struct {
	keys []sortKey
	// parts are conditions, in the words of the index that has this order, which
	// together say what a view shows.
	parts map[View][]string
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
	ByStatus: {
		keys:  []sortKey{{statusRank, "int"}, {"i.last_message_at", "timestamptz"}},
		parts: map[View][]string{ActiveView: {statusRank + " < 5"}, ClosedView: {statusRank + " = 5"}},
	},
}

// direction returns the keys of an order, and the words for its direction.
func (s Sort) direction() (o ordering, word, behind string) {
	if name, ok := strings.CutPrefix(string(s), "-"); ok {
		return orderings[Sort(name)], " DESC", "<"
	}
	return orderings[s], " ASC", ">"
}
