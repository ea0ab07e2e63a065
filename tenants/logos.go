package tenants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/brandlogo"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/picture"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// LogoVariant is which of a brand's two pictures is meant.
type LogoVariant string

// The pictures of a brand: for the standard view, and for the minimised one.
const (
	LogoMain  LogoVariant = "main"
	LogoSmall LogoVariant = "small"
)

func (v LogoVariant) field() string {
	if v == LogoSmall {
		return "small_logo"
	}
	return "logo"
}

// MaxLogo is the greatest size of a logo in bytes.
const MaxLogo = 256 << 10

// SetLogo puts a picture in the place of the present one of the scope's tenant.
// It fails with picture_type_not_allowed or picture_too_large.
func (s *Service) SetLogo(ctx context.Context, v LogoVariant, content []byte) error {
	if len(content) > MaxLogo {
		return fault.New(fault.TooLarge, fault.CodePictureTooLarge, "A logo has 256 KB at most.")
	}
	info, err := picture.Inspect(content)
	if errors.Is(err, picture.ErrTooManyPixels) {
		return fault.New(fault.Invalid, fault.CodePictureTooLarge, "%s.", err).At("body.file", err.Error())
	}
	if err == nil {
		content, err = picture.StripMetadata(content)
	}
	if err != nil {
		return fault.New(fault.Invalid, fault.CodePictureType, "A logo is a JPEG or PNG picture.").At("body.file", "is not one that can be read")
	}
	sum := sha256.Sum256(content)
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		client := s.store.Ent(ctx).BrandLogo
		if _, err := client.Delete().Where(brandlogo.VariantEQ(brandlogo.Variant(v))).Exec(ctx); err != nil {
			return fmt.Errorf("replacing a logo: %w", err)
		}
		err = client.Create().SetVariant(brandlogo.Variant(v)).SetContentType(info.ContentType).
			SetDigest(hex.EncodeToString(sum[:])).SetContent(content).Exec(ctx)
		if err != nil {
			return fmt.Errorf("keeping a logo: %w", err)
		}
		return s.branded(ctx, sc.TenantID, []string{v.field()})
	})
}

// RemoveLogo takes a picture back, so that the one above is inherited again.
func (s *Service) RemoveLogo(ctx context.Context, v LogoVariant) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		n, err := s.store.Ent(ctx).BrandLogo.Delete().Where(brandlogo.VariantEQ(brandlogo.Variant(v))).Exec(ctx)
		if err != nil || n == 0 {
			return err
		}
		return s.branded(ctx, sc.TenantID, []string{v.field()})
	})
}

// Logo is a picture that everybody may see who knows its digest.
type Logo struct {
	ContentType string
	Content     []byte
}

// OpenLogo returns a picture by its digest.
func (s *Service) OpenLogo(ctx context.Context, digest string) (Logo, error) {
	var found Logo
	ctx = scope.System(ctx, "showing a logo to somebody who is not signed in")
	err := s.store.Read(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, []any{&found.ContentType, &found.Content},
			`SELECT content_type, content FROM brand_logos WHERE digest = $1 LIMIT 1`, digest)
	})
	if store.IsNotFound(err) {
		return Logo{}, fault.Missing("logo")
	}
	return found, err
}

// HostBrand is the brand for a host name, before anybody has signed in there:
// that of the tenant which has the name, and the platform's for all others.
func (s *Service) HostBrand(ctx context.Context, host string) (Brand, error) {
	return s.brands.Get(ctx, host, func(ctx context.Context) (Brand, error) {
		ctx = scope.System(ctx, "finding the brand of a host name")
		var tenantID uuid.UUID
		err := s.store.Read(ctx, func(ctx context.Context) error {
			return store.QueryRow(ctx, []any{&tenantID}, `SELECT tenant_id FROM brand_hosts WHERE host = lower($1)`, host)
		})
		if store.IsNotFound(err) {
			return PlatformBrand(), nil
		}
		if err != nil {
			return Brand{}, err
		}
		if node, err := s.ReadNode(ctx, tenantID); err != nil || node.Closed() {
			return PlatformBrand(), err
		}
		return s.EffectiveBrand(ctx, tenantID)
	})
}
