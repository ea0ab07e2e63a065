package interactions

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/messaging/attachments"
)

// Interaction is one conversation case.
type Interaction struct {
	ID            uuid.UUID
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Version       int
	ChannelID     uuid.UUID
	ContactID     uuid.UUID
	Address       string
	Status        Status
	NeedsReply    bool
	Unseen        int
	AssigneeID    *uuid.UUID
	QueueID       *uuid.UUID
	Preview       string
	LastMessageAt time.Time
	ClosedAt      *time.Time
	ClosedByID    *uuid.UUID
	CloseReason   string
	inbound       int
	// Extras is what stands in other tables, and is different for everybody who
	// asks.
	Extras
}

// Message is one unit of an interaction.
type Message struct {
	ID               uuid.UUID
	CreatedAt        time.Time
	UpdatedAt        time.Time
	Version          int
	InteractionID    uuid.UUID
	ChannelID        uuid.UUID
	Direction        string
	Status           Delivery
	Body             string
	From             string
	To               string
	Encoding         string
	Segments         int
	ProviderSegments int
	ClientMessageID  *string
	SenderID         *uuid.UUID
	ResentOfID       *uuid.UUID
	Recovered        bool
	Attempts         int
	ErrorClass       provider.ErrorClass
	ErrorCode        string
	ErrorMessage     string
	AcceptedAt       *time.Time
	SentAt           *time.Time
	DeliveredAt      *time.Time
	FailedAt         *time.Time
	ReadAt           *time.Time
	Attachments      []attachments.Attachment
}

func interactionView(row *ent.Interaction) Interaction {
	return Interaction{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		ChannelID: row.ChannelID, ContactID: row.ContactID, Address: row.Address, Status: row.Status,
		NeedsReply: row.NeedsReply, Unseen: row.Unseen, AssigneeID: row.AssigneeID, QueueID: row.QueueID, Preview: row.Preview,
		LastMessageAt: row.LastMessageAt, ClosedAt: row.ClosedAt, ClosedByID: row.ClosedByID, CloseReason: row.CloseReason,
		inbound: row.Inbound,
	}
}

func messageView(row *ent.Message) Message {
	return Message{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		InteractionID: row.InteractionID, ChannelID: row.ChannelID, Direction: string(row.Direction), Status: row.Status,
		Body: row.Body, From: row.FromAddress, To: row.ToAddress, Encoding: row.Encoding,
		Segments: row.Segments, ProviderSegments: row.ProviderSegments, ClientMessageID: row.ClientMessageID,
		SenderID: row.SenderID, ResentOfID: row.ResentOfID, Recovered: row.Recovered, Attempts: row.Attempt,
		ErrorClass: provider.ErrorClass(row.ErrorClass), ErrorCode: row.ErrorCode, ErrorMessage: row.ErrorMessage,
		AcceptedAt: row.AcceptedAt, SentAt: row.SentAt, DeliveredAt: row.DeliveredAt, FailedAt: row.FailedAt, ReadAt: row.ReadAt,
	}
}

// shown is an interaction as the caller sees it, in the running transaction.
func (s *Service) shown(ctx context.Context, c Caller, row *ent.Interaction) (Interaction, error) {
	page := []Interaction{interactionView(row)}
	err := s.withExtras(ctx, c, page)
	return page[0], err
}

// messageViews adds the attachments of a page of messages.
func (s *Service) messageViews(ctx context.Context, rows []*ent.Message) ([]Message, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	pictures, err := s.attachments.OfMessages(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(rows))
	for i, row := range rows {
		out[i] = messageView(row)
		out[i].Attachments = pictures[row.ID]
	}
	return out, nil
}
