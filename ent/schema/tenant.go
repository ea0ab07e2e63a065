package schema

import (
	"entgo.io/ent"
	"entgo.io/ent/dialect/entsql"
	"entgo.io/ent/schema/field"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/schema/mixin"
)

// Tenant is a node of the tree: the operator, a reseller or a customer.
type Tenant struct{ ent.Schema }

// Mixin of Tenant.
func (Tenant) Mixin() []ent.Mixin { return []ent.Mixin{mixin.Record{}} }

// Fields of Tenant.
func (Tenant) Fields() []ent.Field {
	return []ent.Field{
		field.UUID("parent_id", uuid.UUID{}).Optional().Nillable().Comment("nil for the operator alone"),
		field.Enum("kind").Values("operator", "reseller_l1", "reseller_l2", "customer", "sandbox").Immutable(),
		field.Text("name"),
		field.Text("name_key").Comment("the name as it is compared: NFC, without capitals"),
		field.Text("path").Comment("ids from the root between slashes: /a/b/"),
		field.Enum("status").Values("active", "suspended", "archived", "deleted", "purged").Default("active"),
		field.Text("suspended_by_path").Default("").Comment("home of the one who suspended it; who is below that cannot undo it"),
		field.Text("suspended_reason").Default(""),
		field.Time("suspended_at").Optional().Nillable(),
		field.Time("archived_at").Optional().Nillable(),
		field.Time("deleted_at").Optional().Nillable(),
		field.Time("purge_at").Optional().Nillable().Comment("end of the grace; from then on nothing brings it back"),
		field.Time("purged_at").Optional().Nillable(),
		field.Text("closed_by_path").Default("").Comment("home of the one who archived or deleted it"),
		field.Text("country").Default("US").Comment("ISO 3166-1 alpha-2; national numbers are read in it"),
		field.Text("time_zone").Default("UTC").Comment("IANA name"),
		field.Text("language").Default("en").Comment("BCP 47"),
		field.Enum("content_access").Values("closed", "open").Default("closed").
			Comment("whether staff from above who act in the tenant may read its messages"),
		field.Bool("security_suite").Default(false).Comment("the strict rules for passwords"),
		field.Bool("require_if_match").Default(false).Comment("changes without If-Match are refused"),
		field.Strings("allowed_origins").Default([]string{}).Annotations(entsql.DefaultExpr("'[]'::jsonb")).
			Comment("web sites that may call the API from a browser"),
		field.Strings("entitlements").Default([]string{"api", "webhooks"}).
			Annotations(entsql.DefaultExpr("jsonb_build_array('api', 'webhooks')")).
			Comment("what was granted to it; it has what all above it have as well"),
		// Limits are null where the node itself has none; those above it hold all the same.
		field.Int64("quota_seats").Optional().Nillable(),
		field.Int64("quota_messages_per_month").Optional().Nillable().Comment("segments"),
		field.Int64("quota_storage_bytes").Optional().Nillable(),
		field.Int64("quota_requests_per_minute").Optional().Nillable(),
	}
}
