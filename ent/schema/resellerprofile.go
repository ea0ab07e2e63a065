package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// ResellerProfile is what a reseller says about itself, and what its new
// tenants begin with.
type ResellerProfile struct{ ent.Schema }

// Mixin of ResellerProfile.
func (ResellerProfile) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of ResellerProfile.
func (ResellerProfile) Fields() []ent.Field {
	return []ent.Field{
		field.Text("legal_name").Optional().Nillable(),
		field.Text("display_name").Optional().Nillable(),
		field.Text("support_name").Optional().Nillable(),
		field.Text("support_email").Optional().Nillable(),
		field.Text("support_phone").Optional().Nillable(),
		field.Text("default_country").Optional().Nillable(),
		field.Text("default_time_zone").Optional().Nillable(),
		field.Text("default_language").Optional().Nillable(),
	}
}

// Indexes of ResellerProfile.
func (ResellerProfile) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id").Unique()}
}
