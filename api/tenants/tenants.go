// Package tenants serves the tree of resellers and customers.
package tenants

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// Tag is the chapter of tenants in the document.
const Tag = "Tenants"

// Config is what the operations need.
type Config struct {
	Tenants *tenants.Service
	// May tells whether the caller has a permission in the tenant of the path.
	May func(context.Context, authz.Permission) bool
	// Below tells whether the caller has a permission below his own tenant.
	Below func(context.Context, authz.Permission) bool
}

type handlers struct {
	tenants *tenants.Service
	may     func(context.Context, authz.Permission) bool
	below   func(context.Context, authz.Permission) bool
}

// Register opens the operations on tenants.
func Register(s *op.Surface, c Config) {
	h := handlers{c.Tenants, c.May, c.Below}
	h.registerAllowances(s)
	h.registerUsage(s)
	h.registerSandbox(s)
	op.Register(s, authz.TenantsRead, op.Spec{
		ID: "listTenants", Method: http.MethodGet, Path: "/v1/tenants", Tag: Tag,
		Summary: "List tenants",
		Description: "Lists the caller's own tenant and what is below it, in the order of the tree: a tenant comes before those below it, siblings oldest first. " +
			"Archived, deleted and purged tenants are listed only where status asks for them.",
	}, h.list)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "createTenant", Method: http.MethodPost, Path: "/v1/tenants", Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a tenant",
		Description: "Creates a tenant below one that the caller sees. Below the operator stand level-1 resellers, below those level-2 resellers and customers, " +
			"below level-2 resellers customers. Names are unique among siblings. It can be given what its parent has: see updateEntitlements and updateQuotas.",
		Codes: []fault.Code{fault.CodeWrongParent, fault.CodeNameTaken, fault.CodeNotFound, fault.CodeLimitTooHigh, fault.CodeWrongState},
	}, h.create)
	op.Register(s, authz.TenantsRead, op.Spec{
		ID: "getTenant", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}", Tag: Tag,
		Summary: "Show a tenant", Description: "Shows one tenant.",
	}, h.get)
	op.Register(s, authz.SettingsWrite, op.Spec{
		ID: "updateTenant", Method: http.MethodPatch, Path: "/v1/tenants/{tenant_id}", Tag: Tag,
		Summary: "Change a tenant",
		Description: "Changes the fields that are sent. Name and status need the permission `tenants:write`. Who may read a tenant's messages, " +
			"content_access, is changed by its own administrators alone. " +
			"A suspended tenant and everything below it can neither sign in nor send; making it active again undoes that.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodeWrongState},
	}, h.update)
	registerLife(s, h)
	registerBrands(s, h)
	registerResellers(s, h)
}

// Tenant is a node of the tree as clients see it.
type Tenant struct {
	ID       uuid.UUID  `json:"id" doc:"The tenant."`
	ParentID *uuid.UUID `json:"parent_id" nullable:"true" doc:"The tenant above; null for the operator, and for the caller's own."`
	Kind     string     `json:"kind" enum:"operator,reseller_l1,reseller_l2,customer,sandbox" doc:"What stands at this place of the tree."`
	Name     string     `json:"name" maxLength:"200" doc:"Its name." example:"Maple Dental"`
	Status   string     `json:"status" enum:"active,suspended,archived,deleted,purged" doc:"Its own state; that of the tenants above it counts all the same."`
	Country  string     `json:"country" minLength:"2" maxLength:"2" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2; national telephone numbers are read in it." example:"CA"`
	TimeZone string     `json:"time_zone" maxLength:"64" doc:"IANA name." example:"America/Toronto"`
	Language string     `json:"language" maxLength:"35" doc:"BCP 47." example:"en-CA"`

	ContentAccess  string   `json:"content_access" enum:"closed,open" doc:"Whether staff from above who act in the tenant may read its messages, contacts and recordings."`
	SecuritySuite  bool     `json:"security_suite" doc:"Whether the strict rules for passwords hold."`
	RequireIfMatch bool     `json:"require_if_match" doc:"Whether changes of a single thing must say with If-Match which version they change; 428 without."`
	AllowedOrigins []string `json:"allowed_origins" maxItems:"20" maxLength:"300" doc:"Web sites that may call the API from a browser, as browsers write their origin." example:"https://app.example.com"`

	SuspendedReason string     `json:"suspended_reason" maxLength:"500" doc:"Why it was suspended, for those above it; empty where it is not." example:"Invoice 2026-117 is not paid."`
	SuspendedAt     *time.Time `json:"suspended_at" nullable:"true" doc:"Since when it is suspended; null where it is not."`
	ArchivedAt      *time.Time `json:"archived_at" nullable:"true" doc:"Since when it is archived; null where it is not."`
	DeletedAt       *time.Time `json:"deleted_at" nullable:"true" doc:"When it was deleted; null where it is not."`
	PurgeAt         *time.Time `json:"purge_at" nullable:"true" doc:"When the data of a deleted tenant go for good; until then it can be restored."`
	PurgedAt        *time.Time `json:"purged_at" nullable:"true" doc:"When its data were gone."`

	CreatedAt time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt time.Time `json:"updated_at" doc:"When it was changed last."`
}

// View is a tenant as clients see it.
func View(t tenants.Tenant) Tenant {
	return Tenant{
		ID: t.ID, ParentID: t.ParentID, Kind: string(t.Kind), Name: t.Name, Status: string(t.Status),
		Country: t.Country, TimeZone: t.TimeZone, Language: t.Language,
		ContentAccess: string(t.ContentAccess), SecuritySuite: t.SecuritySuite, RequireIfMatch: t.RequireIfMatch, AllowedOrigins: t.AllowedOrigins,
		SuspendedReason: t.SuspendedReason, SuspendedAt: t.SuspendedAt, ArchivedAt: t.ArchivedAt,
		DeletedAt: t.DeletedAt, PurgeAt: t.PurgeAt, PurgedAt: t.PurgedAt,
		CreatedAt: t.CreatedAt, UpdatedAt: t.UpdatedAt,
	}
}

// ListTenantsInput is the input of listTenants.
type ListTenantsInput struct {
	op.Page
	ParentID uuid.UUID `query:"parent_id" doc:"Only the children of this tenant."`
	Kind     string    `query:"kind" enum:"operator,reseller_l1,reseller_l2,customer,sandbox" doc:"Only this kind. Sandboxes are listed only where they are asked for."`
	Status   []string  `query:"status,explode" enum:"active,suspended,archived,deleted,purged" maxItems:"5" doc:"Only those in one of these states; active and suspended if it is left out."`
	Q        string    `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name begins, in capitals or not." example:"map"`
}

// treeKey is the place of a tenant in a list in the order of the tree.
type treeKey struct {
	Below string `json:"b"`
}

func (h handlers) list(ctx context.Context, in *ListTenantsInput) (*op.List[Tenant], error) {
	after, err := op.After[treeKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := tenants.Filter{Limit: in.Fetch(), Kind: tenants.Kind(in.Kind), NamePrefix: in.Q}
	if after != nil {
		f.After = &after.Below
	}
	for _, status := range in.Status {
		f.Statuses = append(f.Statuses, tenants.Status(status))
	}
	if in.ParentID != uuid.Nil {
		f.ParentID = &in.ParentID
	}
	rows, err := h.tenants.List(ctx, f)
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, View, func(t tenants.Tenant) treeKey { return treeKey{t.Below} })
}

// CreateTenant is the body of createTenant.
type CreateTenant struct {
	ParentID uuid.UUID `json:"parent_id" doc:"The tenant above."`
	Kind     string    `json:"kind" enum:"reseller_l1,reseller_l2,customer" doc:"What stands at this place of the tree."`
	Name     string    `json:"name" minLength:"1" maxLength:"200" doc:"Its name." example:"Maple Dental"`
	Country  string    `json:"country,omitempty" minLength:"2" maxLength:"2" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2; the parent's if it is left out." example:"CA"`
	TimeZone string    `json:"time_zone,omitempty" maxLength:"64" doc:"IANA name; the parent's if it is left out." example:"America/Toronto"`
	Language string    `json:"language,omitempty" maxLength:"35" doc:"BCP 47; the parent's if it is left out." example:"en-CA"`

	ContentAccess string           `json:"content_access,omitempty" enum:"closed,open" doc:"Whether staff from above who act in the tenant may read its messages; closed if it is left out. Later its own administrators alone change it: open is for those who run the tenant themselves."`
	SecuritySuite bool             `json:"security_suite,omitempty" doc:"Whether the strict rules for passwords hold."`
	Entitlements  *SetEntitlements `json:"entitlements,omitempty" doc:"What it is given; API and webhooks, where the parent has them, if nothing is said of them."`
	Quotas        *SetQuotas       `json:"quotas,omitempty" doc:"Its limits; those of the parent hold in any case."`
}

// CreateTenantInput is the input of createTenant.
type CreateTenantInput struct {
	Body CreateTenant
}

// Created is the output of createTenant.
type Created struct {
	op.Location
	op.ETag
	Body Tenant
}

func (h handlers) create(ctx context.Context, in *CreateTenantInput) (*Created, error) {
	t, err := h.tenants.Create(ctx, tenants.NewTenant{
		ParentID: in.Body.ParentID, Kind: tenants.Kind(in.Body.Kind), Name: in.Body.Name,
		Country: in.Body.Country, TimeZone: in.Body.TimeZone, Language: in.Body.Language,
		ContentAccess: tenants.ContentAccess(in.Body.ContentAccess), SecuritySuite: in.Body.SecuritySuite,
		Allowance: tenants.AllowanceChange{Entitlements: in.Body.Entitlements.named(), Limits: in.Body.Quotas.named()},
	})
	if err != nil {
		return nil, err
	}
	return &Created{op.At("/v1/tenants/%s", t.ID), op.Version(int64(t.Version)), View(t)}, nil
}

// Shown is the output of operations that show one tenant.
type Shown struct {
	op.ETag
	Body Tenant
}

func shown(t tenants.Tenant, err error) (*Shown, error) {
	if err != nil {
		return nil, err
	}
	return &Shown{op.Version(int64(t.Version)), View(t)}, nil
}

// GetInput is the input of getTenant.
type GetInput struct{ path.Tenant }

func (h handlers) get(ctx context.Context, in *GetInput) (*Shown, error) {
	return shown(h.tenants.Get(ctx, in.TenantID))
}

// UpdateTenant is the body of updateTenant.
type UpdateTenant struct {
	Name     op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"Its name." example:"Maple Dental"`
	Status   op.Optional[string] `json:"status,omitzero" nullable:"false" enum:"active,suspended" doc:"Whether it is in service."`
	Country  op.Optional[string] `json:"country,omitzero" nullable:"false" minLength:"2" maxLength:"2" pattern:"^[A-Z]{2}$" doc:"ISO 3166-1 alpha-2." example:"CA"`
	TimeZone op.Optional[string] `json:"time_zone,omitzero" nullable:"false" maxLength:"64" doc:"IANA name." example:"America/Toronto"`
	Language op.Optional[string] `json:"language,omitzero" nullable:"false" maxLength:"35" doc:"BCP 47." example:"en-CA"`

	ContentAccess  op.Optional[string]   `json:"content_access,omitzero" nullable:"false" enum:"closed,open" doc:"Whether staff from above who act in the tenant may read its messages; changed by the tenant's own administrators alone."`
	SecuritySuite  op.Optional[bool]     `json:"security_suite,omitzero" nullable:"false" doc:"Whether the strict rules for passwords hold."`
	RequireIfMatch op.Optional[bool]     `json:"require_if_match,omitzero" nullable:"false" doc:"Whether changes must say with If-Match which version they change."`
	AllowedOrigins op.Optional[[]string] `json:"allowed_origins,omitzero" nullable:"false" maxItems:"20" maxLength:"300" doc:"Web sites that may call the API from a browser." example:"https://app.example.com"`
}

// UpdateTenantInput is the input of updateTenant.
type UpdateTenantInput struct {
	path.Tenant
	op.IfMatch
	Body UpdateTenant
}

func (h handlers) update(ctx context.Context, in *UpdateTenantInput) (*Shown, error) {
	if (in.Body.Name.Pointer() != nil || in.Body.Status.Pointer() != nil) && !h.may(ctx, authz.TenantsWrite) {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden,
			"Name and status need the permission %s.", authz.TenantsWrite)
	}
	return shown(h.tenants.Update(ctx, in.TenantID, tenants.Change{
		Name: in.Body.Name.Pointer(), Status: (*tenants.Status)(in.Body.Status.Pointer()), Country: in.Body.Country.Pointer(),
		TimeZone: in.Body.TimeZone.Pointer(), Language: in.Body.Language.Pointer(),
		ContentAccess: (*tenants.ContentAccess)(in.Body.ContentAccess.Pointer()), SecuritySuite: in.Body.SecuritySuite.Pointer(),
		RequireIfMatch: in.Body.RequireIfMatch.Pointer(), AllowedOrigins: in.Body.AllowedOrigins.Pointer(),
	}, in.Check))
}
