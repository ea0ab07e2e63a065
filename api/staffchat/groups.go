package staffchat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/messaging/staffchat"
)

// CreateGroup is the body of createStaffGroup.
type CreateGroup struct {
	Name     string      `json:"name" minLength:"1" maxLength:"200" doc:"What people call it." example:"Night shift"`
	UserIDs  []uuid.UUID `json:"user_ids" maxItems:"199" doc:"Its members beside the caller: active people of the tenant."`
	ReadOnly bool        `json:"read_only,omitempty" doc:"Only administrators of the group write." example:"false"`
}

// CreateGroupInput is the input of createStaffGroup.
type CreateGroupInput struct {
	path.Tenant
	Body CreateGroup
}

// GroupCreated is the output of createStaffGroup.
type GroupCreated struct {
	op.Location
	op.ETag
	Body Chat
}

func (h handlers) createGroup(ctx context.Context, in *CreateGroupInput) (*GroupCreated, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	c, err := h.Chats.CreateGroup(ctx, me, staffchat.NewGroup{Name: in.Body.Name, UserIDs: in.Body.UserIDs, ReadOnly: in.Body.ReadOnly})
	if err != nil {
		return nil, err
	}
	return &GroupCreated{op.At("/v1/tenants/%s/staff-chats/%s", in.TenantID, c.ID), tag(c), chatView(c)}, nil
}

// UpdateGroup is the body of updateStaffGroup.
type UpdateGroup struct {
	Name     op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Night shift"`
	ReadOnly op.Optional[bool]   `json:"read_only,omitzero" nullable:"false" doc:"Only administrators of the group write." example:"true"`
}

// UpdateGroupInput is the input of updateStaffGroup.
type UpdateGroupInput struct {
	ChatPath
	op.IfMatch
	Body UpdateGroup
}

func (h handlers) updateGroup(ctx context.Context, in *UpdateGroupInput) (*ChatShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	return chatShown(h.Chats.UpdateGroup(ctx, me, in.ChatID,
		staffchat.GroupChange{Name: in.Body.Name.Pointer(), ReadOnly: in.Body.ReadOnly.Pointer()}, in.Check))
}

func (h handlers) archiveGroup(ctx context.Context, in *ChatPath) (*ChatShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	return chatShown(h.Chats.ArchiveGroup(ctx, me, in.ChatID))
}

// Member is somebody in a chat as clients see him.
type Member struct {
	Colleague
	ChatRole string    `json:"chat_role" enum:"admin,member" doc:"What he is in the chat; role is what he is in the tenant."`
	ReadOnly bool      `json:"read_only" doc:"He reads in the group, and does not write." example:"false"`
	ReadSeq  int64     `json:"read_seq" format:"int64" minimum:"0" maximum:"9007199254740991" doc:"The seq of the message up to which he has read; 0 for none." example:"17"`
	JoinedAt time.Time `json:"joined_at" doc:"Since when he is in the chat."`
}

func memberView(p staffchat.Participant) Member {
	return Member{colleagueView(p.Colleague), string(p.Role), p.ReadOnly, p.ReadSeq, p.JoinedAt}
}

// ListMembersInput is the input of listStaffChatMembers.
type ListMembersInput struct {
	ChatPath
	op.Page
}

func (h handlers) members(ctx context.Context, in *ListMembersInput) (*op.List[Member], error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Chats.Members(ctx, me, in.ChatID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, memberView, func(p staffchat.Participant) path.Key { return path.Key{ID: p.ID} })
}

// SetMember is the body of setStaffGroupMember.
type SetMember struct {
	ChatRole string `json:"chat_role" enum:"admin,member" doc:"admin is for administrators and managers of the tenant only."`
	ReadOnly bool   `json:"read_only" doc:"He reads in the group, and does not write." example:"false"`
}

// SetMemberInput is the input of setStaffGroupMember.
type SetMemberInput struct {
	MemberPath
	Body SetMember
}

// MemberShown is the output of setStaffGroupMember.
type MemberShown struct {
	Body Member
}

func (h handlers) setMember(ctx context.Context, in *SetMemberInput) (*MemberShown, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	p, err := h.Chats.SetMember(ctx, me, in.ChatID, in.UserID, staffchat.Role(in.Body.ChatRole), in.Body.ReadOnly)
	if err != nil {
		return nil, err
	}
	return &MemberShown{memberView(p)}, nil
}

func (h handlers) removeMember(ctx context.Context, in *MemberPath) (*op.Empty, error) {
	me, err := h.Person(ctx)
	if err != nil {
		return nil, err
	}
	return &op.Empty{}, h.Chats.RemoveMember(ctx, me, in.ChatID, in.UserID)
}
