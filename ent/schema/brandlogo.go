package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// BrandLogo is a picture of a brand. It is public by its digest.
type BrandLogo struct{ ent.Schema }

// Mixin of BrandLogo.
func (BrandLogo) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of BrandLogo.
func (BrandLogo) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("variant").Values("main", "small").Immutable(),
		field.Text("content_type"),
		field.Text("digest").Comment("SHA-256 of the content, in hex"),
		field.Bytes("content"),
	}
}

// Indexes of BrandLogo.
func (BrandLogo) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "variant").Unique(), index.Fields("digest")}
}
