package identity

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/user"
)

// Colleague is a person of a tenant as all others there may know him.
type Colleague struct {
	ID         uuid.UUID
	Name       string
	Role       authz.Role
	Presence   Presence
	PresenceAt *time.Time
	// Active is false for who cannot sign in, and for services.
	Active bool
	// Messenger is false for whom an administrator keeps from private messages.
	Messenger bool

	folded string
}

// Place is where a colleague stands in a list by name.
func (c Colleague) Place() ColleaguePlace { return ColleaguePlace{c.folded, c.ID} }

// ColleagueFilter says which colleagues a list holds. Zero values do not filter.
type ColleagueFilter struct {
	// Except leaves somebody out: who asks.
	Except uuid.UUID
	// Text is a part of the name, in capitals or not.
	Text string
	// Online keeps to those who are there, or with false to those who are not.
	Online *bool
	// IDs chooses some, whether they are active or not: for views of what they
	// wrote.
	IDs []uuid.UUID
	// After is the place that the page before ended with.
	After ColleaguePlace
	Limit int
}

// ColleaguePlace is the place of a colleague in a list by name.
type ColleaguePlace struct {
	Name string    `json:"n"`
	ID   uuid.UUID `json:"i"`
}

// Colleagues returns the active people of the scope's tenant by name. A tenant
// has as many as it has seats, which a search through the names can bear.
func (s *Service) Colleagues(ctx context.Context, f ColleagueFilter) ([]Colleague, error) {
	if !utf8.ValidString(f.Text) || strings.ContainsRune(f.Text, 0) {
		return nil, nil // no name holds such characters
	}
	var found []Colleague
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		query := s.cfg.Store.Ent(ctx).User.Query()
		s.narrowColleagues(query, f)
		rows, err := query.Order(ent.Asc(user.FieldNameFolded, user.FieldID)).Limit(max(f.Limit, len(f.IDs), 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing colleagues: %w", err)
		}
		for _, row := range rows {
			found = append(found, s.viewColleague(row))
		}
		return nil
	})
	return found, err
}

func (s *Service) narrowColleagues(query *ent.UserQuery, f ColleagueFilter) {
	if f.IDs != nil {
		query.Where(user.IDIn(f.IDs...))
	} else {
		query.Where(user.StatusEQ(user.StatusActive), user.KindEQ(user.KindPerson))
	}
	if f.Except != uuid.Nil {
		query.Where(user.IDNEQ(f.Except))
	}
	if f.Text != "" {
		query.Where(user.NameFoldedContains(norm.NFC.String(strings.ToLower(strings.TrimSpace(f.Text)))))
	}
	if f.Online != nil {
		away := s.isPresent(Offline)
		if *f.Online {
			away = user.Not(away)
		}
		query.Where(away)
	}
	if f.After.ID != uuid.Nil {
		query.Where(behindColleague(f.After))
	}
}

// behindColleague is the keyset condition as one row comparison.
func behindColleague(p ColleaguePlace) predicate.User {
	return func(s *entsql.Selector) {
		s.Where(entsql.CompositeGT([]string{s.C(user.FieldNameFolded), s.C(user.FieldID)}, p.Name, p.ID))
	}
}

func (s *Service) viewColleague(u *ent.User) Colleague {
	return Colleague{
		ID: u.ID, Name: u.Name, Role: authz.Role(u.Role), Presence: s.presenceOf(u), PresenceAt: u.PresenceAt,
		Active:    u.Status == user.StatusActive && u.Kind == user.KindPerson,
		Messenger: !slices.Contains(toolsOf(u).Disabled, InternalMessenger), folded: u.NameFolded,
	}
}
