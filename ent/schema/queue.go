package schema

import (
	"encoding/json"

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
		field.Text("description").Default(""),
		field.Text("screen_pop_url").Default("").Comment("opened where one of its conversations is; with placeholders"),
		field.Bool("self_assign").Default(false).Comment("agents may take what waits although nobody assigns by itself"),
		field.Bool("disposition_required").Default(false).Comment("people close its conversations with a disposition"),
		field.Time("archived_at").Optional().Nillable(),
		field.Enum("strategy").Values("manual", "round_robin", "least_loaded", "broadcast").Default("manual").
			Comment("how what waits comes to a member; manual leaves that to people"),
		field.Bool("returning_customer").Default(true).Comment("who had the last conversation with a customer gets the next"),
		field.Bool("assign_outside_hours").Default(true),
		field.Int("offer_seconds").Default(30).Comment("how long an offer of a broadcast stands"),
		field.Text("time_zone").Default("").Comment("of the opening hours; empty for the tenant's"),
		field.JSON("opening_hours", json.RawMessage{}).Optional().Comment("spans by weekday; null is always open"),
		field.JSON("holidays", json.RawMessage{}).Optional().Comment("dates with hours of their own"),
	}
}
