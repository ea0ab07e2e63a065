package labels

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/labels"
)

const (
	dispositionsPath = "/v1/tenants/{tenant_id}/dispositions"
	dispositionPath  = dispositionsPath + "/{disposition_id}"
)

func (h handlers) registerDispositions(s *op.Surface) {
	op.Register(s, authz.DispositionsRead, op.Spec{
		ID: "listDispositions", Method: http.MethodGet, Path: dispositionsPath, Tag: Tag,
		Summary: "List dispositions",
		Description: "Lists what interactions can have come to, oldest first: `list=default` is the tenant's list for all, `list=custom` the lists of queues. " +
			"An interaction is closed with one of the default list, or of its queue's.",
	}, h.dispositions)
	op.Register(s, authz.DispositionsWrite, op.Spec{
		ID: "createDisposition", Method: http.MethodPost, Path: dispositionsPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a disposition",
		Description: "Adds a disposition to the list of a queue, or to the tenant's default list. " +
			"Name, code and hotkey are unique among those in use of one list, in capitals or not.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodeNotFound},
	}, h.createDisposition)
	op.Register(s, authz.DispositionsRead, op.Spec{
		ID: "getDisposition", Method: http.MethodGet, Path: dispositionPath, Tag: Tag,
		Summary: "Show a disposition", Description: "Shows one disposition; an archived one as well.",
	}, h.disposition)
	op.Register(s, authz.DispositionsWrite, op.Spec{
		ID: "updateDisposition", Method: http.MethodPatch, Path: dispositionPath, Tag: Tag,
		Summary:     "Change a disposition",
		Description: "Changes a disposition in use. Interactions that came to it keep the name that it had then.",
		Codes:       []fault.Code{fault.CodeNameTaken, fault.CodeWrongState},
	}, h.updateDisposition)
	op.Register(s, authz.DispositionsWrite, op.Spec{
		ID: "archiveDisposition", Method: http.MethodPost, Path: dispositionPath + "/archive", Tag: Tag,
		Summary:     "Archive a disposition",
		Description: "Takes a disposition out of use and frees its name, code and hotkey. Interactions that came to it keep it.",
		Codes:       []fault.Code{fault.CodeWrongState},
	}, h.archiveDisposition)
}

// Disposition is what an interaction can have come to, as clients see it.
type Disposition struct {
	ID         uuid.UUID  `json:"id" doc:"The disposition."`
	QueueID    *uuid.UUID `json:"queue_id" nullable:"true" doc:"The queue whose list it is on; null for the tenant's default list."`
	Name       string     `json:"name" maxLength:"200" doc:"What people call it." example:"Sold"`
	Code       string     `json:"code" maxLength:"20" doc:"A short name for reports and searches; may be empty." example:"SLD"`
	Color      string     `json:"color" maxLength:"7" pattern:"^#[0-9a-f]{6}$" doc:"The colour in which it is shown." example:"#2e7d32"`
	Hotkey     string     `json:"hotkey" maxLength:"3" doc:"The key by which a client chooses it; may be empty." example:"F2"`
	Kind       string     `json:"kind" enum:"plain,retry,callback,personal_callback,do_not_contact" doc:"What it means for what comes after, in campaigns and reports."`
	ArchivedAt *time.Time `json:"archived_at" doc:"When it was taken out of use, or null."`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made."`
	UpdatedAt  time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func dispositionView(d labels.Disposition) Disposition {
	return Disposition{
		d.ID, d.QueueID, d.Name, d.Code, d.Color, d.Hotkey, string(d.Kind), d.ArchivedAt, d.CreatedAt, d.UpdatedAt,
	}
}

// ListDispositionsInput is the input of listDispositions.
type ListDispositionsInput struct {
	path.Tenant
	op.Page
	View    string    `query:"view" enum:"active,archived" default:"active" doc:"Those in use, or those that were archived."`
	List    string    `query:"list" enum:"all,default,custom" default:"all" doc:"The tenant's default list, the lists of queues, or all."`
	QueueID uuid.UUID `query:"queue_id" doc:"Only the list of this queue."`
	Search  string    `query:"q" maxLength:"200" doc:"Only dispositions with this in their name or code, in capitals or not." example:"sol"`
}

func (h handlers) dispositions(ctx context.Context, in *ListDispositionsInput) (*op.List[Disposition], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	filter := labels.DispositionFilter{
		Archived: in.View == "archived", Default: in.List == "default", Custom: in.List == "custom",
		QueueID: in.QueueID, Search: in.Search,
	}
	rows, err := h.labels.Dispositions(ctx, filter, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, dispositionView, func(d labels.Disposition) path.Key { return path.Key{ID: d.ID} })
}

// CreateDisposition is the body of createDisposition.
type CreateDisposition struct {
	QueueID *uuid.UUID `json:"queue_id,omitempty" doc:"The queue whose list it is for; left out for the tenant's default list."`
	Name    string     `json:"name" minLength:"1" maxLength:"200" doc:"What people call it." example:"Sold"`
	Code    string     `json:"code,omitempty" maxLength:"20" pattern:"^[0-9A-Za-z_-]*$" doc:"A short name for reports and searches." example:"SLD"`
	Color   string     `json:"color" maxLength:"7" pattern:"^#[0-9A-Fa-f]{6}$" doc:"The colour in which it is shown." example:"#2e7d32"`
	Hotkey  string     `json:"hotkey,omitempty" maxLength:"3" pattern:"^([0-9a-zA-Z]|[Ff]([1-9]|1[0-2]))?$" doc:"The key by which a client chooses it: a letter, a digit, or F1 to F12." example:"F2"`
	Kind    string     `json:"kind,omitempty" enum:"plain,retry,callback,personal_callback,do_not_contact" doc:"What it means for what comes after, in campaigns and reports; plain if it is left out."`
}

// CreateDispositionInput is the input of createDisposition.
type CreateDispositionInput struct {
	path.Tenant
	Body CreateDisposition
}

// DispositionCreated is the output of createDisposition.
type DispositionCreated struct {
	op.Location
	op.ETag
	Body Disposition
}

func (h handlers) createDisposition(ctx context.Context, in *CreateDispositionInput) (*DispositionCreated, error) {
	b := in.Body
	d, err := h.labels.CreateDisposition(ctx, b.QueueID,
		labels.NewDisposition{Name: b.Name, Code: b.Code, Color: b.Color, Hotkey: b.Hotkey, Kind: labels.Kind(b.Kind)})
	if err != nil {
		return nil, err
	}
	return &DispositionCreated{
		op.At("/v1/tenants/%s/dispositions/%s", in.TenantID, d.ID), op.Version(int64(d.Version)), dispositionView(d),
	}, nil
}

// DispositionPath names one disposition.
type DispositionPath struct {
	path.Tenant
	DispositionID uuid.UUID `path:"disposition_id" doc:"The disposition."`
}

// DispositionShown is the output of operations that show one disposition.
type DispositionShown struct {
	op.ETag
	Body Disposition
}

func dispositionShown(d labels.Disposition, err error) (*DispositionShown, error) {
	if err != nil {
		return nil, err
	}
	return &DispositionShown{op.Version(int64(d.Version)), dispositionView(d)}, nil
}

func (h handlers) disposition(ctx context.Context, in *DispositionPath) (*DispositionShown, error) {
	return dispositionShown(h.labels.GetDisposition(ctx, in.DispositionID))
}

// UpdateDisposition is the body of updateDisposition.
type UpdateDisposition struct {
	Name   op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Sold"`
	Code   op.Optional[string] `json:"code,omitzero" nullable:"false" maxLength:"20" pattern:"^[0-9A-Za-z_-]*$" doc:"A short name for reports and searches; empty for none." example:"SLD"`
	Color  op.Optional[string] `json:"color,omitzero" nullable:"false" maxLength:"7" pattern:"^#[0-9A-Fa-f]{6}$" doc:"The colour in which it is shown." example:"#2e7d32"`
	Hotkey op.Optional[string] `json:"hotkey,omitzero" nullable:"false" maxLength:"3" pattern:"^([0-9a-zA-Z]|[Ff]([1-9]|1[0-2]))?$" doc:"The key by which a client chooses it; empty for none." example:"F2"`
	Kind   op.Optional[string] `json:"kind,omitzero" nullable:"false" enum:"plain,retry,callback,personal_callback,do_not_contact" doc:"What it means for what comes after, in campaigns and reports."`
}

// UpdateDispositionInput is the input of updateDisposition.
type UpdateDispositionInput struct {
	DispositionPath
	op.IfMatch
	Body UpdateDisposition
}

func (h handlers) updateDisposition(ctx context.Context, in *UpdateDispositionInput) (*DispositionShown, error) {
	b := in.Body
	change := labels.DispositionChange{Name: b.Name.Pointer(), Code: b.Code.Pointer(), Color: b.Color.Pointer(), Hotkey: b.Hotkey.Pointer()}
	if kind := b.Kind.Pointer(); kind != nil {
		change.Kind = (*labels.Kind)(kind)
	}
	return dispositionShown(h.labels.UpdateDisposition(ctx, in.DispositionID, change, in.Check))
}

func (h handlers) archiveDisposition(ctx context.Context, in *DispositionPath) (*DispositionShown, error) {
	return dispositionShown(h.labels.ArchiveDisposition(ctx, in.DispositionID))
}
