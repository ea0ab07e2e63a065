// Package migrations holds the versioned schema. Files are applied in order and
// never edited once released. Objects that ent does not know (composite keys,
// partial indexes) are named h_…, which keeps the generator from dropping them.
package migrations

import "embed"

// FS holds the migrations in goose's format.
//
//go:embed *.sql
var FS embed.FS
