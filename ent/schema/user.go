package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// User is a person who signs in, at home in one tenant.
type User struct{ ent.Schema }

// Mixin of User.
func (User) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of User.
func (User) Fields() []ent.Field {
	return []ent.Field{
		field.Text("login").Comment("lower-case e-mail, unique over the platform"),
		field.Text("name"),
		field.Enum("role").Values("operator", "tenant_admin", "manager", "agent", "user"),
		field.Enum("status").Values("active", "disabled").Default("active"),
		field.Text("password_hash").Sensitive().Comment("argon2id with its parameters, PHC form"),
		field.Bool("must_change_password").Default(false),
		field.Time("password_changed_at").Optional().Nillable().Comment("null while the first password is in use"),
		field.Time("password_warned_at").Optional().Nillable().Comment("when the user was told that the password expires"),
		field.Time("second_factor_due_at").Optional().Nillable().Comment("from when on nothing works without a second factor, where one is required"),
		field.UUID("custom_role_id", uuid.UUID{}).Optional().Nillable().Comment("its permissions stand in place of the role's"),
		field.Strings("denied").Optional().Comment("permissions that this person does not have, whatever the role gives"),
		field.Strings("granted").Optional().Comment("permissions that this person has beyond the role"),
		field.UUID("created_by_id", uuid.UUID{}).Optional().Nillable(),
	}
}

// Indexes of User. A login is asked for before a tenant is known, hence not
// under the tenant.
func (User) Indexes() []ent.Index {
	return []ent.Index{index.Fields("login").Unique()}
}
