package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Brand is how a tenant's product looks and speaks; what is null is that of the
// nearest tenant above that has it.
type Brand struct{ ent.Schema }

// Mixin of Brand.
func (Brand) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Brand.
func (Brand) Fields() []ent.Field {
	return []ent.Field{
		field.Text("product_name").Optional().Nillable(),
		field.Text("primary_color").Optional().Nillable().Comment("#rrggbb"),
		field.Text("accent_color").Optional().Nillable().Comment("#rrggbb"),
		field.Text("theme").Optional().Nillable().Comment("light, dark or system"),
		field.Text("support_email").Optional().Nillable(),
		field.Text("support_phone").Optional().Nillable(),
		field.Text("support_url").Optional().Nillable(),
		field.Text("sender_name").Optional().Nillable(),
		field.Text("sender_address").Optional().Nillable(),
		field.Text("login_text").Optional().Nillable(),
	}
}

// Indexes of Brand.
func (Brand) Indexes() []ent.Index { return []ent.Index{index.Fields("tenant_id").Unique()} }
