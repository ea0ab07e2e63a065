package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Disposition is what a conversation can have come to. Which one it came to
// stands in interaction_dispositions.
type Disposition struct{ ent.Schema }

// Mixin of Disposition.
func (Disposition) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Disposition.
func (Disposition) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("queue_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("whose list it is on; nil for the tenant's default list"),
		field.Text("name").Comment("unique in its list among those that are not archived, in capitals or not; so are code and hotkey"),
		field.Text("code").Default(""),
		field.Text("color").Comment("#rrggbb"),
		field.Text("hotkey").Default(""),
		field.Enum("kind").Values("plain", "retry", "callback", "personal_callback", "do_not_contact").Default("plain"),
		field.Time("archived_at").Optional().Nillable(),
	}
}
