package contacts

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/contacts"
)

const (
	listsPath = "/v1/tenants/{tenant_id}/contact-lists"
	listPath  = listsPath + "/{list_id}"
)

func (h handlers) registerLists(s *op.Surface) {
	op.Register(s, authz.ContactListsRead, op.Spec{
		ID: "listContactLists", Method: http.MethodGet, Path: listsPath, Tag: Tag,
		Summary: "List contact lists", Description: "Lists the tenant's contact lists in use, or those that were archived, oldest first.",
	}, h.lists)
	op.Register(s, authz.ContactListsWrite, op.Spec{
		ID: "createContactList", Method: http.MethodPost, Path: listsPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a contact list",
		Description: "Makes a list with nobody on it. A channel whose `contact_list_id` it is adds the senders whom nobody knew. " +
			"The name is unique among the tenant's lists in use, in capitals or not.",
		Codes: []fault.Code{fault.CodeNameTaken},
	}, h.createList)
	op.Register(s, authz.ContactListsRead, op.Spec{
		ID: "getContactList", Method: http.MethodGet, Path: listPath, Tag: Tag,
		Summary: "Show a contact list", Description: "Shows one list; an archived one as well. Who is on it is listed by listContacts with `list_id`.",
	}, h.getList)
	op.Register(s, authz.ContactListsWrite, op.Spec{
		ID: "updateContactList", Method: http.MethodPatch, Path: listPath, Tag: Tag,
		Summary: "Rename a contact list", Description: "Changes the name of a list in use.",
		Codes: []fault.Code{fault.CodeNameTaken, fault.CodeWrongState},
	}, h.updateList)
	op.Register(s, authz.ContactListsWrite, op.Spec{
		ID: "archiveContactList", Method: http.MethodPost, Path: listPath + "/archive", Tag: Tag,
		Summary: "Archive a contact list",
		Description: "Takes a list out of use and frees its name. Who is on it stays on it. " +
			"While a channel adds to the list it is refused.",
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeConflict},
	}, h.archiveList)
}

// NamedContactList is a list of contacts as clients see it. ContactList is the
// name of a page of contacts in the document.
type NamedContactList struct {
	ID         uuid.UUID  `json:"id" doc:"The list."`
	Name       string     `json:"name" maxLength:"200" doc:"What people call it." example:"New customers"`
	ArchivedAt *time.Time `json:"archived_at" doc:"When it was taken out of use, or null."`
	CreatedAt  time.Time  `json:"created_at" doc:"When it was made."`
	UpdatedAt  time.Time  `json:"updated_at" doc:"When it was changed last."`
}

func listView(l contacts.ContactList) NamedContactList {
	return NamedContactList{l.ID, l.Name, l.ArchivedAt, l.CreatedAt, l.UpdatedAt}
}

// ListContactListsInput is the input of listContactLists.
type ListContactListsInput struct {
	path.Tenant
	op.Page
	View string `query:"view" enum:"active,archived" default:"active" doc:"Those in use, or those that were archived."`
}

func (h handlers) lists(ctx context.Context, in *ListContactListsInput) (*op.List[NamedContactList], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Contacts.Lists(ctx, in.View == "archived", after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, listView, func(l contacts.ContactList) path.Key { return path.Key{ID: l.ID} })
}

// CreateContactList is the body of createContactList.
type CreateContactList struct {
	Name string `json:"name" minLength:"1" maxLength:"200" doc:"What people call it." example:"New customers"`
}

// CreateContactListInput is the input of createContactList.
type CreateContactListInput struct {
	path.Tenant
	Body CreateContactList
}

// ContactListCreated is the output of createContactList.
type ContactListCreated struct {
	op.Location
	op.ETag
	Body NamedContactList
}

func (h handlers) createList(ctx context.Context, in *CreateContactListInput) (*ContactListCreated, error) {
	l, err := h.Contacts.CreateList(ctx, in.Body.Name)
	if err != nil {
		return nil, err
	}
	return &ContactListCreated{op.At("/v1/tenants/%s/contact-lists/%s", in.TenantID, l.ID), op.Version(int64(l.Version)), listView(l)}, nil
}

// ContactListPath names one contact list.
type ContactListPath struct {
	path.Tenant
	ListID uuid.UUID `path:"list_id" doc:"The contact list."`
}

// ContactListShown is the output of operations that show one contact list.
type ContactListShown struct {
	op.ETag
	Body NamedContactList
}

func listShown(l contacts.ContactList, err error) (*ContactListShown, error) {
	if err != nil {
		return nil, err
	}
	return &ContactListShown{op.Version(int64(l.Version)), listView(l)}, nil
}

func (h handlers) getList(ctx context.Context, in *ContactListPath) (*ContactListShown, error) {
	return listShown(h.Contacts.GetList(ctx, in.ListID))
}

// UpdateContactList is the body of updateContactList.
type UpdateContactList struct {
	Name op.Optional[string] `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"New customers"`
}

// UpdateContactListInput is the input of updateContactList.
type UpdateContactListInput struct {
	ContactListPath
	op.IfMatch
	Body UpdateContactList
}

func (h handlers) updateList(ctx context.Context, in *UpdateContactListInput) (*ContactListShown, error) {
	return listShown(h.Contacts.RenameList(ctx, in.ListID, in.Body.Name.Pointer(), in.Check))
}

func (h handlers) archiveList(ctx context.Context, in *ContactListPath) (*ContactListShown, error) {
	return listShown(h.Contacts.ArchiveList(ctx, in.ListID))
}
