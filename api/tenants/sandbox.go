package tenants

import (
	"context"
	"net/http"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerSandbox(s *op.Surface) {
	op.Register(s, authz.APIKeysWrite, op.Spec{
		ID: "createSandbox", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/sandbox", Tag: Tag,
		Summary: "Create the sandbox",
		Description: "Shows the tenant's sandbox, and makes it if there is none: a tenant of its own, for test keys and sandbox channels. It begins with the tenant's " +
			"country, time zone and language, has what the tenant is entitled to, counts against no quota, and reaches nobody outside. " +
			"The tenant's administrators work in it as in the tenant; its live keys do not see it.",
		Codes: []fault.Code{fault.CodeWrongParent},
	}, h.createSandbox)
}

// SandboxInput is the input of createSandbox.
type SandboxInput struct{ path.Tenant }

func (h handlers) createSandbox(ctx context.Context, _ *SandboxInput) (*Shown, error) {
	return shown(h.tenants.Sandbox(ctx))
}
