package inbox

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

func (h handlers) registerPhrases(s *op.Surface) {
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "suggestPhrases", Method: http.MethodGet, Path: interactionPath + "/phrases", Tag: MessagesTag,
		Summary: "Suggest phrases",
		Description: "Shows the canned responses that the caller is offered in a conversation, filled for it: those that answer what he has typed, the best first, " +
			"and those that are used most where he has typed nothing. Which they are depends on his departments and on the conversation's channel." + ownOnly,
	}, h.suggestPhrases)
	op.Register(s, authz.InteractionsReply, op.Spec{
		ID: "previewPhrase", Method: http.MethodPost, Path: interactionPath + "/phrases/{phrase_id}/preview", Tag: MessagesTag,
		Summary: "Preview a phrase", Description: "Fills a canned response for a conversation and tells in how many segments it would travel. Nothing is sent." + ownOnly,
	}, h.rehearse)
}

// Variable is a value for a placeholder of a phrase's own.
type Variable struct {
	Name  string `json:"name" maxLength:"40" pattern:"^[a-z][a-z0-9_]{0,39}$" doc:"What stands behind variable. in the placeholder." example:"order_number"`
	Value string `json:"value" maxLength:"900" doc:"What takes its place." example:"1001"`
}

// valuesOf are variables by name.
func valuesOf(variables []Variable) (map[string]string, error) {
	out := map[string]string{}
	for _, v := range variables {
		if _, twice := out[v.Name]; twice {
			return nil, fault.InvalidField(fault.CodeInvalid, "body.variables", "name "+v.Name+" twice", v.Name)
		}
		out[v.Name] = v.Value
	}
	return out, nil
}

// PhraseSuggestion is a phrase as it would be in a conversation.
type PhraseSuggestion struct {
	PhraseID uuid.UUID `json:"phrase_id" doc:"The phrase."`
	Title    string    `json:"title" maxLength:"200" doc:"What people call it." example:"Opening hours"`
	Scope    string    `json:"scope" enum:"global,department,channel" doc:"To whom it is offered: everybody, the people of its departments, or whoever writes on its channels."`
	Language string    `json:"language" enum:"en,de,es,fr,it,pt-BR" doc:"The language of the text."`
	Content  string    `json:"content" maxLength:"2000" doc:"The text, with its placeholders." example:"Hello {{contact.first_name|there}}, we are open until six."`
	Text     string    `json:"text" maxLength:"60000" doc:"The text, filled as far as it can be." example:"Hello Ada, we are open until six."`
	Missing  []string  `json:"missing" maxItems:"50" maxLength:"50" doc:"Placeholders without a value and without anything in its place. While there are any, the phrase is not sent by its id." example:"variable.order_number"`
	Encoding string    `json:"encoding" enum:"GSM-7,UCS-2" doc:"How the text would travel."`
	Segments int       `json:"segments" format:"int32" minimum:"0" maximum:"2000" doc:"In how many SMS segments." example:"1"`
	Allowed  bool      `json:"allowed" doc:"The channel takes so many."`
}

func phraseSuggestionView(s interactions.PhraseSuggestion) PhraseSuggestion {
	missing := s.Missing
	if missing == nil {
		missing = []string{}
	}
	return PhraseSuggestion{
		PhraseID: s.ID, Title: s.Title, Scope: string(s.Scope), Language: s.Language, Content: s.Content, Text: s.Text,
		Missing: missing, Encoding: s.Encoding, Segments: s.Segments, Allowed: s.Segments <= s.MaxSegments,
	}
}

// SuggestPhrasesInput is the input of suggestPhrases.
type SuggestPhrasesInput struct {
	InteractionPath
	Search   string `query:"search" maxLength:"100" doc:"What was typed: any part of title or content, without regard to accents and capitals." example:"open"`
	Language string `query:"language" enum:"en,de,es,fr,it,pt-BR" doc:"Only this language."`
	Limit    int    `query:"limit" format:"int32" minimum:"1" maximum:"50" default:"20" doc:"How many to show." example:"20"`
}

// PhraseSuggestions is a list that never has a second page.
type PhraseSuggestions struct {
	Items []PhraseSuggestion `json:"items" maxItems:"50" doc:"The phrases, the best first."`
}

// PhraseSuggestionsShown is the output of suggestPhrases.
type PhraseSuggestionsShown struct {
	Body PhraseSuggestions
}

func (h handlers) suggestPhrases(ctx context.Context, in *SuggestPhrasesInput) (*PhraseSuggestionsShown, error) {
	found, err := h.Interactions.SuggestPhrases(ctx, h.Caller(ctx), h.Viewer(ctx), in.InteractionID, in.Search, in.Language, in.Limit)
	if err != nil {
		return nil, err
	}
	out := PhraseSuggestions{Items: make([]PhraseSuggestion, 0, len(found))}
	for _, s := range found {
		out.Items = append(out.Items, phraseSuggestionView(s))
	}
	return &PhraseSuggestionsShown{out}, nil
}

// PreviewPhrase is the body of previewPhrase.
type PreviewPhrase struct {
	Variables []Variable `json:"variables,omitempty" maxItems:"50" doc:"Values for the phrase's own placeholders, variable.…"`
}

// PreviewPhraseInput is the input of previewPhrase.
type PreviewPhraseInput struct {
	InteractionPath
	PhraseID uuid.UUID `path:"phrase_id" doc:"The phrase."`
	Body     PreviewPhrase
}

// PhraseSuggestionShown is the output of previewPhrase.
type PhraseSuggestionShown struct {
	Body PhraseSuggestion
}

func (h handlers) rehearse(ctx context.Context, in *PreviewPhraseInput) (*PhraseSuggestionShown, error) {
	values, err := valuesOf(in.Body.Variables)
	if err != nil {
		return nil, err
	}
	s, err := h.Interactions.Rehearse(ctx, h.Caller(ctx), in.InteractionID,
		interactions.PhraseUse{ID: in.PhraseID, Viewer: h.Viewer(ctx), Variables: values})
	if err != nil {
		return nil, err
	}
	return &PhraseSuggestionShown{phraseSuggestionView(s)}, nil
}
