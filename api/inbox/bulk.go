package inbox

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerBulk(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "changeInteractions", Method: http.MethodPost, Path: interactionsPath + "/bulk", Tag: InteractionsTag,
		Summary: "Act on many interactions",
		Description: "Does to each of up to 200 interactions what the verb of the same name does to one, with the permission of that verb. " +
			"Each is answered for itself, in the order of the ids: one that is refused holds up no other, and nothing of it is changed.",
		Codes: []fault.Code{fault.CodeNotFound},
	}, h.bulk)
}

// bulkPermissions are those of the verbs.
var bulkPermissions = map[interactions.BulkAction]authz.Permission{
	interactions.BulkTake:     authz.InteractionsTake,
	interactions.BulkAssign:   authz.InteractionsAssign,
	interactions.BulkTransfer: authz.InteractionsTransfer,
	interactions.BulkRelease:  authz.InteractionsTransfer,
	interactions.BulkRetrieve: authz.InteractionsRetrieve,
	interactions.BulkClose:    authz.InteractionsClose,
	interactions.BulkRead:     authz.InteractionsMark,
	interactions.BulkPriority: authz.InteractionsEdit,
}

// ChangeInteractions is the body of changeInteractions.
type ChangeInteractions struct {
	Action         string      `json:"action" enum:"take,assign,transfer,release,retrieve,close,read,set_priority" doc:"What is done with each." example:"assign"`
	InteractionIDs []uuid.UUID `json:"interaction_ids" minItems:"1" maxItems:"200" doc:"The interactions. One that is named twice is changed once."`
	UserID         uuid.UUID   `json:"user_id,omitzero" doc:"Who gets them; for assign and transfer."`
	QueueID        uuid.UUID   `json:"queue_id,omitzero" doc:"The queue in which they wait then; for transfer."`
	Reason         string      `json:"reason,omitempty" maxLength:"200" doc:"Why they are closed; for close." example:"answered"`
	Priority       string      `json:"priority,omitempty" enum:"low,normal,high,urgent" doc:"What is higher is answered first; for set_priority, and normal where it is left out."`
	Order
}

// ChangeInteractionsInput is the input of changeInteractions.
type ChangeInteractionsInput struct {
	path.Tenant
	Body ChangeInteractions
}

// Changed is what became of one interaction of many.
type Changed struct {
	InteractionID uuid.UUID    `json:"interaction_id" doc:"The interaction."`
	Interaction   *Interaction `json:"interaction,omitempty" doc:"As it is now; left out where it was refused."`
	Warnings      []Warning    `json:"warnings" maxItems:"10" doc:"What may not be as it was meant."`
	Problem       *op.Refusal  `json:"problem,omitempty" doc:"Why it was refused; left out where it was done."`
}

// ChangedAll is the body of the answer of changeInteractions.
type ChangedAll struct {
	Results []Changed `json:"results" maxItems:"200" doc:"One for each id, in their order."`
	Refused int       `json:"refused" format:"int32" minimum:"0" maximum:"200" doc:"How many were refused." example:"0"`
}

// ChangedOutput is the output of changeInteractions.
type ChangedOutput struct {
	Body ChangedAll
}

func (h handlers) bulk(ctx context.Context, in *ChangeInteractionsInput) (*ChangedOutput, error) {
	b := interactions.Bulk{
		Action: interactions.BulkAction(in.Body.Action), InteractionIDs: in.Body.InteractionIDs,
		To: interactions.Target{UserID: in.Body.UserID, QueueID: in.Body.QueueID}, Reason: in.Body.Reason, Order: in.Body.order(op.IfMatch{}),
	}
	if !h.May(ctx, bulkPermissions[b.Action]) {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "You may not do this: %s.", bulkPermissions[b.Action])
	}
	b.Priority, _ = interactions.ParsePriority(in.Body.Priority) // the document lets no other through
	results, err := h.Interactions.Bulk(ctx, h.Caller(ctx), b)
	if err != nil {
		return nil, err
	}
	out := &ChangedOutput{ChangedAll{Results: make([]Changed, len(results))}}
	for i, r := range results {
		one := Changed{InteractionID: r.InteractionID, Warnings: warningViews(r.Warnings)}
		if f, refused := fault.As(r.Err); refused {
			one.Problem = op.RefusalOf(f)
			out.Body.Refused++
		} else {
			shown := interactionView(r.Interaction)
			one.Interaction = &shown
		}
		out.Body.Results[i] = one
	}
	return out, nil
}
