// Package contacts serves the people outside, the lists that they are on, and
// their wish to be left alone.
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
	"github.com/trellishq/trellis/messaging/consent"
	"github.com/trellishq/trellis/messaging/contacts"
)

// Tag is the chapter of contacts in the document.
const Tag = "Contacts"

// Config is what the operations need.
type Config struct {
	Contacts *contacts.Service
	Consent  *consent.Service
}

type handlers struct{ Config }

// Register opens the operations on contacts and opt-outs.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	op.Register(s, authz.ContactsRead, op.Spec{
		ID: "listContacts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/contacts", Tag: Tag,
		Summary: "List contacts", Description: "Lists the people that the tenant knows, or those on one contact list, oldest first.",
	}, h.list)
	op.Register(s, authz.ContactsRead, op.Spec{
		ID: "getContact", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/contacts/{contact_id}", Tag: Tag,
		Summary: "Show a contact", Description: "Shows one person with the addresses at which he can be reached.",
	}, h.get)
	h.registerEditing(s)
	h.registerLists(s)
	op.Register(s, authz.OptOutsRead, op.Spec{
		ID: "listOptOuts", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/opt-outs", Tag: Tag,
		Summary: "List opt-outs",
		Description: "Lists who asked a channel to be left alone, by a keyword such as STOP or at the carrier, oldest first. " +
			"START ends an opt-out; it is kept with its end. Opt-outs hold for bulk messages; a live answer to one person stays possible.",
	}, h.optOuts)
	op.Register(s, authz.OptOutsRead, op.Spec{
		ID: "checkOptOuts", Method: http.MethodPost, Path: "/v1/tenants/{tenant_id}/opt-outs/check", Tag: Tag,
		Summary: "Check who may be sent bulk messages",
		Description: "Tells for each address whether bulk messages may go to it from a channel. Nothing is changed. " +
			"Whoever texted STOP to a number of the operator's stays `suppressed` when the number has moved on to another tenant, " +
			"until he texts START to it; to whom he had texted it, and when, is not told.",
		Codes: []fault.Code{fault.CodeNotFound},
	}, h.checkOptOuts)
}

// Contact is a person as clients see him.
type Contact struct {
	ID           uuid.UUID `json:"id" doc:"The contact."`
	Name         string    `json:"name" maxLength:"200" doc:"Empty for a sender whom nobody has named yet." example:"Ada Lovelace"`
	Addresses    []string  `json:"addresses" maxItems:"50" maxLength:"16" doc:"Telephone numbers in E.164, short codes or senders' names, the one linked last first." example:"+15145550199"`
	Email        string    `json:"email" maxLength:"254" doc:"May be empty." example:"ada@maple.example"`
	FacebookPage string    `json:"facebook_page" maxLength:"500" doc:"The address of his page; may be empty." example:"https://www.facebook.com/ada"`
	Location     string    `json:"location" maxLength:"200" doc:"Where he is, in words; may be empty." example:"Montréal"`
	CreatedAt    time.Time `json:"created_at" doc:"When the tenant came to know the person."`
	UpdatedAt    time.Time `json:"updated_at" doc:"When something about the person was changed last."`
}

func view(c contacts.Contact) Contact {
	return Contact{c.ID, c.Name, c.Addresses, c.Email, c.FacebookPage, c.Location, c.CreatedAt, c.UpdatedAt}
}

// ListContactsInput is the input of listContacts.
type ListContactsInput struct {
	path.Tenant
	op.Page
	ListID uuid.UUID `query:"list_id" doc:"Only the contacts on this list."`
}

func (h handlers) list(ctx context.Context, in *ListContactsInput) (*op.List[Contact], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	var listID *uuid.UUID
	if in.ListID != uuid.Nil {
		listID = &in.ListID
	}
	rows, err := h.Contacts.List(ctx, listID, after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, view, func(c contacts.Contact) path.Key { return path.Key{ID: c.ID} })
}

// GetContactInput is the input of getContact.
type GetContactInput struct {
	path.Tenant
	ContactID uuid.UUID `path:"contact_id" doc:"The contact."`
}

// Shown is the output of getContact.
type Shown struct {
	op.ETag
	Body Contact
}

func (h handlers) get(ctx context.Context, in *GetContactInput) (*Shown, error) {
	c, err := h.Contacts.Get(ctx, in.ContactID)
	if err != nil {
		return nil, err
	}
	return &Shown{op.Version(int64(c.Version)), view(c)}, nil
}

// OptOut is a wish to be left alone as clients see it.
type OptOut struct {
	ID        uuid.UUID  `json:"id" doc:"The opt-out."`
	ChannelID uuid.UUID  `json:"channel_id" doc:"The channel that is to be silent."`
	Address   string     `json:"address" maxLength:"16" doc:"The telephone number." example:"+15145550199"`
	Source    string     `json:"source" enum:"keyword,carrier" doc:"keyword: the person wrote it; carrier: the provider holds an opt-out of its own."`
	Keyword   string     `json:"keyword" maxLength:"64" doc:"As the person wrote it; empty for the carrier's." example:"STOP"`
	CreatedAt time.Time  `json:"created_at" doc:"Since when."`
	EndedAt   *time.Time `json:"ended_at" doc:"When START ended it, or null."`
}

// ListOptOutsInput is the input of listOptOuts.
type ListOptOutsInput struct {
	path.Tenant
	op.Page
	View string `query:"view" enum:"active,all" default:"active" doc:"Only those that have not ended, or all."`
}

func (h handlers) optOuts(ctx context.Context, in *ListOptOutsInput) (*op.List[OptOut], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Consent.List(ctx, in.View == "active", after.After(), in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, func(o consent.OptOut) OptOut {
		return OptOut{o.ID, o.ChannelID, o.Address, o.Source, o.Keyword, o.CreatedAt, o.EndedAt}
	}, func(o consent.OptOut) path.Key { return path.Key{ID: o.ID} })
}

// CheckOptOuts is the body of checkOptOuts.
type CheckOptOuts struct {
	ChannelID uuid.UUID `json:"channel_id" doc:"The channel that would send."`
	Addresses []string  `json:"addresses" minItems:"1" maxItems:"200" maxLength:"16" pattern:"^(\\+[1-9][0-9]{1,14}|[0-9]{3,8})$" doc:"Telephone numbers in E.164, or short codes." example:"+15145550199"`
}

// CheckOptOutsInput is the input of checkOptOuts.
type CheckOptOutsInput struct {
	path.Tenant
	Body CheckOptOuts
}

// BulkVerdict says whether bulk messages may go to an address.
type BulkVerdict struct {
	Address string `json:"address" maxLength:"16" doc:"As it was asked for." example:"+15145550199"`
	Bulk    string `json:"bulk" enum:"allowed,opted_out,suppressed" doc:"opted_out: the person asked this channel to be left alone; suppressed: he asked the number, while somebody else held it."`
}

// BulkVerdicts is a list that never has a second page.
type BulkVerdicts struct {
	Items []BulkVerdict `json:"items" maxItems:"200" doc:"A verdict for each address, in the order of the request."`
}

// BulkVerdictsShown is the output of checkOptOuts.
type BulkVerdictsShown struct {
	Body BulkVerdicts
}

func (h handlers) checkOptOuts(ctx context.Context, in *CheckOptOutsInput) (*BulkVerdictsShown, error) {
	verdicts, err := h.Consent.Bulk(ctx, in.Body.ChannelID, in.Body.Addresses)
	if err != nil {
		return nil, err
	}
	out := BulkVerdicts{Items: make([]BulkVerdict, 0, len(in.Body.Addresses))}
	for _, address := range in.Body.Addresses {
		out.Items = append(out.Items, BulkVerdict{address, string(verdicts[address])})
	}
	return &BulkVerdictsShown{out}, nil
}
