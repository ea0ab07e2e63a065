package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// APIKey lets a machine act in one tenant, never beyond its creator's rights.
type APIKey struct{ ent.Schema }

// Mixin of APIKey.
func (APIKey) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of APIKey.
func (APIKey) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name"),
		field.Bytes("hash").Sensitive().Immutable().Comment("SHA-256 of the key"),
		field.Text("hint").Immutable().Comment("prefix and last four characters"),
		field.Strings("permissions").Immutable(),
		field.UUID("creator_id", uuid.UUID{}).Immutable(),
		field.Time("expires_at"),
		field.Time("last_used_at").Optional().Nillable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

// Indexes of APIKey. A key is looked up before its tenant is known.
func (APIKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash").Unique()}
}
