package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// OptOut is a person's wish to be left alone by one channel. It is closed by
// START and never deleted.
type OptOut struct{ ent.Schema }

// Mixin of OptOut.
func (OptOut) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of OptOut.
func (OptOut) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("channel_id", uuid.UUID{}).Immutable(),
		field.Text("address").Immutable(),
		field.Enum("source").Values("keyword", "carrier").Immutable(),
		field.Text("keyword").Default("").Immutable().Comment("as it was written"),
		field.Time("ended_at").Optional().Nillable(),
	}
}

// Indexes of OptOut.
func (OptOut) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "channel_id", "address")}
}
