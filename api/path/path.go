// Package path holds the inputs that many operations share: where in the tree a
// request is about.
package path

import "github.com/google/uuid"

// Tenant is embedded in the inputs of operations on a tenant's data.
type Tenant struct {
	TenantID uuid.UUID `path:"tenant_id" doc:"The tenant whose data it is."`
}

// Key is the place of a row in a list that is sorted by id.
type Key struct {
	ID uuid.UUID `json:"i"`
}

// After is the id behind which a page begins, for the first page the nil id.
func (k *Key) After() uuid.UUID {
	if k == nil {
		return uuid.Nil
	}
	return k.ID
}
