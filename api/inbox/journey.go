package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/messaging/interactions"
)

// JourneyTag is the chapter of customers' journeys in the document.
const JourneyTag = "Journeys"

const contactPath = "/v1/tenants/{tenant_id}/contacts/{contact_id}"

// whatOthersHad is said of every operation on a customer's earlier conversations.
const whatOthersHad = " Agents and users read the closed conversations with a customer, whoever had them, while they have one with him that is not closed, or one waits in a queue of theirs; " +
	"`can_inspect` says what one may read, `can_open` on what one may work. Without such a conversation there is only what was one's own."

func (h handlers) registerJourney(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listContactJourney", Method: http.MethodGet, Path: contactPath + "/journey", Tag: JourneyTag,
		Summary: "Show a customer's journey",
		Description: "Lists all interactions of a contact over all channels, the newest first, those among them that nobody dealt with, " +
			"with channel, status, agent and what they came to." + whatOthersHad,
	}, h.journey)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listContactHistory", Method: http.MethodGet, Path: contactPath + "/history", Tag: JourneyTag,
		Summary: "Show a contact's history",
		Description: "Lists the closed conversations that are linked to a contact, the newest first, eight a page unless `limit` says otherwise. " +
			"Ask again at any time; a frontend does every five minutes." + whatOthersHad,
	}, h.history)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listPreviousInteractions", Method: http.MethodGet, Path: interactionPath + "/previous", Tag: JourneyTag,
		Summary: "List previous conversations with the customer",
		Description: "Lists the closed conversations with the customer of an interaction, the newest first, eight a page unless `limit` says otherwise: " +
			"those of the same contact, and those with the same address." + whatOthersHad,
	}, h.previous)
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "listInteractionRecord", Method: http.MethodGet, Path: interactionPath + "/record", Tag: JourneyTag,
		Summary: "Show the whole log of an interaction",
		Description: "Lists everything that was said in an interaction with its pictures, and everything that happened to it, the newest on top. " +
			"Also of closed conversations that listPreviousInteractions shows with `can_inspect`; nothing is marked as read.",
	}, h.record)
}

// JourneyEntry is one interaction of a journey as clients see it.
type JourneyEntry struct {
	ID            uuid.UUID          `json:"id" doc:"The interaction."`
	ContactID     uuid.UUID          `json:"contact_id" doc:"The contact that it is linked to."`
	ChannelID     uuid.UUID          `json:"channel_id" doc:"The tenant's channel."`
	ChannelKind   string             `json:"channel_kind" enum:"sms" doc:"What kind of channel it is."`
	ChannelName   string             `json:"channel_name" maxLength:"200" doc:"What the tenant calls it." example:"Front desk"`
	Address       string             `json:"address" maxLength:"16" doc:"The other side's." example:"+15145550199"`
	Status        string             `json:"status" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"Its state now."`
	Missed        bool               `json:"missed" doc:"It was closed without that anybody dealt with it." example:"false"`
	Subject       string             `json:"subject" maxLength:"200" doc:"What it is about; may be empty." example:"Order 1001"`
	AgentID       *uuid.UUID         `json:"agent_id" nullable:"true" doc:"Whose it is, or was when it was closed; null where nobody had it."`
	AgentName     string             `json:"agent_name" maxLength:"200" doc:"What that user is called; empty where nobody had it." example:"Ada Lovelace"`
	Preview       string             `json:"preview" maxLength:"100" doc:"The start of the last message; empty where one may not read it." example:"Are you open today?"`
	CloseReason   string             `json:"close_reason" maxLength:"200" doc:"Why it was closed; may be empty." example:"answered"`
	Disposition   *Outcome           `json:"disposition,omitempty" doc:"What it came to; left out until somebody said so."`
	Tags          []TagOfInteraction `json:"tags" maxItems:"100" doc:"Its tags, by name."`
	CanInspect    bool               `json:"can_inspect" doc:"One may read what was said." example:"true"`
	CanOpen       bool               `json:"can_open" doc:"One may work on it." example:"false"`
	CreatedAt     time.Time          `json:"created_at" doc:"When it began."`
	LastMessageAt time.Time          `json:"last_message_at" doc:"When the last message was written."`
	ClosedAt      *time.Time         `json:"closed_at" doc:"When it was closed, or null."`
}

// Outcome is what an interaction came to.
type Outcome struct {
	DispositionID uuid.UUID `json:"disposition_id" doc:"The disposition."`
	Name          string    `json:"name" maxLength:"200" doc:"As it was called then." example:"Sold"`
	Color         string    `json:"color" maxLength:"7" doc:"Its colour now." example:"#2e7d32"`
}

func journeyEntryView(e interactions.JourneyEntry) JourneyEntry {
	out := JourneyEntry{
		ID: e.ID, ContactID: e.ContactID, ChannelID: e.ChannelID, ChannelKind: e.ChannelKind, ChannelName: e.ChannelName,
		Address: e.Address, Status: string(e.Status), Missed: e.Missed, Subject: e.Subject, AgentID: e.AssigneeID, AgentName: e.AgentName, Preview: e.Preview,
		CloseReason: e.CloseReason, CanInspect: e.CanInspect, CanOpen: e.CanOpen,
		Tags: tagViews(e.Tags), CreatedAt: e.CreatedAt, LastMessageAt: e.LastMessageAt, ClosedAt: e.ClosedAt,
	}
	if d := e.Disposition; d != nil {
		out.Disposition = &Outcome{d.DispositionID, d.Name, d.Color}
	}
	return out
}

func journeyKey(e interactions.JourneyEntry) path.Key { return path.Key{ID: e.ID} }

// ContactPath names one contact.
type ContactPath struct {
	path.Tenant
	ContactID uuid.UUID `path:"contact_id" doc:"The contact."`
}

// JourneyInput is the input of listContactJourney.
type JourneyInput struct {
	ContactPath
	op.Page
}

func (h handlers) journey(ctx context.Context, in *JourneyInput) (*op.List[JourneyEntry], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Journey(ctx, h.Caller(ctx), in.ContactID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, journeyEntryView, journeyKey)
}

// HistoryInput is the input of listContactHistory.
type HistoryInput struct {
	ContactPath
	op.ShortPage
}

func (h handlers) history(ctx context.Context, in *HistoryInput) (*op.List[JourneyEntry], error) {
	page := in.Page()
	after, err := op.After[path.Key](ctx, page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.History(ctx, h.Caller(ctx), in.ContactID, after.After(), page.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, page, rows, journeyEntryView, journeyKey)
}

// PreviousInput is the input of listPreviousInteractions.
type PreviousInput struct {
	InteractionPath
	op.ShortPage
}

func (h handlers) previous(ctx context.Context, in *PreviousInput) (*op.List[JourneyEntry], error) {
	page := in.Page()
	after, err := op.After[path.Key](ctx, page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Previous(ctx, h.Caller(ctx), in.InteractionID, after.After(), page.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, page, rows, journeyEntryView, journeyKey)
}

// RecordItem is one item of an interaction's whole log as clients see it.
type RecordItem struct {
	ID        uuid.UUID `json:"id" doc:"Of the message or the entry."`
	Kind      string    `json:"kind" enum:"message,event" doc:"Something that was said, or that happened."`
	Message   *Message  `json:"message,omitempty" doc:"Of the kind message."`
	Event     *LogEntry `json:"event,omitempty" doc:"Of the kind event."`
	CreatedAt time.Time `json:"created_at" doc:"When."`
}

func recordItemView(i interactions.RecordItem) RecordItem {
	out := RecordItem{ID: i.ID, CreatedAt: i.CreatedAt, Kind: "message"}
	if i.Message != nil {
		m := messageView(*i.Message)
		out.Message = &m
		return out
	}
	e := logEntryView(*i.Event)
	out.Kind, out.Event = "event", &e
	return out
}

// RecordInput is the input of listInteractionRecord.
type RecordInput struct {
	InteractionPath
	op.Page
}

func (h handlers) record(ctx context.Context, in *RecordInput) (*op.List[RecordItem], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Record(ctx, h.Caller(ctx), in.InteractionID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, recordItemView, func(i interactions.RecordItem) path.Key { return path.Key{ID: i.ID} })
}
