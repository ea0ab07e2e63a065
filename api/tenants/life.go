package tenants

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// registerLife opens the operations on the life of a tenant and its place.
func registerLife(s *op.Surface, h handlers) {
	wrong := []fault.Code{fault.CodeWrongState}
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "suspendTenant", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/suspend", Tag: Tag, Status: http.StatusOK,
		Summary: "Suspend a tenant",
		Description: "Takes a tenant and everything below it out of service within a second: nobody signs in, no key works, nothing is sent; what comes in is kept. " +
			"The reason is shown to those above. What was suspended higher up is resumed from there.",
		Codes: wrong,
	}, h.suspend)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "resumeTenant", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/resume", Tag: Tag, Status: http.StatusOK,
		Summary: "Resume a tenant", Description: "Puts a suspended tenant back into service.", Codes: wrong,
	}, h.resume)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "archiveTenant", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/archive", Tag: Tag, Status: http.StatusOK,
		Summary:     "Archive a tenant",
		Description: "Takes a tenant and everything below it out of use and out of lists. Its data stay, and it can be restored.", Codes: wrong,
	}, h.archive)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "restoreTenant", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/restore", Tag: Tag, Status: http.StatusOK,
		Summary: "Restore a tenant",
		Description: "Brings back an archived tenant, or a deleted one until its purge_at; one that was suspended before is suspended again. " +
			"A tenant below a deleted one is restored after that one.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeConflict}, Unrepeatable: true,
	}, h.restore)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "deleteTenant", Method: http.MethodDelete, Path: "/v1/tenants/{tenant_id}", Tag: Tag, Status: http.StatusOK,
		Summary: "Delete a tenant",
		Description: "Takes a tenant out of service and has its data removed for good when its grace is over, at purge_at. Until then it can be restored. " +
			"A tenant with others below it that are not deleted is refused. What remains after the purge is its name and place, the log of what happened and the history of its numbers; numbers that it still holds go to the tenant above.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeConflict},
	}, h.remove)
	op.Register(s, authz.TenantsWrite, op.Spec{
		ID: "moveTenant", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/move", Tag: Tag, Status: http.StatusOK,
		Summary: "Move a tenant",
		Description: "Puts a tenant with everything below it under another one that the caller sees. It keeps its users, channels and numbers; " +
			"whoever stands above it then administers it and reclaims its numbers. Moving it to where it is changes nothing.",
		Codes:        []fault.Code{fault.CodeWrongParent, fault.CodeNameTaken, fault.CodeWrongState, fault.CodeNotFound},
		Unrepeatable: true,
	}, h.move)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "listSelectableTenants", Method: http.MethodGet, Path: "/v1/me/tenants", Tag: Tag,
		Summary: "List the tenants to work in",
		Description: "Lists, by name, the tenants that the caller may choose to work in: his own, and for staff of the operator and of resellers those below it. " +
			"The tenant of a request is always the one in its path.",
	}, h.selectable)
}

// SuspendTenant is the body of suspendTenant.
type SuspendTenant struct {
	Reason string `json:"reason" minLength:"1" maxLength:"500" doc:"Why, for those above the tenant." example:"Invoice 2026-117 is not paid."`
}

// SuspendTenantInput is the input of suspendTenant.
type SuspendTenantInput struct {
	path.Tenant
	Body SuspendTenant
}

func (h handlers) suspend(ctx context.Context, in *SuspendTenantInput) (*Shown, error) {
	return shown(h.tenants.Suspend(ctx, in.TenantID, in.Body.Reason))
}

func (h handlers) resume(ctx context.Context, in *GetInput) (*Shown, error) {
	return shown(h.tenants.Resume(ctx, in.TenantID))
}

func (h handlers) archive(ctx context.Context, in *GetInput) (*Shown, error) {
	return shown(h.tenants.Archive(ctx, in.TenantID))
}

func (h handlers) restore(ctx context.Context, in *GetInput) (*Shown, error) {
	return shown(h.tenants.Restore(ctx, in.TenantID))
}

// DeleteTenantInput is the input of deleteTenant.
type DeleteTenantInput struct {
	path.Tenant
	op.IfMatch
}

func (h handlers) remove(ctx context.Context, in *DeleteTenantInput) (*Shown, error) {
	return shown(h.tenants.Delete(ctx, in.TenantID, in.Check))
}

// MoveTenant is the body of moveTenant.
type MoveTenant struct {
	ParentID uuid.UUID `json:"parent_id" doc:"The tenant to stand below."`
}

// MoveTenantInput is the input of moveTenant.
type MoveTenantInput struct {
	path.Tenant
	Body MoveTenant
}

func (h handlers) move(ctx context.Context, in *MoveTenantInput) (*Shown, error) {
	return shown(h.tenants.Move(ctx, in.TenantID, in.Body.ParentID))
}

// SelectableTenantsInput is the input of listSelectableTenants.
type SelectableTenantsInput struct {
	op.Page
	Q string `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name begins, in capitals or not." example:"map"`
}

// SelectableTenant is a tenant to choose.
type SelectableTenant struct {
	ID     uuid.UUID `json:"id" doc:"The tenant."`
	Kind   string    `json:"kind" enum:"operator,reseller_l1,reseller_l2,customer" doc:"What stands at this place of the tree."`
	Name   string    `json:"name" maxLength:"200" doc:"Its name." example:"Maple Dental"`
	Status string    `json:"status" enum:"active,suspended" doc:"Its own state."`
	Home   bool      `json:"home" doc:"Whether it is the caller's own."`
}

// nameKey is the place of a tenant in a list by name.
type nameKey struct {
	Name string    `json:"n"`
	ID   uuid.UUID `json:"i"`
}

func (h handlers) selectable(ctx context.Context, in *SelectableTenantsInput) (*op.List[SelectableTenant], error) {
	after, err := op.After[nameKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.tenants.Selectable(ctx, h.below(ctx, authz.TenantsRead), in.Q, (*tenants.Place)(after), in.Fetch())
	if err != nil {
		return nil, err
	}
	home := op.CallerOf(ctx).TenantID
	return op.Listing(ctx, in.Page, rows, func(t tenants.Tenant) SelectableTenant {
		return SelectableTenant{ID: t.ID, Kind: string(t.Kind), Name: t.Name, Status: string(t.Status), Home: t.ID == home}
	}, func(t tenants.Tenant) nameKey { return nameKey(tenants.PlaceOf(t)) })
}
