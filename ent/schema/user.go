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
		field.Text("name_folded").Default("").Comment("the name in small letters, for searching by index"),
		field.Enum("kind").Values("person", "service").Default("person"),
		field.Enum("role").Values("operator", "tenant_admin", "manager", "agent", "user"),
		field.Enum("status").Values("invited", "active", "disabled", "archived").Default("active"),
		field.Enum("archived_from").Values("invited", "active", "disabled").Optional().Nillable().Comment("what restoring leads back to"),
		field.Time("archived_at").Optional().Nillable(),
		field.Text("password_hash").Sensitive().Comment("argon2id with its parameters, PHC form"),
		field.Bool("must_change_password").Default(false),
		field.Time("password_changed_at").Optional().Nillable().Comment("null while the first password is in use"),
		field.Time("password_warned_at").Optional().Nillable().Comment("when the user was told that the password expires"),
		field.Time("second_factor_due_at").Optional().Nillable().Comment("from when on nothing works without a second factor, where one is required"),
		field.UUID("custom_role_id", uuid.UUID{}).Optional().Nillable().Comment("its permissions stand in place of the role's"),
		field.Strings("denied").Optional().Comment("permissions that this person does not have, whatever the role gives"),
		field.Strings("granted").Optional().Comment("permissions that this person has beyond the role"),
		field.Time("initial_password_until").Optional().Nillable().Comment("a generated password that nobody has changed is no good after it"),
		field.Bytes("invitation_hash").Optional().Sensitive().Comment("of the token that was mailed last"),
		field.Time("invited_until").Optional().Nillable(),
		field.UUID("created_by_id", uuid.UUID{}).Optional().Nillable(),
		field.Text("phone").Optional().Nillable().Comment("E.164"),
		field.Text("internal_number").Optional().Nillable().Comment("what colleagues dial: the agent's number"),
		field.Text("language").Optional().Nillable().Comment("BCP 47; the tenant's where it is null"),
		field.Text("time_zone").Optional().Nillable().Comment("IANA; the tenant's where it is null"),
		field.Enum("display_mode").Values("system", "light", "dark").Default("system"),
		field.Text("avatar_tag").Optional().Nillable().Comment("names the content of the picture, which stands in user_avatars"),
		field.Enum("presence").Values("online", "away", "busy", "offline").Default("offline"),
		field.Time("presence_at").Optional().Nillable().Comment("when it changed last"),
		field.Time("last_seen_at").Optional().Nillable().Comment("the last sign-in, refresh or sign-out"),
		field.Strings("applications").Optional().Comment("what the user is shown; null is everything, also what comes later"),
		field.Strings("disabled_functions").Optional(),
	}
}

// Indexes of User. A login is asked for before a tenant is known, hence not
// under the tenant.
func (User) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("login").Unique(),
		index.Fields("invitation_hash").Unique(),
		index.Fields("tenant_id", "status", "id"),
	}
}
