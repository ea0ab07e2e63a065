package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Session is one sign-in of a user and the family of its refresh tokens.
type Session struct{ ent.Schema }

// Mixin of Session.
func (Session) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Session.
func (Session) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Bytes("nonce").Sensitive().Immutable().Comment("mixed into every refresh token of the family"),
		field.Int("generation").Default(1).Comment("of the refresh token that is good now"),
		field.Time("rotated_at").Comment("when that generation was handed out"),
		field.Time("expires_at").Comment("absolute end"),
		field.Time("revoked_at").Optional().Nillable(),
		field.Text("revoked_reason").Default(""),
		field.Enum("method").Values("password", "single_sign_on").Default("password").Immutable().Comment("how the user signed in"),
		field.Text("user_agent").Default(""),
		field.Text("ip").Default(""),
	}
}

// Indexes of Session.
func (Session) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "user_id")}
}
