package staffchat

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/staffchat"
	"github.com/trellishq/trellis/ent/staffmessage"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Kind tells the chat of two people from that of a group.
type Kind = staffchat.Kind

// The kinds of chat.
const (
	Private = staffchat.KindPrivate
	Group   = staffchat.KindGroup
)

// Role is what a member is in a chat.
type Role string

// The roles. Administrators exist in groups.
const (
	Admin  Role = "admin"
	Member Role = "member"
)

// Chat is a chat as one of its members sees it.
type Chat struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	Kind      Kind
	// Name is a group's, or that of the other person.
	Name string
	// With is the other person of a private chat, nil for a group.
	With *identity.Colleague
	// ReadOnly groups are written in by their administrators alone.
	ReadOnly bool
	// Role and MayWrite are of the member who asks.
	Role     Role
	MayWrite bool
	// Unread is how many messages of others he has not read.
	Unread int
	// ReadSeq is the number of the message up to which he has read.
	ReadSeq int64
	// Last is the last message, nil where there is none.
	Last        *Message
	ActiveAt    time.Time
	ArchivedAt  *time.Time
	CreatedByID uuid.UUID
}

// membership is one person's place in a chat.
type membership struct {
	role     Role
	readOnly bool
	readSeq  int64
}

// mayWrite tells whether a member may write in a group.
func (m membership) mayWrite(c *ent.StaffChat) bool {
	return c.ArchivedAt == nil && (m.role == Admin || !c.ReadOnly && !m.readOnly)
}

// ChatFilter says which chats a list holds. Zero values do not filter.
type ChatFilter struct {
	// Archived is the list of archived groups instead of the chats in use.
	Archived bool
	Kind     Kind
	// Unread keeps to chats with something that the person has not read.
	Unread bool
}

// ChatPlace is the place of a chat in a list: the one that was active last
// stands on top.
type ChatPlace struct {
	ActiveAt time.Time `json:"t"`
	ID       uuid.UUID `json:"i"`
}

// unreadOf counts what a member m has not read in his chat: of others, and not
// deleted. It reads no more rows than are unread.
const unreadOf = `(SELECT count(*) FROM staff_messages x WHERE x.tenant_id = m.tenant_id AND x.chat_id = m.chat_id
	AND x.seq > m.read_seq AND x.sender_id <> m.user_id AND x.deleted_at IS NULL)`

// Chats returns the chats of a person. Faults: those of enter.
func (s *Service) Chats(ctx context.Context, me uuid.UUID, f ChatFilter, after ChatPlace, limit int) ([]Chat, error) {
	var out []Chat
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		ids, err := s.chatIDs(ctx, me, f, after, limit)
		if err != nil {
			return err
		}
		out, err = s.views(ctx, me, ids)
		return err
	})
	return out, err
}

func (s *Service) chatIDs(ctx context.Context, me uuid.UUID, f ChatFilter, after ChatPlace, limit int) ([]uuid.UUID, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	var behind *time.Time
	if after.ID != uuid.Nil {
		behind = &after.ActiveAt
	}
	return store.IDs(ctx, `
		SELECT c.id FROM staff_chat_members m JOIN staff_chats c ON c.tenant_id = m.tenant_id AND c.id = m.chat_id
		WHERE m.tenant_id = $1 AND m.user_id = $2 AND (c.archived_at IS NOT NULL) = $3
		  AND ($4 = '' OR c.kind = $4) AND (NOT $5::boolean OR `+unreadOf+` > 0)
		  AND ($6::timestamptz IS NULL OR (c.active_at, c.id) < ($6, $7))
		ORDER BY c.active_at DESC, c.id DESC LIMIT $8`,
		tenantID, me, f.Archived, string(f.Kind), f.Unread, behind, after.ID, limit)
}

// Chat returns one chat of a person. Faults: those of enter, CodeNotFound for
// one that he is not in.
func (s *Service) Chat(ctx context.Context, me, chatID uuid.UUID) (Chat, error) {
	var out Chat
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		var err error
		out, err = s.view(ctx, me, chatID)
		return err
	})
	return out, err
}

// Unread is what a person has not read.
type Unread struct {
	// Messages of others in all of his chats, Chats that hold any.
	Messages, Chats int
}

// Unread counts what a person has not read. Faults: those of enter.
func (s *Service) Unread(ctx context.Context, me uuid.UUID) (Unread, error) {
	var out Unread
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		tenantID, err := tenantOf(ctx)
		if err != nil {
			return err
		}
		return store.QueryRow(ctx, []any{&out.Messages, &out.Chats}, `
			SELECT coalesce(sum(unread), 0), count(*) FILTER (WHERE unread > 0) FROM (
				SELECT `+unreadOf+` AS unread
				FROM staff_chat_members m JOIN staff_chats c ON c.tenant_id = m.tenant_id AND c.id = m.chat_id
				WHERE m.tenant_id = $1 AND m.user_id = $2 AND c.archived_at IS NULL) counted`, tenantID, me)
	})
	return out, err
}

// unreadIn counts what a person has not read in some of his chats.
func (s *Service) unreadIn(ctx context.Context, me uuid.UUID, chatIDs []uuid.UUID) (map[uuid.UUID]int, error) {
	out := map[uuid.UUID]int{}
	tenantID, err := tenantOf(ctx)
	if err != nil || len(chatIDs) == 0 {
		return out, err
	}
	list, err := json.Marshal(chatIDs)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `SELECT m.chat_id, `+unreadOf+` FROM staff_chat_members m
		WHERE m.tenant_id = $1 AND m.user_id = $2
		  AND m.chat_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, tenantID, me, string(list))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var (
			chatID uuid.UUID
			n      int
		)
		if err := rows.Scan(&chatID, &n); err != nil {
			return nil, err
		}
		out[chatID] = n
	}
	return out, rows.Err()
}

// view is one chat as a member sees it, in the running transaction.
func (s *Service) view(ctx context.Context, me, chatID uuid.UUID) (Chat, error) {
	if _, err := s.membership(ctx, me, chatID); err != nil {
		return Chat{}, err
	}
	views, err := s.views(ctx, me, []uuid.UUID{chatID})
	if err != nil {
		return Chat{}, err
	}
	if len(views) == 0 {
		return Chat{}, fault.Missing("chat")
	}
	return views[0], nil
}

// views are chats of a person as he sees them, in the order of their ids in the
// list.
func (s *Service) views(ctx context.Context, me uuid.UUID, chatIDs []uuid.UUID) ([]Chat, error) {
	rows, err := s.store.Ent(ctx).StaffChat.Query().Where(staffchat.IDIn(chatIDs...)).All(ctx)
	if err != nil {
		return nil, err
	}
	unread, err := s.unreadIn(ctx, me, chatIDs)
	if err != nil {
		return nil, err
	}
	mine, err := s.memberships(ctx, me, chatIDs)
	if err != nil {
		return nil, err
	}
	partners, err := s.partners(ctx, me, rows)
	if err != nil {
		return nil, err
	}
	last, err := s.lastOf(ctx, chatIDs)
	if err != nil {
		return nil, err
	}
	byID := map[uuid.UUID]Chat{}
	for _, row := range rows {
		c := chatView(row, mine[row.ID], partners[row.ID])
		c.Unread, c.Last = unread[row.ID], last[row.ID]
		byID[row.ID] = c
	}
	out := make([]Chat, 0, len(rows))
	for _, chatID := range chatIDs {
		if c, ok := byID[chatID]; ok {
			out = append(out, c)
		}
	}
	return out, nil
}

func chatView(row *ent.StaffChat, m membership, with *identity.Colleague) Chat {
	c := Chat{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version, Kind: row.Kind, Name: row.Name,
		With: with, ReadOnly: row.ReadOnly, Role: m.role, ReadSeq: m.readSeq, MayWrite: m.mayWrite(row),
		ActiveAt: row.ActiveAt, ArchivedAt: row.ArchivedAt, CreatedByID: row.CreatedByID,
	}
	if with != nil {
		c.Name, c.MayWrite = with.Name, reachable(*with)
	}
	return c
}

// partners are the other people of private chats.
func (s *Service) partners(ctx context.Context, me uuid.UUID, rows []*ent.StaffChat) (map[uuid.UUID]*identity.Colleague, error) {
	of := map[uuid.UUID]uuid.UUID{}
	var ids []uuid.UUID
	for _, row := range rows {
		if row.Kind != Private {
			continue
		}
		other, err := otherOf(row, me)
		if err != nil {
			return nil, err
		}
		of[row.ID] = other
		ids = append(ids, other)
	}
	people, err := s.colleagues(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID]*identity.Colleague{}
	for chatID, other := range of {
		if person, ok := people[other]; ok {
			out[chatID] = &person
		}
	}
	return out, nil
}

// otherOf is who is in a private chat beside one of the two.
func otherOf(row *ent.StaffChat, me uuid.UUID) (uuid.UUID, error) {
	first, err := uuid.Parse((*row.Pair)[:36])
	if err != nil || first != me {
		return first, err
	}
	return uuid.Parse((*row.Pair)[37:])
}

// lastOf are the last messages of chats.
func (s *Service) lastOf(ctx context.Context, chatIDs []uuid.UUID) (map[uuid.UUID]*Message, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(append([]uuid.UUID{}, chatIDs...))
	if err != nil {
		return nil, err
	}
	ids, err := store.IDs(ctx, `
		SELECT x.id FROM staff_chats c
		JOIN staff_messages x ON x.tenant_id = c.tenant_id AND x.chat_id = c.id AND x.seq = c.last_seq
		WHERE c.tenant_id = $1 AND c.id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))`, tenantID, string(list))
	if err != nil {
		return nil, err
	}
	rows, err := s.store.Ent(ctx).StaffMessage.Query().Where(staffmessage.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, err
	}
	views, err := s.messageViews(ctx, rows...)
	out := map[uuid.UUID]*Message{}
	for i := range views {
		out[views[i].ChatID] = &views[i]
	}
	return out, err
}

// membership is a person's place in a chat. Faults: CodeNotFound for who is not
// in it, as for a chat that there is not.
func (s *Service) membership(ctx context.Context, me, chatID uuid.UUID) (membership, error) {
	found, err := s.memberships(ctx, me, []uuid.UUID{chatID})
	if err != nil {
		return membership{}, err
	}
	m, in := found[chatID]
	if !in {
		return membership{}, fault.Missing("chat")
	}
	return m, nil
}

func (s *Service) memberships(ctx context.Context, me uuid.UUID, chatIDs []uuid.UUID) (map[uuid.UUID]membership, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	list, err := json.Marshal(append([]uuid.UUID{}, chatIDs...))
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `SELECT chat_id, role, read_only, read_seq FROM staff_chat_members
		WHERE tenant_id = $1 AND user_id = $2 AND chat_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`,
		tenantID, me, string(list))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := map[uuid.UUID]membership{}
	for rows.Next() {
		var (
			chatID uuid.UUID
			m      membership
		)
		if err := rows.Scan(&chatID, &m.role, &m.readOnly, &m.readSeq); err != nil {
			return nil, err
		}
		out[chatID] = m
	}
	return out, rows.Err()
}

// memberIDs are the people of a chat.
func (s *Service) memberIDs(ctx context.Context, chatID uuid.UUID) ([]uuid.UUID, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	return store.IDs(ctx, `SELECT user_id FROM staff_chat_members WHERE tenant_id = $1 AND chat_id = $2 ORDER BY user_id`, tenantID, chatID)
}

// lock loads a chat for a change, with the person's place in it. Faults:
// CodeNotFound.
func (s *Service) lock(ctx context.Context, me, chatID uuid.UUID) (*ent.StaffChat, membership, error) {
	row, err := s.store.Ent(ctx).StaffChat.Query().Where(staffchat.ID(chatID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, membership{}, fault.Missing("chat")
	}
	if err != nil {
		return nil, membership{}, err
	}
	m, err := s.membership(ctx, me, chatID)
	return row, m, err
}
