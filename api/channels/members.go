package channels

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/internal/fault"
)

func (h handlers) registerMembers(s *op.Surface) {
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "getChannelMembers", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/channels/{channel_id}/members", Tag: Tag,
		Summary: "Show who may use a channel", Description: "Tells whether a channel is for everybody who may send, or for some.",
	}, h.members)
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "setChannelMembers", Method: http.MethodPut, Path: "/v1/tenants/{tenant_id}/channels/{channel_id}/members", Tag: Tag,
		Summary: "Set who may use a channel",
		Description: "Says which agents and users may choose a channel. For all others of them a `restricted` channel does not exist; " +
			"a conversation that they were given on it they can answer all the same. Administrators and managers see all channels. " +
			"A channel whose destination is a user is that user's own, whatever stands here.",
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeWrongState},
	}, h.setMembers)
}

// ChannelMembers say who may use a channel.
type ChannelMembers struct {
	Restricted bool        `json:"restricted" doc:"Only for the users named here; otherwise for everybody who may send."`
	UserIDs    []uuid.UUID `json:"user_ids" maxItems:"500" doc:"Users of the tenant, in no special order."`
}

// MembersShown is the output of operations on a channel's members.
type MembersShown struct {
	Body ChannelMembers
}

func membersShown(a channels.Availability, err error) (*MembersShown, error) {
	if err != nil {
		return nil, err
	}
	if a.UserIDs == nil {
		a.UserIDs = []uuid.UUID{}
	}
	return &MembersShown{ChannelMembers{a.Restricted, a.UserIDs}}, nil
}

func (h handlers) members(ctx context.Context, in *ChannelPath) (*MembersShown, error) {
	return membersShown(h.Channels.Availability(ctx, in.ChannelID))
}

// SetMembersInput is the input of setChannelMembers.
type SetMembersInput struct {
	ChannelPath
	Body ChannelMembers
}

func (h handlers) setMembers(ctx context.Context, in *SetMembersInput) (*MembersShown, error) {
	return membersShown(h.Channels.SetAvailability(ctx, in.ChannelID, channels.Availability{
		Restricted: in.Body.Restricted, UserIDs: in.Body.UserIDs,
	}))
}
