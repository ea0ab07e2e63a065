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

func (h handlers) registerDisposing(s *op.Surface) {
	op.Register(s, authz.InteractionsClose, op.Spec{
		ID: "disposeInteraction", Method: http.MethodPost, Path: interactionPath + "/disposition", Tag: InteractionsTag, Status: http.StatusCreated,
		Summary: "Say what a closed interaction came to",
		Description: "Gives a disposition to an interaction that was closed without one, by the customer or by the system; whoever closes it himself gives it there. " +
			"It is said once and is final." + ownActs,
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeWrongState, fault.CodeWrongAssignee},
	}, h.dispose)
}

// disposed is what a client shows who has submitted a disposition (DSP-06).
const disposed = "Disposition submitted successfully"

// DispositionOfInteraction is what an interaction came to.
type DispositionOfInteraction struct {
	DispositionID uuid.UUID  `json:"disposition_id" doc:"The disposition."`
	Name          string     `json:"name" maxLength:"200" doc:"What it was called then." example:"Sold"`
	Color         string     `json:"color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour in which it is shown." example:"#2e7d32"`
	Note          string     `json:"note" maxLength:"2000" doc:"What was said of it; may be empty." example:"Two crates"`
	ActorID       *uuid.UUID `json:"actor_id" nullable:"true" doc:"The user or API key that said it, or null."`
	CreatedAt     time.Time  `json:"created_at" doc:"When it was said."`
}

func disposedView(d *interactions.Disposed) *DispositionOfInteraction {
	if d == nil {
		return nil
	}
	out := DispositionOfInteraction(*d)
	return &out
}

// DisposeInteraction is the body of disposeInteraction.
type DisposeInteraction struct {
	DispositionID uuid.UUID `json:"disposition_id" doc:"One of the tenant's default list, or of the list of the interaction's queue."`
	Note          string    `json:"note,omitempty" maxLength:"2000" doc:"What is to be said of it." example:"Two crates"`
}

// DisposeInteractionInput is the input of disposeInteraction.
type DisposeInteractionInput struct {
	ActionInput
	Body DisposeInteraction
}

// SubmittedDisposition says that a disposition was submitted.
type SubmittedDisposition struct {
	Message     string                   `json:"message" maxLength:"100" doc:"For the user." example:"Disposition submitted successfully"`
	Disposition DispositionOfInteraction `json:"disposition" doc:"What the interaction came to."`
}

// DispositionSubmitted is the output of disposeInteraction.
type DispositionSubmitted struct {
	op.Location
	Body SubmittedDisposition
}

func (h handlers) dispose(ctx context.Context, in *DisposeInteractionInput) (*DispositionSubmitted, error) {
	i, err := h.Interactions.Dispose(ctx, h.Caller(ctx), in.InteractionID, in.Body.DispositionID, in.Body.Note, interactions.Expectation{Check: in.Check})
	if err != nil {
		return nil, err
	}
	return &DispositionSubmitted{
		op.At("/v1/tenants/%s/interactions/%s", in.TenantID, i.ID), SubmittedDisposition{disposed, *disposedView(i.Disposition)},
	}, nil
}

// ClosedInteraction is an interaction that was closed.
type ClosedInteraction struct {
	Interaction
	Message string `json:"message,omitempty" maxLength:"100" doc:"For the user, where a disposition was submitted." example:"Disposition submitted successfully"`
}

// InteractionClosed is the output of closeInteraction.
type InteractionClosed struct {
	op.ETag
	Body ClosedInteraction
}

func (h handlers) close(ctx context.Context, in *CloseInteractionInput) (*InteractionClosed, error) {
	d := interactions.Closing{
		Reason: in.Body.Reason, OnBehalfOf: interactions.Party(in.Body.OnBehalfOf),
		DispositionID: in.Body.DispositionID, Note: in.Body.Note,
	}
	i, err := h.Interactions.Close(ctx, h.Caller(ctx), in.InteractionID, d,
		interactions.Expectation{Status: interactions.Status(in.Body.ExpectedStatus), Check: in.Check})
	if err != nil {
		return nil, err
	}
	out := &InteractionClosed{interactionTag(i), ClosedInteraction{Interaction: interactionView(i)}}
	if in.Body.DispositionID != nil {
		out.Body.Message = disposed
	}
	return out, nil
}
