package identity

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/phone"
	"github.com/trellishq/trellis/internal/store"
)

// UserFilter says which users a list holds. Zero values do not filter.
type UserFilter struct {
	// After is the id that the page before ended with.
	After *uuid.UUID
	// Limit is the greatest number of users to return.
	Limit int

	Kind     UserKind
	Role     authz.Role
	Presence Presence
	// Status leaves out the archive where it is empty.
	Status UserStatus
	// DepartmentID is a department that they are in.
	DepartmentID *uuid.UUID
	// Prefix is how the name, the login, the telephone number or the internal
	// number begins. A telephone number may be written as in the tenant's country.
	Prefix string
}

// ListUsers returns users of the scope's tenant in the order of their ids,
// which is that of their creation.
func (s *Service) ListUsers(ctx context.Context, f UserFilter) ([]User, error) {
	if !utf8.ValidString(f.Prefix) || strings.ContainsRune(f.Prefix, 0) {
		return nil, nil // no name holds such characters
	}
	var found []User
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		query := s.cfg.Store.Ent(ctx).User.Query()
		f.narrow(query)
		if f.Presence != "" {
			query.Where(s.isPresent(f.Presence))
		}
		if f.Prefix != "" {
			matching, err := s.matching(ctx, f.Prefix)
			if err != nil {
				return err
			}
			query.Where(matching)
		}
		rows, err := query.Order(user.ByID()).Limit(max(f.Limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing users: %w", err)
		}
		found, err = s.withDepartments(ctx, rows...)
		return err
	})
	return found, err
}

func (f UserFilter) narrow(query *ent.UserQuery) {
	if f.After != nil {
		query.Where(user.IDGT(*f.After))
	}
	if f.Kind != "" {
		query.Where(user.KindEQ(user.Kind(f.Kind)))
	}
	if f.Role != "" {
		query.Where(user.RoleEQ(user.Role(f.Role)))
	}
	if f.DepartmentID != nil {
		query.Where(departments.HasMember(*f.DepartmentID))
	}
	if f.Status == "" {
		query.Where(user.StatusNEQ(user.StatusArchived))
	} else {
		query.Where(user.StatusEQ(user.Status(f.Status)))
	}
}

// matching finds users by the beginning of what they are known by.
func (s *Service) matching(ctx context.Context, text string) (predicate.User, error) {
	folded := strings.ToLower(strings.TrimSpace(text))
	ways := []predicate.User{
		store.HasPrefix(user.FieldLogin, folded), store.HasPrefix(user.FieldNameFolded, folded),
	}
	if internalNumber.MatchString(folded) {
		ways = append(ways, store.HasPrefix(user.FieldInternalNumber, folded))
	}
	prefixes, err := s.phonePrefixes(ctx, folded)
	for _, prefix := range prefixes {
		ways = append(ways, store.HasPrefix(user.FieldPhone, prefix))
	}
	return user.Or(ways...), err
}

// phonePrefixes are the telephone numbers that a search may mean: whole ones as
// people write them, and the beginning of one in E.164, with or without its plus.
func (s *Service) phonePrefixes(ctx context.Context, text string) ([]string, error) {
	digits := strings.Map(func(r rune) rune {
		switch {
		case '0' <= r && r <= '9':
			return r
		case strings.ContainsRune("+ -.()/", r):
			return -1
		}
		return 'x'
	}, text)
	if digits == "" || strings.Contains(digits, "x") {
		return nil, nil
	}
	prefixes := []string{"+" + digits}
	home, err := s.Home(ctx)
	if err != nil {
		return nil, err
	}
	if whole, err := phone.Parse(text, home.Country); err == nil && whole != prefixes[0] {
		prefixes = append(prefixes, whole)
	}
	return prefixes, nil
}
