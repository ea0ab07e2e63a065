package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// BrandHost is a host name under which a tenant's frontend is reached. One name
// belongs to one tenant of the platform.
type BrandHost struct{ ent.Schema }

// Mixin of BrandHost.
func (BrandHost) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of BrandHost.
func (BrandHost) Fields() []ent.Field {
	return []ent.Field{field.Text("host").Unique().Immutable().Comment("in small letters, without a port")}
}
