package staffchat

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Participant is a member of a chat as the others see him.
type Participant struct {
	identity.Colleague
	Role Role
	// ReadOnly members of a group do not write there.
	ReadOnly bool
	// ReadSeq is the number of the message up to which he has read.
	ReadSeq  int64
	JoinedAt time.Time
}

// Members returns the people of a chat behind a given one, in the order of
// their ids. Faults: those of enter, CodeNotFound.
func (s *Service) Members(ctx context.Context, me, chatID, after uuid.UUID, limit int) ([]Participant, error) {
	var out []Participant
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		if _, err := s.membership(ctx, me, chatID); err != nil {
			return err
		}
		var err error
		out, err = s.participants(ctx, chatID, after, limit)
		return err
	})
	return out, err
}

func (s *Service) participants(ctx context.Context, chatID, after uuid.UUID, limit int) ([]Participant, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT user_id, role, read_only, read_seq, created_at FROM staff_chat_members
		WHERE tenant_id = $1 AND chat_id = $2 AND user_id > $3 ORDER BY user_id LIMIT $4`, tenantID, chatID, after, limit)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var (
		out []Participant
		ids []uuid.UUID
	)
	for rows.Next() {
		var p Participant
		if err := rows.Scan(&p.ID, &p.Role, &p.ReadOnly, &p.ReadSeq, &p.JoinedAt); err != nil {
			return nil, err
		}
		out = append(out, p)
		ids = append(ids, p.ID)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	people, err := s.colleagues(ctx, ids)
	for i := range out {
		out[i].Colleague = people[ids[i]]
	}
	return out, err
}

// SetMember puts a colleague into a group, or changes what he is there. Faults:
// those of UpdateGroup, CodeNotFound for who is no active person of the tenant,
// CodeMessagingDisabled, CodeInvalid for an administrator who may administer no
// groups, CodeConflict for the last administrator and for a group that is full.
func (s *Service) SetMember(ctx context.Context, me, chatID, userID uuid.UUID, role Role, readOnly bool) (Participant, error) {
	var out Participant
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		person, err := s.enter(ctx, me)
		if err != nil {
			return err
		}
		chat, err := s.administered(ctx, person, chatID)
		if err != nil {
			return err
		}
		before, err := s.find(ctx, chatID, userID)
		if err != nil {
			return err
		}
		switch {
		case before == nil:
			err = s.add(ctx, chat, userID, role, readOnly)
		case before.Role == role && before.ReadOnly == readOnly:
			out = *before
			return nil
		default:
			err = s.alter(ctx, chat, *before, role, readOnly)
		}
		if err != nil {
			return err
		}
		after, err := s.find(ctx, chatID, userID)
		if err != nil {
			return err
		}
		out = *after
		return s.publishMember(ctx, "staff_group.member_set", me, chatID, userID, before, after)
	})
	return out, err
}

// find is one member of a chat, nil for who is none.
func (s *Service) find(ctx context.Context, chatID, userID uuid.UUID) (*Participant, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	var p Participant
	err = store.QueryRow(ctx, []any{&p.Role, &p.ReadOnly, &p.ReadSeq, &p.JoinedAt}, `
		SELECT role, read_only, read_seq, created_at FROM staff_chat_members
		WHERE tenant_id = $1 AND chat_id = $2 AND user_id = $3`, tenantID, chatID, userID)
	if store.IsNotFound(err) {
		return nil, nil //nolint:nilnil // nobody is no error
	}
	if err != nil {
		return nil, err
	}
	people, err := s.colleagues(ctx, []uuid.UUID{userID})
	p.Colleague = people[userID]
	return &p, err
}

func (s *Service) add(ctx context.Context, chat *ent.StaffChat, userID uuid.UUID, role Role, readOnly bool) error {
	people, err := s.colleagues(ctx, []uuid.UUID{userID})
	if err != nil {
		return err
	}
	person, known := people[userID]
	switch {
	case !known || !person.Active:
		return fault.Missing("colleague")
	case !person.Messenger:
		return unreachable(&person)
	}
	if err := mayBe(person, role); err != nil {
		return err
	}
	present, err := s.memberIDs(ctx, chat.ID)
	if err != nil {
		return err
	}
	if len(present) >= MaxMembers {
		return fault.New(fault.Conflict, fault.CodeConflict, "A group can have %d members.", MaxMembers).Showing("full")
	}
	return s.join(ctx, chat, userID, role, readOnly)
}

// mayBe refuses to make somebody an administrator who may administer no groups.
func mayBe(c identity.Colleague, role Role) error {
	if role == Admin && !leads(c) {
		return fault.InvalidField(fault.CodeInvalid, "body.role", "can be admin for administrators and managers of the tenant only", string(role))
	}
	return nil
}

func (s *Service) alter(ctx context.Context, chat *ent.StaffChat, present Participant, role Role, readOnly bool) error {
	if role == Admin && present.Role != Admin {
		if err := mayBe(present.Colleague, role); err != nil {
			return err
		}
	}
	if role != Admin && present.Role == Admin {
		if err := s.notTheLast(ctx, chat, present.ID); err != nil {
			return err
		}
	}
	_, err := store.Exec(ctx, `UPDATE staff_chat_members SET role = $4, read_only = $5
		WHERE tenant_id = $1 AND chat_id = $2 AND user_id = $3`, chat.TenantID, chat.ID, present.ID, role, readOnly)
	return err
}

// notTheLast refuses to leave a group without an administrator.
func (s *Service) notTheLast(ctx context.Context, chat *ent.StaffChat, userID uuid.UUID) error {
	var others, admins int
	err := store.QueryRow(ctx, []any{&others, &admins}, `
		SELECT count(*), count(*) FILTER (WHERE role = 'admin') FROM staff_chat_members
		WHERE tenant_id = $1 AND chat_id = $2 AND user_id <> $3`, chat.TenantID, chat.ID, userID)
	if err == nil && admins == 0 && others > 0 {
		err = fault.New(fault.Conflict, fault.CodeConflict,
			"The group would be without an administrator; make somebody else one first.").Showing("last_admin")
	}
	return err
}

// RemoveMember takes somebody out of a group: an administrator of it anybody,
// everybody himself. From then on the group does not exist for him. Who is no
// member stays none. Faults: those of enter, CodeNotFound for a group that the
// person is not in, CodeForbidden, CodeWrongState, CodeConflict for the last
// administrator.
func (s *Service) RemoveMember(ctx context.Context, me, chatID, userID uuid.UUID) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		person, err := s.enter(ctx, me)
		if err != nil {
			return err
		}
		chat, err := s.left(ctx, person, chatID, userID)
		if err != nil {
			return err
		}
		before, err := s.find(ctx, chatID, userID)
		if err != nil {
			return err
		}
		if before == nil {
			return s.mustBeColleague(ctx, userID)
		}
		if before.Role == Admin {
			if err := s.notTheLast(ctx, chat, userID); err != nil {
				return err
			}
		}
		if _, err := store.Exec(ctx, `DELETE FROM staff_chat_members WHERE tenant_id = $1 AND chat_id = $2 AND user_id = $3`,
			chat.TenantID, chatID, userID); err != nil {
			return err
		}
		return s.publishMember(ctx, "staff_group.member_removed", me, chatID, userID, before, nil)
	})
}

// mustBeColleague refuses whom the tenant does not have.
func (s *Service) mustBeColleague(ctx context.Context, userID uuid.UUID) error {
	people, err := s.colleagues(ctx, []uuid.UUID{userID})
	if _, known := people[userID]; err == nil && !known {
		err = fault.Missing("colleague")
	}
	return err
}

// left is a group that a person leaves, or out of which he takes another.
func (s *Service) left(ctx context.Context, person identity.Colleague, chatID, userID uuid.UUID) (*ent.StaffChat, error) {
	if person.ID != userID {
		return s.administered(ctx, person, chatID)
	}
	chat, _, err := s.lock(ctx, person.ID, chatID)
	if err == nil && chat.Kind != Group {
		err = fault.New(fault.Conflict, fault.CodeWrongState, "This is a chat of two people, and no group.").Showing("private")
	}
	return chat, err
}

// auditedMember is what of a member is compared before and after a change.
type auditedMember struct {
	UserID   uuid.UUID `json:"user_id"`
	Role     Role      `json:"role"`
	ReadOnly bool      `json:"read_only"`
}

func auditedMemberOf(p *Participant, userID uuid.UUID) any {
	if p == nil {
		return nil
	}
	return auditedMember{userID, p.Role, p.ReadOnly}
}

// publishMember tells the members, and him whom it is about.
func (s *Service) publishMember(ctx context.Context, kind string, me, chatID, userID uuid.UUID, before, after *Participant) error {
	audience, err := s.memberIDs(ctx, chatID)
	if err != nil {
		return err
	}
	if after == nil {
		audience = append(audience, userID)
	}
	return s.events.Publish(ctx, kind, "staff_group", chatID, events.Change{
		Data:   facts{ChatID: chatID, SenderID: me, SubjectID: &userID, UserIDs: audience},
		Before: auditedMemberOf(before, userID), After: auditedMemberOf(after, userID),
	})
}
