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
	"github.com/trellishq/trellis/channels/numbers"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
)

// Tag is the chapter of channels in the document.
const Tag = "Channels"

// Config is what the operations need.
type Config struct {
	Channels *channels.Service
	Numbers  *numbers.Service
	Adapters map[provider.Name]provider.Adapter
	// Configures tells whether the caller may change channels: only he is shown
	// where callbacks go, which is half of what proves them.
	Configures func(context.Context) bool
	// Viewer says who looks: agents and users see what is available to them.
	Viewer func(context.Context) channels.Viewer
}

type handlers struct{ Config }

// Register opens the operations on channels, numbers and providers.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	op.Register(s, authz.ChannelsRead, op.Spec{
		ID: "listChannels", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/channels", Tag: Tag,
		Summary: "List channels",
		Description: "Lists the tenant's channels in use: its own provider accounts and the numbers that it holds, oldest first. " +
			"Agents and users are shown those that were made available to them; for them all others do not exist.",
	}, h.list)
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "createChannel", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/channels", Tag: Tag, Status: http.StatusCreated,
		Summary: "Connect a provider account",
		Description: "Adds an account that the tenant has at an SMS provider. The credentials are tried at the provider first and are never shown again. " +
			"Configure the provider to send inbound messages to `inbound_url`, and Clickatell its delivery reports to `status_url`.",
		Codes: []fault.Code{fault.CodeInvalidAddress, fault.CodeCredentialsRejected, fault.CodeProviderUnreachable, fault.CodeNumberTaken, fault.CodeNotFound},
	}, h.create, op.Before(h.checkNew))
	op.Register(s, authz.ChannelsRead, op.Spec{
		ID: "getChannel", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/channels/{channel_id}", Tag: Tag,
		Summary: "Show a channel", Description: "Shows one channel without its secrets. A number that has moved on stays readable as a released channel.",
	}, h.get)
	op.Register(s, authz.ChannelsWrite, op.Spec{
		ID: "updateChannel", Method: http.MethodPatch, Path: "/v1/tenants/{tenant_id}/channels/{channel_id}", Tag: Tag,
		Summary:     "Change a channel",
		Description: "Changes the fields that are sent. New credentials are tried at the provider first.",
		Codes:       []fault.Code{fault.CodeCredentialsRejected, fault.CodeProviderUnreachable, fault.CodeWrongState, fault.CodeConflict, fault.CodeInvalidAddress, fault.CodeNotFound},
	}, h.update, op.Before(h.checkChange))
	op.Register(s, authz.ChannelsRead, op.Spec{
		ID: "getChannelCapabilities", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/channels/{channel_id}/capabilities", Tag: Tag,
		Summary: "Show what a channel can do", Description: "Tells what can be sent through a channel, so that a client offers nothing else.",
	}, h.capabilities)
	op.Register(s, authz.Authenticated, op.Spec{
		ID: "listProviders", Method: http.MethodGet, Path: "/v1/providers", Tag: Tag,
		Summary: "List providers", Description: "Lists the SMS providers that can be connected, with the credentials each asks for and what it can do.",
	}, h.providers)
	h.registerMembers(s)
	h.registerSenders(s)
	registerNumbers(s, h)
}

// Capabilities is what a channel can do.
type Capabilities struct {
	Inbound             bool     `json:"inbound" doc:"Messages are received."`
	Outbound            bool     `json:"outbound" doc:"Messages are sent."`
	DeliveryReports     bool     `json:"delivery_reports" doc:"It is reported whether a message arrived."`
	ReadReceipts        bool     `json:"read_receipts" doc:"It is reported whether a message was read."`
	Templates           bool     `json:"templates" doc:"Messages can be made from templates that the provider has approved."`
	TypingIndicator     bool     `json:"typing_indicator" doc:"The other side can see that somebody is typing."`
	SessionWindow       bool     `json:"session_window" doc:"Free text can be sent only for a while after the customer wrote."`
	Distributable       bool     `json:"distributable" doc:"Numbers of this provider are handed down the tree by the operator."`
	AlphanumericSenders bool     `json:"alphanumeric_senders" doc:"A message can show one of the tenant's sender ids instead of a number."`
	MaxBodyCharacters   int      `json:"max_body_characters" format:"int32" minimum:"0" maximum:"100000" doc:"Longest text the provider takes, in Unicode code points. A message of Trellis has 900 at most." example:"1600"`
	MaxMedia            int      `json:"max_media" format:"int32" minimum:"0" maximum:"100" doc:"Most pictures in one message; 0 for none." example:"10"`
	MaxMediaBytes       int      `json:"max_media_bytes" format:"int64" minimum:"0" maximum:"1000000000" doc:"Size of all pictures of one message together, in bytes." example:"5242880"`
	MediaTypes          []string `json:"media_types" maxItems:"20" maxLength:"100" doc:"Types of picture that can be sent." example:"image/jpeg"`
}

func capabilitiesView(c provider.Capabilities) Capabilities {
	out := Capabilities{
		Inbound: c.Inbound, Outbound: c.Outbound, DeliveryReports: c.DeliveryReports, ReadReceipts: c.ReadReceipts,
		Templates: c.Templates, TypingIndicator: c.TypingIndicator, SessionWindow: c.SessionWindow, Distributable: c.Distributable,
		AlphanumericSenders: c.AlphanumericSenders, MaxBodyCharacters: c.MaxBodyRunes, MaxMedia: c.MaxMedia, MaxMediaBytes: c.MaxMediaBytes, MediaTypes: c.MediaTypes,
	}
	if out.MediaTypes == nil {
		out.MediaTypes = []string{}
	}
	return out
}

// Destination is where a channel's inbound messages go.
type Destination struct {
	Type string     `json:"type" enum:"tenant,user,queue" doc:"tenant: the common inbox of administrators and managers; user: an agent, manager or user, whose own number it is then; queue: its members."`
	ID   *uuid.UUID `json:"id,omitempty" nullable:"true" doc:"The user or the queue; null for the tenant."`
}

func destinationView(d channels.Destination) Destination {
	out := Destination{Type: d.Type}
	if d.ID != uuid.Nil {
		out.ID = &d.ID
	}
	return out
}

func (d *Destination) destination() *channels.Destination {
	if d == nil {
		return nil
	}
	out := &channels.Destination{Type: d.Type}
	if d.ID != nil {
		out.ID = *d.ID
	}
	return out
}

// Channel is a channel as clients see it.
type Channel struct {
	ID              uuid.UUID    `json:"id" doc:"The channel."`
	Kind            string       `json:"kind" enum:"sms" doc:"What the channel carries."`
	Provider        string       `json:"provider" enum:"twilio,clickatell,scopserv,sandbox" doc:"The company that carries it."`
	Name            string       `json:"name" maxLength:"100" doc:"What people call the channel." example:"Support line"`
	Address         string       `json:"address" maxLength:"16" doc:"The channel's own number, in E.164, or its short code." example:"+15145550100"`
	Status          string       `json:"status" enum:"active,inactive,released" doc:"inactive channels receive and do not send; released ones are history: the number has moved on."`
	NumberID        *uuid.UUID   `json:"number_id" nullable:"true" doc:"The operator's number behind the channel, null for an account of the tenant's own."`
	CredentialsHint string       `json:"credentials_hint" maxLength:"2000" doc:"Which account it is: identifiers, and the last four characters of secrets. Empty where the operator has the account." example:"account_sid AC0123456789abcdef0123456789abcdef, auth_token …9f3a"`
	Destination     Destination  `json:"destination" doc:"Where inbound messages go."`
	ContactListID   *uuid.UUID   `json:"contact_list_id" nullable:"true" doc:"The contact list to which senders are added whom nobody knew; null for none."`
	Restricted      bool         `json:"restricted" doc:"Agents and users may use the channel who are its members (setChannelMembers)."`
	Blocked         bool         `json:"blocked" doc:"The operator has switched off the number behind the channel: it receives and does not send."`
	Fault           string       `json:"fault" maxLength:"500" doc:"Why the provider refuses the account; empty while it does not." example:""`
	MaxSegments     int          `json:"max_segments" format:"int32" minimum:"1" maximum:"20" doc:"Most SMS segments of one message." example:"10"`
	OnUnknown       string       `json:"on_unknown" enum:"fail,resend" doc:"What becomes of a message of which nobody can find out whether the provider took it: fail sends at most once, resend at least once."`
	ReopenWithin    int          `json:"reopen_within_hours" format:"int32" minimum:"0" maximum:"8760" doc:"How many hours after it was closed a conversation can be opened again, by its next message or by reopenInteraction. 0: closing is permanent, and what the customer writes later begins a new conversation, which names the one before it." example:"0"`
	InboundURL      string       `json:"inbound_url" maxLength:"2048" doc:"Where the provider has to send inbound messages. Empty where the operator configures that, and for callers who may not." example:"https://api.example.com/hooks/twilio/0aZ/inbound"`
	StatusURL       string       `json:"status_url" maxLength:"2048" doc:"Where the provider has to send delivery reports, if it is not told with each message: Clickatell. Empty where the operator configures that." example:"https://api.example.com/hooks/clickatell/0aZ/status"`
	Capabilities    Capabilities `json:"capabilities" doc:"What the channel can do."`
	CreatedAt       time.Time    `json:"created_at" doc:"When the channel was made."`
	UpdatedAt       time.Time    `json:"updated_at" doc:"When it was changed last."`
}

func (h handlers) channelView(ctx context.Context, c channels.Channel) Channel {
	if !h.Configures(ctx) {
		c.InboundURL, c.StatusURL, c.CredentialsHint = "", "", ""
	}
	return Channel{
		ID: c.ID, Kind: c.Kind, Provider: string(c.Provider), Name: c.Name, Address: c.Address, Status: c.Status,
		NumberID: c.NumberID, CredentialsHint: c.CredentialsHint, Destination: destinationView(c.Destination), Restricted: c.Restricted, Blocked: c.Blocked, Fault: c.Fault, MaxSegments: c.MaxSegments,
		OnUnknown: c.OnUnknown, ReopenWithin: c.ReopenWithinHours, InboundURL: c.InboundURL, StatusURL: c.StatusURL, Capabilities: capabilitiesView(c.Capabilities),
		ContactListID: c.ContactListID, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt,
	}
}

// ListChannelsInput is the input of listChannels.
type ListChannelsInput struct {
	path.Tenant
	op.Page
}

func (h handlers) list(ctx context.Context, in *ListChannelsInput) (*op.List[Channel], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Channels.List(ctx, h.Viewer(ctx), after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	show := func(c channels.Channel) Channel { return h.channelView(ctx, c) }
	return op.Listing(ctx, in.Page, rows, show, func(c channels.Channel) path.Key { return path.Key{ID: c.ID} })
}

// CreateChannel is the body of createChannel.
type CreateChannel struct {
	Name          string      `json:"name" minLength:"1" maxLength:"100" doc:"What people call the channel." example:"Support line"`
	Provider      string      `json:"provider" enum:"twilio,clickatell,sandbox" doc:"The company where the tenant has the account."`
	Address       string      `json:"address" minLength:"3" maxLength:"16" pattern:"^\\+?[0-9]+$" doc:"The account's number, in E.164, or its short code." example:"+15145550100"`
	Credentials   Credentials `json:"credentials" writeOnly:"true" doc:"What the provider asks for."`
	MaxSegments   int         `json:"max_segments,omitempty" format:"int32" minimum:"1" maximum:"20" doc:"Most SMS segments of one message; 10 if it is left out." example:"10"`
	OnUnknown     string      `json:"on_unknown,omitempty" enum:"fail,resend" doc:"What becomes of a message of which nobody can find out whether the provider took it; fail if it is left out."`
	ReopenWithin  int         `json:"reopen_within_hours,omitempty" format:"int32" minimum:"0" maximum:"8760" doc:"How many hours after it was closed a conversation can be opened again, by its next message or by reopenInteraction. 0: closing is permanent, and what the customer writes later begins a new conversation, which names the one before it." example:"0"`
	ContactListID *uuid.UUID  `json:"contact_list_id,omitempty" nullable:"true" doc:"The contact list to which senders are added whom nobody knew; none if it is null or left out."`
}

// CreateChannelInput is the input of createChannel.
type CreateChannelInput struct {
	path.Tenant
	Body CreateChannel
}

// ChannelCreated is the output of createChannel.
type ChannelCreated struct {
	op.Location
	op.ETag
	Body Channel
}

func (in *CreateChannelInput) channel() channels.NewChannel {
	return channels.NewChannel{
		Name: in.Body.Name, Provider: provider.Name(in.Body.Provider), Address: in.Body.Address,
		Credentials: in.Body.Credentials.byName(), MaxSegments: in.Body.MaxSegments, OnUnknown: in.Body.OnUnknown, ReopenWithinHours: in.Body.ReopenWithin,
		ContactListID: in.Body.ContactListID,
	}
}

func (h handlers) checkNew(ctx context.Context, in *CreateChannelInput) error {
	return h.Channels.Check(ctx, in.channel())
}

func (h handlers) create(ctx context.Context, in *CreateChannelInput) (*ChannelCreated, error) {
	c, err := h.Channels.Create(ctx, in.channel())
	if err != nil {
		return nil, err
	}
	return &ChannelCreated{op.At("/v1/tenants/%s/channels/%s", in.TenantID, c.ID), op.Version(int64(c.Version)), h.channelView(ctx, c)}, nil
}

// ChannelPath names one channel.
type ChannelPath struct {
	path.Tenant
	ChannelID uuid.UUID `path:"channel_id" doc:"The channel."`
}

// ChannelShown is the output of operations that show one channel.
type ChannelShown struct {
	op.ETag
	Body Channel
}

func (h handlers) channelShown(ctx context.Context, c channels.Channel, err error) (*ChannelShown, error) {
	if err != nil {
		return nil, err
	}
	return &ChannelShown{op.Version(int64(c.Version)), h.channelView(ctx, c)}, nil
}

func (h handlers) get(ctx context.Context, in *ChannelPath) (*ChannelShown, error) {
	c, err := h.Channels.GetFor(ctx, h.Viewer(ctx), in.ChannelID)
	return h.channelShown(ctx, c, err)
}

// UpdateChannel is the body of updateChannel.
type UpdateChannel struct {
	Name          op.Optional[string]    `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"100" doc:"What people call the channel." example:"Support line"`
	Status        op.Optional[string]    `json:"status,omitzero" nullable:"false" enum:"active,inactive" doc:"inactive channels receive and do not send."`
	MaxSegments   op.Optional[int]       `json:"max_segments,omitzero" nullable:"false" format:"int32" minimum:"1" maximum:"20" doc:"Most SMS segments of one message." example:"10"`
	OnUnknown     op.Optional[string]    `json:"on_unknown,omitzero" nullable:"false" enum:"fail,resend" doc:"What becomes of a message of which nobody can find out whether the provider took it."`
	ReopenWithin  op.Optional[int]       `json:"reopen_within_hours,omitzero" nullable:"false" format:"int32" minimum:"0" maximum:"8760" doc:"How many hours after it was closed a conversation can be opened again, by its next message or by reopenInteraction. 0: closing is permanent, and what the customer writes later begins a new conversation, which names the one before it. It counts for what was closed before as well." example:"0"`
	Destination   *Destination           `json:"destination,omitempty" doc:"Where inbound messages go. What is somebody's already stays his."`
	ContactListID op.Optional[uuid.UUID] `json:"contact_list_id,omitzero" doc:"The contact list to which senders are added whom nobody knew from now on; null for none."`
	Credentials   *Credentials           `json:"credentials,omitempty" writeOnly:"true" doc:"All credentials anew."`
}

// UpdateChannelInput is the input of updateChannel.
type UpdateChannelInput struct {
	ChannelPath
	op.IfMatch
	Body UpdateChannel
}

func (in *UpdateChannelInput) change() channels.Change {
	c := channels.Change{
		Name: in.Body.Name.Pointer(), Status: in.Body.Status.Pointer(), MaxSegments: in.Body.MaxSegments.Pointer(),
		OnUnknown: in.Body.OnUnknown.Pointer(), ReopenWithinHours: in.Body.ReopenWithin.Pointer(), Destination: in.Body.Destination.destination(),
	}
	if in.Body.ContactListID.Set {
		c.ContactList = &channels.ContactListChoice{ID: in.Body.ContactListID.Pointer()}
	}
	if in.Body.Credentials != nil {
		c.Credentials = in.Body.Credentials.byName()
	}
	return c
}

func (h handlers) checkChange(ctx context.Context, in *UpdateChannelInput) error {
	return h.Channels.CheckChange(ctx, in.ChannelID, in.change())
}

func (h handlers) update(ctx context.Context, in *UpdateChannelInput) (*ChannelShown, error) {
	c, err := h.Channels.Update(ctx, in.ChannelID, in.change(), in.Check)
	return h.channelShown(ctx, c, err)
}

// CapabilitiesShown is the output of getChannelCapabilities.
type CapabilitiesShown struct {
	Body Capabilities
}

func (h handlers) capabilities(ctx context.Context, in *ChannelPath) (*CapabilitiesShown, error) {
	c, err := h.Channels.GetFor(ctx, h.Viewer(ctx), in.ChannelID)
	if err != nil {
		return nil, err
	}
	return &CapabilitiesShown{capabilitiesView(c.Capabilities)}, nil
}
