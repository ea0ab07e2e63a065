package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// StaffMessage is what somebody wrote in a staff chat.
type StaffMessage struct{ ent.Schema }

// Mixin of StaffMessage.
func (StaffMessage) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of StaffMessage.
func (StaffMessage) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("chat_id", uuid.UUID{}).Immutable(),
		field.Int64("seq").Immutable().Comment("the place in the chat, from 1, without gaps"),
		field.UUID("sender_id", uuid.UUID{}).Immutable(),
		field.Text("body").Comment("empty when it was deleted"),
		field.Text("client_message_id").Optional().Nillable().Immutable().Comment("the sender's own name for it"),
		field.Time("edited_at").Optional().Nillable(),
		field.Time("deleted_at").Optional().Nillable(),
	}
}

// Indexes of StaffMessage.
func (StaffMessage) Indexes() []ent.Index {
	return []ent.Index{
		index.Fields("tenant_id", "chat_id", "seq").Unique(),
		index.Fields("tenant_id", "sender_id", "client_message_id").Unique(),
	}
}
