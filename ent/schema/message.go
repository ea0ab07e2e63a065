package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Message is one unit of an interaction, in either direction.
type Message struct{ ent.Schema }

// Mixin of Message.
func (Message) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Message.
func (Message) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("interaction_id", uuid.UUID{}).Immutable(),
		field.UUID("channel_id", uuid.UUID{}).Immutable(),
		field.Enum("direction").Values("inbound", "outbound").Immutable(),
		field.Enum("status").Values("received", "scheduled", "queued", "submitting", "unknown", "accepted",
			"sent", "delivered", "undelivered", "failed", "read", "canceled", "expired"),
		field.Text("body").Immutable(),
		field.Text("from_address").Immutable(),
		field.Text("to_address").Immutable(),
		field.Text("encoding").Default("").Immutable(),
		field.Int("segments").Default(0).Immutable().Comment("by our own count"),
		field.Int("provider_segments").Default(0).Comment("by the provider's, 0 until it tells"),
		field.Text("client_message_id").Optional().Nillable().Immutable(),
		field.UUID("sender_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("the user or key that wrote it"),
		field.UUID("resent_of_id", uuid.UUID{}).Optional().Nillable().Immutable(),
		field.UUID("phrase_id", uuid.UUID{}).Optional().Nillable().Immutable().Comment("the prepared text that it was made of"),
		field.Time("send_at").Optional().Nillable().Comment("when it is to be sent; nil for at once"),
		field.Bool("unless_answered").Default(false).Immutable().Comment("not sent if the customer writes before"),
		field.Time("queued_at").Optional().Nillable().Comment("when a scheduled one was queued, and counted"),
		field.UUID("place", uuid.UUID{}).Optional().Nillable().Comment("its place in the conversation, where that is not its id"),
		field.Bool("recovered").Default(false).Comment("found in the provider's list; its callback never came"),
		field.Text("provider_id").Default(""),

		field.Int("attempt").Default(0).Comment("submissions begun"),
		field.Int("lookups").Default(0).Comment("searches for an unknown outcome"),
		field.UUID("claim_id", uuid.UUID{}).Optional().Nillable(),
		field.Time("claim_until").Optional().Nillable(),
		field.Time("submit_started_at").Optional().Nillable(),
		field.Time("due_at").Optional().Nillable().Comment("when something is to be done next; nil when nothing is"),
		field.Time("expires_at").Optional().Nillable().Comment("not sent later than this"),

		field.Text("error_class").Default(""),
		field.Text("error_code").Default(""),
		field.Text("error_message").Default(""),
		field.Time("accepted_at").Optional().Nillable(),
		field.Time("sent_at").Optional().Nillable(),
		field.Time("delivered_at").Optional().Nillable(),
		field.Time("failed_at").Optional().Nillable(),
		field.Time("read_at").Optional().Nillable(),
	}
}

// Indexes of Message.
func (Message) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("tenant_id", "interaction_id", "id"),
		index.Fields("tenant_id", "client_message_id").Unique(),
	}
}
