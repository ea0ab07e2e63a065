package contacts

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/contacts"
)

func (h handlers) registerEditing(s *op.Surface) {
	op.Register(s, authz.ContactsWrite, op.Spec{
		ID: "createContact", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/contacts", Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a contact",
		Description: "Makes a contact of the tenant's. Several contacts may share an address; who was linked to it last is meant by it. " +
			"What its address has written before stays where it is: link those interactions.",
		Codes: []fault.Code{fault.CodeInvalidAddress},
	}, h.create)
	op.Register(s, authz.ContactsWrite, op.Spec{
		ID: "updateContact", Method: http.MethodPatch, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}", Tag: Tag,
		Summary: "Change a contact",
		Description: "Changes the fields that are sent. A sender whom nobody had named is a known contact from then on, with all of his conversations. " +
			"`addresses` replaces the list; conversations with an address that goes stay with the contact.",
		Codes: []fault.Code{fault.CodeInvalidAddress, fault.CodeConflict},
	}, h.update)
}

// CreateContact is the body of createContact.
type CreateContact struct {
	Name         string   `json:"name" minLength:"1" maxLength:"200" doc:"What people call him." example:"Ada Lovelace"`
	Addresses    []string `json:"addresses,omitempty" maxItems:"50" maxLength:"32" doc:"Telephone numbers, best in E.164; others are read in the tenant's country. Short codes and senders' names as they are." example:"+15145550199"`
	Email        string   `json:"email,omitempty" maxLength:"254" doc:"An e-mail address." example:"ada@maple.example"`
	FacebookPage string   `json:"facebook_page,omitempty" maxLength:"500" doc:"The address of his page." example:"https://www.facebook.com/ada"`
	Location     string   `json:"location,omitempty" maxLength:"200" doc:"Where he is, in words." example:"Montréal"`
}

// CreateContactInput is the input of createContact.
type CreateContactInput struct {
	path.Tenant
	Body CreateContact
}

// ContactCreated is the output of createContact.
type ContactCreated struct {
	op.Location
	op.ETag
	Body Contact
}

func (h handlers) create(ctx context.Context, in *CreateContactInput) (*ContactCreated, error) {
	b := in.Body
	c, err := h.Contacts.Create(ctx, contacts.NewContact{
		Card: contacts.Card{Name: b.Name, Email: b.Email, FacebookPage: b.FacebookPage, Location: b.Location}, Addresses: b.Addresses,
	})
	if err != nil {
		return nil, err
	}
	return &ContactCreated{op.At("/v1/tenants/%s/contacts/%s", in.TenantID, c.ID), op.Version(int64(c.Version)), view(c)}, nil
}

// UpdateContact is the body of updateContact.
type UpdateContact struct {
	Name         op.Optional[string]   `json:"name,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call him." example:"Ada Lovelace"`
	Addresses    op.Optional[[]string] `json:"addresses,omitzero" nullable:"false" maxItems:"50" maxLength:"32" doc:"All of his telephone numbers, short codes and senders' names." example:"+15145550199"`
	Email        op.Optional[string]   `json:"email,omitzero" nullable:"false" maxLength:"254" doc:"An e-mail address; empty for none." example:"ada@maple.example"`
	FacebookPage op.Optional[string]   `json:"facebook_page,omitzero" nullable:"false" maxLength:"500" doc:"The address of his page; empty for none." example:"https://www.facebook.com/ada"`
	Location     op.Optional[string]   `json:"location,omitzero" nullable:"false" maxLength:"200" doc:"Where he is, in words; empty for nothing." example:"Montréal"`
}

// UpdateContactInput is the input of updateContact.
type UpdateContactInput struct {
	path.Tenant
	ContactID uuid.UUID `path:"contact_id" doc:"The contact."`
	op.IfMatch
	Body UpdateContact
}

func (h handlers) update(ctx context.Context, in *UpdateContactInput) (*Shown, error) {
	b := in.Body
	c, err := h.Contacts.Update(ctx, in.ContactID, contacts.Change{
		Name: b.Name.Pointer(), Email: b.Email.Pointer(), FacebookPage: b.FacebookPage.Pointer(), Location: b.Location.Pointer(),
		Addresses: b.Addresses.Pointer(),
	}, in.Check)
	if err != nil {
		return nil, err
	}
	return &Shown{op.Version(int64(c.Version)), view(c)}, nil
}
