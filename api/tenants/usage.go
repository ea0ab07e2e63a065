package tenants

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/tenants"
)

const usagePath = "/v1/tenants/{tenant_id}/usage"

func (h handlers) registerUsage(s *op.Surface) {
	op.Register(s, authz.UsageRead, op.Spec{
		ID: "getTenantUsage", Method: http.MethodGet, Path: usagePath, Tag: Tag,
		Summary: "Show usage", Description: "Shows for each quota how much the tenant has used, its limit, and when the count begins anew. " +
			"Messages are counted in segments when they are accepted; those that no provider took over are given back.",
	}, h.usage)
	op.Register(s, authz.UsageRead, op.Spec{
		ID: "listTenantUsage", Method: http.MethodGet, Path: usagePath + "/tenants", Tag: Tag,
		Summary: "List the usage of a branch", Description: "Lists the usage of the tenant and of those below it that the caller administers, in the order of the tree.",
	}, h.listUsage)
	op.Register(s, authz.UsageRead, op.Spec{
		ID: "listMonthlyUsage", Method: http.MethodGet, Path: usagePath + "/months", Tag: Tag,
		Summary: "List usage by month", Description: "Lists how many segments the tenant sent in each month in which it did, the latest first.",
	}, h.listMonths)
}

// QuotaUsage is how much was used of one quota.
type QuotaUsage struct {
	Used     *int64     `json:"used" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"How much is used; null where it is not counted here, as for requests: the header RateLimit tells." example:"420"`
	Limit    *int64     `json:"limit" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"The limit that holds; null is none." example:"1000"`
	ResetsAt *time.Time `json:"resets_at" doc:"When the count begins anew; null for what does not fill again with time."`
}

// TenantUsage is how much a tenant has used.
type TenantUsage struct {
	TenantID          uuid.UUID  `json:"tenant_id" doc:"The tenant."`
	Name              string     `json:"name" maxLength:"200" doc:"Its name." example:"Maple Dental"`
	Kind              string     `json:"kind" maxLength:"32" doc:"What stands at this place of the tree." example:"customer"`
	Month             string     `json:"month" minLength:"7" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$" doc:"The month that messages were counted in, in the tenant's time zone." example:"2026-11"`
	Seats             QuotaUsage `json:"seats" doc:"Users that are active or invited."`
	MessagesPerMonth  QuotaUsage `json:"messages_per_month" doc:"Segments of outbound messages in the month."`
	StorageBytes      QuotaUsage `json:"storage_bytes" doc:"Pictures that are kept."`
	RequestsPerMinute QuotaUsage `json:"requests_per_minute" doc:"Requests of all callers of the tenant together."`
}

func usageView(u tenants.TenantUsage) TenantUsage {
	of := func(q tenants.Quota) QuotaUsage {
		return QuotaUsage{u.Quotas[q].Used, u.Quotas[q].Limit, u.Quotas[q].ResetsAt}
	}
	return TenantUsage{
		TenantID: u.TenantID, Name: u.Name, Kind: string(u.Kind), Month: u.Month, Seats: of(tenants.Seats),
		MessagesPerMonth: of(tenants.MessagesPerMonth), StorageBytes: of(tenants.StorageBytes), RequestsPerMinute: of(tenants.RequestsPerMinute),
	}
}

// UsageShown is the output of getTenantUsage.
type UsageShown struct{ Body TenantUsage }

func (h handlers) usage(ctx context.Context, in *GetInput) (*UsageShown, error) {
	u, err := h.tenants.Usage(ctx, in.TenantID)
	if err != nil {
		return nil, err
	}
	return &UsageShown{usageView(u)}, nil
}

// ListUsageInput is the input of listTenantUsage.
type ListUsageInput struct {
	path.Tenant
	op.Page
	Month string `query:"month" maxLength:"7" pattern:"^[0-9]{4}-(0[1-9]|1[0-2])$" doc:"The month whose messages are shown; each tenant's present one by default. Limits are always those of now." example:"2026-10"`
}

// usageKey is the place of a tenant in the order of the tree.
type usageKey struct {
	Place string `json:"p"`
}

func (h handlers) listUsage(ctx context.Context, in *ListUsageInput) (*op.List[TenantUsage], error) {
	after, err := op.After[usageKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := tenants.UsageFilter{Limit: in.Fetch(), Month: in.Month}
	if after != nil {
		f.After = &after.Place
	}
	rows, err := h.tenants.ListUsage(ctx, f)
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, usageView, func(u tenants.TenantUsage) usageKey { return usageKey{u.Place} })
}

// ListMonthsInput is the input of listMonthlyUsage.
type ListMonthsInput struct {
	path.Tenant
	op.Page
}

// MonthlyUsage is what a tenant sent in a month.
type MonthlyUsage struct {
	Month    string `json:"month" minLength:"7" maxLength:"7" pattern:"^[0-9]{4}-[0-9]{2}$" doc:"The month, in the tenant's time zone." example:"2026-10"`
	Messages int64  `json:"messages" format:"int64" minimum:"0" maximum:"1125899906842624" doc:"Segments of outbound messages." example:"9120"`
}

// monthKey is the place of a month.
type monthKey struct {
	Month string `json:"m"`
}

func (h handlers) listMonths(ctx context.Context, in *ListMonthsInput) (*op.List[MonthlyUsage], error) {
	after, err := op.After[monthKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	before := ""
	if after != nil {
		before = after.Month
	}
	rows, err := h.tenants.ListMonths(ctx, before, in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows,
		func(m tenants.MonthlyUsage) MonthlyUsage { return MonthlyUsage(m) },
		func(m tenants.MonthlyUsage) monthKey { return monthKey{m.Month} })
}
