package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Channel is one connected account of a tenant: a number that it holds, or its
// own account at a provider.
type Channel struct{ ent.Schema }

// Mixin of Channel.
func (Channel) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Channel.
func (Channel) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("kind").Values("sms").Immutable(),
		field.Text("provider").Immutable(),
		field.Text("name"),
		field.Text("address").Immutable().Comment("E.164 or a short code"),
		field.UUID("number_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("set where the channel is a holding of an operator's number"),
		field.Bytes("credentials").Optional().Sensitive().Comment("sealed; nil where the number has them"),
		field.Text("credentials_hint").Default(""),
		field.Text("hook_token").Optional().Nillable().Sensitive().Comment("nil where the number has it"),
		field.Enum("status").Values("active", "inactive", "released").Default("active"),
		field.Enum("destination_type").Values("tenant", "user", "queue").Default("tenant").Comment("where inbound messages go"),
		field.UUID("destination_user_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("destination_queue_id", uuid.UUID{}).Optional().Nillable(),
		field.UUID("contact_list_id", uuid.UUID{}).Optional().Nillable().Comment("the list on which senders come whom nobody knew"),
		field.Bool("restricted").Default(false).Comment("agents and users may choose it who are its members"),
		field.Bool("blocked").Default(false).Comment("the operator has switched off the number behind it"),
		field.Text("fault").Default("").Comment("why the provider refuses the account; empty while it does not"),
		field.Int("max_segments").Default(10),
		field.Enum("on_unknown").Values("fail", "resend").Default("fail").Comment("what becomes of a submission whose outcome cannot be found out"),
		field.Int("reopen_within_hours").Default(0).Comment("how long a closed conversation can be opened again; 0: what is written later begins a new one"),
		field.Time("inbound_checked_at").Optional().Nillable().Comment("how far the provider's list of received messages was read"),
		field.Time("due_at").Optional().Nillable().Comment("when it is read next; nil where the provider has none"),
	}
}

// Indexes of Channel.
func (Channel) Indexes() []ent.Index {
	return []ent.Index{index.Fields("hook_token").Unique()}
}
