// Package phrases serves the texts that are prepared for answers.
package phrases

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/phrases"
)

// Tag is the chapter of phrases in the document.
const Tag = "Phrases"

// Config is what the operations need.
type Config struct {
	Phrases *phrases.Service
	// Viewer says who looks, and whether he sees what is for all departments and
	// channels.
	Viewer func(context.Context) phrases.Viewer
}

type handlers struct{ Config }

const (
	listPath   = "/v1/tenants/{tenant_id}/phrases"
	phrasePath = listPath + "/{phrase_id}"
)

// offered is said of operations that narrow phrases by person.
const offered = " Who writes phrases sees all of them; others see those for everybody, those of their departments, and those of channels that they may choose."

// Register opens the operations on phrases.
func Register(s *op.Surface, c Config) {
	h := handlers{c}
	op.Register(s, authz.PhrasesRead, op.Spec{
		ID: "listPhrases", Method: http.MethodGet, Path: listPath, Tag: Tag,
		Summary: "List phrases",
		Description: "Lists canned responses and templates. `search` finds any part of title and content, without regard to accents and capitals; " +
			"what begins with it comes first, unless another `sort` is given. Filters are joined by AND." + offered,
	}, h.list)
	op.Register(s, authz.PhrasesWrite, op.Spec{
		ID: "createPhrase", Method: http.MethodPost, Path: listPath, Tag: Tag, Status: http.StatusCreated,
		Summary: "Create a phrase",
		Description: "Makes a canned response. Its `scope` says to whom it is offered: to everybody, to the people of some departments, or on some channels. " +
			"The content may hold placeholders such as `{{contact.first_name|there}}`, with what stands in place of a missing value behind the bar; " +
			"`\\{{` is written for the two characters. One that nobody knows is refused with its place.",
		Codes: []fault.Code{fault.CodeUnknownPlaceholder, fault.CodeNotFound},
	}, h.create)
	op.Register(s, authz.PhrasesRead, op.Spec{
		ID: "getPhrase", Method: http.MethodGet, Path: phrasePath, Tag: Tag,
		Summary: "Show a phrase", Description: "Shows one canned response, with its placeholders as they are." + offered,
	}, h.get)
	op.Register(s, authz.PhrasesWrite, op.Spec{
		ID: "updatePhrase", Method: http.MethodPatch, Path: phrasePath, Tag: Tag,
		Summary: "Change a phrase", Description: "Changes a canned response. With another scope, the departments or channels of the old one are dropped. Messages that were made of it stay as they are.",
		Codes: []fault.Code{fault.CodeUnknownPlaceholder, fault.CodeNotFound},
	}, h.update)
	op.Register(s, authz.PhrasesWrite, op.Spec{
		ID: "deletePhrase", Method: http.MethodDelete, Path: phrasePath, Tag: Tag, Status: http.StatusNoContent,
		Summary: "Delete a phrase", Description: "Takes a canned response out of use for good. Messages that were made of it stay as they are and go on naming it.",
	}, h.delete)
	op.Register(s, authz.PhrasesRead, op.Spec{
		ID: "getPlaceholders", Method: http.MethodGet, Path: "/v1/tenants/{tenant_id}/phrase-placeholders", Tag: Tag,
		Summary:     "Show the placeholders",
		Description: "Lists the placeholders whose values are known when a message is made of a phrase. Besides them there is `variable.…`, any name in small letters, whose value comes with the message.",
	}, h.placeholders)
}

// Phrase is a prepared text as clients see it.
type Phrase struct {
	ID            uuid.UUID   `json:"id" doc:"The phrase."`
	Title         string      `json:"title" maxLength:"200" doc:"What people call it." example:"Opening hours"`
	Content       string      `json:"content" maxLength:"2000" doc:"The text, with its placeholders." example:"Hello {{contact.first_name|there}}, we are open until six."`
	Language      string      `json:"language" enum:"en,de,es,fr,it,pt-BR" doc:"The language of the text."`
	Scope         string      `json:"scope" enum:"global,department,channel" doc:"To whom it is offered: everybody, the people of its departments, or whoever writes on its channels."`
	DepartmentIDs []uuid.UUID `json:"department_ids" maxItems:"50" doc:"Its departments, where the scope is department."`
	ChannelIDs    []uuid.UUID `json:"channel_ids" maxItems:"50" doc:"Its channels, where the scope is channel."`
	ChannelKinds  []string    `json:"channel_kinds" maxItems:"5" enum:"sms,email,chat,facebook,whatsapp" doc:"The kinds of channels that it is for; none are all."`
	Placeholders  []string    `json:"placeholders" maxItems:"50" maxLength:"50" doc:"What the text asks for, each once." example:"contact.first_name"`
	Uses          int64       `json:"uses" format:"int64" minimum:"0" maximum:"9007199254740991" doc:"Messages that were made of it." example:"12"`
	LastUsedAt    *time.Time  `json:"last_used_at" doc:"When the last one was, or null."`
	CreatedAt     time.Time   `json:"created_at" doc:"When it was made."`
	UpdatedAt     time.Time   `json:"updated_at" doc:"When it was changed last."`
}

// View is a phrase as clients see it.
func View(p phrases.Phrase) Phrase {
	return Phrase{
		ID: p.ID, Title: p.Title, Content: p.Content, Language: p.Language, Scope: string(p.Scope),
		DepartmentIDs: p.DepartmentIDs, ChannelIDs: p.ChannelIDs, ChannelKinds: p.ChannelKinds, Placeholders: p.Placeholders,
		Uses: p.Uses, LastUsedAt: p.LastUsedAt, CreatedAt: p.CreatedAt, UpdatedAt: p.UpdatedAt,
	}
}

// ListInput is the input of listPhrases.
type ListInput struct {
	path.Tenant
	op.Page
	Search       string    `query:"search" maxLength:"100" doc:"Any part of title or content, without regard to accents and capitals." example:"open"`
	Language     string    `query:"language" enum:"en,de,es,fr,it,pt-BR" doc:"Only this language."`
	Scope        string    `query:"scope" enum:"global,department,channel" doc:"Only this scope."`
	ChannelKind  string    `query:"channel_kind" enum:"sms,email,chat,facebook,whatsapp" doc:"Only what can go by channels of this kind."`
	DepartmentID uuid.UUID `query:"department_id" doc:"Only what is for this department."`
	ChannelID    uuid.UUID `query:"channel_id" doc:"Only what is offered on this channel: its own, and what is kept to no channel."`
	Sort         string    `query:"sort" enum:"relevance,title,content,language,uses" default:"relevance" doc:"The order. relevance is that of the title where nothing is searched; uses has what is used most first."`
	Order        string    `query:"order" enum:"asc,desc" default:"asc" doc:"desc turns the order around."`
}

func (h handlers) list(ctx context.Context, in *ListInput) (*op.List[Phrase], error) {
	after, err := op.After[phrases.Position](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, places, err := h.Phrases.List(ctx, h.Viewer(ctx), phrases.Filter{
		Search: in.Search, Language: in.Language, Scope: phrases.Scope(in.Scope), Kind: in.ChannelKind,
		DepartmentID: in.DepartmentID, ChannelID: in.ChannelID,
	}, phrases.Sort(in.Sort), in.Order == "desc", after, in.Fetch())
	if err != nil {
		return nil, err
	}
	at := map[uuid.UUID]phrases.Position{}
	for i, row := range rows {
		at[row.ID] = places[i]
	}
	return op.Listing(ctx, in.Page, rows, View, func(p phrases.Phrase) phrases.Position { return at[p.ID] })
}

// CreatePhrase is the body of createPhrase.
type CreatePhrase struct {
	Title         string      `json:"title" minLength:"1" maxLength:"200" doc:"What people call it." example:"Opening hours"`
	Content       string      `json:"content" minLength:"1" maxLength:"4000" doc:"The text, with placeholders: 2000 Unicode code points at most, counted in NFC." example:"Hello {{contact.first_name|there}}, we are open until six."`
	Language      string      `json:"language" enum:"en,de,es,fr,it,pt-BR" doc:"The language of the text."`
	Scope         string      `json:"scope,omitempty" enum:"global,department,channel" doc:"To whom it is offered; global where it is left out."`
	DepartmentIDs []uuid.UUID `json:"department_ids,omitempty" maxItems:"50" doc:"Its departments; needed where the scope is department, and refused elsewhere."`
	ChannelIDs    []uuid.UUID `json:"channel_ids,omitempty" maxItems:"50" doc:"Its channels; needed where the scope is channel, and refused elsewhere."`
	ChannelKinds  []string    `json:"channel_kinds,omitempty" maxItems:"5" enum:"sms,email,chat,facebook,whatsapp" doc:"The kinds of channels that it is for; none are all."`
}

// CreateInput is the input of createPhrase.
type CreateInput struct {
	path.Tenant
	Body CreatePhrase
}

// Created is the output of createPhrase.
type Created struct {
	op.Location
	op.ETag
	Body Phrase
}

func (h handlers) create(ctx context.Context, in *CreateInput) (*Created, error) {
	p, err := h.Phrases.Create(ctx, phrases.Draft{
		Title: in.Body.Title, Content: in.Body.Content, Language: in.Body.Language, Scope: phrases.Scope(in.Body.Scope),
		DepartmentIDs: in.Body.DepartmentIDs, ChannelIDs: in.Body.ChannelIDs, ChannelKinds: in.Body.ChannelKinds,
	})
	if err != nil {
		return nil, err
	}
	return &Created{op.At("/v1/tenants/%s/phrases/%s", in.TenantID, p.ID), op.Version(int64(p.Version)), View(p)}, nil
}

// Path names one phrase.
type Path struct {
	path.Tenant
	PhraseID uuid.UUID `path:"phrase_id" doc:"The phrase."`
}

// Shown is the output of operations that show one phrase.
type Shown struct {
	op.ETag
	Body Phrase
}

func shown(p phrases.Phrase, err error) (*Shown, error) {
	if err != nil {
		return nil, err
	}
	return &Shown{op.Version(int64(p.Version)), View(p)}, nil
}

func (h handlers) get(ctx context.Context, in *Path) (*Shown, error) {
	return shown(h.Phrases.Get(ctx, h.Viewer(ctx), in.PhraseID))
}

// UpdatePhrase is the body of updatePhrase.
type UpdatePhrase struct {
	Title         op.Optional[string]      `json:"title,omitzero" nullable:"false" minLength:"1" maxLength:"200" doc:"What people call it." example:"Opening hours"`
	Content       op.Optional[string]      `json:"content,omitzero" nullable:"false" minLength:"1" maxLength:"4000" doc:"The text, with placeholders." example:"We are open until six."`
	Language      op.Optional[string]      `json:"language,omitzero" nullable:"false" enum:"en,de,es,fr,it,pt-BR" doc:"The language of the text."`
	Scope         op.Optional[string]      `json:"scope,omitzero" nullable:"false" enum:"global,department,channel" doc:"To whom it is offered."`
	DepartmentIDs op.Optional[[]uuid.UUID] `json:"department_ids,omitzero" nullable:"false" maxItems:"50" doc:"Its departments, all of them."`
	ChannelIDs    op.Optional[[]uuid.UUID] `json:"channel_ids,omitzero" nullable:"false" maxItems:"50" doc:"Its channels, all of them."`
	ChannelKinds  op.Optional[[]string]    `json:"channel_kinds,omitzero" nullable:"false" maxItems:"5" enum:"sms,email,chat,facebook,whatsapp" doc:"The kinds of channels that it is for; none are all."`
}

// UpdateInput is the input of updatePhrase.
type UpdateInput struct {
	Path
	op.IfMatch
	Body UpdatePhrase
}

func (h handlers) update(ctx context.Context, in *UpdateInput) (*Shown, error) {
	return shown(h.Phrases.Update(ctx, in.PhraseID, phrases.Change{
		Title: in.Body.Title.Pointer(), Content: in.Body.Content.Pointer(), Language: in.Body.Language.Pointer(),
		Scope:         (*phrases.Scope)(in.Body.Scope.Pointer()),
		DepartmentIDs: in.Body.DepartmentIDs.Pointer(), ChannelIDs: in.Body.ChannelIDs.Pointer(), ChannelKinds: in.Body.ChannelKinds.Pointer(),
	}, in.Check))
}

// DeleteInput is the input of deletePhrase.
type DeleteInput struct {
	Path
	op.IfMatch
}

func (h handlers) delete(ctx context.Context, in *DeleteInput) (*struct{}, error) {
	return nil, h.Phrases.Delete(ctx, in.PhraseID, in.Check)
}

// Placeholder is a name that a text may ask for.
type Placeholder struct {
	Name    string `json:"name" maxLength:"50" doc:"As it is written between the braces." example:"contact.first_name"`
	Meaning string `json:"meaning" maxLength:"200" doc:"What takes its place." example:"The first word of that name."`
	Example string `json:"example" maxLength:"200" doc:"What that may be." example:"Ada"`
}

// Placeholders is a list that never has a second page.
type Placeholders struct {
	Items []Placeholder `json:"items" maxItems:"50" doc:"The placeholders."`
}

// PlaceholdersShown is the output of getPlaceholders.
type PlaceholdersShown struct {
	Body Placeholders
}

func (h handlers) placeholders(context.Context, *path.Tenant) (*PlaceholdersShown, error) {
	out := Placeholders{Items: []Placeholder{}}
	for _, p := range phrases.Placeholders() {
		out.Items = append(out.Items, Placeholder{p.Name, p.Meaning, p.Example})
	}
	return &PlaceholdersShown{out}, nil
}
