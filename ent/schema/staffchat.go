package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// StaffChat is a conversation between people of one tenant: of two, or of a
// group. Who is in it stands in staff_chat_members.
type StaffChat struct{ ent.Schema }

// Mixin of StaffChat.
func (StaffChat) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of StaffChat.
func (StaffChat) Fields() []ent.Field {
	return []ent.Field{
		field.Enum("kind").Values("private", "group").Immutable(),
		field.Text("name").Default("").Comment("of a group; empty for a private chat"),
		field.Bool("read_only").Default(false).Comment("of a group: only its administrators write"),
		field.Text("pair").Optional().Nillable().Immutable().Comment("the two people of a private chat, by which it is found"),
		field.UUID("created_by_id", uuid.UUID{}).Immutable(),
		field.Int64("last_seq").Default(0).Comment("the number of the last message"),
		field.Time("active_at").Comment("when the last message was written, or the chat was made"),
		field.Time("archived_at").Optional().Nillable(),
	}
}
