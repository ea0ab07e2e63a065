package staffchat

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/staffchat"
	"github.com/trellishq/trellis/ent/staffmessage"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/attachments"
)

// MaxBody is the length of a message in Unicode code points, composed (NFC).
const MaxBody = 4000

// Message is what somebody wrote in a chat.
type Message struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	ChatID    uuid.UUID
	// Seq is its place in the chat: from 1, without gaps.
	Seq      int64
	SenderID uuid.UUID
	// Body is empty where there are only pictures, and where it was deleted.
	Body            string
	ClientMessageID *string
	EditedAt        *time.Time
	DeletedAt       *time.Time
	Attachments     []attachments.Attachment
}

func messageView(row *ent.StaffMessage) Message {
	return Message{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version, ChatID: row.ChatID, Seq: row.Seq,
		SenderID: row.SenderID, Body: row.Body, ClientMessageID: row.ClientMessageID, EditedAt: row.EditedAt, DeletedAt: row.DeletedAt,
	}
}

// messageViews adds the pictures of messages that were not deleted.
func (s *Service) messageViews(ctx context.Context, rows ...*ent.StaffMessage) ([]Message, error) {
	var ids []uuid.UUID
	for _, row := range rows {
		if row.DeletedAt == nil {
			ids = append(ids, row.ID)
		}
	}
	pictures, err := s.attachments.OfStaff(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Message, len(rows))
	for i, row := range rows {
		out[i] = messageView(row)
		out[i].Attachments = pictures[row.ID]
	}
	return out, nil
}

// Draft is a message that somebody wants to send.
type Draft struct {
	Body string
	// AttachmentIDs are uploads of the sender's.
	AttachmentIDs []uuid.UUID
	// ClientMessageID is the sender's own name for the message; empty for none.
	// The same again is the message that is there.
	ClientMessageID string
}

func (d Draft) clean() (Draft, error) {
	body, err := cleanBody(d.Body)
	if err != nil {
		return d, err
	}
	if strings.TrimSpace(body) == "" && len(d.AttachmentIDs) == 0 {
		return d, emptyMessage()
	}
	d.Body = body
	return d, nil
}

// cleanBody is a text as it is stored.
func cleanBody(body string) (string, error) {
	if !utf8.ValidString(body) || strings.ContainsRune(body, 0) {
		return "", fault.InvalidField(fault.CodeInvalid, "body.body", "has characters that are no text")
	}
	body = norm.NFC.String(body)
	if n := utf8.RuneCountInString(body); n > MaxBody {
		return "", fault.InvalidField(fault.CodeMessageTooLong, "body.body", fmt.Sprintf("has %d characters; %d are allowed", n, MaxBody))
	}
	return body, nil
}

func emptyMessage() error {
	return fault.InvalidField(fault.CodeEmptyMessage, "body.body", "is empty and there is no picture either")
}

// WriteTo sends a private message to a colleague; the first one makes the chat
// of the two. Faults: those of enter and of a draft, CodeNotFound,
// CodeMessagingDisabled, CodeDuplicateMessage.
func (s *Service) WriteTo(ctx context.Context, me, to uuid.UUID, d Draft) (Message, error) {
	d, err := d.clean()
	if err != nil {
		return Message{}, err
	}
	if to == me {
		return Message{}, fault.InvalidField(fault.CodeInvalid, "path.user_id", "is yourself", to.String())
	}
	var out Message
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		people, err := s.colleagues(ctx, []uuid.UUID{to})
		if err != nil {
			return err
		}
		person, known := people[to]
		if !known {
			return fault.Missing("colleague")
		}
		if !reachable(person) {
			return unreachable(&person)
		}
		chat, err := s.privateChat(ctx, me, to)
		if err != nil {
			return err
		}
		out, err = s.post(ctx, me, chat, d)
		return err
	})
	return out, err
}

// privateChat is the chat of two people, locked; the lock on the pair makes two
// simultaneous first messages join one.
func (s *Service) privateChat(ctx context.Context, me, to uuid.UUID) (*ent.StaffChat, error) {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return nil, err
	}
	pair := pairOf(me, to)
	if _, err := store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended($1, 240))`, tenantID.String()+" "+pair); err != nil {
		return nil, err
	}
	row, err := s.store.Ent(ctx).StaffChat.Query().Where(staffchat.Pair(pair)).ForUpdate().Only(ctx)
	if err == nil || !ent.IsNotFound(err) {
		return row, err
	}
	row, err = s.store.Ent(ctx).StaffChat.Create().SetKind(Private).SetPair(pair).SetCreatedByID(me).SetActiveAt(s.store.Now()).Save(ctx)
	if err != nil {
		return nil, err
	}
	for _, person := range []uuid.UUID{me, to} {
		if err := s.join(ctx, row, person, Member, false); err != nil {
			return nil, err
		}
	}
	return row, s.publish(ctx, "staff_chat.created", "staff_chat", row.ID, facts{ChatID: row.ID, SenderID: me})
}

// Post sends a message in a chat. Faults: those of enter and of a draft,
// CodeNotFound, CodeForbidden for a member who may only read, CodeWrongState for
// an archived group, CodeMessagingDisabled, CodeDuplicateMessage.
func (s *Service) Post(ctx context.Context, me, chatID uuid.UUID, d Draft) (Message, error) {
	d, err := d.clean()
	if err != nil {
		return Message{}, err
	}
	var out Message
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		chat, mine, err := s.lock(ctx, me, chatID)
		if err != nil {
			return err
		}
		if err := s.mayWrite(ctx, me, chat, mine); err != nil {
			return err
		}
		out, err = s.post(ctx, me, chat, d)
		return err
	})
	return out, err
}

// mayWrite refuses who may not write in a chat.
func (s *Service) mayWrite(ctx context.Context, me uuid.UUID, chat *ent.StaffChat, mine membership) error {
	if chat.Kind == Group {
		switch {
		case chat.ArchivedAt != nil:
			return archived()
		case !mine.mayWrite(chat):
			return fault.New(fault.Forbidden, fault.CodeForbidden, "You may read in this group, and not write.")
		}
		return nil
	}
	with, err := s.partners(ctx, me, []*ent.StaffChat{chat})
	if err != nil {
		return err
	}
	if person, known := with[chat.ID]; !known || !reachable(*person) {
		return unreachable(person)
	}
	return nil
}

func archived() error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The group is archived.").Showing("archived")
}

// post writes a message into a locked chat.
func (s *Service) post(ctx context.Context, me uuid.UUID, chat *ent.StaffChat, d Draft) (Message, error) {
	if earlier, found, err := s.earlier(ctx, me, chat.ID, d); found || err != nil {
		return earlier, err
	}
	now := s.store.Now()
	create := s.store.Ent(ctx).StaffMessage.Create().SetID(id.New()).SetChatID(chat.ID).SetSeq(chat.LastSeq + 1).
		SetSenderID(me).SetBody(d.Body)
	if d.ClientMessageID != "" {
		create.SetClientMessageID(d.ClientMessageID)
	}
	row, err := create.Save(ctx)
	if store.Violates(err, "staffmessage_tenant_id_sender_id_client_message_id") {
		return Message{}, duplicate(d) // written in another chat a moment ago
	}
	if err != nil {
		return Message{}, err
	}
	pictures, err := s.attachments.AttachToStaff(ctx, row.ID, d.AttachmentIDs)
	if err != nil {
		return Message{}, err
	}
	// The version is of what members change: a message is no new version.
	if _, err := store.Exec(ctx, `UPDATE staff_chats SET last_seq = $3, active_at = $4 WHERE tenant_id = $1 AND id = $2`,
		chat.TenantID, chat.ID, row.Seq, now); err != nil {
		return Message{}, err
	}
	out := messageView(row)
	out.Attachments = pictures
	return out, s.publish(ctx, "staff_message.created", "staff_message", row.ID, facts{ChatID: chat.ID, SenderID: me, Seq: row.Seq})
}

// earlier finds the message that a person has sent under the same id.
func (s *Service) earlier(ctx context.Context, me, chatID uuid.UUID, d Draft) (Message, bool, error) {
	if d.ClientMessageID == "" {
		return Message{}, false, nil
	}
	row, err := s.store.Ent(ctx).StaffMessage.Query().
		Where(staffmessage.SenderID(me), staffmessage.ClientMessageID(d.ClientMessageID)).Only(ctx)
	if ent.IsNotFound(err) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, err
	}
	views, err := s.messageViews(ctx, row)
	if err != nil {
		return Message{}, false, err
	}
	// What was edited or deleted since is the same message all the same.
	changed := row.EditedAt != nil || row.DeletedAt != nil
	if row.ChatID != chatID || !changed && (row.Body != d.Body || !samePictures(views[0].Attachments, d.AttachmentIDs)) {
		return Message{}, false, duplicate(d)
	}
	return views[0], true, nil
}

func duplicate(d Draft) error {
	return fault.New(fault.Conflict, fault.CodeDuplicateMessage,
		"Another message of yours has this client_message_id.").At("body.client_message_id", "is taken", d.ClientMessageID)
}

func samePictures(have []attachments.Attachment, want []uuid.UUID) bool {
	ids := make([]uuid.UUID, len(have))
	for i, a := range have {
		ids[i] = a.ID
	}
	order := func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) }
	return slices.Equal(slices.SortedFunc(slices.Values(ids), order), slices.SortedFunc(slices.Values(want), order))
}

// Messages returns what was written in a chat before a place, the newest first,
// or behind it, the oldest first. Zero is the start. Faults: those of enter,
// CodeNotFound.
func (s *Service) Messages(ctx context.Context, me, chatID uuid.UUID, after int64, oldestFirst bool, limit int) ([]Message, error) {
	var out []Message
	err := s.store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		if _, err := s.membership(ctx, me, chatID); err != nil {
			return err
		}
		q := s.store.Ent(ctx).StaffMessage.Query().Where(staffmessage.ChatID(chatID))
		order := ent.Desc(staffmessage.FieldSeq)
		switch {
		case oldestFirst:
			order = ent.Asc(staffmessage.FieldSeq)
			q.Where(staffmessage.SeqGT(after))
		case after > 0:
			q.Where(staffmessage.SeqLT(after))
		}
		rows, err := q.Order(order).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		out, err = s.messageViews(ctx, rows...)
		return err
	})
	return out, err
}

// own loads a message that a person has written, for a change, under the lock
// of its chat. Faults: CodeNotFound, CodeForbidden for another's.
func (s *Service) own(ctx context.Context, me, chatID, messageID uuid.UUID) (*ent.StaffChat, membership, *ent.StaffMessage, error) {
	chat, mine, err := s.lock(ctx, me, chatID)
	if err != nil {
		return nil, mine, nil, err
	}
	row, err := s.store.Ent(ctx).StaffMessage.Query().Where(staffmessage.ID(messageID), staffmessage.ChatID(chatID)).Only(ctx)
	switch {
	case ent.IsNotFound(err):
		return nil, mine, nil, fault.Missing("message")
	case err != nil:
		return nil, mine, nil, err
	case row.SenderID != me:
		return nil, mine, nil, fault.New(fault.Forbidden, fault.CodeForbidden, "Somebody else has written this message.")
	}
	return chat, mine, row, nil
}

// Edit changes the text of a person's own message; the version that it finds
// must pass the check. Faults: those of Post and of the check, CodeWrongState
// for a deleted one.
func (s *Service) Edit(ctx context.Context, me, chatID, messageID uuid.UUID, body *string, check func(version int64) error) (Message, error) {
	var out Message
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		chat, mine, row, err := s.own(ctx, me, chatID, messageID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if err := s.mayWrite(ctx, me, chat, mine); err != nil {
			return err
		}
		if row.DeletedAt != nil {
			return fault.New(fault.Conflict, fault.CodeWrongState, "The message was deleted.").Showing("deleted")
		}
		if row, err = s.edit(ctx, row, body); err != nil {
			return err
		}
		views, err := s.messageViews(ctx, row)
		if err == nil {
			out = views[0]
		}
		return err
	})
	return out, err
}

func (s *Service) edit(ctx context.Context, row *ent.StaffMessage, body *string) (*ent.StaffMessage, error) {
	if body == nil {
		return row, nil
	}
	text, err := cleanBody(*body)
	if err != nil || text == row.Body {
		return row, err
	}
	if strings.TrimSpace(text) == "" {
		pictures, err := s.attachments.OfStaff(ctx, []uuid.UUID{row.ID})
		if err != nil {
			return nil, err
		}
		if len(pictures[row.ID]) == 0 {
			return nil, emptyMessage()
		}
	}
	row, err = row.Update().SetBody(text).SetEditedAt(s.store.Now()).Save(ctx)
	if err != nil {
		return nil, err
	}
	return row, s.publish(ctx, "staff_message.updated", "staff_message", row.ID, facts{ChatID: row.ChatID, SenderID: row.SenderID, Seq: row.Seq})
}

// Delete takes the text of a person's own message away, for everybody and for
// good; its place in the chat stays. Deleting it again changes nothing. Faults:
// those of enter and of the check, CodeNotFound, CodeForbidden.
func (s *Service) Delete(ctx context.Context, me, chatID, messageID uuid.UUID, check func(version int64) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		_, _, row, err := s.own(ctx, me, chatID, messageID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil || row.DeletedAt != nil {
			return err
		}
		if err := row.Update().SetBody("").SetDeletedAt(s.store.Now()).Exec(ctx); err != nil {
			return err
		}
		return s.publish(ctx, "staff_message.deleted", "staff_message", row.ID, facts{ChatID: chatID, SenderID: me, Seq: row.Seq})
	})
}

// MarkRead moves a person's marker in a chat to a message, or to the last one
// for uuid.Nil. It never goes back. Faults: those of enter, CodeNotFound.
func (s *Service) MarkRead(ctx context.Context, me, chatID, messageID uuid.UUID) (Chat, error) {
	var out Chat
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.enter(ctx, me); err != nil {
			return err
		}
		mine, err := s.membership(ctx, me, chatID)
		if err != nil {
			return err
		}
		upTo, err := s.placeOf(ctx, chatID, messageID)
		if err != nil {
			return err
		}
		if upTo > mine.readSeq {
			if err := s.moveMarker(ctx, me, chatID, upTo); err != nil {
				return err
			}
		}
		out, err = s.view(ctx, me, chatID)
		return err
	})
	return out, err
}

// placeOf is the number of a message, or of the last one for uuid.Nil.
func (s *Service) placeOf(ctx context.Context, chatID, messageID uuid.UUID) (int64, error) {
	if messageID == uuid.Nil {
		chat, err := s.store.Ent(ctx).StaffChat.Get(ctx, chatID)
		if err != nil {
			return 0, err
		}
		return chat.LastSeq, nil
	}
	row, err := s.store.Ent(ctx).StaffMessage.Query().Where(staffmessage.ID(messageID), staffmessage.ChatID(chatID)).Only(ctx)
	if ent.IsNotFound(err) {
		return 0, fault.InvalidField(fault.CodeNotFound, "body.staff_message_id", "is no message of this chat", messageID.String())
	}
	if err != nil {
		return 0, err
	}
	return row.Seq, nil
}

func (s *Service) moveMarker(ctx context.Context, me, chatID uuid.UUID, upTo int64) error {
	tenantID, err := tenantOf(ctx)
	if err != nil {
		return err
	}
	if _, err := store.Exec(ctx, `UPDATE staff_chat_members SET read_seq = greatest(read_seq, $4)
		WHERE tenant_id = $1 AND chat_id = $2 AND user_id = $3`, tenantID, chatID, me, upTo); err != nil {
		return err
	}
	return s.publish(ctx, "staff_chat.read", "staff_chat", chatID, facts{ChatID: chatID, SenderID: me, Seq: upTo})
}
