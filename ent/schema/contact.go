package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Contact is a person outside, known to one tenant.
type Contact struct{ ent.Schema }

// Mixin of Contact.
func (Contact) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Contact.
func (Contact) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").Default("").Comment("empty for a sender nobody has named yet"),
		field.Text("name_folded").Default("").Comment("the name in small letters, for searching by index"),
		field.Text("email").Default(""),
		field.Text("facebook_page").Default("").Comment("a web address"),
		field.Text("location").Default("").Comment("where the person is, in words"),
		field.UUID("channel_id", uuid.UUID{}).Optional().Nillable().Comment("the channel an unknown sender came by"),
	}
}

// Indexes of Contact.
func (Contact) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "name", "id")}
}
