package channels

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/channels/numbers"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/internal/fault"
)

// NumbersTag is the chapter of numbers in the document.
const NumbersTag = "Numbers"

func registerNumbers(s *op.Surface, h handlers) {
	op.Register(s, authz.NumbersRead, op.Spec{
		ID: "listNumbers", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/numbers", Tag: NumbersTag,
		Summary:     "List numbers",
		Description: "Lists the operator's numbers that the tenant holds (`view=mine`), has handed down (`view=shared`), or both, oldest first. Retired numbers are listed where `status` asks for them.",
	}, h.listNumbers)
	op.Register(s, authz.NumbersWrite, op.Spec{
		ID: "addNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers", Tag: NumbersTag, Status: http.StatusCreated,
		Summary: "Add a number to the inventory",
		Description: "Adds a number of the operator's own carrier. The credentials are tried first and are never shown again. " +
			"The operator becomes its first holder; configure the carrier to send inbound messages to `inbound_url`, which stays the same whoever holds the number.",
		Codes: []fault.Code{fault.CodeInvalidAddress, fault.CodeCredentialsRejected, fault.CodeProviderUnreachable, fault.CodeNumberTaken, fault.CodeNotDistributable},
	}, h.addNumber, op.Before(h.checkNumber))
	op.Register(s, authz.NumbersRead, op.Spec{
		ID: "getNumber", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}", Tag: NumbersTag,
		Summary: "Show a number", Description: "Shows a number that the tenant or one below it holds.",
	}, h.getNumber)
	op.Register(s, authz.NumbersAssign, op.Spec{
		ID: "assignNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/assign", Tag: NumbersTag,
		Summary: "Hand a number down",
		Description: "Gives a number that the tenant holds to one of its children, where it becomes an active channel. " +
			"Conversations, contacts and opt-outs of the former holder stay there." + forced,
		Codes: []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
	}, h.assignNumber)
	op.Register(s, authz.NumbersAssign, op.Spec{
		ID: "reclaimNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/reclaim", Tag: NumbersTag,
		Summary:      "Take a number back",
		Description:  "Takes a number back from the tenant below that holds it." + forced,
		Codes:        []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
		BodyOptional: true,
	}, h.reclaimNumber)
	op.Register(s, authz.NumbersAssign, op.Spec{
		ID: "returnNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/return", Tag: NumbersTag,
		Summary: "Give a number back",
		Description: "Gives a number that the tenant holds itself back to the tenant above, which had handed it down. " +
			"The caller sees it no more; a repeated request is answered with 404." + forced,
		Codes:        []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
		BodyOptional: true, Unrepeatable: true,
	}, h.returnNumber)
	op.Register(s, authz.NumbersAssign, op.Spec{
		ID: "moveNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/move", Tag: NumbersTag,
		Summary: "Move a number",
		Description: "Takes a number from wherever it is in the tenant's subtree to another tenant of the subtree, in one step. " +
			"The history names each tenant on the way." + forced,
		Codes: []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
	}, h.moveNumber)
	op.Register(s, authz.NumbersRead, op.Spec{
		ID: "listNumberHistory", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/history", Tag: NumbersTag,
		Summary: "List a number's holders",
		Description: "Lists who has held a number, the latest first, as far as it was the tenant or one below it. " +
			"Tenants through which a move has led stand there with a stretch of no length.",
	}, h.numberHistory)
	h.registerInventory(s)
}

// forced is said of every operation that takes a number away from its holder.
const forced = " While conversations on the number are not closed it is refused, with their count in `open_interactions`. " +
	"`force` closes them with the reason `channel_reassigned`, cancels what waits to be sent, and leaves the history where it is."

func (h handlers) registerInventory(s *op.Surface) {
	op.Register(s, authz.NumbersWrite, op.Spec{
		ID: "updateNumber", Method: http.MethodPatch, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}", Tag: NumbersTag,
		Summary: "Change a number",
		Description: "Switches a number off or on, or exchanges the carrier's credentials, whoever holds it. " +
			"New credentials are tried at the carrier first; messages that wait are sent with them.",
		Codes: []fault.Code{fault.CodeCredentialsRejected, fault.CodeProviderUnreachable, fault.CodeWrongState, fault.CodeInvalidAddress},
	}, h.updateNumber, op.Before(h.checkNumberChange))
	op.Register(s, authz.NumbersWrite, op.Spec{
		ID: "retireNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/retire", Tag: NumbersTag,
		Summary:      "Retire a number",
		Description:  "Takes a number that the operator holds himself out of the inventory for good. Its address can be added again." + forced,
		Codes:        []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
		BodyOptional: true,
	}, h.retireNumber)
}

// Number is a number as clients see it.
type Number struct {
	ID         uuid.UUID  `json:"id" doc:"The number."`
	Address    string     `json:"address" maxLength:"16" doc:"The number in E.164." example:"+15145550100"`
	Provider   string     `json:"provider" enum:"scopserv" doc:"The operator's carrier."`
	HolderID   uuid.UUID  `json:"holder_id" doc:"The tenant that has the number now."`
	Status     string     `json:"status" enum:"active,inactive,retired" doc:"The operator's word: inactive numbers receive and do not send, retired ones have left the inventory."`
	RetiredAt  *time.Time `json:"retired_at" doc:"When it left the inventory, or null."`
	InboundURL string     `json:"inbound_url" maxLength:"2048" doc:"Where the carrier has to send inbound messages; shown to the operator only." example:"https://api.example.com/hooks/scopserv/0aZ/inbound"`
	CreatedAt  time.Time  `json:"created_at" doc:"When the number entered the inventory."`
	UpdatedAt  time.Time  `json:"updated_at" doc:"When it changed hands last."`
}

func numberView(n numbers.Number) Number {
	return Number{n.ID, n.Address, string(n.Provider), n.HolderID, n.Status, n.RetiredAt, n.InboundURL, n.CreatedAt, n.UpdatedAt}
}

// ListNumbersInput is the input of listNumbers.
type ListNumbersInput struct {
	path.Tenant
	op.Page
	View          string    `query:"view" enum:"mine,shared,all" default:"all" doc:"Which numbers."`
	Address       string    `query:"address" maxLength:"16" pattern:"^\\+[0-9]*$" doc:"Only this number, in full." example:"+15145550100"`
	AddressPrefix string    `query:"address_prefix" maxLength:"16" pattern:"^\\+[0-9]*$" doc:"Only numbers that begin so." example:"+1514"`
	Provider      string    `query:"provider" enum:"scopserv" doc:"Only numbers of this carrier."`
	HolderID      uuid.UUID `query:"holder_id" doc:"Only what this tenant holds."`
	Status        string    `query:"status" enum:"active,inactive,retired" doc:"Only this status; all but retired if it is left out."`
}

func (h handlers) listNumbers(ctx context.Context, in *ListNumbersInput) (*op.List[Number], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Numbers.List(ctx, numbers.Filter{
		View: in.View, Address: in.Address, AddressPrefix: in.AddressPrefix, Provider: in.Provider,
		HolderID: in.HolderID, Status: in.Status,
	}, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, numberView, func(n numbers.Number) path.Key { return path.Key{ID: n.ID} })
}

// AddNumber is the body of addNumber.
type AddNumber struct {
	Address     string      `json:"address" minLength:"3" maxLength:"16" pattern:"^\\+[0-9]+$" doc:"The number in E.164." example:"+15145550100"`
	Provider    string      `json:"provider" enum:"scopserv,twilio,clickatell,sandbox" doc:"The operator's carrier: scopserv. Numbers of the others belong to one tenant and are refused."`
	Credentials Credentials `json:"credentials" writeOnly:"true" doc:"What the carrier asks for."`
}

// AddNumberInput is the input of addNumber.
type AddNumberInput struct {
	path.Tenant
	Body AddNumber
}

// NumberAdded is the output of addNumber.
type NumberAdded struct {
	op.Location
	op.ETag
	Body Number
}

func (in *AddNumberInput) number() numbers.NewNumber {
	return numbers.NewNumber{Address: in.Body.Address, Provider: provider.Name(in.Body.Provider), Credentials: in.Body.Credentials.byName()}
}

func (h handlers) checkNumber(ctx context.Context, in *AddNumberInput) error {
	return h.Numbers.Check(ctx, in.number())
}

func (h handlers) addNumber(ctx context.Context, in *AddNumberInput) (*NumberAdded, error) {
	n, err := h.Numbers.Add(ctx, in.number())
	if err != nil {
		return nil, err
	}
	return &NumberAdded{op.At("/v1/tenants/%s/numbers/%s", in.TenantID, n.ID), op.Version(int64(n.Version)), numberView(n)}, nil
}

// NumberPath names one number.
type NumberPath struct {
	path.Tenant
	NumberID uuid.UUID `path:"number_id" doc:"The number."`
}

// NumberShown is the output of operations that show one number.
type NumberShown struct {
	op.ETag
	Body Number
}

func numberShown(n numbers.Number, err error) (*NumberShown, error) {
	if err != nil {
		return nil, err
	}
	return &NumberShown{op.Version(int64(n.Version)), numberView(n)}, nil
}

func (h handlers) getNumber(ctx context.Context, in *NumberPath) (*NumberShown, error) {
	return numberShown(h.Numbers.Get(ctx, in.NumberID))
}

// AssignNumber is the body of assignNumber.
type AssignNumber struct {
	TenantID uuid.UUID `json:"tenant_id" doc:"The child that gets the number."`
	Force    bool      `json:"force,omitempty" doc:"Conversations that are not closed are no hindrance: they are closed."`
}

// AssignNumberInput is the input of assignNumber.
type AssignNumberInput struct {
	NumberPath
	Body AssignNumber
}

func (h handlers) assignNumber(ctx context.Context, in *AssignNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Assign(ctx, in.NumberID, in.Body.TenantID, in.Body.Force))
}

// TakeNumber is the body of operations that take a number away from its holder.
type TakeNumber struct {
	Force bool `json:"force,omitempty" doc:"Conversations that are not closed are no hindrance: they are closed."`
}

// TakeNumberInput is the input of operations that take a number away.
type TakeNumberInput struct {
	NumberPath
	Body TakeNumber
}

func (h handlers) reclaimNumber(ctx context.Context, in *TakeNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Reclaim(ctx, in.NumberID, in.Body.Force))
}

func (h handlers) returnNumber(ctx context.Context, in *TakeNumberInput) (*op.Empty, error) {
	return &op.Empty{}, h.Numbers.Return(ctx, in.NumberID, in.Body.Force)
}

// MoveNumber is the body of moveNumber.
type MoveNumber struct {
	TenantID uuid.UUID `json:"tenant_id" doc:"The tenant that gets the number: this one, or one anywhere below it."`
	Force    bool      `json:"force,omitempty" doc:"Conversations that are not closed are no hindrance: they are closed."`
}

// MoveNumberInput is the input of moveNumber.
type MoveNumberInput struct {
	NumberPath
	Body MoveNumber
}

func (h handlers) moveNumber(ctx context.Context, in *MoveNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Move(ctx, in.NumberID, in.Body.TenantID, in.Body.Force))
}

// Holding is a stretch of time in which a tenant held a number.
type Holding struct {
	ID        uuid.UUID  `json:"id" doc:"The holding."`
	HolderID  uuid.UUID  `json:"holder_id" doc:"The tenant that had the number."`
	Cause     string     `json:"cause" enum:"added,assigned,reclaimed,returned" doc:"How it came: added to the inventory, handed down, taken back from below, or given back from below."`
	StartedAt time.Time  `json:"started_at" doc:"Since when."`
	EndedAt   *time.Time `json:"ended_at" doc:"Until when, or null for the present holder."`
}

// ListNumberHistoryInput is the input of listNumberHistory.
type ListNumberHistoryInput struct {
	NumberPath
	op.Page
}

func (h handlers) numberHistory(ctx context.Context, in *ListNumberHistoryInput) (*op.List[Holding], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Numbers.History(ctx, in.NumberID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, func(n numbers.Holding) Holding {
		return Holding{n.ID, n.HolderID, n.Cause, n.StartedAt, n.EndedAt}
	}, func(n numbers.Holding) path.Key { return path.Key{ID: n.ID} })
}

// UpdateNumber is the body of updateNumber.
type UpdateNumber struct {
	Status      op.Optional[string] `json:"status,omitzero" nullable:"false" enum:"active,inactive" doc:"inactive numbers receive and do not send."`
	Credentials *Credentials        `json:"credentials,omitempty" writeOnly:"true" doc:"All credentials anew."`
}

// UpdateNumberInput is the input of updateNumber.
type UpdateNumberInput struct {
	NumberPath
	op.IfMatch
	Body UpdateNumber
}

func (in *UpdateNumberInput) change() numbers.Change {
	c := numbers.Change{Status: in.Body.Status.Pointer()}
	if in.Body.Credentials != nil {
		c.Credentials = in.Body.Credentials.byName()
	}
	return c
}

func (h handlers) checkNumberChange(ctx context.Context, in *UpdateNumberInput) error {
	return h.Numbers.CheckChange(ctx, in.NumberID, in.change())
}

func (h handlers) updateNumber(ctx context.Context, in *UpdateNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Update(ctx, in.NumberID, in.change(), in.Check))
}

func (h handlers) retireNumber(ctx context.Context, in *TakeNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Retire(ctx, in.NumberID, in.Body.Force))
}
