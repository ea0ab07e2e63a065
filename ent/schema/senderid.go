package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// SenderID is a name that a tenant's messages may show instead of a number.
type SenderID struct{ ent.Schema }

// Mixin of SenderID.
func (SenderID) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of SenderID.
func (SenderID) Fields() []ent.Field {
	return []ent.Field{field.Text("name").Immutable().Comment("at most 11 characters, with a letter")}
}
