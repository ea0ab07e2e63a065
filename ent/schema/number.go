package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Number is a telephone number of the operator's inventory. It has one holder
// at a time; what a tenant sees of it follows from the holder's place in the
// tree, so it carries the holder's path and no tenant_id.
type Number struct{ ent.Schema }

// Mixin of Number.
func (Number) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}} }

// Fields of Number.
func (Number) Fields() []ent.Field {
	return []ent.Field{
		field.Text("address").Immutable().Comment("E.164"),
		field.Text("provider").Immutable(),
		field.Bytes("credentials").Sensitive().Comment("sealed with AES-GCM"),
		field.Text("hook_token").Sensitive().Immutable().Comment("in the callback URLs; survives a change of holder"),
		field.UUID("owner_id", uuid.UUID{}).Immutable().Comment("the operator, whose carrier account it is"),
		field.UUID("holder_id", uuid.UUID{}),
		field.Text("holder_path"),
		field.Enum("status").Values("active", "inactive", "retired").Default("active").
			Comment("inactive numbers receive and do not send; retired ones have left the inventory"),
		field.Time("retired_at").Optional().Nillable(),
	}
}

// Indexes of Number.
func (Number) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("hook_token").Unique(),
		index.Fields("holder_id"),
	}
}
