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
	ID         uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
	ChannelID  uuid.UUID
	ContactID  uuid.UUID
	Address    string
	Status     Status
	NeedsReply bool
	Unseen     int
	AssigneeID *uuid.UUID
	QueueID    *uuid.UUID
	// Transfer is set where somebody passed it to whoever has it.
	Transfer *Transfer
	// Direction is who began it: inbound the customer, outbound the tenant.
	Direction     string
	Preview       string
	LastMessageAt time.Time
	// LastMessageDirection is empty while there is none.
	LastMessageDirection string

	Subject   string
	Priority  Priority
	SubStatus string
	// PreviousID is the conversation with the same address before this one.
	PreviousID *uuid.UUID
	// ChangedByID is the user or key that changed it last.
	ChangedByID *uuid.UUID

	// OpenSince is when it began, or was opened again; nil when it is over.
	OpenSince *time.Time
	// WaitingSince is since when the customer has no answer.
	WaitingSince    *time.Time
	FirstResponseAt *time.Time

	Pause *Pause

	SolvedAt    *time.Time
	ClosedAt    *time.Time
	ClosedBy    Party
	ClosedByID  *uuid.UUID
	CloseReason string
	// Missed is closed without that anybody has dealt with it.
	Missed bool
	// Listed stands in the list of whose it is.
	Listed     bool
	ReopenedAt *time.Time
	inbound    int
	// Extras is what stands in other tables, and is different for everybody who
	// asks.
	Extras
}

// Pause is how a conversation lies aside.
type Pause struct {
	Reason          string
	Note            string
	Since           time.Time
	Until           *time.Time
	EndsWithMessage bool
}

// Transfer is how an interaction came from one person to another, for who has to
// be told that something waits for him.
type Transfer struct {
	// ByID is the user or key that passed it on.
	ByID uuid.UUID
	ToID uuid.UUID
	At   time.Time
	// SeenAt is when the other opened it; nil while he has not.
	SeenAt *time.Time
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
	PhraseID         *uuid.UUID
	// SendAt is when it is to be sent, or was; nil for at once.
	SendAt *time.Time
	// UnlessAnswered messages are not sent if the customer writes before.
	UnlessAnswered bool
	// SaidAt is when it was received, or queued.
	SaidAt time.Time
	// Place is where it stands in its conversation.
	Place        uuid.UUID
	Recovered    bool
	Attempts     int
	ErrorClass   provider.ErrorClass
	ErrorCode    string
	ErrorMessage string
	AcceptedAt   *time.Time
	SentAt       *time.Time
	DeliveredAt  *time.Time
	FailedAt     *time.Time
	ReadAt       *time.Time
	Attachments  []attachments.Attachment
}

func interactionView(row *ent.Interaction) Interaction {
	out := Interaction{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		ChannelID: row.ChannelID, ContactID: row.ContactID, Address: row.Address, Status: row.Status,
		NeedsReply: row.NeedsReply, Unseen: row.Unseen, AssigneeID: row.AssigneeID, QueueID: row.QueueID, Direction: string(row.Direction), Preview: row.Preview,
		LastMessageAt: row.LastMessageAt, Subject: row.Subject, Priority: Priority(row.Priority), SubStatus: row.SubStatus,
		PreviousID: row.PreviousID, ChangedByID: row.ChangedByID,
		WaitingSince: row.WaitingSince, FirstResponseAt: row.FirstResponseAt,
		SolvedAt: row.SolvedAt, ClosedAt: row.ClosedAt, ClosedByID: row.ClosedByID, CloseReason: row.CloseReason,
		Missed: row.Status == Closed && !row.Managed, Listed: row.Listed && row.AssigneeID != nil, ReopenedAt: row.ReopenedAt,
		inbound: row.Inbound,
	}
	if row.LastMessageDirection != nil {
		out.LastMessageDirection = string(*row.LastMessageDirection)
	}
	if row.ClosedBy != nil {
		out.ClosedBy = *row.ClosedBy
	}
	if row.PausedAt != nil {
		out.Pause = &Pause{row.PauseReason, row.PauseNote, *row.PausedAt, row.PausedUntil, row.PauseEndsWithMessage}
	}
	if row.Status != Solved && row.Status != Closed {
		out.OpenSince = &row.CreatedAt
		if row.ReopenedAt != nil {
			out.OpenSince = row.ReopenedAt
		}
	}
	if row.TransferredByID != nil && row.TransferredAt != nil {
		out.Transfer = &Transfer{*row.TransferredByID, holder(row), *row.TransferredAt, row.TransferSeenAt}
	}
	return out
}

func messageView(row *ent.Message) Message {
	return Message{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		InteractionID: row.InteractionID, ChannelID: row.ChannelID, Direction: string(row.Direction), Status: row.Status,
		Body: row.Body, From: row.FromAddress, To: row.ToAddress, Encoding: row.Encoding,
		Segments: row.Segments, ProviderSegments: row.ProviderSegments, ClientMessageID: row.ClientMessageID,
		SenderID: row.SenderID, ResentOfID: row.ResentOfID, PhraseID: row.PhraseID, SendAt: row.SendAt,
		UnlessAnswered: row.UnlessAnswered, Place: placeOf(row), SaidAt: countedAt(row), Recovered: row.Recovered, Attempts: row.Attempt,
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
