package tenants

import (
	"github.com/trellishq/trellis/ent"
)

// record is a node as the audit log compares it. It holds nothing about what
// stands above.
type record struct {
	Kind            Kind          `json:"kind"`
	Name            string        `json:"name"`
	Status          Status        `json:"status"`
	SuspendedReason string        `json:"suspended_reason"`
	Country         string        `json:"country"`
	TimeZone        string        `json:"time_zone"`
	Language        string        `json:"language"`
	ContentAccess   ContentAccess `json:"content_access"`
	SecuritySuite   bool          `json:"security_suite"`
	RequireIfMatch  bool          `json:"require_if_match"`
	AllowedOrigins  []string      `json:"allowed_origins"`
}

func recordOf(t *ent.Tenant) record {
	return record{
		Kind: Kind(t.Kind), Name: t.Name, Status: Status(t.Status), SuspendedReason: t.SuspendedReason,
		Country: t.Country, TimeZone: t.TimeZone, Language: t.Language, ContentAccess: ContentAccess(t.ContentAccess),
		SecuritySuite: t.SecuritySuite, RequireIfMatch: t.RequireIfMatch, AllowedOrigins: t.AllowedOrigins,
	}
}
