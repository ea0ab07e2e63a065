package assembly

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
)

// brandOf dresses mails in the brand that holds in the tenant. What only the
// platform has is left to the mails' own settings.
func brandOf(tree *tenants.Service) func(context.Context, uuid.UUID) (mail.Brand, error) {
	return func(ctx context.Context, tenantID uuid.UUID) (mail.Brand, error) {
		b, err := tree.EffectiveBrand(ctx, tenantID)
		if err != nil {
			return mail.Brand{}, err
		}
		text := func(value *string) string {
			if value == nil {
				return ""
			}
			return *value
		}
		return mail.Brand{
			Product: text(b.ProductName), Colour: text(b.PrimaryColor), SupportEmail: text(b.SupportEmail),
			SenderName: text(b.SenderName), SenderAddress: text(b.SenderAddress),
		}, nil
	}
}
