package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

const settingsPath = "/v1/tenants/{tenant_id}/inbox-settings"

func (h handlers) registerSettings(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInboxSettings", Method: http.MethodGet, Path: settingsPath, Tag: InteractionsTag,
		Summary:     "Show the inbox settings",
		Description: "Shows how the tenant works with its conversations: reasons to pause, sub-statuses, and what happens by itself.",
	}, h.settings)
	op.Register(s, authz.SettingsWrite, op.Spec{
		ID: "updateInboxSettings", Method: http.MethodPatch, Path: settingsPath, Tag: InteractionsTag,
		Summary: "Change the inbox settings",
		Description: "Changes the fields that are sent; a list is replaced as a whole. Conversations that are paused or have a sub-status keep what they have. " +
			"New times count from when conversations are solved, and begin to wait, from then on.",
		Codes: []fault.Code{fault.CodeConflict},
	}, h.changeSettings)
}

// PauseReason is a reason to lay a conversation aside.
type PauseReason struct {
	Key             string `json:"key" minLength:"1" maxLength:"40" pattern:"^[a-z0-9_]+$" doc:"What conversations keep; it does not change with the name." example:"customer_on_holiday"`
	Name            string `json:"name" minLength:"1" maxLength:"100" doc:"For people." example:"Customer is on holiday"`
	EndsWithMessage bool   `json:"ends_with_message" doc:"The customer's next message ends such a pause."`
}

// SubStatus is what more can be said of a conversation that is not over.
type SubStatus struct {
	Key  string `json:"key" minLength:"1" maxLength:"40" pattern:"^[a-z0-9_]+$" doc:"What conversations keep; it does not change with the name." example:"pending"`
	Name string `json:"name" minLength:"1" maxLength:"100" doc:"For people." example:"Pending"`
}

// Settings are how a tenant works with its conversations, as clients see them.
type Settings struct {
	PauseReasons          []PauseReason `json:"pause_reasons" maxItems:"50" doc:"Why a conversation can be laid aside; the first is taken where nobody says which."`
	SubStatuses           []SubStatus   `json:"sub_statuses" maxItems:"50" doc:"What more can be said of a conversation that is neither solved nor closed."`
	CloseSolvedAfterHours int           `json:"close_solved_after_hours" format:"int32" minimum:"0" maximum:"8760" doc:"After how many hours a solved conversation is closed; 0 for never." example:"72"`
	WaitingAlertMinutes   int           `json:"waiting_alert_minutes" format:"int32" minimum:"0" maximum:"525600" doc:"After how many minutes without an answer the event interaction.waiting_long is published; 0 for never." example:"60"`
	UpdatedAt             *time.Time    `json:"updated_at" doc:"When they were changed last; null where they never were."`
}

// SettingsShown is the output of operations that show the inbox settings.
type SettingsShown struct {
	op.ETag
	Body Settings
}

func settingsShown(t interactions.Settings, err error) (*SettingsShown, error) {
	if err != nil {
		return nil, err
	}
	out := Settings{CloseSolvedAfterHours: t.CloseSolvedAfterHours, WaitingAlertMinutes: t.WaitingAlertMinutes}
	for _, r := range t.PauseReasons {
		out.PauseReasons = append(out.PauseReasons, PauseReason(r))
	}
	for _, state := range t.SubStatuses {
		out.SubStatuses = append(out.SubStatuses, SubStatus(state))
	}
	if !t.UpdatedAt.IsZero() {
		out.UpdatedAt = &t.UpdatedAt
	}
	return &SettingsShown{op.Version(t.Version), out}, nil
}

func (h handlers) settings(ctx context.Context, _ *path.Tenant) (*SettingsShown, error) {
	return settingsShown(h.Interactions.Settings(ctx))
}

// UpdateSettings is the body of updateInboxSettings.
type UpdateSettings struct {
	PauseReasons          *[]PauseReason   `json:"pause_reasons,omitempty" minItems:"1" maxItems:"50" doc:"All reasons to pause, in their order."`
	SubStatuses           *[]SubStatus     `json:"sub_statuses,omitempty" maxItems:"50" doc:"All sub-statuses, in their order."`
	CloseSolvedAfterHours op.Optional[int] `json:"close_solved_after_hours,omitzero" nullable:"false" format:"int32" minimum:"0" maximum:"8760" doc:"After how many hours a solved conversation is closed; 0 for never." example:"72"`
	WaitingAlertMinutes   op.Optional[int] `json:"waiting_alert_minutes,omitzero" nullable:"false" format:"int32" minimum:"0" maximum:"525600" doc:"After how many minutes without an answer the event interaction.waiting_long is published; 0 for never." example:"60"`
}

// UpdateSettingsInput is the input of updateInboxSettings.
type UpdateSettingsInput struct {
	path.Tenant
	op.IfMatch
	Body UpdateSettings
}

func (in *UpdateSettingsInput) choice() interactions.Choice {
	out := interactions.Choice{
		CloseSolvedAfterHours: in.Body.CloseSolvedAfterHours.Pointer(), WaitingAlertMinutes: in.Body.WaitingAlertMinutes.Pointer(),
	}
	if in.Body.PauseReasons != nil {
		reasons := []interactions.PauseReason{}
		for _, r := range *in.Body.PauseReasons {
			reasons = append(reasons, interactions.PauseReason(r))
		}
		out.PauseReasons = &reasons
	}
	if in.Body.SubStatuses != nil {
		states := []interactions.SubStatus{}
		for _, state := range *in.Body.SubStatuses {
			states = append(states, interactions.SubStatus(state))
		}
		out.SubStatuses = &states
	}
	return out
}

func (h handlers) changeSettings(ctx context.Context, in *UpdateSettingsInput) (*SettingsShown, error) {
	return settingsShown(h.Interactions.ChangeSettings(ctx, in.choice(), in.Check))
}
