package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Queue is a place where conversations wait for one of its members.
type Queue struct{ ent.Schema }

// Mixin of Queue.
func (Queue) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Queue.
func (Queue) Fields() []ent.Field {
	return []ent.Field{
		field.Text("name").Comment("unique among the tenant's queues that are not archived, in capitals or not"),
		field.Time("archived_at").Optional().Nillable(),
	}
}
