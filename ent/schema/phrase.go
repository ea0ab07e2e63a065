package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Phrase is a text that is prepared for answers. Whom it is offered to stands in
// phrase_departments and phrase_channels, where it is found in phrase_grams.
type Phrase struct{ ent.Schema }

// Mixin of Phrase.
func (Phrase) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Phrase.
func (Phrase) Fields() []ent.Field {
	return []ent.Field{
		field.Text("title"),
		field.Text("title_folded").Comment("without accents and capitals, for searching and sorting"),
		field.Text("content").Comment("with placeholders"),
		field.Text("content_folded"),
		field.Enum("language").Values("en", "de", "es", "fr", "it", "pt-BR"),
		field.Enum("scope").Values("global", "department", "channel"),
		field.Strings("channel_kinds").Default([]string{}).Annotations(entsql.DefaultExpr("'[]'::jsonb")).
			Comment("the kinds of channels that it is for; none are all"),
		field.Int64("uses").Default(0).Comment("messages made of it; no version of the phrase"),
		field.Time("last_used_at").Optional().Nillable(),
		field.Time("archived_at").Optional().Nillable().Comment("deleted; kept for the messages that were made of it"),
	}
}
