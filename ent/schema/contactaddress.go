package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// ContactAddress is a way to reach a contact. Several contacts may share one.
type ContactAddress struct{ ent.Schema }

// Mixin of ContactAddress.
func (ContactAddress) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of ContactAddress.
func (ContactAddress) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("contact_id", uuid.UUID{}).Immutable(),
		field.Enum("kind").Values("phone").Immutable(),
		field.Text("value").Immutable().Comment("phone: E.164, a short code or a sender's name"),
		field.Bool("by_link").Default(false).Comment("it came with a conversation that was linked, and goes when that is taken back"),
		field.Time("linked_at").Comment("the latest link wins where contacts share an address"),
	}
}

// Indexes of ContactAddress.
func (ContactAddress) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("tenant_id", "contact_id", "kind", "value").Unique(),
		index.Fields("tenant_id", "kind", "value", "linked_at"),
	}
}
