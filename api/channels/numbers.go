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
		Description: "Lists the operator's numbers that the tenant holds (`view=mine`), has handed down (`view=shared`), or both, oldest first.",
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
			"Conversations, contacts and opt-outs of the former holder stay there. While conversations on the number are not closed it is refused.",
		Codes: []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
	}, h.assignNumber)
	op.Register(s, authz.NumbersAssign, op.Spec{
		ID: "reclaimNumber", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/numbers/{number_id}/reclaim", Tag: NumbersTag,
		Summary:     "Take a number back",
		Description: "Takes a number back from the tenant below that holds it. While conversations on the number are not closed it is refused.",
		Codes:       []fault.Code{fault.CodeInteractionsOpen, fault.CodeWrongState},
	}, h.reclaimNumber)
}

// Number is a number as clients see it.
type Number struct {
	ID         uuid.UUID `json:"id" doc:"The number."`
	Address    string    `json:"address" maxLength:"16" doc:"The number in E.164." example:"+15145550100"`
	Provider   string    `json:"provider" enum:"scopserv" doc:"The operator's carrier."`
	HolderID   uuid.UUID `json:"holder_id" doc:"The tenant that has the number now."`
	InboundURL string    `json:"inbound_url" maxLength:"2048" doc:"Where the carrier has to send inbound messages; shown to the operator only." example:"https://api.example.com/hooks/scopserv/0aZ/inbound"`
	CreatedAt  time.Time `json:"created_at" doc:"When the number entered the inventory."`
	UpdatedAt  time.Time `json:"updated_at" doc:"When it changed hands last."`
}

func numberView(n numbers.Number) Number {
	return Number{n.ID, n.Address, string(n.Provider), n.HolderID, n.InboundURL, n.CreatedAt, n.UpdatedAt}
}

// ListNumbersInput is the input of listNumbers.
type ListNumbersInput struct {
	path.Tenant
	op.Page
	View string `query:"view" enum:"mine,shared,all" default:"all" doc:"Which numbers."`
}

func (h handlers) listNumbers(ctx context.Context, in *ListNumbersInput) (*op.List[Number], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Numbers.List(ctx, in.View, after.After(), in.Fetch())
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
}

// AssignNumberInput is the input of assignNumber.
type AssignNumberInput struct {
	NumberPath
	Body AssignNumber
}

func (h handlers) assignNumber(ctx context.Context, in *AssignNumberInput) (*NumberShown, error) {
	return numberShown(h.Numbers.Assign(ctx, in.NumberID, in.Body.TenantID))
}

func (h handlers) reclaimNumber(ctx context.Context, in *NumberPath) (*NumberShown, error) {
	return numberShown(h.Numbers.Reclaim(ctx, in.NumberID))
}
