package departments

import (
	"context"
	"fmt"
	"slices"
	"strings"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// MaxPerUser is how many departments a user can be in.
const MaxPerUser = 50

// memberData is what events tell of a member.
type memberData struct {
	UserID uuid.UUID `json:"user_id"`
}

// AddMember puts a user of the scope's tenant into a department; one who is in
// it already stays. It fails with not_found, and with conflict for one who is in
// MaxPerUser others.
func (s *Service) AddMember(ctx context.Context, departmentID, userID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, departmentID, nil)
		if err != nil {
			return err
		}
		if err := s.lockUser(ctx, userID); err != nil {
			return err
		}
		var others int
		if err := store.QueryRow(ctx, []any{&others}, `SELECT count(*) FROM department_members
			WHERE tenant_id = $1 AND user_id = $2 AND department_id <> $3`, row.TenantID, userID, departmentID); err != nil {
			return fmt.Errorf("counting a user's departments: %w", err)
		}
		if others >= MaxPerUser {
			return fault.New(fault.Conflict, fault.CodeConflict, "A user can be in %d departments.", MaxPerUser)
		}
		return s.changed(ctx, "department.member_added", departmentID, userID, `
			INSERT INTO department_members (tenant_id, department_id, user_id, created_at)
			VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, row.TenantID, departmentID, userID, s.store.Now())
	})
}

// RemoveMember takes a user out of a department; one who is not in it stays
// out. It fails with not_found.
func (s *Service) RemoveMember(ctx context.Context, departmentID, userID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, departmentID, nil)
		if err != nil {
			return err
		}
		if err := s.lockUser(ctx, userID); err != nil {
			return err
		}
		return s.changed(ctx, "department.member_removed", departmentID, userID,
			`DELETE FROM department_members WHERE tenant_id = $1 AND department_id = $2 AND user_id = $3`,
			row.TenantID, departmentID, userID)
	})
}

// lockUser finds a user who is not archived.
func (s *Service) lockUser(ctx context.Context, userID uuid.UUID) error {
	_, err := s.store.Ent(ctx).User.Query().
		Where(user.ID(userID), user.StatusNEQ(user.StatusArchived)).ForUpdate().Only(ctx)
	if store.IsNotFound(err) {
		return fault.Missing("user")
	}
	if err != nil {
		return fmt.Errorf("reading a user: %w", err)
	}
	return nil
}

// changed runs a statement and, if it did anything, says so.
func (s *Service) changed(ctx context.Context, kind string, departmentID, userID uuid.UUID, statement string, args ...any) error {
	result, err := store.Exec(ctx, statement, args...)
	if err != nil {
		return fmt.Errorf("changing a department's members: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return err
	}
	return s.log.Publish(ctx, kind, "department", departmentID, events.Change{Data: memberData{userID}})
}

// HasMember finds the users who are in a department, in a query of users.
func HasMember(departmentID uuid.UUID) func(*entsql.Selector) {
	return func(s *entsql.Selector) {
		s.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM department_members m WHERE m.tenant_id = ").Ident(s.C(user.FieldTenantID)).
				WriteString(" AND m.user_id = ").Ident(s.C(user.FieldID)).
				WriteString(" AND m.department_id = ").Arg(departmentID).WriteByte(')')
		}))
	}
}

// Membership is where a user belongs, and what that opens to him.
type Membership struct {
	Departments []uuid.UUID
	Modules     []Module
}

// Of returns where users belong, in the running transaction. Users who are in
// no department are left out.
func (s *Service) Of(ctx context.Context, users ...uuid.UUID) (map[uuid.UUID]Membership, error) {
	found := map[uuid.UUID]Membership{}
	if len(users) == 0 {
		return found, nil
	}
	rows, err := store.Query(ctx, `
		SELECT m.user_id, d.id, d.email_enabled, d.chat_enabled
		FROM department_members m JOIN departments d ON d.tenant_id = m.tenant_id AND d.id = m.department_id
		WHERE m.user_id = ANY ($1::uuid[]) ORDER BY d.id`, array(users))
	if err != nil {
		return nil, fmt.Errorf("reading users' departments: %w", err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var userID, departmentID uuid.UUID
		var email, chat bool
		if err := rows.Scan(&userID, &departmentID, &email, &chat); err != nil {
			return nil, fmt.Errorf("reading users' departments: %w", err)
		}
		m := found[userID]
		m.Departments = append(m.Departments, departmentID)
		for module, open := range map[Module]bool{Email: email, Chat: chat} {
			if open && !slices.Contains(m.Modules, module) {
				m.Modules = append(m.Modules, module)
			}
		}
		slices.Sort(m.Modules)
		found[userID] = m
	}
	return found, rows.Err()
}

// array writes ids as PostgreSQL reads an array.
func array(ids []uuid.UUID) string {
	words := make([]string, len(ids))
	for i, each := range ids {
		words[i] = each.String()
	}
	return "{" + strings.Join(words, ",") + "}"
}
