package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// InternalNote is what colleagues write to each other in a conversation. It is no
// message and has nothing by which it could be sent.
type InternalNote struct{ ent.Schema }

// Mixin of InternalNote.
func (InternalNote) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of InternalNote.
func (InternalNote) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("interaction_id", uuid.UUID{}).Immutable(),
		field.UUID("author_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("a user or a key"),
		field.Text("author_name").Default("").Immutable().Comment("the author's at that moment"),
		field.Text("body").Comment("empty once it is deleted"),
		field.Bool("secret").Default(false).Immutable().Comment("for supervisors and the agent who has the conversation"),
		field.Time("edited_at").Optional().Nillable(),
		field.Time("deleted_at").Optional().Nillable(),
	}
}

// Indexes of InternalNote.
func (InternalNote) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "interaction_id", "id")}
}
