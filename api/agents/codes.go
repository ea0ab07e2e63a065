package agents

import (
	"context"
	"net/http"
	"time"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/agents"
)

func (h handlers) registerCodes(s *op.Surface) {
	op.Register(s, authz.AgentSettingsRead, op.Spec{
		ID: "listAuxCodes", Method: http.MethodGet, Path: codesPath, Tag: Tag,
		Summary: "List aux codes",
		Description: "Lists what an agent's status in a queue can be called, by number. Codes 1 to 5 are there from the beginning: 1 is available, " +
			"all others are reasons for a pause. One of them is the default pause.",
	}, h.listCodes)
	op.Register(s, authz.AgentSettingsRead, op.Spec{
		ID: "getAuxCode", Method: http.MethodGet, Path: codePath, Tag: Tag,
		Summary: "Show an aux code", Description: "Shows one aux code.",
	}, h.getCode)
	op.Register(s, authz.AgentSettingsWrite, op.Spec{
		ID: "createAuxCode", Method: http.MethodPost, Path: codesPath, Tag: Tag, Status: http.StatusCreated,
		Summary:     "Add an aux code",
		Description: "Adds a reason for a pause, under a number of choice or the next one that is free.",
		Codes:       []fault.Code{fault.CodeNameTaken, fault.CodeConflict},
	}, h.createCode)
	op.Register(s, authz.AgentSettingsWrite, op.Spec{
		ID: "updateAuxCode", Method: http.MethodPatch, Path: codePath, Tag: Tag,
		Summary:     "Change an aux code",
		Description: "Renames a code, or makes it the default pause in place of the one before. What was logged keeps the old name.",
		Codes:       []fault.Code{fault.CodeNameTaken},
	}, h.updateCode)
	op.Register(s, authz.AgentSettingsWrite, op.Spec{
		ID: "deleteAuxCode", Method: http.MethodDelete, Path: codePath, Tag: Tag,
		Summary: "Delete an aux code",
		Description: "Takes a code out of the list and frees its number; it stays in what was logged. It is refused for code 1 and for the default pause, " +
			"and while somebody is paused or logged out of a queue with it.",
		Codes: []fault.Code{fault.CodeConflict},
	}, h.deleteCode)
}

// AuxCode is an aux code as clients see it.
type AuxCode struct {
	Code         int        `json:"code" minimum:"1" maximum:"999" doc:"Its number." example:"2"`
	Name         string     `json:"name" maxLength:"200" doc:"What people call it." example:"Lunch"`
	Pause        bool       `json:"pause" doc:"It is a reason for a pause and for logging out of a queue. Only code 1 is none." example:"true"`
	DefaultPause bool       `json:"default_pause" doc:"It is the reason of a pause that names none." example:"false"`
	BuiltIn      bool       `json:"built_in" doc:"Every tenant begins with it." example:"true"`
	UpdatedAt    *time.Time `json:"updated_at" doc:"When somebody changed it; null for one as it came."`
}

func codeView(c agents.Code) AuxCode {
	return AuxCode{c.Code, c.Name, c.Pause, c.DefaultPause, c.BuiltIn, c.UpdatedAt}
}

// CodesInput is the input of listAuxCodes.
type CodesInput struct {
	path.Tenant
	op.Page
}

// codeKey is the place of a code in its list.
type codeKey struct {
	Code int `json:"c"`
}

func (h handlers) listCodes(ctx context.Context, in *CodesInput) (*op.List[AuxCode], error) {
	after, err := op.After[codeKey](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	all, err := h.Agents.Codes(ctx)
	if err != nil {
		return nil, err
	}
	var rows []agents.Code
	for _, c := range all {
		if (after == nil || c.Code > after.Code) && len(rows) < in.Fetch() {
			rows = append(rows, c)
		}
	}
	return op.Listing(ctx, in.Page, rows, codeView, func(c agents.Code) codeKey { return codeKey{c.Code} })
}

// CodePath names one aux code.
type CodePath struct {
	path.Tenant
	Code int `path:"code" minimum:"1" maximum:"999" doc:"The number of the aux code." example:"2"`
}

// CodeShown is the output of operations that show one aux code.
type CodeShown struct {
	op.ETag
	Body AuxCode
}

func codeTag(c agents.Code) op.ETag { return op.LiveVersion(int64(c.Version), c.DefaultPause) }

func codeShown(c agents.Code, err error) (*CodeShown, error) {
	if err != nil {
		return nil, err
	}
	return &CodeShown{codeTag(c), codeView(c)}, nil
}

func (h handlers) getCode(ctx context.Context, in *CodePath) (*CodeShown, error) {
	return codeShown(h.Agents.Code(ctx, in.Code))
}

// CreateAuxCode is the body of createAuxCode.
type CreateAuxCode struct {
	Code *int   `json:"code,omitempty" minimum:"2" maximum:"999" doc:"Its number; the next free one if it is left out." example:"6"`
	Name string `json:"name" minLength:"1" maxLength:"200" doc:"What people call it: unique among the tenant's codes, in capitals or not." example:"Coaching"`
}

// CreateCodeInput is the input of createAuxCode.
type CreateCodeInput struct {
	path.Tenant
	Body CreateAuxCode
}

// CodeCreated is the output of createAuxCode.
type CodeCreated struct {
	op.Location
	op.ETag
	Body AuxCode
}

func (h handlers) createCode(ctx context.Context, in *CreateCodeInput) (*CodeCreated, error) {
	c, err := h.Agents.AddCode(ctx, in.Body.Code, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &CodeCreated{op.At("/v1/tenants/%s/aux-codes/%d", in.TenantID, c.Code), codeTag(c), codeView(c)}, nil
}

// UpdateAuxCode is the body of updateAuxCode.
type UpdateAuxCode struct {
	Name         op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Lunch break"`
	DefaultPause op.Optional[bool]   `json:"default_pause,omitzero" nullable:"false" enum:"true" doc:"true makes it the default pause; there is always one." example:"true"`
}

// UpdateCodeInput is the input of updateAuxCode.
type UpdateCodeInput struct {
	CodePath
	op.IfMatch
	Body UpdateAuxCode
}

func (h handlers) updateCode(ctx context.Context, in *UpdateCodeInput) (*CodeShown, error) {
	makeDefault := in.Body.DefaultPause.Pointer()
	return codeShown(h.Agents.ChangeCode(ctx, in.Code, in.Body.Name.Pointer(), makeDefault != nil && *makeDefault, in.Check))
}

// DeleteCodeInput is the input of deleteAuxCode.
type DeleteCodeInput struct {
	CodePath
	op.IfMatch
}

func (h handlers) deleteCode(ctx context.Context, in *DeleteCodeInput) (*op.Empty, error) {
	return &op.Empty{}, h.Agents.DeleteCode(ctx, in.Code, in.Check)
}
