package staffchat

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// MaxMembers is how many people a group can have: each event names them all.
const MaxMembers = 200

// NewGroup describes a group to be made.
type NewGroup struct {
	Name string
	// UserIDs are its members beside the person who makes it.
	UserIDs []uuid.UUID
	// ReadOnly lets its administrators alone write.
	ReadOnly bool
}

// auditedGroup is what of a group is compared before and after a change.
type auditedGroup struct {
	Name       string     `json:"name"`
	ReadOnly   bool       `json:"read_only"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func auditedOf(row *ent.StaffChat) any {
	if row == nil {
		return nil
	}
	return auditedGroup{row.Name, row.ReadOnly, row.ArchivedAt}
}

// publishGroup tells the members what became of their group; unlike what is
// said there, that is administration.
func (s *Service) publishGroup(ctx context.Context, kind string, me uuid.UUID, before, after *ent.StaffChat) error {
	audience, err := s.memberIDs(ctx, after.ID)
	if err != nil {
		return err
	}
	return s.events.Publish(ctx, kind, "staff_group", after.ID, events.Change{
		Data:   facts{ChatID: after.ID, SenderID: me, UserIDs: audience},
		Before: auditedOf(before), After: auditedOf(after),
	})
}

// CreateGroup makes a group of colleagues, with the person who makes it as its
// administrator. Faults: those of enter, CodeInvalid, CodeNotFound for who is no
// active person of the tenant, CodeMessagingDisabled, CodeQuotaExceeded.
func (s *Service) CreateGroup(ctx context.Context, me uuid.UUID, n NewGroup) (Chat, error) {
	name, err := tenants.CleanName("body.name", n.Name)
	if err != nil {
		return Chat{}, err
	}
	var out Chat
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		members, err := s.invited(ctx, me, n.UserIDs)
		if err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).StaffChat.Create().SetKind(Group).SetName(name).SetReadOnly(n.ReadOnly).
			SetCreatedByID(me).SetActiveAt(s.store.Now()).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.join(ctx, row, me, Admin, false); err != nil {
			return err
		}
		for _, member := range members {
			if err := s.join(ctx, row, member, Member, false); err != nil {
				return err
			}
		}
		if err := s.publishGroup(ctx, "staff_group.created", me, nil, row); err != nil {
			return err
		}
		out, err = s.view(ctx, me, row.ID)
		return err
	})
	return out, err
}

// invited checks who is to be in a new group, and leaves out doubles and the
// person himself.
func (s *Service) invited(ctx context.Context, me uuid.UUID, userIDs []uuid.UUID) ([]uuid.UUID, error) {
	people, err := s.colleagues(ctx, userIDs)
	if err != nil {
		return nil, err
	}
	var out []uuid.UUID
	seen := map[uuid.UUID]bool{me: true}
	for i, userID := range userIDs {
		person, known := people[userID]
		if !known || !person.Active {
			return nil, fault.InvalidField(fault.CodeNotFound, fmt.Sprintf("body.user_ids[%d]", i),
				"names somebody who is no active person of this tenant", userID.String())
		}
		if !person.Messenger {
			return nil, unreachable(&person).At(fmt.Sprintf("body.user_ids[%d]", i), "cannot be written to", userID.String())
		}
		if !seen[userID] {
			seen[userID] = true
			out = append(out, userID)
		}
	}
	return out, nil
}

// join puts somebody into a chat; who is in it stays what he is. He reads all of
// its history, and what was written before he came is not counted as unread.
func (s *Service) join(ctx context.Context, chat *ent.StaffChat, userID uuid.UUID, role Role, readOnly bool) error {
	_, err := store.Exec(ctx, `
		INSERT INTO staff_chat_members (tenant_id, chat_id, user_id, role, read_only, read_seq, created_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (tenant_id, chat_id, user_id) DO NOTHING`,
		chat.TenantID, chat.ID, userID, role, readOnly, chat.LastSeq, s.store.Now())
	return err
}

// administered loads a group in use for a change by one of its administrators.
// Where none of them is active any more, an administrator or manager of the
// tenant who is a member stands in. Faults: CodeNotFound, CodeForbidden,
// CodeWrongState.
func (s *Service) administered(ctx context.Context, person identity.Colleague, chatID uuid.UUID) (*ent.StaffChat, error) {
	chat, mine, err := s.lock(ctx, person.ID, chatID)
	if err != nil {
		return nil, err
	}
	if chat.Kind != Group {
		return nil, fault.New(fault.Conflict, fault.CodeWrongState, "This is a chat of two people, and no group.").Showing("private")
	}
	if mine.role != Admin {
		if err := s.mayStandIn(ctx, person, chat); err != nil {
			return nil, err
		}
	}
	if chat.ArchivedAt != nil {
		return nil, archived()
	}
	return chat, nil
}

func (s *Service) mayStandIn(ctx context.Context, person identity.Colleague, chat *ent.StaffChat) error {
	var orphaned bool
	err := store.QueryRow(ctx, []any{&orphaned}, `
		SELECT NOT EXISTS (SELECT FROM staff_chat_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
			WHERE m.tenant_id = $1 AND m.chat_id = $2 AND m.role = 'admin' AND u.status = 'active')`, chat.TenantID, chat.ID)
	if err != nil {
		return err
	}
	if !orphaned || !leads(person) {
		return fault.New(fault.Forbidden, fault.CodeForbidden, "Administrators of the group alone may do this.")
	}
	return nil
}

// leads tells whether somebody may administer groups.
func leads(c identity.Colleague) bool { return c.Role == authz.TenantAdmin || c.Role == authz.Manager }

// GroupChange holds the new values of a group; nil leaves a value as it is.
type GroupChange struct {
	Name     *string
	ReadOnly *bool
}

// UpdateGroup changes a group; the version that it finds must pass the check.
// Faults: those of enter and of the check, CodeNotFound, CodeForbidden,
// CodeWrongState, CodeInvalid.
func (s *Service) UpdateGroup(ctx context.Context, me, chatID uuid.UUID, c GroupChange, check func(version int64) error) (Chat, error) {
	var out Chat
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		person, err := s.enter(ctx, me)
		if err != nil {
			return err
		}
		row, err := s.administered(ctx, person, chatID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if err := s.change(ctx, me, row, c); err != nil {
			return err
		}
		out, err = s.view(ctx, me, chatID)
		return err
	})
	return out, err
}

func (s *Service) change(ctx context.Context, me uuid.UUID, before *ent.StaffChat, c GroupChange) error {
	update := before.Update()
	if c.Name != nil {
		name, err := tenants.CleanName("body.name", *c.Name)
		if err != nil {
			return err
		}
		if name != before.Name {
			update.SetName(name)
		}
	}
	if c.ReadOnly != nil && *c.ReadOnly != before.ReadOnly {
		update.SetReadOnly(*c.ReadOnly)
	}
	if len(update.Mutation().Fields()) == 0 {
		return nil
	}
	after, err := update.Save(ctx)
	if err != nil {
		return err
	}
	return s.publishGroup(ctx, "staff_group.updated", me, before, after)
}

// ArchiveGroup ends a group: what was said stays readable for its members.
// Faults: those of UpdateGroup.
func (s *Service) ArchiveGroup(ctx context.Context, me, chatID uuid.UUID) (Chat, error) {
	var out Chat
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		person, err := s.enter(ctx, me)
		if err != nil {
			return err
		}
		before, err := s.administered(ctx, person, chatID)
		if err != nil {
			return err
		}
		after, err := before.Update().SetArchivedAt(s.store.Now()).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.publishGroup(ctx, "staff_group.archived", me, before, after); err != nil {
			return err
		}
		out, err = s.view(ctx, me, chatID)
		return err
	})
	return out, err
}
