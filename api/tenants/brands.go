package tenants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"strconv"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// BrandTag is the chapter of brands in the document.
const BrandTag = "Brands"

const brandPath = "/v1/tenants/{tenant_id}/brand"

func registerBrands(s *op.Surface, h handlers) {
	op.Register(s, authz.BrandRead, op.Spec{
		ID: "getBrand", Method: http.MethodGet, Path: brandPath, Tag: BrandTag,
		Summary: "Show a tenant's brand",
		Description: "Shows what the tenant has set itself, what holds, and which of it is inherited from above. " +
			"What nobody has set is the platform's.",
	}, h.brand)
	op.Register(s, authz.BrandWrite, op.Spec{
		ID: "updateBrand", Method: http.MethodPatch, Path: brandPath, Tag: BrandTag,
		Summary: "Change a tenant's brand",
		Description: "Changes the fields that are sent; null takes one back, so that it is inherited again. Hosts and the address that mails come from " +
			"need the permission `tenants:write`: they speak for more than the tenant. A host that another tenant has is refused.",
		Codes: []fault.Code{fault.CodeHostTaken}, Unrepeatable: true,
	}, h.updateBrand)
	picture := []fault.Code{fault.CodePictureType, fault.CodePictureTooLarge}
	op.Register(s, authz.BrandWrite, op.Spec{
		ID: "uploadBrandLogo", Method: http.MethodPost, Path: brandPath + "/logo", Tag: BrandTag, Status: http.StatusOK,
		Summary: "Upload a logo", Description: "Puts a JPEG or PNG picture of 256 KB at most in the place of the logo; its content decides what it is.",
		Codes: picture, MaxBodyBytes: tenants.MaxLogo + 1,
	}, h.upload(tenants.LogoMain))
	op.Register(s, authz.BrandWrite, op.Spec{
		ID: "uploadBrandSmallLogo", Method: http.MethodPost, Path: brandPath + "/small-logo", Tag: BrandTag, Status: http.StatusOK,
		Summary: "Upload a small logo", Description: "Puts a JPEG or PNG picture of 256 KB at most in the place of the logo of the minimised view.",
		Codes: picture, MaxBodyBytes: tenants.MaxLogo + 1,
	}, h.upload(tenants.LogoSmall))
	op.Register(s, authz.BrandWrite, op.Spec{
		ID: "deleteBrandLogo", Method: http.MethodDelete, Path: brandPath + "/logo", Tag: BrandTag,
		Summary: "Remove a logo", Description: "Takes the tenant's own logo back; that of a tenant above is inherited again.",
	}, h.removeLogo(tenants.LogoMain))
	op.Register(s, authz.BrandWrite, op.Spec{
		ID: "deleteBrandSmallLogo", Method: http.MethodDelete, Path: brandPath + "/small-logo", Tag: BrandTag,
		Summary: "Remove a small logo", Description: "Takes the tenant's own small logo back; that of a tenant above is inherited again.",
	}, h.removeLogo(tenants.LogoSmall))
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "getMyBrand", Method: http.MethodGet, Path: "/v1/me/brand", Tag: BrandTag,
		Summary: "Show the brand at home", Description: "Shows the brand that holds in the caller's own tenant, for everybody who works there.",
	}, h.myBrand)
	op.Register(s, authz.Public, op.Spec{
		ID: "getBranding", Method: http.MethodGet, Path: "/v1/branding", Tag: BrandTag,
		Summary:     "Show the brand of a host",
		Description: "Shows a frontend how to look before anybody has signed in: the brand of the tenant that has the host name, and the platform's for every other name.",
	}, h.branding)
	op.Register(s, authz.Public, op.Spec{
		ID: "getBrandingLogo", Method: http.MethodGet, Path: "/v1/branding/logos/{digest}", Tag: BrandTag,
		Summary: "Download a logo", Description: "Returns a picture of a brand by the digest of its content, so it never changes. Answers GET and HEAD.",
	}, h.logo)
}

// BrandValues are the values of a brand.
type BrandValues struct {
	ProductName   *string `json:"product_name" maxLength:"200" doc:"Under which name users know the product." example:"Maple Messaging"`
	PrimaryColor  *string `json:"primary_color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour of bars and buttons." example:"#1f4e79"`
	AccentColor   *string `json:"accent_color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour of what stands out." example:"#d97706"`
	Theme         *string `json:"theme" maxLength:"6" pattern:"^(light|dark|system)$" doc:"How it looks for users who have chosen nothing: light, dark or system." example:"dark"`
	SupportEmail  *string `json:"support_email" maxLength:"254" doc:"Where users write for help." example:"help@maple.example"`
	SupportPhone  *string `json:"support_phone" maxLength:"40" doc:"Where users call for help." example:"+1 514 555 0100"`
	SupportURL    *string `json:"support_url" maxLength:"500" doc:"Where users read for help." example:"https://maple.example/help"`
	SenderName    *string `json:"sender_name" maxLength:"200" doc:"Whom mails come from." example:"Maple"`
	SenderAddress *string `json:"sender_address" maxLength:"254" doc:"The address that mails come from." example:"no-reply@maple.example"`
	LoginText     *string `json:"login_text" maxLength:"1000" doc:"Plain text beside the login." example:"Welcome to Maple Messaging."`
	LogoURL       *string `json:"logo_url" maxLength:"200" doc:"Path of the logo; null for none." example:"/v1/branding/logos/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
	SmallLogoURL  *string `json:"small_logo_url" maxLength:"200" doc:"Path of the logo for the minimised view; null for none." example:"/v1/branding/logos/9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
}

func brandValues(b tenants.Brand) BrandValues {
	url := func(digest *string) *string {
		if digest == nil {
			return nil
		}
		at := "/v1/branding/logos/" + *digest
		return &at
	}
	return BrandValues{
		ProductName: b.ProductName, PrimaryColor: b.PrimaryColor, AccentColor: b.AccentColor, Theme: b.Theme,
		SupportEmail: b.SupportEmail, SupportPhone: b.SupportPhone, SupportURL: b.SupportURL,
		SenderName: b.SenderName, SenderAddress: b.SenderAddress, LoginText: b.LoginText,
		LogoURL: url(b.Logo), SmallLogoURL: url(b.SmallLogo),
	}
}

// Brand is the brand of a tenant.
type Brand struct {
	Own       BrandValues `json:"own" doc:"What the tenant has set itself; null is inherited."`
	Effective BrandValues `json:"effective" doc:"What holds."`
	Inherited []string    `json:"inherited" maxItems:"12" maxLength:"20" doc:"What holds by a tenant above." example:"primary_color"`
	Hosts     []string    `json:"hosts" maxItems:"20" maxLength:"253" doc:"Host names under which the tenant's frontend is reached." example:"app.maple.example"`
}

// BrandShown is the output of operations that show a brand.
type BrandShown struct {
	Body Brand
}

func (h handlers) showBrand(ctx context.Context) (*BrandShown, error) {
	state, err := h.tenants.BrandOf(ctx)
	if err != nil {
		return nil, err
	}
	return &BrandShown{Brand{brandValues(state.Own), brandValues(state.Effective), state.Inherited, state.Hosts}}, nil
}

func (h handlers) brand(ctx context.Context, _ *GetInput) (*BrandShown, error) {
	return h.showBrand(ctx)
}

// UpdateBrand is the body of updateBrand.
type UpdateBrand struct {
	ProductName   op.Optional[string]   `json:"product_name,omitzero" minLength:"1" maxLength:"200" doc:"Under which name users know the product." example:"Maple Messaging"`
	PrimaryColor  op.Optional[string]   `json:"primary_color,omitzero" pattern:"^#[0-9a-fA-F]{6}$" maxLength:"7" doc:"The colour of bars and buttons." example:"#1f4e79"`
	AccentColor   op.Optional[string]   `json:"accent_color,omitzero" pattern:"^#[0-9a-fA-F]{6}$" maxLength:"7" doc:"The colour of what stands out." example:"#d97706"`
	Theme         op.Optional[string]   `json:"theme,omitzero" pattern:"^(light|dark|system)$" maxLength:"6" doc:"How it looks for users who have chosen nothing: light, dark or system." example:"dark"`
	SupportEmail  op.Optional[string]   `json:"support_email,omitzero" maxLength:"254" doc:"Where users write for help." example:"help@maple.example"`
	SupportPhone  op.Optional[string]   `json:"support_phone,omitzero" maxLength:"40" doc:"Where users call for help." example:"+1 514 555 0100"`
	SupportURL    op.Optional[string]   `json:"support_url,omitzero" maxLength:"500" doc:"Where users read for help; https." example:"https://maple.example/help"`
	SenderName    op.Optional[string]   `json:"sender_name,omitzero" minLength:"1" maxLength:"200" doc:"Whom mails come from." example:"Maple"`
	SenderAddress op.Optional[string]   `json:"sender_address,omitzero" maxLength:"254" doc:"The address that mails come from." example:"no-reply@maple.example"`
	LoginText     op.Optional[string]   `json:"login_text,omitzero" maxLength:"1000" doc:"Plain text beside the login." example:"Welcome to Maple Messaging."`
	Hosts         op.Optional[[]string] `json:"hosts,omitzero" nullable:"false" maxItems:"20" maxLength:"253" doc:"Host names under which the tenant's frontend is reached." example:"app.maple.example"`
}

// UpdateBrandInput is the input of updateBrand.
type UpdateBrandInput struct {
	path.Tenant
	Body UpdateBrand
}

func (h handlers) updateBrand(ctx context.Context, in *UpdateBrandInput) (*BrandShown, error) {
	b := in.Body
	if (b.SenderAddress.Set || b.Hosts.Set) && !h.may(ctx, authz.TenantsWrite) {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "Hosts and the sender's address need the permission %s.", authz.TenantsWrite)
	}
	change := tenants.BrandChange{Values: map[string]*string{}, Hosts: b.Hosts.Pointer()}
	for name, value := range map[string]op.Optional[string]{
		"product_name": b.ProductName, "primary_color": b.PrimaryColor, "accent_color": b.AccentColor, "theme": b.Theme,
		"support_email": b.SupportEmail, "support_phone": b.SupportPhone, "support_url": b.SupportURL,
		"sender_name": b.SenderName, "sender_address": b.SenderAddress, "login_text": b.LoginText,
	} {
		if value.Set {
			change.Values[name] = value.Pointer()
		}
	}
	if err := h.tenants.UpdateBrand(ctx, change); err != nil {
		return nil, err
	}
	return h.showBrand(ctx)
}

// UploadLogoInput is the input of operations that upload a logo.
type UploadLogoInput struct {
	path.Tenant
	op.Upload
}

func (h handlers) upload(v tenants.LogoVariant) func(context.Context, *UploadLogoInput) (*BrandShown, error) {
	return func(ctx context.Context, in *UploadLogoInput) (*BrandShown, error) {
		content, err := io.ReadAll(in.Content)
		if err != nil {
			return nil, err
		}
		if err := h.tenants.SetLogo(ctx, v, content); err != nil {
			return nil, err
		}
		return h.showBrand(ctx)
	}
}

func (h handlers) removeLogo(v tenants.LogoVariant) func(context.Context, *GetInput) (*op.Empty, error) {
	return func(ctx context.Context, _ *GetInput) (*op.Empty, error) { return nil, h.tenants.RemoveLogo(ctx, v) }
}

// MyBrand is the output of getMyBrand.
type MyBrand struct {
	Body BrandValues
}

func (h handlers) myBrand(ctx context.Context, _ *struct{}) (*MyBrand, error) {
	b, err := h.tenants.EffectiveBrand(ctx, op.CallerOf(ctx).TenantID)
	if err != nil {
		return nil, err
	}
	return &MyBrand{brandValues(b)}, nil
}

// BrandingInput is the input of getBranding.
type BrandingInput struct {
	Host string `query:"host" required:"true" minLength:"1" maxLength:"253" pattern:"^[A-Za-z0-9.-]+$" doc:"The host name of the frontend, without a port." example:"app.maple.example"`
}

// Branding is the output of getBranding.
type Branding struct {
	op.ETag
	CacheControl string `header:"Cache-Control" maxLength:"100" doc:"A minute, for everybody." example:"public, max-age=60"`
	Body         BrandValues
}

func (h handlers) branding(ctx context.Context, in *BrandingInput) (*Branding, error) {
	b, err := h.tenants.HostBrand(ctx, in.Host)
	if err != nil {
		return nil, err
	}
	body := brandValues(b)
	encoded, err := json.Marshal(body)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(encoded)
	return &Branding{op.ETag{ETag: strconv.Quote(hex.EncodeToString(sum[:12]))}, "public, max-age=60", body}, nil
}

// LogoInput is the input of getBrandingLogo.
type LogoInput struct {
	Digest string `path:"digest" minLength:"64" maxLength:"64" pattern:"^[0-9a-f]{64}$" doc:"SHA-256 of the picture." example:"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"`
}

// LogoShown is a picture of a brand.
type LogoShown struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control" maxLength:"100" doc:"A year: the picture of a digest never changes." example:"public, max-age=31536000, immutable"`
	NoSniff      string `header:"X-Content-Type-Options" maxLength:"10" doc:"A browser takes the type for what it is." example:"nosniff"`
	Policy       string `header:"Content-Security-Policy" maxLength:"100" doc:"Nothing in it is run." example:"default-src 'none'"`
	Body         []byte `contentType:"image/jpeg, image/png"`
}

func (h handlers) logo(ctx context.Context, in *LogoInput) (*LogoShown, error) {
	found, err := h.tenants.OpenLogo(ctx, in.Digest)
	if err != nil {
		return nil, err
	}
	return &LogoShown{found.ContentType, "public, max-age=31536000, immutable", "nosniff", "default-src 'none'", found.Content}, nil
}
