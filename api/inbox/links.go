package inbox

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/contacts"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerLinks(s *op.Surface) {
	op.Register(s, authz.InteractionsRead, op.Spec{
		ID: "getInteractionProfile", Method: http.MethodGet, Path: interactionPath + "/profile", Tag: JourneyTag,
		Summary: "Show the customer of an interaction",
		Description: "Shows what is known of the person on the other side, what one may do about it, " +
			"and how many of his interactions wait that nobody has." + ownOnly,
	}, h.profile)
	op.Register(s, authz.InteractionsLink, op.Spec{
		ID: "listContactSuggestions", Method: http.MethodGet, Path: interactionPath + "/contact-suggestions", Tag: JourneyTag,
		Summary: "Suggest contacts for an interaction",
		Description: "Names up to 20 contacts to whom an interaction may belong, the likeliest first: those with the same address, " +
			"namesakes of the present one, and those whom one had to do with lately. With `q` it is a search through names and addresses instead." + ownOnly,
	}, h.suggestions)
	op.Register(s, authz.InteractionsLink, op.Spec{
		ID: "linkInteraction", Method: http.MethodPost, Path: interactionPath + "/link", Tag: JourneyTag,
		Summary: "Link an interaction to a contact",
		Description: "Says who the person on the other side is. The contact gets the address, if he has it not, and is the one who is meant by it from now on. " +
			"The interaction's log says who linked it." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeNotFound, fault.CodeConflict},
	}, h.link)
	op.Register(s, authz.InteractionsLink, op.Spec{
		ID: "createInteractionContact", Method: http.MethodPost, Path: interactionPath + "/contact", Tag: JourneyTag,
		Summary: "Make a contact of an interaction's customer",
		Description: "Makes a contact of the person on the other side, and links the two. A sender whom nobody had named becomes that contact with all of his conversations; " +
			"from a known contact the interaction moves to the new one." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee, fault.CodeInvalidAddress, fault.CodeConflict},
	}, h.linkNew)
	op.Register(s, authz.InteractionsLink, op.Spec{
		ID: "unlinkInteraction", Method: http.MethodPost, Path: interactionPath + "/unlink", Tag: JourneyTag,
		Summary: "Take an interaction from its contact",
		Description: "The interaction keeps its address and is an unknown sender's again, who is meant by the address from now on. " +
			"An address that the contact had by the link alone goes with it." + ownOnly,
		Codes: []fault.Code{fault.CodeWrongState, fault.CodeWrongAssignee},
	}, h.unlink)
}

// Customer is the person on the other side as clients see him.
type Customer struct {
	ContactID    uuid.UUID `json:"contact_id" doc:"The contact."`
	Name         string    `json:"name" maxLength:"200" doc:"Empty for a sender whom nobody has named yet." example:"Ada Lovelace"`
	Addresses    []string  `json:"addresses" maxItems:"50" maxLength:"16" doc:"Telephone numbers in E.164, short codes or senders' names, the one linked last first." example:"+15145550199"`
	Email        string    `json:"email" maxLength:"254" doc:"May be empty." example:"ada@maple.example"`
	FacebookPage string    `json:"facebook_page" maxLength:"500" doc:"The address of his page; may be empty." example:"https://www.facebook.com/ada"`
	Location     string    `json:"location" maxLength:"200" doc:"Where he is, in words; may be empty." example:"Montréal"`
}

func customerView(c contacts.Contact) Customer {
	return Customer{c.ID, c.Name, c.Addresses, c.Email, c.FacebookPage, c.Location}
}

// Profile is what is shown of the customer beside an interaction.
type Profile struct {
	Customer  Customer `json:"customer" doc:"The person."`
	Linked    bool     `json:"linked" doc:"The interaction is linked to a contact whom somebody has named." example:"true"`
	Address   string   `json:"address" maxLength:"16" doc:"Where this interaction comes from." example:"+15145550199"`
	Country   string   `json:"country" maxLength:"2" doc:"Where the address belongs, by ISO 3166-1; empty where it does not say." example:"CA"`
	CanView   bool     `json:"can_view" doc:"One may open the contact." example:"true"`
	CanEdit   bool     `json:"can_edit" doc:"One may change the contact." example:"true"`
	CanLink   bool     `json:"can_link" doc:"One may link the interaction to another contact." example:"true"`
	CanUnlink bool     `json:"can_unlink" doc:"One may take it from its contact." example:"true"`
	Previous  int      `json:"previous_interactions" format:"int32" minimum:"0" maximum:"2147483647" doc:"Closed conversations with the customer that one may read." example:"3"`
	Unmanaged int      `json:"unmanaged_interactions" format:"int32" minimum:"0" maximum:"2147483647" doc:"Other interactions of the contact, as far as one sees them, that wait and that nobody has." example:"1"`
}

// ProfileShown is the output of getInteractionProfile.
type ProfileShown struct {
	Body Profile
}

func (h handlers) profile(ctx context.Context, in *InteractionPath) (*ProfileShown, error) {
	p, err := h.Interactions.Profile(ctx, h.Caller(ctx), in.InteractionID)
	if err != nil {
		return nil, err
	}
	links := h.May(ctx, authz.InteractionsLink)
	return &ProfileShown{Profile{
		Customer: customerView(p.Contact), Linked: p.Contact.Known(), Address: p.Interaction.Address, Country: p.Country,
		CanView: h.May(ctx, authz.ContactsRead), CanEdit: h.May(ctx, authz.ContactsWrite),
		CanLink: links, CanUnlink: links && p.Contact.Known(), Previous: p.Previous, Unmanaged: p.Interaction.Unmanaged,
	}}, nil
}

// SuggestionsInput is the input of listContactSuggestions.
type SuggestionsInput struct {
	InteractionPath
	Q string `query:"q" maxLength:"100" pattern:"^[^\\x00]*$" doc:"How the name begins, in capitals or not, or a whole address." example:"ada"`
}

// Suggestion is a contact to whom an interaction may belong.
type Suggestion struct {
	Reason   string   `json:"reason" enum:"same_address,matches,same_name,recent" doc:"Why he is suggested."`
	Customer Customer `json:"customer" doc:"The contact."`
}

// Suggestions are a list that never has a second page.
type Suggestions struct {
	Items []Suggestion `json:"items" maxItems:"20" doc:"The likeliest first."`
}

// SuggestionsShown is the output of listContactSuggestions.
type SuggestionsShown struct {
	Body Suggestions
}

func (h handlers) suggestions(ctx context.Context, in *SuggestionsInput) (*SuggestionsShown, error) {
	found, err := h.Interactions.Suggestions(ctx, h.Caller(ctx), in.InteractionID, in.Q)
	if err != nil {
		return nil, err
	}
	out := Suggestions{Items: make([]Suggestion, 0, len(found))}
	for _, s := range found {
		out.Items = append(out.Items, Suggestion{string(s.Reason), customerView(s.Contact)})
	}
	return &SuggestionsShown{out}, nil
}

// LinkInteraction is the body of linkInteraction.
type LinkInteraction struct {
	ContactID uuid.UUID `json:"contact_id" doc:"A contact whom somebody has named."`
}

// LinkInput is the input of linkInteraction.
type LinkInput struct {
	ActionInput
	Body LinkInteraction
}

func (h handlers) link(ctx context.Context, in *LinkInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Link(ctx, h.Caller(ctx), in.InteractionID, in.Body.ContactID, interactions.Expectation{Check: in.Check}))
}

// NewCustomer is the body of createInteractionContact.
type NewCustomer struct {
	Name         string   `json:"name" minLength:"1" maxLength:"200" doc:"What people call him." example:"Ada Lovelace"`
	Addresses    []string `json:"addresses,omitempty" maxItems:"49" maxLength:"32" doc:"Beside the one of the interaction." example:"+15145550123"`
	Email        string   `json:"email,omitempty" maxLength:"254" doc:"His e-mail address." example:"ada@maple.example"`
	FacebookPage string   `json:"facebook_page,omitempty" maxLength:"500" doc:"The address of his page." example:"https://www.facebook.com/ada"`
	Location     string   `json:"location,omitempty" maxLength:"200" doc:"Where he is, in words." example:"Montréal"`
}

// LinkNewInput is the input of createInteractionContact.
type LinkNewInput struct {
	ActionInput
	Body NewCustomer
}

func (h handlers) linkNew(ctx context.Context, in *LinkNewInput) (*InteractionShown, error) {
	b := in.Body
	return interactionShown(h.Interactions.LinkNew(ctx, h.Caller(ctx), in.InteractionID, contacts.NewContact{
		Card: contacts.Card{Name: b.Name, Email: b.Email, FacebookPage: b.FacebookPage, Location: b.Location}, Addresses: b.Addresses,
	}, interactions.Expectation{Check: in.Check}))
}

func (h handlers) unlink(ctx context.Context, in *ActionInput) (*InteractionShown, error) {
	return interactionShown(h.Interactions.Unlink(ctx, h.Caller(ctx), in.InteractionID, interactions.Expectation{Check: in.Check}))
}
