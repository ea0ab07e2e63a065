package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Department is a group of a tenant's users with modules that it opens to them.
// Who is in it stands in the plain table department_members.
type Department struct{ ent.Schema }

// Mixin of Department.
func (Department) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Department.
func (Department) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name"),
		field.Text("name_folded").Comment("the name in small letters, unique in the tenant"),
		field.Text("alias").Default("").Comment("what a telephone system calls it"),
		field.Bool("email_enabled").Default(false),
		field.Bool("chat_enabled").Default(false),
	}
}
