package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// ContactList is a list of contacts. Who is on it stands in
// contact_list_members: a contact can be on several.
type ContactList struct{ ent.Schema }

// Mixin of ContactList.
func (ContactList) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of ContactList.
func (ContactList) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").Comment("unique among the tenant's lists that are not archived, in capitals or not"),
		field.Time("archived_at").Optional().Nillable(),
	}
}
