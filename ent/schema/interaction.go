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
		field.UUID("transferred_by_id", uuid.UUID{}).Optional().Nillable().Comment("who passed it to the assignee; nil where it came otherwise"),
		field.Time("transferred_at").Optional().Nillable(),
		field.Time("transfer_seen_at").Optional().Nillable().Comment("when the assignee opened it"),
		field.Enum("direction").Values("inbound", "outbound").Default("inbound").Comment("who began it: the customer, or the tenant"),
		field.Text("preview").Default("").Comment("start of the last message"),
		field.Time("last_message_at"),
		field.Enum("last_message_direction").Values("inbound", "outbound").Optional().Nillable(),

		field.Text("subject").Default(""),
		field.Int("priority").Default(0).Comment("what is higher is answered first"),
		field.Text("sub_status").Default("").Comment("a key of the tenant's list; empty for none"),
		field.UUID("previous_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("the conversation with the same address before this one"),
		field.UUID("changed_by_id", uuid.UUID{}).Optional().Nillable().Comment("the user or key that changed it last; nil while nobody has"),

		field.Time("waiting_since").Optional().Nillable().Comment("since when the customer has no answer"),
		field.Time("first_response_at").Optional().Nillable().Comment("when the customer was answered first"),

		field.Time("paused_at").Optional().Nillable().Comment("nil while it is not paused"),
		field.Time("paused_until").Optional().Nillable(),
		field.Text("pause_reason").Default("").Comment("a key of the tenant's list, as it was then"),
		field.Text("pause_note").Default(""),
		field.Bool("pause_ends_with_message").Default(false).Comment("the customer's next message ends the pause"),

		field.Time("solved_at").Optional().Nillable(),
		field.Time("closed_at").Optional().Nillable(),
		field.Enum("closed_by").Values("agent", "customer", "supervisor", "system", "survey").Optional().Nillable(),
		field.UUID("closed_by_id", uuid.UUID{}).Optional().Nillable().Comment("nil while open, and where the system closed it"),
		field.Text("close_reason").Default(""),
		field.Bool("closed_while_paused").Default(false).Comment("by an agent who was on a pause"),
		field.Bool("managed").Default(false).Comment("somebody of the tenant has dealt with it; closed without, it is missed"),
		field.Bool("listed").Default(true).Comment("it stands in the list of whose it is: until it is closed, or until he hides what others have closed"),
		field.Time("reopened_at").Optional().Nillable(),
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
