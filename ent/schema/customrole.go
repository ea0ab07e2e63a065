package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// CustomRole is a tenant's own choice of permissions, among those of its
// tenant admin.
type CustomRole struct{ ent.Schema }

// Mixin of CustomRole.
func (CustomRole) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of CustomRole.
func (CustomRole) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name"),
		field.Text("description").Default(""),
		field.Enum("base").Values("tenant_admin", "manager", "agent", "user").Immutable().Comment("the role whose reach it has: over a reseller's subtree, over the tenant, or over what is one's own"),
		field.Strings("permissions"),
	}
}

// Indexes of CustomRole.
func (CustomRole) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "name").Unique()}
}
