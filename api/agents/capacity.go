package agents

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/agents"
)

const (
	settingsPath = "/v1/tenants/{tenant_id}/agent-settings"
	capacityPath = agentPath + "/capacity"
)

func (h handlers) registerCapacity(s *op.Surface) {
	op.Register(s, authz.AgentSettingsRead, op.Spec{
		ID: "getAgentSettings", Method: http.MethodGet, Path: settingsPath, Tag: Tag,
		Summary: "Show how work is measured",
		Description: "Shows how many units an agent takes at once, and for each kind of channel what a conversation weighs and how many somebody has at once. " +
			"Workload is the units of his conversations in percent of what he can take.",
	}, h.settings)
	op.Register(s, authz.AgentSettingsWrite, op.Spec{
		ID: "updateAgentSettings", Method: http.MethodPatch, Path: settingsPath, Tag: Tag,
		Summary:     "Change how work is measured",
		Description: "Changes what is sent, for all agents who have no limits of their own. Whoever has too much by the new measure keeps it, and receives nothing new.",
	}, h.updateSettings)
	op.Register(s, authz.AgentSettingsRead, op.Spec{
		ID: "getAgentCapacity", Method: http.MethodGet, Path: capacityPath, Tag: Tag,
		Summary: "Show how much an agent takes", Description: "Shows an agent's own limits, and what holds for him with the tenant's settings.",
	}, h.capacity)
	op.Register(s, authz.AgentSettingsWrite, op.Spec{
		ID: "updateAgentCapacity", Method: http.MethodPatch, Path: capacityPath, Tag: Tag,
		Summary:     "Change how much an agent takes",
		Description: "Changes an agent's own limits; null leads back to the tenant's.",
	}, h.updateCapacity)
}

// ChannelWeight is what conversations over a kind of channel take of an agent.
type ChannelWeight struct {
	Kind             string `json:"kind" enum:"sms" doc:"The kind of channel."`
	Units            int    `json:"units" minimum:"0" maximum:"10000" doc:"What a conversation weighs that waits for the agent or is under way." example:"2"`
	UnitsWaiting     int    `json:"units_waiting_customer" minimum:"0" maximum:"10000" doc:"What a conversation weighs that waits for the customer." example:"1"`
	MaxConversations int    `json:"max_conversations" minimum:"0" maximum:"1000" doc:"How many of the kind somebody has at once." example:"10"`
}

func weightsView(channels map[agents.Kind]agents.Weight) (out []ChannelWeight) {
	for _, kind := range agents.Kinds() {
		w := channels[kind]
		out = append(out, ChannelWeight{string(kind), w.Units, w.Resting, w.Max})
	}
	return out
}

// AgentSettings are how a tenant measures work.
type AgentSettings struct {
	MaxUnits  int             `json:"max_units" minimum:"0" maximum:"10000" doc:"What an agent takes at once, over all his queues." example:"10"`
	Channels  []ChannelWeight `json:"channels" maxItems:"20" doc:"Every kind of channel."`
	UpdatedAt *time.Time      `json:"updated_at" doc:"When somebody changed them; null for what every tenant begins with."`
}

// SettingsShown is the output of operations on settings.
type SettingsShown struct {
	op.ETag
	Body AgentSettings
}

func settingsShown(s agents.Settings, err error) (*SettingsShown, error) {
	if err != nil {
		return nil, err
	}
	return &SettingsShown{op.Version(int64(s.Version)), AgentSettings{s.MaxUnits, weightsView(s.Channels), s.UpdatedAt}}, nil
}

func (h handlers) settings(ctx context.Context, _ *path.Tenant) (*SettingsShown, error) {
	return settingsShown(h.Agents.Settings(ctx))
}

// ChangeChannelWeight changes what is sent of a kind of channel.
type ChangeChannelWeight struct {
	Kind             string `json:"kind" enum:"sms" doc:"The kind of channel."`
	Units            *int   `json:"units,omitempty" minimum:"0" maximum:"10000" doc:"What a conversation weighs that waits for the agent or is under way." example:"2"`
	UnitsWaiting     *int   `json:"units_waiting_customer,omitempty" minimum:"0" maximum:"10000" doc:"What a conversation weighs that waits for the customer." example:"1"`
	MaxConversations *int   `json:"max_conversations,omitempty" minimum:"0" maximum:"1000" doc:"How many of the kind somebody has at once." example:"10"`
}

// UpdateAgentSettings is the body of updateAgentSettings.
type UpdateAgentSettings struct {
	MaxUnits op.Optional[int]      `json:"max_units,omitzero" nullable:"false" minimum:"0" maximum:"10000" doc:"What an agent takes at once, over all his queues." example:"10"`
	Channels []ChangeChannelWeight `json:"channels,omitempty" maxItems:"20" doc:"Kinds of channels to change; the others stay as they are."`
}

// UpdateSettingsInput is the input of updateAgentSettings.
type UpdateSettingsInput struct {
	path.Tenant
	op.IfMatch
	Body UpdateAgentSettings
}

func (h handlers) updateSettings(ctx context.Context, in *UpdateSettingsInput) (*SettingsShown, error) {
	c := agents.SettingsChange{MaxUnits: in.Body.MaxUnits.Pointer()}
	for _, w := range in.Body.Channels {
		c.Channels = append(c.Channels, agents.WeightChange{Kind: agents.Kind(w.Kind), Units: w.Units, Resting: w.UnitsWaiting, Max: w.MaxConversations})
	}
	return settingsShown(h.Agents.ChangeSettings(ctx, c, in.Check))
}

// AgentChannelLimit is how many conversations of a kind one agent has at once.
type AgentChannelLimit struct {
	Kind             string `json:"kind" enum:"sms" doc:"The kind of channel."`
	MaxConversations *int   `json:"max_conversations" minimum:"0" maximum:"1000" doc:"How many he has at once; null is as the tenant says." example:"5"`
}

// AgentCapacity is how much one agent takes.
type AgentCapacity struct {
	UserID    uuid.UUID           `json:"user_id" doc:"The user."`
	MaxUnits  *int                `json:"max_units" minimum:"0" maximum:"10000" doc:"What he takes at once; null is as the tenant says." example:"8"`
	Channels  []AgentChannelLimit `json:"channels" maxItems:"20" doc:"His own limits, for every kind of channel."`
	Effective AgentSettings       `json:"effective" doc:"What holds for him."`
	UpdatedAt *time.Time          `json:"updated_at" doc:"When somebody changed his limits; null where he has none."`
}

// CapacityShown is the output of operations on one agent's capacity.
type CapacityShown struct {
	op.ETag
	Body AgentCapacity
}

func capacityShown(c agents.Capacity, err error) (*CapacityShown, error) {
	if err != nil {
		return nil, err
	}
	out := AgentCapacity{
		UserID: c.UserID, MaxUnits: c.Own.MaxUnits, UpdatedAt: c.UpdatedAt,
		Effective: AgentSettings{c.Holds.MaxUnits, weightsView(c.Holds.Channels), c.Holds.UpdatedAt},
	}
	for _, kind := range agents.Kinds() {
		limit := AgentChannelLimit{Kind: string(kind)}
		if most, ok := c.Own.Max[kind]; ok {
			limit.MaxConversations = &most
		}
		out.Channels = append(out.Channels, limit)
	}
	return &CapacityShown{op.LiveVersion(int64(c.Version), c.Holds.Version), out}, nil
}

func (h handlers) capacity(ctx context.Context, in *Path) (*CapacityShown, error) {
	return capacityShown(h.Agents.Capacity(ctx, in.UserID))
}

// UpdateAgentCapacity is the body of updateAgentCapacity.
type UpdateAgentCapacity struct {
	MaxUnits op.Optional[int]    `json:"max_units,omitzero" minimum:"0" maximum:"10000" doc:"What he takes at once; null is as the tenant says." example:"8"`
	Channels []AgentChannelLimit `json:"channels,omitempty" maxItems:"20" doc:"Kinds of channels to change; the others stay as they are."`
}

// UpdateCapacityInput is the input of updateAgentCapacity.
type UpdateCapacityInput struct {
	Path
	op.IfMatch
	Body UpdateAgentCapacity
}

func (h handlers) updateCapacity(ctx context.Context, in *UpdateCapacityInput) (*CapacityShown, error) {
	c := agents.LimitsChange{SetMaxUnits: in.Body.MaxUnits.Set, MaxUnits: in.Body.MaxUnits.Pointer(), Max: map[agents.Kind]*int{}}
	for _, limit := range in.Body.Channels {
		if _, twice := c.Max[agents.Kind(limit.Kind)]; twice {
			return nil, fault.InvalidField(fault.CodeInvalid, "body.channels", "names a kind of channel twice")
		}
		c.Max[agents.Kind(limit.Kind)] = limit.MaxConversations
	}
	return capacityShown(h.Agents.ChangeCapacity(ctx, in.UserID, c, in.Check))
}
