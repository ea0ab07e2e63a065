// Package mixin holds the fields that entities share.
package mixin

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	entmixin "entgo.io/ent/schema/mixin"
	"github.com/google/uuid"
)

// Record is what every entity has: an id that sorts by creation, its times and
// a version that grows with each update and is its ETag. The store's hook sets
// all four.
type Record struct{ entmixin.Schema }

// Fields of Record.
func (Record) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("id", uuid.UUID{}).Immutable(),
		field.Time("created_at").Immutable(),
		field.Time("updated_at"),
		field.Int("version").Default(1),
	}
}

// Owned marks an entity that belongs to one tenant. The store filters its reads
// and stamps its writes, and row level security stands behind the store.
type Owned struct{ entmixin.Schema }

// Fields of Owned.
func (Owned) Fields() []ent.Field {
	return []ent.Field{field.UUID("tenant_id", uuid.UUID{}).Immutable()}
}

// Indexes of Owned: the target of composite foreign keys.
func (Owned) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "id").Unique()}
}
