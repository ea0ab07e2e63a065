package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Interaction is one conversation case with one address on one channel.
type Interaction struct{ ent.Schema }

// Mixin of Interaction.
func (Interaction) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Interaction.
func (Interaction) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("channel_id", uuid.UUID{}).Immutable(),
		field.UUID("contact_id", uuid.UUID{}),
		field.Text("address").Immutable().Comment("the other side's"),
		field.Enum("status").Values("waiting_agent", "open", "waiting_customer", "solved", "closed"),
		field.Bool("needs_reply").Comment("the last message is the customer's"),
		field.Int("unseen").Default(0).Comment("inbound messages that nobody has marked as read"),
		field.Int("inbound").Default(0).Comment("the customer's messages, all told: what a reader has not read is counted without looking at them"),
		field.UUID("queue_id", uuid.UUID{}).Optional().Nillable().Comment("where it waited first; its members see it while nobody has it"),
		field.UUID("assignee_id", uuid.UUID{}).Optional().Nillable(),
		field.Time("assigned_at").Optional().Nillable().Comment("since when it is the present assignee's"),
		field.Text("preview").Default("").Comment("start of the last message"),
		field.Time("last_message_at"),
		field.Time("closed_at").Optional().Nillable(),
		field.UUID("closed_by_id", uuid.UUID{}).Optional().Nillable().Comment("nil while open, and where the system closed it"),
		field.Text("close_reason").Default(""),
	}
}

// Indexes of Interaction.
func (Interaction) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("tenant_id", "last_message_at", "id"),
		index.Fields("tenant_id", "contact_id"),
		index.Fields("tenant_id", "assignee_id", "last_message_at"),
	}
}
