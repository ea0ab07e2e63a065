package identity

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/picture"
	"github.com/trellishq/trellis/internal/store"
)

// MaxAvatarBytes is the largest picture of a user.
const MaxAvatarBytes = 1 << 20

// Avatar is a user's picture.
type Avatar struct {
	// Tag names the content: another picture has another one.
	Tag string
	// ContentType is image/png or image/jpeg.
	ContentType string
	Content     []byte
}

// SetAvatar gives a user of the scope's tenant a picture: one's own, or that of
// somebody whom the caller may change. Its content decides what it is, and what
// it tells about where it was taken is removed. It fails with
// picture_type_not_allowed, picture_too_large, not_found, role_not_assignable
// and wrong_state in the archive.
func (s *Service) SetAvatar(ctx context.Context, userID uuid.UUID, content []byte) (User, error) {
	info, clean, err := inspectAvatar(content)
	if err != nil {
		return User{}, err
	}
	sum := sha256.Sum256(clean)
	tag := hex.EncodeToString(sum[:12])
	return s.changeAvatar(ctx, userID, func(ctx context.Context, present *ent.User) (*ent.User, error) {
		_, err := store.Exec(ctx, `
			INSERT INTO user_avatars (tenant_id, user_id, content_type, content, updated_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (tenant_id, user_id) DO UPDATE SET content_type = $3, content = $4, updated_at = $5`,
			present.TenantID, userID, info.ContentType, clean, s.cfg.Store.Now())
		if err != nil {
			return nil, fmt.Errorf("storing a user's picture: %w", err)
		}
		return present.Update().SetAvatarTag(tag).Save(ctx)
	})
}

// RemoveAvatar takes a user's picture away. It fails like SetAvatar.
func (s *Service) RemoveAvatar(ctx context.Context, userID uuid.UUID) error {
	_, err := s.changeAvatar(ctx, userID, func(ctx context.Context, present *ent.User) (*ent.User, error) {
		_, err := store.Exec(ctx, `DELETE FROM user_avatars WHERE tenant_id = $1 AND user_id = $2`, present.TenantID, userID)
		if err != nil {
			return nil, fmt.Errorf("removing a user's picture: %w", err)
		}
		return present.Update().ClearAvatarTag().Save(ctx)
	})
	return err
}

// changeAvatar does what is common to both.
func (s *Service) changeAvatar(ctx context.Context, userID uuid.UUID, change func(context.Context, *ent.User) (*ent.User, error)) (User, error) {
	var changed User
	err := s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, present, err := s.lockTarget(ctx, userID)
		if err != nil {
			return err
		}
		if err := notArchived(present); err != nil {
			return err
		}
		if !a.isPerson(userID) {
			if err := s.mayChange(ctx, a, present); err != nil {
				return err
			}
		}
		row, err := change(ctx, present)
		if err != nil {
			return err
		}
		if err := s.publishUser(ctx, "user.updated", present, row, "avatar"); err != nil {
			return err
		}
		changed, err = s.GetUser(ctx, userID)
		return err
	})
	return changed, err
}

// Avatar returns the picture of a user of the scope's tenant. It fails with
// not_found, also for a user without one.
func (s *Service) Avatar(ctx context.Context, userID uuid.UUID) (Avatar, error) {
	var a Avatar
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID), user.AvatarTagNotNil()).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("picture")
		}
		if err != nil {
			return fmt.Errorf("reading a user: %w", err)
		}
		a.Tag = *row.AvatarTag
		err = store.QueryRow(ctx, []any{&a.ContentType, &a.Content},
			`SELECT content_type, content FROM user_avatars WHERE tenant_id = $1 AND user_id = $2`, row.TenantID, userID)
		if err != nil {
			return fmt.Errorf("reading a user's picture: %w", err)
		}
		return nil
	})
	return a, err
}

// inspectAvatar decides what a picture is and takes out what it should not tell.
func inspectAvatar(content []byte) (picture.Info, []byte, error) {
	if len(content) > MaxAvatarBytes {
		return picture.Info{}, nil, fault.New(fault.TooLarge, fault.CodePictureTooLarge,
			"A picture of a user may have %d bytes at most.", MaxAvatarBytes).At("body.file", "is too large")
	}
	info, err := picture.Inspect(content)
	switch {
	case errors.Is(err, picture.ErrTooManyPixels):
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureTooLarge, "body.file", err.Error())
	case err != nil:
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureType, "body.file", err.Error())
	}
	clean, err := picture.StripMetadata(content)
	if err != nil {
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureType, "body.file", err.Error())
	}
	return info, clean, nil
}
