package channels

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/internal/fault"
)

const sendersPath = "/v1/tenants/{tenant_id}/sender-ids"

func (h handlers) registerSenders(s *op.Surface) {
	op.Register(s, authz.ChannelsRead, op.Spec{
		ID: "listSenderIDs", Method: http.MethodGet, Path: sendersPath, Tag: Tag,
		Summary: "List sender ids", Description: "Lists the names that the tenant's messages may show instead of a number, oldest first.",
	}, h.senders)
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "addSenderID", Method: http.MethodPost, Path: sendersPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Add a sender id",
		Description: "Enters a name that messages may show as their sender, over channels whose capabilities have `alphanumeric_senders`. " +
			"Nobody can answer to a name, and networks of some countries show none; the provider refuses there.",
		Codes: []fault.Code{fault.CodeInvalidAddress, fault.CodeNameTaken},
	}, h.addSender)
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "removeSenderID", Method: http.MethodDelete, Path: sendersPath + "/{sender_id}", Tag: Tag,
		Summary: "Remove a sender id", Description: "Takes a name away: nothing more is sent under it. Messages that were keep it.",
	}, h.removeSender)
}

// SenderID is a sender's name as clients see it.
type SenderID struct {
	ID        uuid.UUID `json:"id" doc:"The sender id."`
	Name      string    `json:"name" maxLength:"11" doc:"What the recipient's telephone shows." example:"ACME Shop"`
	CreatedAt time.Time `json:"created_at" doc:"When it was added."`
}

func senderView(s channels.SenderID) SenderID { return SenderID{s.ID, s.Name, s.CreatedAt} }

// ListSendersInput is the input of listSenderIDs.
type ListSendersInput struct {
	path.Tenant
	op.Page
}

func (h handlers) senders(ctx context.Context, in *ListSendersInput) (*op.List[SenderID], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Channels.SenderIDs(ctx, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, senderView, func(s channels.SenderID) path.Key { return path.Key{ID: s.ID} })
}

// AddSenderID is the body of addSenderID.
type AddSenderID struct {
	Name string `json:"name" minLength:"1" maxLength:"11" doc:"What the recipient's telephone shows: letters, digits, spaces and the signs & - _ . with a letter among them." example:"ACME Shop"`
}

// AddSenderInput is the input of addSenderID.
type AddSenderInput struct {
	path.Tenant
	Body AddSenderID
}

// SenderAdded is the output of addSenderID.
type SenderAdded struct {
	Body SenderID
}

func (h handlers) addSender(ctx context.Context, in *AddSenderInput) (*SenderAdded, error) {
	added, err := h.Channels.AddSenderID(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &SenderAdded{senderView(added)}, nil
}

// SenderPath names one sender id.
type SenderPath struct {
	path.Tenant
	SenderID uuid.UUID `path:"sender_id" doc:"The sender id."`
}

func (h handlers) removeSender(ctx context.Context, in *SenderPath) (*op.Empty, error) {
	return &op.Empty{}, h.Channels.RemoveSenderID(ctx, in.SenderID)
}
