package identity

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/fault"
)

const (
	departmentsPath = "/v1/tenants/{tenant_id}/departments"
	departmentPath  = departmentsPath + "/{department_id}"
	membersPath     = departmentPath + "/members"
)

func (h handlers) registerDepartments(s *op.Surface) {
	op.Register(s, authz.DepartmentsRead, op.Spec{
		ID: "listDepartments", Method: http.MethodGet, Path: departmentsPath, Tag: DepartmentsTag,
		Summary: "List departments", Description: "Lists the tenant's departments, oldest first.",
	}, h.listDepartments)
	op.Register(s, authz.DepartmentsWrite, op.Spec{
		ID: "createDepartment", Method: http.MethodPost, Path: departmentsPath, Tag: DepartmentsTag, Status: http.StatusCreated,
		Summary: "Create a department", Description: "Creates a group of users. Its switches open modules to all of its members.",
		Codes: []fault.Code{fault.CodeNameTaken},
	}, h.createDepartment)
	op.Register(s, authz.DepartmentsRead, op.Spec{
		ID: "getDepartment", Method: http.MethodGet, Path: departmentPath, Tag: DepartmentsTag,
		Summary: "Show a department", Description: "Shows one department.",
	}, h.getDepartment)
	op.Register(s, authz.DepartmentsWrite, op.Spec{
		ID: "updateDepartment", Method: http.MethodPatch, Path: departmentPath, Tag: DepartmentsTag,
		Summary: "Change a department", Description: "Changes the fields that are sent. The switches take effect for all members at once.",
		Codes: []fault.Code{fault.CodeNameTaken},
	}, h.updateDepartment)
	op.Register(s, authz.DepartmentsWrite, op.Spec{
		ID: "deleteDepartment", Method: http.MethodDelete, Path: departmentPath, Tag: DepartmentsTag,
		Summary: "Delete a department", Description: "Removes a department. Its members stay, and lose the modules that they had by it alone.",
	}, h.deleteDepartment)
	op.Register(s, authz.DepartmentsRead, op.Spec{
		ID: "listDepartmentMembers", Method: http.MethodGet, Path: membersPath, Tag: DepartmentsTag,
		Summary: "List a department's members", Description: "Lists the users who are in the department, oldest first, without the archive.",
	}, h.listMembers)
	op.Register(s, authz.DepartmentsWrite, op.Spec{
		ID: "addDepartmentMember", Method: http.MethodPut, Path: membersPath + "/{user_id}", Tag: DepartmentsTag,
		Summary: "Put a user into a department", Description: "Makes a user a member; one who is stays one. A user can be in 50 departments.",
		Codes: []fault.Code{fault.CodeConflict},
	}, h.addMember)
	op.Register(s, authz.DepartmentsWrite, op.Spec{
		ID: "removeDepartmentMember", Method: http.MethodDelete, Path: membersPath + "/{user_id}", Tag: DepartmentsTag,
		Summary: "Take a user out of a department", Description: "Ends a membership; who is no member stays none.",
	}, h.removeMember)
}

// Department is a group of users as clients see it.
type Department struct {
	ID           uuid.UUID `json:"id" doc:"The department."`
	TenantID     uuid.UUID `json:"tenant_id" doc:"The tenant."`
	Name         string    `json:"name" maxLength:"200" doc:"Unique in the tenant, in capitals or not." example:"Front desk"`
	Alias        string    `json:"alias" maxLength:"200" doc:"What a telephone system calls it; may be empty." example:"AU Front desk"`
	EmailEnabled bool      `json:"email_enabled" doc:"Opens the module email to all members." example:"true"`
	ChatEnabled  bool      `json:"chat_enabled" doc:"Opens the module chat to all members." example:"false"`
	CreatedAt    time.Time `json:"created_at" doc:"When it was created."`
	UpdatedAt    time.Time `json:"updated_at" doc:"When it was changed last."`
}

func departmentView(d departments.Department) Department {
	return Department{d.ID, d.TenantID, d.Name, d.Alias, d.EmailEnabled, d.ChatEnabled, d.CreatedAt, d.UpdatedAt}
}

// ListDepartmentsInput is the input of listDepartments.
type ListDepartmentsInput struct {
	path.Tenant
	op.Page
	Q string `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name begins, in capitals or not." example:"fr"`
}

func (h handlers) listDepartments(ctx context.Context, in *ListDepartmentsInput) (*op.List[Department], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	f := departments.Filter{Limit: in.Fetch(), Prefix: in.Q}
	if after != nil {
		f.After = &after.ID
	}
	rows, err := h.departments.List(ctx, f)
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, departmentView, func(d departments.Department) path.Key { return path.Key{ID: d.ID} })
}

// CreateDepartment is the body of createDepartment.
type CreateDepartment struct {
	Name         string `json:"name" minLength:"1" maxLength:"200" doc:"Unique in the tenant." example:"Front desk"`
	Alias        string `json:"alias,omitempty" maxLength:"200" doc:"What a telephone system calls it." example:"AU Front desk"`
	EmailEnabled bool   `json:"email_enabled,omitempty" doc:"Opens the module email to all members." example:"true"`
	ChatEnabled  bool   `json:"chat_enabled,omitempty" doc:"Opens the module chat to all members." example:"false"`
}

// CreateDepartmentInput is the input of createDepartment.
type CreateDepartmentInput struct {
	path.Tenant
	Body CreateDepartment
}

// DepartmentCreated is the output of createDepartment.
type DepartmentCreated struct {
	op.Location
	op.ETag
	Body Department
}

func (h handlers) createDepartment(ctx context.Context, in *CreateDepartmentInput) (*DepartmentCreated, error) {
	d, err := h.departments.Create(ctx, departments.NewDepartment(in.Body))
	if err != nil {
		return nil, err
	}
	return &DepartmentCreated{
		op.At("/v1/tenants/%s/departments/%s", in.TenantID, d.ID), op.Version(int64(d.Version)), departmentView(d),
	}, nil
}

// DepartmentPath names one department.
type DepartmentPath struct {
	path.Tenant
	DepartmentID uuid.UUID `path:"department_id" doc:"The department."`
}

// DepartmentShown is the output of operations that show one department.
type DepartmentShown struct {
	op.ETag
	Body Department
}

func departmentShown(d departments.Department, err error) (*DepartmentShown, error) {
	if err != nil {
		return nil, err
	}
	return &DepartmentShown{op.Version(int64(d.Version)), departmentView(d)}, nil
}

func (h handlers) getDepartment(ctx context.Context, in *DepartmentPath) (*DepartmentShown, error) {
	return departmentShown(h.departments.Get(ctx, in.DepartmentID))
}

// UpdateDepartment is the body of updateDepartment.
type UpdateDepartment struct {
	Name         op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"Unique in the tenant." example:"Front desk"`
	Alias        op.Optional[string] `json:"alias,omitzero" nullable:"false" maxLength:"200" doc:"What a telephone system calls it; may be empty." example:"AU Front desk"`
	EmailEnabled op.Optional[bool]   `json:"email_enabled,omitzero" nullable:"false" doc:"Opens the module email to all members." example:"true"`
	ChatEnabled  op.Optional[bool]   `json:"chat_enabled,omitzero" nullable:"false" doc:"Opens the module chat to all members." example:"false"`
}

// UpdateDepartmentInput is the input of updateDepartment.
type UpdateDepartmentInput struct {
	DepartmentPath
	op.IfMatch
	Body UpdateDepartment
}

func (h handlers) updateDepartment(ctx context.Context, in *UpdateDepartmentInput) (*DepartmentShown, error) {
	return departmentShown(h.departments.Update(ctx, in.DepartmentID, departments.Change{
		Name: in.Body.Name.Pointer(), Alias: in.Body.Alias.Pointer(),
		EmailEnabled: in.Body.EmailEnabled.Pointer(), ChatEnabled: in.Body.ChatEnabled.Pointer(),
	}, in.Check))
}

// DeleteDepartmentInput is the input of deleteDepartment.
type DeleteDepartmentInput struct {
	DepartmentPath
	op.IfMatch
}

func (h handlers) deleteDepartment(ctx context.Context, in *DeleteDepartmentInput) (*op.Empty, error) {
	return nil, h.departments.Delete(ctx, in.DepartmentID, in.Check)
}

// ListMembersInput is the input of listDepartmentMembers.
type ListMembersInput struct {
	DepartmentPath
	op.Page
}

func (h handlers) listMembers(ctx context.Context, in *ListMembersInput) (*op.List[User], error) {
	if _, err := h.departments.Get(ctx, in.DepartmentID); err != nil {
		return nil, err
	}
	return h.users(ctx, in.Page, identity.UserFilter{DepartmentID: &in.DepartmentID})
}

// MemberPath names a user in a department.
type MemberPath struct {
	DepartmentPath
	UserID uuid.UUID `path:"user_id" doc:"The user."`
}

func (h handlers) addMember(ctx context.Context, in *MemberPath) (*op.Empty, error) {
	return nil, h.departments.AddMember(ctx, in.DepartmentID, in.UserID)
}

func (h handlers) removeMember(ctx context.Context, in *MemberPath) (*op.Empty, error) {
	return nil, h.departments.RemoveMember(ctx, in.DepartmentID, in.UserID)
}
