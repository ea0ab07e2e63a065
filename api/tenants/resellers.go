package tenants

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/tenants"
)

const resellerPath = "/v1/resellers/{tenant_id}"

func registerResellers(s *op.Surface, h handlers) {
	op.Register(s, authz.ResellersRead, op.Spec{
		ID: "getReseller", Method: http.MethodGet, Path: resellerPath, Tag: Tag,
		Summary: "Show a reseller", Description: "Shows what a reseller says about itself, what its new tenants begin with, and how many tenants stand below it. A tenant that is no reseller has no profile.",
	}, h.reseller)
	op.Register(s, authz.ResellersWrite, op.Spec{
		ID: "updateReseller", Method: http.MethodPatch, Path: resellerPath, Tag: Tag,
		Summary: "Change a reseller", Description: "Changes the fields that are sent; null takes one back. New tenants directly below begin with the defaults where nothing else is said, and without defaults with what the reseller has itself.",
	}, h.updateReseller)
}

// Reseller is the profile of a reseller.
type Reseller struct {
	TenantID        uuid.UUID `json:"tenant_id" doc:"The reseller's tenant."`
	LegalName       *string   `json:"legal_name" maxLength:"200" doc:"The company's name." example:"Maple Telecom Inc."`
	DisplayName     *string   `json:"display_name" maxLength:"200" doc:"The name in short." example:"Maple"`
	SupportName     *string   `json:"support_name" maxLength:"200" doc:"Whom its customers ask." example:"Maple help desk"`
	SupportEmail    *string   `json:"support_email" maxLength:"254" doc:"Where its customers write." example:"help@maple.example"`
	SupportPhone    *string   `json:"support_phone" maxLength:"40" doc:"Where its customers call." example:"+1 514 555 0100"`
	DefaultCountry  *string   `json:"default_country" maxLength:"2" pattern:"^[A-Z]{2}$" doc:"Country of new tenants." example:"CA"`
	DefaultTimeZone *string   `json:"default_time_zone" maxLength:"64" doc:"Time zone of new tenants." example:"America/Toronto"`
	DefaultLanguage *string   `json:"default_language" maxLength:"35" doc:"Language of new tenants." example:"fr-CA"`
	Resellers       int       `json:"resellers" format:"int32" minimum:"0" maximum:"2147483647" doc:"Level-2 resellers below it that are active or suspended." example:"3"`
	Customers       int       `json:"customers" format:"int32" minimum:"0" maximum:"2147483647" doc:"Customers below it that are active or suspended, also those of its resellers." example:"120"`
}

// ResellerShown is the output of operations that show a reseller.
type ResellerShown struct {
	Body Reseller
}

func showReseller(p tenants.Profile, err error) (*ResellerShown, error) {
	if err != nil {
		return nil, err
	}
	return &ResellerShown{Reseller{
		TenantID: p.TenantID, LegalName: p.LegalName, DisplayName: p.DisplayName,
		SupportName: p.SupportName, SupportEmail: p.SupportEmail, SupportPhone: p.SupportPhone,
		DefaultCountry: p.DefaultCountry, DefaultTimeZone: p.DefaultTimeZone, DefaultLanguage: p.DefaultLanguage,
		Resellers: p.Below[tenants.KindResellerL2], Customers: p.Below[tenants.KindCustomer],
	}}, nil
}

func (h handlers) reseller(ctx context.Context, in *GetInput) (*ResellerShown, error) {
	return showReseller(h.tenants.GetProfile(ctx, in.TenantID))
}

// UpdateReseller is the body of updateReseller.
type UpdateReseller struct {
	LegalName       op.Optional[string] `json:"legal_name,omitzero" minLength:"1" maxLength:"200" doc:"The company's name." example:"Maple Telecom Inc."`
	DisplayName     op.Optional[string] `json:"display_name,omitzero" minLength:"1" maxLength:"200" doc:"The name in short." example:"Maple"`
	SupportName     op.Optional[string] `json:"support_name,omitzero" minLength:"1" maxLength:"200" doc:"Whom its customers ask." example:"Maple help desk"`
	SupportEmail    op.Optional[string] `json:"support_email,omitzero" maxLength:"254" doc:"Where its customers write." example:"help@maple.example"`
	SupportPhone    op.Optional[string] `json:"support_phone,omitzero" maxLength:"40" doc:"Where its customers call." example:"+1 514 555 0100"`
	DefaultCountry  op.Optional[string] `json:"default_country,omitzero" maxLength:"2" pattern:"^[A-Z]{2}$" doc:"Country of new tenants." example:"CA"`
	DefaultTimeZone op.Optional[string] `json:"default_time_zone,omitzero" maxLength:"64" doc:"Time zone of new tenants." example:"America/Toronto"`
	DefaultLanguage op.Optional[string] `json:"default_language,omitzero" maxLength:"35" doc:"Language of new tenants." example:"fr-CA"`
}

// UpdateResellerInput is the input of updateReseller.
type UpdateResellerInput struct {
	path.Tenant
	Body UpdateReseller
}

func (h handlers) updateReseller(ctx context.Context, in *UpdateResellerInput) (*ResellerShown, error) {
	values := map[string]*string{}
	for name, value := range map[string]op.Optional[string]{
		"legal_name": in.Body.LegalName, "display_name": in.Body.DisplayName, "support_name": in.Body.SupportName,
		"support_email": in.Body.SupportEmail, "support_phone": in.Body.SupportPhone,
		"default_country": in.Body.DefaultCountry, "default_time_zone": in.Body.DefaultTimeZone, "default_language": in.Body.DefaultLanguage,
	} {
		if value.Set {
			values[name] = value.Pointer()
		}
	}
	return showReseller(h.tenants.UpdateProfile(ctx, in.TenantID, values))
}
