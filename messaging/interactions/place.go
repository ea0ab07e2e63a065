package interactions

import (
	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/ent/predicate"
)

// placeOf is where a message stands in its conversation: by its id, which is in
// the order of time, unless it was scheduled. Then it stands behind all that was
// said until its time has come, and from then on where it was sent.
func placeOf(row *ent.Message) uuid.UUID {
	if row.Place != nil {
		return *row.Place
	}
	return row.ID
}

// place is placeOf in SQL; an index has it in the same words.
func place(s *entsql.Selector) string {
	return "coalesce(" + s.C(message.FieldPlace) + ", " + s.C(message.FieldID) + ")"
}

// placed keeps to the messages behind a place, in either direction.
func placed(after uuid.UUID, oldestFirst bool) predicate.Message {
	comparison := " < "
	if oldestFirst {
		comparison = " > "
	}
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) { b.WriteString(place(s) + comparison).Arg(after) }))
	}
}

// byPlace orders messages as a conversation shows them.
func byPlace(oldestFirst bool) message.OrderOption {
	direction := " DESC"
	if oldestFirst {
		direction = ""
	}
	return func(s *entsql.Selector) { s.OrderExpr(entsql.Expr(place(s) + direction)) }
}
