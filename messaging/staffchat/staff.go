package staffchat

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/staffchat"
	"github.com/trellishq/trellis/identity"
)

// Recipient is a colleague as somebody sees him who may want to write to him.
type Recipient struct {
	identity.Colleague
	// ChatID is the private chat with him, nil where nothing was ever written.
	ChatID *uuid.UUID
	// Unread is how much of it the person who asks has not read.
	Unread int
}

// RecipientFilter says which recipients a list holds.
type RecipientFilter struct {
	// Text is a part of the name.
	Text string
	// Online keeps to who is there, or who is not; nil to all.
	Online *bool
}

// Recipients returns the colleagues of a person by name. Faults: those of enter.
func (s *Service) Recipients(ctx context.Context, me uuid.UUID, f RecipientFilter, after identity.ColleaguePlace, limit int) ([]Recipient, error) {
	var out []Recipient
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		people, err := s.directory.Colleagues(ctx, identity.ColleagueFilter{
			Except: me, Text: f.Text, Online: f.Online, After: after, Limit: limit,
		})
		if err != nil {
			return err
		}
		out, err = s.withChats(ctx, me, people)
		return err
	})
	return out, err
}

// withChats adds the private chats that a person has with colleagues.
func (s *Service) withChats(ctx context.Context, me uuid.UUID, people []identity.Colleague) ([]Recipient, error) {
	pairs := make([]string, len(people))
	for i, person := range people {
		pairs[i] = pairOf(me, person.ID)
	}
	rows, err := s.store.Ent(ctx).StaffChat.Query().Where(staffchat.PairIn(pairs...)).All(ctx)
	if err != nil {
		return nil, err
	}
	chats := map[string]uuid.UUID{}
	var ids []uuid.UUID
	for _, row := range rows {
		chats[*row.Pair] = row.ID
		ids = append(ids, row.ID)
	}
	unread, err := s.unreadIn(ctx, me, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Recipient, len(people))
	for i, person := range people {
		out[i] = Recipient{Colleague: person}
		if chatID, ok := chats[pairs[i]]; ok {
			out[i].ChatID, out[i].Unread = &chatID, unread[chatID]
		}
	}
	return out, nil
}

// pairOf names the private chat of two people, whoever of them asks.
func pairOf(a, b uuid.UUID) string {
	first, second := a.String(), b.String()
	if second < first {
		first, second = second, first
	}
	return first + " " + second
}
