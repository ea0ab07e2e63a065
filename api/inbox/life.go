package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerLife(s *op.Surface) {
	op.Register(s, authz.InteractionsEdit, op.Spec{
		ID: "updateInteraction", Method: http.MethodPatch, Path: interactionPath, Tag: InteractionsTag,
		Summary: "Change an interaction",
		Description: "Changes the subject, the priority or the sub-status of a conversation. Each change stands in its log. " +
			"What is solved or closed cannot be changed." + ownActs,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound},
	}, h.update)
	step := func(id, verb, summary, description string, does func(context.Context, interactions.Caller, uuid.UUID, interactions.Expectation) (interactions.Interaction, error)) {
		op.Register(s, authz.InteractionsEdit, op.Spec{
			ID: id, Method: http.MethodPost, Path: interactionPath + "/" + verb, Tag: InteractionsTag,
			Summary: summary, Description: description + ownActs, BodyOptional: true,
			Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee},
		}, h.step(does))
	}
	step("waitForCustomer", "wait", "Wait for the customer",
		"Notes that the customer has to do something first: the conversation is `waiting_customer` until he writes or somebody resumes it.", h.Interactions.Wait)
	step("resumeInteraction", "resume", "Work on an interaction again",
		"Makes a conversation `open` that waited for an agent or for the customer.", h.Interactions.Resume)
	step("solveInteraction", "solve", "Solve an interaction",
		"Notes that all is done. A solved conversation cannot be edited, cannot be transferred, and no message can be sent in it; it can only be closed. "+
			"It is closed by itself after `close_solved_after_hours` (getInboxSettings). What the customer writes begins a new one.", h.Interactions.Solve)
	step("unpauseInteraction", "unpause", "End a pause", "Ends the pause of a conversation.", h.Interactions.Unpause)
	step("hideInteraction", "hide", "Hide a closed interaction",
		"Takes a conversation that others have closed out of the caller's own list (`view=assigned`). What an agent has closed left it at once.", h.Interactions.Hide)
	op.Register(s, authz.InteractionsEdit, op.Spec{
		ID: "pauseInteraction", Method: http.MethodPost, Path: interactionPath + "/pause", Tag: InteractionsTag,
		Summary: "Pause an interaction", BodyOptional: true,
		Description: "Lays a conversation aside, with a reason of the tenant's list. It stays whose it is and keeps its status, and messages are still received. " +
			"The pause ends at `until`, with the customer's next message where the reason says so, or when somebody ends it. One that is paused gets the new reason and end." + ownActs,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound},
	}, h.pause)
	op.Register(s, authz.InteractionsReopen, op.Spec{
		ID: "reopenInteraction", Method: http.MethodPost, Path: interactionPath + "/reopen", Tag: InteractionsTag,
		Summary: "Open a closed interaction again", BodyOptional: true,
		Description: "Opens a closed conversation again, where its channel allows it (`reopen_within_hours`), the time has not passed, " +
			"and there is no newer one with the same address. It is `open`, belongs to whom it belonged, and carries `reopened_at`." + ownActs,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee},
	}, h.step(h.Interactions.Reopen))
}

// UpdateInteraction is the body of updateInteraction.
type UpdateInteraction struct {
	Subject   op.Optional[string] `json:"subject,omitzero" nullable:"false" maxLength:"200" doc:"What it is about; empty for nothing." example:"Opening hours"`
	Priority  op.Optional[string] `json:"priority,omitzero" nullable:"false" enum:"low,normal,high,urgent" doc:"What is higher is answered first."`
	SubStatus op.Optional[string] `json:"sub_status,omitzero" nullable:"false" maxLength:"40" pattern:"^[a-z0-9_]*$" doc:"A key of the tenant's sub_statuses (getInboxSettings); empty for none." example:"pending"`
}

// UpdateInteractionInput is the input of updateInteraction.
type UpdateInteractionInput struct {
	ActionInput
	Body UpdateInteraction
}

func (h handlers) update(ctx context.Context, in *UpdateInteractionInput) (*InteractionShown, error) {
	edit := interactions.Edit{Subject: in.Body.Subject.Pointer(), SubStatus: in.Body.SubStatus.Pointer()}
	if name := in.Body.Priority.Pointer(); name != nil {
		// The document's enum has let nothing else through.
		priority, _ := interactions.ParsePriority(*name)
		edit.Priority = &priority
	}
	return interactionShown(h.Interactions.Update(ctx, h.Caller(ctx), in.InteractionID, edit, interactions.Expectation{Check: in.Check}))
}

// Step is the body of the actions that take nothing but what the client believes.
type Step struct {
	ExpectedStatus string `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`
}

// StepInput is the input of such an action.
type StepInput struct {
	ActionInput
	Body Step
}

// step is the handler of an action that takes nothing but what the client
// believes.
func (h handlers) step(does func(context.Context, interactions.Caller, uuid.UUID, interactions.Expectation) (interactions.Interaction, error)) func(context.Context, *StepInput) (*InteractionShown, error) {
	return func(ctx context.Context, in *StepInput) (*InteractionShown, error) {
		return interactionShown(does(ctx, h.Caller(ctx), in.InteractionID,
			interactions.Expectation{Status: interactions.Status(in.Body.ExpectedStatus), Check: in.Check}))
	}
}

// PauseInteraction is the body of pauseInteraction.
type PauseInteraction struct {
	Reason         string     `json:"reason,omitempty" maxLength:"40" pattern:"^[a-z0-9_]*$" doc:"A key of the tenant's pause_reasons (getInboxSettings); the first of them if it is left out." example:"pause"`
	Note           string     `json:"note,omitempty" maxLength:"500" doc:"What there is to say about it." example:"calls back on Monday"`
	Until          *time.Time `json:"until,omitempty" doc:"When it ends by itself, within a year; if it is left out, it does not." example:"2026-03-09T13:00:00Z"`
	ExpectedStatus string     `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`
}

// PauseInteractionInput is the input of pauseInteraction.
type PauseInteractionInput struct {
	ActionInput
	Body PauseInteraction
}

func (h handlers) pause(ctx context.Context, in *PauseInteractionInput) (*InteractionShown, error) {
	p := interactions.NewPause{Reason: in.Body.Reason, Note: in.Body.Note, Until: in.Body.Until}
	return interactionShown(h.Interactions.Pause(ctx, h.Caller(ctx), in.InteractionID, p,
		interactions.Expectation{Status: interactions.Status(in.Body.ExpectedStatus), Check: in.Check}))
}
