package tenants

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
)

// Kind is a node's place in the order of the tree.
type Kind string

// The kinds of node.
const (
	KindOperator   Kind = "operator"
	KindResellerL1 Kind = "reseller_l1"
	KindResellerL2 Kind = "reseller_l2"
	KindCustomer   Kind = "customer"
)

// Kinds lists every kind, from the root down.
func Kinds() []Kind { return []Kind{KindOperator, KindResellerL1, KindResellerL2, KindCustomer} }

// Reseller tells whether nodes of this kind administer those below them.
func (k Kind) Reseller() bool { return k == KindResellerL1 || k == KindResellerL2 }

// Below lists the kinds of node that may stand below one of this kind (C-02).
func (k Kind) Below() []Kind {
	switch k {
	case KindOperator:
		return []Kind{KindResellerL1}
	case KindResellerL1:
		return []Kind{KindResellerL2, KindCustomer}
	case KindResellerL2:
		return []Kind{KindCustomer}
	default:
		return nil
	}
}

// counts tells whether what nodes of this kind use is held against quotas.
func (k Kind) counts() bool { return k != KindSandbox }

func (k Kind) known() bool { return slices.Contains(Kinds(), k) }

// Tenant is a node as its callers see it.
type Tenant struct {
	ID uuid.UUID
	// ParentID is nil for the operator, and where the caller is at home in this
	// node: nobody sees what is above.
	ParentID *uuid.UUID
	Kind     Kind
	Name     string
	// Path is the ids from the root to the node between slashes.
	Path string
	// Below is the part of Path behind the node whose list this is, where it is
	// of a list: it tells nobody what stands above him.
	Below string
	// Status is the node's own; one above it may be suspended all the same.
	Status Status
	// SuspendedReason is for those above: the node's own people do not get in.
	SuspendedReason                    string
	SuspendedAt, ArchivedAt, DeletedAt *time.Time
	// PurgeAt is when the data of a deleted node go for good, PurgedAt when they
	// have gone.
	PurgeAt, PurgedAt *time.Time

	Country  string
	TimeZone string
	Language string
	Settings
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
}

func view(t *ent.Tenant) Tenant {
	return Tenant{
		ID: t.ID, ParentID: t.ParentID, Kind: Kind(t.Kind), Name: t.Name, Path: t.Path,
		Status: Status(t.Status), Country: t.Country, TimeZone: t.TimeZone, Language: t.Language,
		Settings: Settings{
			ContentAccess: ContentAccess(t.ContentAccess), SecuritySuite: t.SecuritySuite,
			RequireIfMatch: t.RequireIfMatch, AllowedOrigins: t.AllowedOrigins,
		},
		SuspendedReason: t.SuspendedReason, SuspendedAt: t.SuspendedAt, ArchivedAt: t.ArchivedAt,
		DeletedAt: t.DeletedAt, PurgeAt: t.PurgeAt, PurgedAt: t.PurgedAt,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt, Version: t.Version,
	}
}
