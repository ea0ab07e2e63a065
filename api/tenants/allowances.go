package tenants

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

const (
	entitlementsPath = "/v1/tenants/{tenant_id}/entitlements"
	quotasPath       = "/v1/tenants/{tenant_id}/quotas"
)

func (h handlers) registerAllowances(s *op.Surface) {
	op.Register(s, authz.EntitlementsRead, op.Spec{
		ID: "getEntitlements", Method: http.MethodGet, Path: entitlementsPath, Tag: Tag,
		Summary: "Show entitlements", Description: "Shows for each service whether it was granted to the tenant, and whether it has it: " +
			"what is granted has no effect while a tenant above lacks it.",
	}, h.getEntitlements)
	op.Register(s, authz.EntitlementsWrite, op.Spec{
		ID: "updateEntitlements", Method: http.MethodPatch, Path: entitlementsPath, Tag: Tag,
		Summary: "Grant or take entitlements",
		Description: "Switches services on or off for a tenant below the caller's; nobody does so for his own. What the tenants above do not have themselves is refused with not_entitled. " +
			"What is taken from a tenant is taken from everything below it within a second, and comes back with it.",
	}, h.updateEntitlements)
	op.Register(s, authz.EntitlementsRead, op.Spec{
		ID: "getQuotas", Method: http.MethodGet, Path: quotasPath, Tag: Tag,
		Summary: "Show quotas", Description: "Shows for each quota the tenant's own limit and the one that holds: the least of its own and those of the tenants above. getTenantUsage shows what is used.",
	}, h.getQuotas)
	op.Register(s, authz.EntitlementsWrite, op.Spec{
		ID: "updateQuotas", Method: http.MethodPatch, Path: quotasPath, Tag: Tag,
		Summary: "Set quotas",
		Description: "Sets limits of a tenant below the caller's; nobody does so for his own. A limit is a ceiling for each tenant by itself: what tenants use is not taken from those above. " +
			"A greater one than those above have is refused with limit_too_high. null takes the own limit away. " +
			"A limit below what is used already takes nothing away; nothing more is used.",
		Codes: []fault.Code{fault.CodeLimitTooHigh},
	}, h.updateQuotas)
}

// Entitlement is one service of a tenant.
type Entitlement struct {
	Granted   bool `json:"granted" doc:"Whether it was granted to this tenant."`
	Effective bool `json:"effective" doc:"Whether the tenant has it: it was granted to this one and to all above."`
}

// Entitlements are the services of a tenant.
type Entitlements struct {
	Bulk     Entitlement `json:"bulk" doc:"Campaigns to many recipients."`
	Email    Entitlement `json:"email" doc:"Channels for e-mail."`
	LiveChat Entitlement `json:"live_chat" doc:"Chat on web sites."`
	Voice    Entitlement `json:"voice" doc:"Calls."`
	Social   Entitlement `json:"social" doc:"Channels of social networks."`
	Fax      Entitlement `json:"fax" doc:"Channels for fax."`
	API      Entitlement `json:"api" doc:"API keys of its own. Without it none is made, and those that are there are refused."`
	Webhooks Entitlement `json:"webhooks" doc:"Events that are sent to its servers."`
}

// SetEntitlements is the body of updateEntitlements.
type SetEntitlements struct {
	Bulk     op.Optional[bool] `json:"bulk,omitzero" nullable:"false" doc:"Campaigns to many recipients." example:"true"`
	Email    op.Optional[bool] `json:"email,omitzero" nullable:"false" doc:"Channels for e-mail." example:"true"`
	LiveChat op.Optional[bool] `json:"live_chat,omitzero" nullable:"false" doc:"Chat on web sites." example:"true"`
	Voice    op.Optional[bool] `json:"voice,omitzero" nullable:"false" doc:"Calls." example:"false"`
	Social   op.Optional[bool] `json:"social,omitzero" nullable:"false" doc:"Channels of social networks." example:"false"`
	Fax      op.Optional[bool] `json:"fax,omitzero" nullable:"false" doc:"Channels for fax." example:"false"`
	API      op.Optional[bool] `json:"api,omitzero" nullable:"false" doc:"API keys of its own." example:"true"`
	Webhooks op.Optional[bool] `json:"webhooks,omitzero" nullable:"false" doc:"Events that are sent to its servers." example:"true"`
}

// named are the entitlements that were sent.
func (e *SetEntitlements) named() map[authz.Entitlement]bool {
	if e == nil {
		return nil
	}
	sent := map[authz.Entitlement]bool{}
	for name, value := range map[authz.Entitlement]op.Optional[bool]{
		authz.Bulk: e.Bulk, authz.Email: e.Email, authz.LiveChat: e.LiveChat, authz.Voice: e.Voice,
		authz.Social: e.Social, authz.Fax: e.Fax, authz.API: e.API, authz.Webhooks: e.Webhooks,
	} {
		if value.Set {
			sent[name] = value.Value
		}
	}
	return sent
}

// EntitlementsShown is the output of operations that show entitlements.
type EntitlementsShown struct {
	op.ETag
	Body Entitlements
}

func entitlementsShown(a tenants.Allowance, err error) (*EntitlementsShown, error) {
	if err != nil {
		return nil, err
	}
	of := func(e authz.Entitlement) Entitlement {
		return Entitlement{Granted: a.Granted.Has(e), Effective: a.Effective.Has(e)}
	}
	return &EntitlementsShown{op.Version(int64(a.Version)), Entitlements{
		Bulk: of(authz.Bulk), Email: of(authz.Email), LiveChat: of(authz.LiveChat), Voice: of(authz.Voice),
		Social: of(authz.Social), Fax: of(authz.Fax), API: of(authz.API), Webhooks: of(authz.Webhooks),
	}}, nil
}

func (h handlers) getEntitlements(ctx context.Context, in *GetInput) (*EntitlementsShown, error) {
	return entitlementsShown(h.tenants.Allowance(ctx, in.TenantID))
}

// UpdateEntitlementsInput is the input of updateEntitlements.
type UpdateEntitlementsInput struct {
	path.Tenant
	op.IfMatch
	Body SetEntitlements
}

func (h handlers) updateEntitlements(ctx context.Context, in *UpdateEntitlementsInput) (*EntitlementsShown, error) {
	change := tenants.AllowanceChange{Entitlements: in.Body.named()}
	return entitlementsShown(h.tenants.SetAllowance(ctx, in.TenantID, change, in.Check))
}

// QuotaLimit is one limit of a tenant.
type QuotaLimit struct {
	Limit     *int64 `json:"limit" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"The tenant's own limit; null is none." example:"1000"`
	Effective *int64 `json:"effective" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"The limit that holds; null is none." example:"1000"`
}

// Quotas are the limits of a tenant.
type Quotas struct {
	Seats             QuotaLimit `json:"seats" doc:"Users that are active or invited."`
	MessagesPerMonth  QuotaLimit `json:"messages_per_month" doc:"Segments of outbound messages in a calendar month of the tenant's time zone."`
	StorageBytes      QuotaLimit `json:"storage_bytes" doc:"Pictures that are kept."`
	RequestsPerMinute QuotaLimit `json:"requests_per_minute" doc:"Requests of all callers of the tenant together; without a limit the installation's holds."`
}

// SetQuotas is the body of updateQuotas.
type SetQuotas struct {
	Seats             op.Optional[int64] `json:"seats,omitzero" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"Users that are active or invited; null for no limit of its own." example:"25"`
	MessagesPerMonth  op.Optional[int64] `json:"messages_per_month,omitzero" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"Segments of outbound messages in a calendar month of the tenant's time zone; null for no limit of its own." example:"10000"`
	StorageBytes      op.Optional[int64] `json:"storage_bytes,omitzero" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"Pictures that are kept; null for no limit of its own." example:"5368709120"`
	RequestsPerMinute op.Optional[int64] `json:"requests_per_minute,omitzero" format:"int64" minimum:"1" maximum:"1125899906842624" doc:"Requests of all callers of the tenant together; null for no limit of its own." example:"600"`
}

// named are the limits that were sent.
func (q *SetQuotas) named() []tenants.Limit {
	if q == nil {
		return nil
	}
	var sent []tenants.Limit
	for _, limit := range []struct {
		quota tenants.Quota
		value op.Optional[int64]
	}{
		{tenants.Seats, q.Seats},
		{tenants.MessagesPerMonth, q.MessagesPerMonth},
		{tenants.StorageBytes, q.StorageBytes},
		{tenants.RequestsPerMinute, q.RequestsPerMinute},
	} {
		if limit.value.Set {
			sent = append(sent, tenants.Limit{Quota: limit.quota, Value: limit.value.Pointer()})
		}
	}
	return sent
}

// QuotasShown is the output of operations that show quotas.
type QuotasShown struct {
	op.ETag
	Body Quotas
}

func quotasShown(a tenants.Allowance, err error) (*QuotasShown, error) {
	if err != nil {
		return nil, err
	}
	of := func(q tenants.Quota) QuotaLimit { return QuotaLimit{Limit: a.Limits.Of(q), Effective: a.Quotas.Of(q)} }
	return &QuotasShown{op.Version(int64(a.Version)), Quotas{
		Seats: of(tenants.Seats), MessagesPerMonth: of(tenants.MessagesPerMonth),
		StorageBytes: of(tenants.StorageBytes), RequestsPerMinute: of(tenants.RequestsPerMinute),
	}}, nil
}

func (h handlers) getQuotas(ctx context.Context, in *GetInput) (*QuotasShown, error) {
	return quotasShown(h.tenants.Allowance(ctx, in.TenantID))
}

// UpdateQuotasInput is the input of updateQuotas.
type UpdateQuotasInput struct {
	path.Tenant
	op.IfMatch
	Body SetQuotas
}

func (h handlers) updateQuotas(ctx context.Context, in *UpdateQuotasInput) (*QuotasShown, error) {
	change := tenants.AllowanceChange{Limits: in.Body.named()}
	return quotasShown(h.tenants.SetAllowance(ctx, in.TenantID, change, in.Check))
}
