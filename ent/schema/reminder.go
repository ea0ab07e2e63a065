package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Reminder is what a user has set for himself on an interaction.
type Reminder struct{ ent.Schema }

// Mixin of Reminder.
func (Reminder) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Reminder.
func (Reminder) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("interaction_id", uuid.UUID{}).Immutable(),
		field.UUID("user_id", uuid.UUID{}).Immutable(),
		field.Time("remind_at"),
		field.Text("note").Default(""),
		field.Bool("snooze").Default(false).Comment("hides the interaction from the user's active list until it is due"),
		field.Enum("status").Values("pending", "due", "done").Default("pending"),
		field.Enum("because").Values("time", "customer_wrote").Optional().Nillable().Comment("why it is due"),
		field.Time("due_since").Optional().Nillable(),
		field.Time("done_at").Optional().Nillable(),
		field.Time("due_at").Optional().Nillable().Comment("when it is to be looked at; nil once it is due"),
	}
}
