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

// compareAndSet is said of the verbs by which an interaction changes hands.
const compareAndSet = " Whoever comes too late, or says in `expected_status`, `expected_assignee_id` or If-Match what is not so any more, changes nothing: " +
	"409 names the present state in `current_status` and `current_assignee_id`, or it is 412."

func (h handlers) registerDesk(s *op.Surface) {
	codes := []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee}
	op.Register(s, authz.InteractionsTake, op.Spec{
		ID: "takeInteraction", Method: http.MethodPost, Path: interactionPath + "/take", Tag: InteractionsTag,
		Summary: "Take an interaction",
		Description: "Assigns an interaction that nobody has to the caller; of many who try, one gets it. " +
			"Agents take what waits in a queue of theirs: always where a strategy assigns, and where people assign if the queue's `self_assign` says so (403 `self_assign_off`)." + compareAndSet,
		Codes: append([]fault.Code{fault.CodeSelfAssignOff}, codes...), BodyOptional: true,
	}, h.take)
	op.Register(s, authz.InteractionsAssign, op.Spec{
		ID: "assignInteraction", Method: http.MethodPost, Path: interactionPath + "/assign", Tag: InteractionsTag,
		Summary: "Assign an interaction", Description: "Gives an interaction to an active user of the tenant, whoever has it." + compareAndSet,
		Codes: codes,
	}, h.assign)
	op.Register(s, authz.InteractionsTransfer, op.Spec{
		ID: "transferInteraction", Method: http.MethodPost, Path: interactionPath + "/transfer", Tag: InteractionsTag,
		Summary: "Transfer an interaction",
		Description: "Passes an interaction on: to a user, whatever queues he answers in, or into a queue, where it waits for its members. " +
			"Agents and users pass on what is assigned to them. A solved interaction is not transferred, and none into a queue in which nobody answers (`queue_empty`). " +
			"`warnings` says what may not be as it was meant: the queue is outside of its opening hours." + compareAndSet,
		Codes: append([]fault.Code{fault.CodeQueueEmpty, fault.CodeNotFound}, codes...),
	}, h.transfer)
	op.Register(s, authz.InteractionsTransfer, op.Spec{
		ID: "releaseInteraction", Method: http.MethodPost, Path: interactionPath + "/release", Tag: InteractionsTag,
		Summary: "Release an interaction",
		Description: "Gives an interaction back to the group: it waits in its queue again, or in the tenant's inbox where it came into no queue. " +
			"Agents and users release what is assigned to them." + compareAndSet,
		Codes: codes, BodyOptional: true,
	}, h.release)
	op.Register(s, authz.InteractionsRetrieve, op.Spec{
		ID: "retrieveInteraction", Method: http.MethodPost, Path: interactionPath + "/retrieve", Tag: InteractionsTag,
		Summary: "Retrieve an interaction",
		Description: "Takes an interaction away from whoever has it and assigns it to the caller, who answers it or gives it to somebody else. " +
			"What nobody has is taken (takeInteraction)." + compareAndSet,
		Codes: codes, BodyOptional: true,
	}, h.retrieve)
}

// Order is what the verbs by which an interaction changes hands are told.
type Order struct {
	Comment            string                 `json:"comment,omitempty" maxLength:"500" doc:"For whoever comes next; it stands in the log." example:"speaks French"`
	ExpectedStatus     string                 `json:"expected_status,omitempty" enum:"waiting_agent,open,waiting_customer,solved,closed" doc:"What the client believes; another status is 409 with the present one."`
	ExpectedAssigneeID op.Optional[uuid.UUID] `json:"expected_assignee_id,omitzero" doc:"Who has it, as the client believes, or null for nobody; another one is 409 with the present one."`
}

func (o Order) order(m op.IfMatch) interactions.Order {
	out := interactions.Order{Comment: o.Comment}
	out.Status, out.Check = interactions.Status(o.ExpectedStatus), m.Check
	if o.ExpectedAssigneeID.Set {
		out.Assignee = &o.ExpectedAssigneeID.Value
	}
	return out
}

// OrderInput is the input of verbs that lead nowhere in particular.
type OrderInput struct {
	ActionInput
	Body Order
}

func (h handlers) take(ctx context.Context, in *OrderInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Take(ctx, h.Caller(ctx), in.InteractionID, in.Body.order(in.IfMatch)))
}

func (h handlers) release(ctx context.Context, in *OrderInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Release(ctx, h.Caller(ctx), in.InteractionID, in.Body.order(in.IfMatch)))
}

func (h handlers) retrieve(ctx context.Context, in *OrderInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Retrieve(ctx, h.Caller(ctx), in.InteractionID, in.Body.order(in.IfMatch)))
}

// AssignInteraction is the body of assignInteraction.
type AssignInteraction struct {
	UserID uuid.UUID `json:"user_id" doc:"Who gets it."`
	Order
}

// AssignInteractionInput is the input of assignInteraction.
type AssignInteractionInput struct {
	ActionInput
	Body AssignInteraction
}

func (h handlers) assign(ctx context.Context, in *AssignInteractionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Assign(ctx, h.Caller(ctx), in.InteractionID, in.Body.UserID, in.Body.order(in.IfMatch)))
}

// TransferInteraction is the body of transferInteraction.
type TransferInteraction struct {
	UserID  uuid.UUID `json:"user_id,omitzero" doc:"Who gets it; or else queue_id."`
	QueueID uuid.UUID `json:"queue_id,omitzero" doc:"The queue in which it waits then; or else user_id."`
	Order
}

// TransferInteractionInput is the input of transferInteraction.
type TransferInteractionInput struct {
	ActionInput
	Body TransferInteraction
}

// Transferred is an interaction that was passed on.
type Transferred struct {
	Interaction Interaction `json:"interaction" doc:"The interaction as it is now."`
	Warnings    []Warning   `json:"warnings" maxItems:"10" doc:"What may not be as it was meant."`
}

// Warning is why something that was done may not be what was meant.
type Warning struct {
	Code    string `json:"code" maxLength:"64" doc:"A stable word for programs; new ones can come." example:"queue_closed"`
	Message string `json:"message" maxLength:"500" doc:"The same for people." example:"Support is outside of its opening hours."`
}

// TransferredOutput is the output of transferInteraction.
type TransferredOutput struct {
	op.ETag
	Body Transferred
}

func (h handlers) transfer(ctx context.Context, in *TransferInteractionInput) (*TransferredOutput, error) {
	to := interactions.Target{UserID: in.Body.UserID, QueueID: in.Body.QueueID}
	i, warnings, err := h.Interactions.Transfer(ctx, h.Caller(ctx), in.InteractionID, to, in.Body.order(in.IfMatch))
	if err != nil {
		return nil, err
	}
	return &TransferredOutput{op.Version(int64(i.Version)), Transferred{interactionView(i), warningViews(warnings)}}, nil
}

func warningViews(warnings []interactions.Warning) []Warning {
	out := make([]Warning, len(warnings))
	for i, w := range warnings {
		out[i] = Warning{string(w.Code), w.Message}
	}
	return out
}

// Transfer is how an interaction came from one person to another.
type Transfer struct {
	FromID   uuid.UUID  `json:"from_id" doc:"The user or API key that passed it on."`
	ToUserID uuid.UUID  `json:"to_user_id" doc:"The user who has it since then."`
	At       time.Time  `json:"at" doc:"When."`
	SeenAt   *time.Time `json:"seen_at" doc:"When the other opened it (markInteractionRead, or his reply); null while he has not: show him that something waits."`
}

func transferView(t *interactions.Transfer) *Transfer {
	if t == nil {
		return nil
	}
	return &Transfer{t.ByID, t.ToID, t.At, t.SeenAt}
}
