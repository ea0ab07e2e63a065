package identity

import (
	"context"
	"io"
	"net/http"
	"strconv"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
)

const avatarNote = " A JPEG or PNG of at most 1 MiB; its content decides what it is, and what it tells about place and time is removed."

func (h handlers) registerAvatars(s *op.Surface) {
	pictures := []fault.Code{fault.CodePictureType, fault.CodePictureTooLarge, fault.CodeWrongState}
	op.Register(s, authz.UsersRead, op.Spec{
		ID: "getUserAvatar", Method: http.MethodGet, Path: userPath + "/avatar", Tag: UsersTag,
		Summary: "Show a user's picture", Description: "The picture of a person of the tenant.",
	}, h.avatar)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "uploadUserAvatar", Method: http.MethodPut, Path: userPath + "/avatar", Tag: UsersTag, MaxBodyBytes: identity.MaxAvatarBytes,
		Summary: "Set a user's picture", Description: "Gives a person a picture in place of the present one." + avatarNote,
		Codes: append(pictures, fault.CodeRoleTooHigh),
	}, h.uploadAvatar)
	op.Register(s, authz.UsersWrite, op.Spec{
		ID: "deleteUserAvatar", Method: http.MethodDelete, Path: userPath + "/avatar", Tag: UsersTag,
		Summary: "Remove a user's picture", Description: "Takes a person's picture away; one who has none stays without.",
		Codes: []fault.Code{fault.CodeRoleTooHigh, fault.CodeWrongState},
	}, h.deleteAvatar)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "getMyAvatar", Method: http.MethodGet, Path: "/v1/me/avatar", Tag: AccessTag,
		Summary: "Show the own picture", Description: "The picture of the signed-in person.",
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeForbidden},
	}, h.myAvatar)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "uploadMyAvatar", Method: http.MethodPut, Path: "/v1/me/avatar", Tag: AccessTag, MaxBodyBytes: identity.MaxAvatarBytes,
		Summary: "Set the own picture", Description: "Gives the signed-in person a picture in place of the present one." + avatarNote,
		Codes: append(pictures, fault.CodeForbidden),
	}, h.uploadMyAvatar)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "deleteMyAvatar", Method: http.MethodDelete, Path: "/v1/me/avatar", Tag: AccessTag,
		Summary: "Remove the own picture", Description: "Takes the signed-in person's picture away.",
		Codes: []fault.Code{fault.CodeForbidden},
	}, h.deleteMyAvatar)
}

// avatarURL is where a user's picture is.
func avatarURL(u identity.User) *string {
	if u.AvatarTag == nil {
		return nil
	}
	url := "/v1/tenants/" + u.TenantID.String() + "/users/" + u.ID.String() + "/avatar"
	return &url
}

// AvatarShown is a picture.
type AvatarShown struct {
	op.ETag
	ContentType string `header:"Content-Type"`
	NoSniff     string `header:"X-Content-Type-Options" maxLength:"10" doc:"A browser takes the type for what it is." example:"nosniff"`
	Policy      string `header:"Content-Security-Policy" maxLength:"100" doc:"Nothing in it is run." example:"default-src 'none'"`
	Body        []byte `contentType:"image/jpeg, image/png"`
}

func avatarShown(a identity.Avatar, err error) (*AvatarShown, error) {
	if err != nil {
		return nil, err
	}
	return &AvatarShown{op.ETag{ETag: strconv.Quote(a.Tag)}, a.ContentType, "nosniff", "default-src 'none'", a.Content}, nil
}

func (h handlers) avatar(ctx context.Context, in *UserPath) (*AvatarShown, error) {
	return avatarShown(h.identity.Avatar(ctx, in.UserID))
}

// UploadAvatarInput is the input of uploadUserAvatar.
type UploadAvatarInput struct {
	UserPath
	op.Upload
}

func (h handlers) setAvatar(ctx context.Context, userID uuid.UUID, file op.Upload) (*UserShown, error) {
	content, err := io.ReadAll(file.Content)
	if err != nil {
		return nil, err
	}
	return userShown(h.identity.SetAvatar(ctx, userID, content))
}

func (h handlers) uploadAvatar(ctx context.Context, in *UploadAvatarInput) (*UserShown, error) {
	return h.setAvatar(ctx, in.UserID, in.Upload)
}

func (h handlers) deleteAvatar(ctx context.Context, in *UserPath) (*op.Empty, error) {
	return nil, h.identity.RemoveAvatar(ctx, in.UserID)
}

func (h handlers) myAvatar(ctx context.Context, _ *struct{}) (*AvatarShown, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return avatarShown(h.identity.Avatar(ctx, me))
}

// UploadMyAvatarInput is the input of uploadMyAvatar.
type UploadMyAvatarInput struct {
	op.Upload
}

func (h handlers) uploadMyAvatar(ctx context.Context, in *UploadMyAvatarInput) (*UserShown, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return h.setAvatar(ctx, me, in.Upload)
}

func (h handlers) deleteMyAvatar(ctx context.Context, _ *struct{}) (*op.Empty, error) {
	me, err := identity.Person(ctx)
	if err != nil {
		return nil, err
	}
	return nil, h.identity.RemoveAvatar(ctx, me)
}
