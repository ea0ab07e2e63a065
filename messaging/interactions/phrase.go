package interactions

import (
	"context"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider/segments"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/phrases"
	"github.com/trellishq/trellis/tenants/scope"
)

// PhraseUse says of which prepared text a message is made.
type PhraseUse struct {
	ID uuid.UUID
	// Viewer is who has it offered.
	Viewer phrases.Viewer
	// Variables are the values of what the text asks the sender for.
	Variables map[string]string
}

// filled makes a draft's text of its phrase, where it has one and no text yet.
func (s *Service) filled(ctx context.Context, through channels.Channel, conversation *ent.Interaction, d Draft) (Draft, error) {
	if d.Phrase == nil {
		return d, nil
	}
	p, err := s.offered(ctx, through, *d.Phrase)
	if fault.Is(err, fault.CodeNotFound) {
		err = fault.InvalidField(fault.CodeNotFound, "body.phrase_id", "is no phrase that is offered here", d.Phrase.ID.String())
	}
	if err != nil {
		return d, err
	}
	if d.Body != "" {
		if len(d.Phrase.Variables) > 0 {
			return d, fault.InvalidField(fault.CodeInvalid, "body.variables", "fill the phrase, and a body is sent as it is: give one of them")
		}
		return d, nil
	}
	text, missing, err := s.fillPhrase(ctx, through, conversation, p, d.Phrase.Variables)
	if err != nil {
		return d, err
	}
	if len(missing) > 0 {
		return d, unfilled(missing)
	}
	d.Body = text
	return d, nil
}

// unfilled is the refusal of a text that lacks values.
func unfilled(missing []string) error {
	f := fault.New(fault.Invalid, fault.CodeMissingValue, "There is no value for %s.", strings.Join(missing, ", "))
	for _, name := range missing {
		if variable, ok := strings.CutPrefix(name, phrases.VariablePrefix); ok {
			f = f.At("body.variables", "lack "+variable+", for which the phrase asks", variable)
		} else {
			f = f.At("body.phrase_id", "asks for "+name+", which is not known here and has nothing in its place", name)
		}
	}
	return f
}

// offered loads a phrase that its viewer is offered on a channel. Faults:
// CodeNotFound.
func (s *Service) offered(ctx context.Context, through channels.Channel, use PhraseUse) (phrases.Phrase, error) {
	use.Viewer.ChannelID = through.ID
	p, err := s.phrases.Get(ctx, use.Viewer, use.ID)
	if err == nil && !p.Fits(through.ID, through.Kind) {
		err = fault.Missing("phrase")
	}
	return p, err
}

// fillPhrase makes a text of a phrase for a conversation, and tells what it lacks.
func (s *Service) fillPhrase(ctx context.Context, through channels.Channel, conversation *ent.Interaction, p phrases.Phrase, variables map[string]string) (text string, missing []string, err error) {
	values, err := s.values(ctx, through, conversation)
	if err != nil {
		return "", nil, err
	}
	if err := addVariables(values, p, variables); err != nil {
		return "", nil, err
	}
	text, missing = p.Fill(values)
	return text, missing, nil
}

// addVariables adds what the sender gives. What the phrase does not ask for is a
// mistake.
func addVariables(values map[string]string, p phrases.Phrase, variables map[string]string) error {
	const location = "body.variables"
	for name, value := range variables {
		switch {
		case !p.Asks(phrases.VariablePrefix + name):
			return fault.InvalidField(fault.CodeInvalid, location, "have "+name+", for which the phrase does not ask", name)
		case utf8.RuneCountInString(value) > MaxBody:
			return fault.InvalidField(fault.CodeInvalid, location, fmt.Sprintf("have a value of %s that is longer than %d characters", name, MaxBody), name)
		case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
			return fault.InvalidField(fault.CodeInvalid, location, "have a value of "+name+" with control characters", name)
		}
		values[phrases.VariablePrefix+name] = value
	}
	return nil
}

// values are what the program knows of a conversation.
func (s *Service) values(ctx context.Context, through channels.Channel, conversation *ent.Interaction) (map[string]string, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	client := s.store.Ent(ctx)
	person, err := client.Contact.Get(ctx, conversation.ContactID)
	if err != nil {
		return nil, err
	}
	here, err := client.Tenant.Get(ctx, sc.TenantID)
	if err != nil {
		return nil, err
	}
	values := map[string]string{
		phrases.ContactAddress: conversation.Address, phrases.TenantName: here.Name,
		phrases.ChannelName: through.Name, phrases.ChannelAddress: through.Address,
	}
	phrases.Names(values, "contact", person.Name)
	if sc.Actor.Kind == scope.ActorUser {
		phrases.Names(values, "agent", scope.OriginOf(ctx).Name)
	}
	return values, nil
}

// PhraseSuggestion is a phrase as it would be for a conversation.
type PhraseSuggestion struct {
	phrases.Phrase
	// Text is filled as far as it can be; Missing are the placeholders that have
	// neither a value nor anything in its place.
	Text    string
	Missing []string
	segments.Result
	MaxSegments int
}

// SuggestPhrases returns the phrases that are offered to somebody in a conversation
// that he may see, filled for it: those that answer the search, and without one
// those that are used most. Faults: CodeNotFound.
func (s *Service) SuggestPhrases(ctx context.Context, c Caller, v phrases.Viewer, interactionID uuid.UUID, search, language string, limit int) ([]PhraseSuggestion, error) {
	var out []PhraseSuggestion
	err := s.inConversation(ctx, c, interactionID, func(ctx context.Context, through channels.Channel, conversation *ent.Interaction) error {
		v.ChannelID = through.ID
		by := phrases.ByRelevance
		if phrases.Fold(search) == "" {
			by = phrases.ByUses
		}
		found, _, err := s.phrases.List(ctx, v, phrases.Filter{
			Search: search, Language: language, Kind: through.Kind, ChannelID: through.ID,
		}, by, false, nil, limit)
		if err != nil {
			return err
		}
		values, err := s.values(ctx, through, conversation)
		if err != nil {
			return err
		}
		for _, p := range found {
			text, missing := p.Fill(values)
			out = append(out, phraseSuggestion(through, p, text, missing))
		}
		return nil
	})
	return out, err
}

// Rehearse fills a phrase for a conversation without sending anything. Faults:
// CodeNotFound, CodeInvalid for variables that it does not ask for.
func (s *Service) Rehearse(ctx context.Context, c Caller, interactionID uuid.UUID, use PhraseUse) (PhraseSuggestion, error) {
	var out PhraseSuggestion
	err := s.inConversation(ctx, c, interactionID, func(ctx context.Context, through channels.Channel, conversation *ent.Interaction) error {
		p, err := s.offered(ctx, through, use)
		if err != nil {
			return err
		}
		text, missing, err := s.fillPhrase(ctx, through, conversation, p, use.Variables)
		if err == nil {
			out = phraseSuggestion(through, p, text, missing)
		}
		return err
	})
	return out, err
}

func phraseSuggestion(through channels.Channel, p phrases.Phrase, text string, missing []string) PhraseSuggestion {
	text = segments.Normalize(text)
	return PhraseSuggestion{p, text, missing, segments.Count(text), through.MaxSegments}
}

// inConversation reads with a conversation that the caller may see, and its
// channel.
func (s *Service) inConversation(ctx context.Context, c Caller, interactionID uuid.UUID, read func(context.Context, channels.Channel, *ent.Interaction) error) error {
	return s.store.Read(ctx, func(ctx context.Context) error {
		q, err := s.visible(ctx, c)
		if err != nil {
			return err
		}
		conversation, err := q.Where(interaction.ID(interactionID)).Only(ctx)
		if store.IsNotFound(err) {
			return fault.Missing("interaction")
		}
		if err != nil {
			return err
		}
		through, err := s.channels.Get(ctx, conversation.ChannelID)
		if err != nil {
			return err
		}
		return read(ctx, through, conversation)
	})
}
