package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Tag is a word that conversations are marked with. Which have it stands in
// interaction_tags.
type Tag struct{ ent.Schema }

// Mixin of Tag.
func (Tag) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Tag.
func (Tag) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").Comment("unique among the tenant's tags that are not archived, in capitals or not"),
		field.Text("color").Comment("#rrggbb"),
		field.Time("archived_at").Optional().Nillable(),
	}
}
