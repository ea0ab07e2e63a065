package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
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
		field.Enum("mode").Values("live", "test").Default("live").Immutable(),
		field.Bytes("hash").Sensitive().Comment("SHA-256 of the key"),
		field.Text("hint").Comment("prefix and last four characters"),
		field.Bytes("previous_hash").Optional().Sensitive().Comment("of the key before the last rotation"),
		field.Time("previous_until").Optional().Nillable().Comment("until when that is good"),
		field.Time("rotated_at").Optional().Nillable(),
		field.Strings("permissions").Immutable(),
		field.JSON("channel_ids", []uuid.UUID{}).Optional().Comment("the channels that it is kept to; null for all"),
		field.Strings("allowed_addresses").Default([]string{}).Annotations(entsql.DefaultExpr("'[]'::jsonb")).
			Comment("networks that it may be used from; empty for all"),
		field.Strings("allowed_origins").Default([]string{}).Annotations(entsql.DefaultExpr("'[]'::jsonb")).
			Comment("web sites that it may be used from; empty for those of the tenant"),
		field.UUID("creator_id", uuid.UUID{}).Immutable(),
		field.Time("expires_at"),
		field.Time("last_used_at").Optional().Nillable(),
		field.Time("revoked_at").Optional().Nillable(),
	}
}

// Indexes of APIKey. A key is looked up before its tenant is known.
func (APIKey) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hash").Unique(), index.Fields("previous_hash").Unique()}
}
