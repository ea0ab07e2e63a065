package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/schema/field"
	"entgo.io/ent/schema/index"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Attachment is a picture: uploaded by a user, or fetched from a provider. It
// belongs to a message or to a note, and never to both.
type Attachment struct{ ent.Schema }

// Mixin of Attachment.
func (Attachment) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}, mixin.Owned{}} }

// Fields of Attachment.
func (Attachment) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("message_id", uuid.UUID{}).Optional().Nillable().Comment("nil until a message carries it"),
		field.UUID("note_id", uuid.UUID{}).Optional().Nillable().Comment("nil unless an internal note carries it"),
		field.UUID("staff_message_id", uuid.UUID{}).Optional().Nillable().Comment("where colleagues send it to one another"),
		field.Enum("status").Values("pending", "ready", "failed"),
		field.Text("name").Default(""),
		field.Text("content_type").Default("").Comment("decided by content"),
		field.Int64("size").Default(0).Comment("bytes"),
		field.Int("width").Default(0),
		field.Int("height").Default(0),
		field.Bytes("sha256").Optional(),
		field.Text("media_key").Default("").Comment("where the media store has it"),
		field.Text("source_url").Default("").Sensitive().Comment("where the provider has it"),
		field.UUID("uploader_id", uuid.UUID{}).Optional().Nillable(),
		field.Text("failure").Default(""),
		field.Int("attempt").Default(0),
		field.Time("due_at").Optional().Nillable(),
	}
}

// Indexes of Attachment.
func (Attachment) Indexes() []ent.Index {
	return []ent.Index{index.Fields("tenant_id", "message_id"), index.Fields("tenant_id", "note_id"), index.Fields("tenant_id", "staff_message_id")}
}
