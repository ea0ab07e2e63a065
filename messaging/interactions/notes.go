package interactions

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/internalnote"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/tenants/scope"
)

// notesChangeFor is how long its author may change a note, or take it back:
// later, others have acted on it.
const notesChangeFor = 24 * time.Hour

// Note is what colleagues tell each other in a conversation. It never reaches
// the customer: it is no message, changes nothing about the interaction, and is
// no last message of it either.
type Note struct {
	ID            uuid.UUID
	CreatedAt     time.Time
	UpdatedAt     time.Time
	Version       int
	InteractionID uuid.UUID
	// AuthorID is a user or a key; nil for the program.
	AuthorID   *uuid.UUID
	AuthorName string
	Body       string
	// Secret notes are for supervisors and the agent who has the conversation.
	Secret           bool
	MentionedUserIDs []uuid.UUID
	Attachments      []attachments.Attachment
	EditedAt         *time.Time
}

// NewNote is what a note is made of.
type NewNote struct {
	Body             string
	Secret           bool
	MentionedUserIDs []uuid.UUID
	AttachmentIDs    []uuid.UUID
}

// seesSecrets tells whether the caller is shown the secret notes of an
// interaction that he sees.
func (c Caller) seesSecrets(row *ent.Interaction) bool {
	return c.Supervises || row.AssigneeID != nil && *row.AssigneeID == c.UserID
}

// Notes returns the notes of an interaction that the caller may read, behind a
// given one, the newest first unless oldestFirst. Faults: CodeNotFound.
func (s *Service) Notes(ctx context.Context, c Caller, interactionID, after uuid.UUID, oldestFirst bool, limit int) ([]Note, error) {
	var out []Note
	err := s.store.Read(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		q := s.store.Ent(ctx).InternalNote.Query().Where(internalnote.InteractionID(interactionID), internalnote.DeletedAtIsNil())
		if !c.seesSecrets(of) {
			q.Where(internalnote.Secret(false))
		}
		order := ent.Desc(internalnote.FieldID)
		if oldestFirst {
			order = ent.Asc(internalnote.FieldID)
		}
		switch {
		case after == uuid.Nil:
		case oldestFirst:
			q.Where(internalnote.IDGT(after))
		default:
			q.Where(internalnote.IDLT(after))
		}
		rows, err := q.Order(order).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		out, err = s.noteViews(ctx, rows)
		return err
	})
	return out, err
}

// Note returns one note that the caller may read. Faults: CodeNotFound.
func (s *Service) Note(ctx context.Context, c Caller, noteID uuid.UUID) (Note, error) {
	var out Note
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, _, err := s.visibleNote(ctx, c, noteID)
		if err == nil {
			out, err = s.noteView(ctx, row)
		}
		return err
	})
	return out, err
}

// visibleNote loads a note that the caller may read, and its interaction.
func (s *Service) visibleNote(ctx context.Context, c Caller, noteID uuid.UUID) (*ent.InternalNote, *ent.Interaction, error) {
	row, err := s.store.Ent(ctx).InternalNote.Get(ctx, noteID)
	if err != nil && !ent.IsNotFound(err) {
		return nil, nil, err
	}
	if err != nil || row.DeletedAt != nil {
		return nil, nil, fault.Missing("note")
	}
	of, err := s.seenRow(ctx, c, row.InteractionID)
	if fault.Is(err, fault.CodeNotFound) || err == nil && row.Secret && !c.seesSecrets(of) {
		return nil, nil, fault.Missing("note")
	}
	return row, of, err
}

func (s *Service) noteView(ctx context.Context, row *ent.InternalNote) (Note, error) {
	views, err := s.noteViews(ctx, []*ent.InternalNote{row})
	if err != nil {
		return Note{}, err
	}
	return views[0], nil
}

// noteViews adds mentions and attachments to a page of notes.
func (s *Service) noteViews(ctx context.Context, rows []*ent.InternalNote) ([]Note, error) {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ID
	}
	pictures, err := s.attachments.OfNotes(ctx, ids)
	if err != nil {
		return nil, err
	}
	mentions, err := mentionsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Note, len(rows))
	for i, row := range rows {
		out[i] = Note{
			ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
			InteractionID: row.InteractionID, AuthorID: row.AuthorID, AuthorName: row.AuthorName, Body: row.Body, Secret: row.Secret,
			MentionedUserIDs: mentions[row.ID], Attachments: pictures[row.ID], EditedAt: row.EditedAt,
		}
	}
	return out, nil
}

// mentionsOf are the users whom notes mention, by note.
func mentionsOf(ctx context.Context, noteIDs []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	out := map[uuid.UUID][]uuid.UUID{}
	sc, err := scope.From(ctx)
	if err != nil || len(noteIDs) == 0 {
		return out, err
	}
	args, err := lists(noteIDs)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT note_id, user_id FROM note_mentions WHERE tenant_id = $1
		AND note_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb)) ORDER BY note_id, user_id`, sc.TenantID, args[0])
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var noteID, userID uuid.UUID
		if err := rows.Scan(&noteID, &userID); err != nil {
			return nil, err
		}
		out[noteID] = append(out[noteID], userID)
	}
	return out, rows.Err()
}

// AddNote writes a note into an interaction that the caller sees, closed or not.
// Faults: CodeNotFound, also for who is mentioned, CodeForbidden for a secret one
// by somebody who does not supervise, CodeEmptyMessage and those of attachments.
func (s *Service) AddNote(ctx context.Context, c Caller, interactionID uuid.UUID, n NewNote) (Note, error) {
	var out Note
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		of, err := s.seenRow(ctx, c, interactionID)
		if err != nil {
			return err
		}
		out, err = s.note(ctx, c, of, n)
		return err
	})
	return out, err
}

// note writes a note into an interaction, in the running transaction.
func (s *Service) note(ctx context.Context, c Caller, of *ent.Interaction, n NewNote) (Note, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return Note{}, err
	}
	if n.Secret && !c.Supervises {
		return Note{}, fault.New(fault.Forbidden, fault.CodeForbidden, "Secret notes are written by those who supervise (notes:secret).")
	}
	body := clean(n.Body)
	if strings.TrimSpace(body) == "" && len(n.AttachmentIDs) == 0 {
		return Note{}, fault.InvalidField(fault.CodeEmptyMessage, "body.body", "is empty and there is no picture either")
	}
	create := s.store.Ent(ctx).InternalNote.Create().SetInteractionID(of.ID).SetBody(body).SetSecret(n.Secret).
		SetAuthorName(scope.OriginOf(ctx).Name)
	if sc.Actor.ID != uuid.Nil {
		create.SetAuthorID(sc.Actor.ID)
	}
	row, err := create.Save(ctx)
	if err != nil {
		return Note{}, err
	}
	if _, err := s.attachments.AttachToNote(ctx, row.ID, n.AttachmentIDs, c.ownUploads(ctx)); err != nil {
		return Note{}, err
	}
	if err := s.mention(ctx, of, row, n.MentionedUserIDs); err != nil {
		return Note{}, err
	}
	if err := s.events.Publish(ctx, "note.added", "note", row.ID, map[string]any{"interaction_id": of.ID, "secret": row.Secret}); err != nil {
		return Note{}, err
	}
	return s.noteView(ctx, row)
}

// mention makes a note mention these users and nobody else. Whom it did not
// mention before is told.
func (s *Service) mention(ctx context.Context, of *ent.Interaction, row *ent.InternalNote, userIDs []uuid.UUID) error {
	if err := s.canBeMentioned(ctx, of, row, userIDs); err != nil {
		return err
	}
	args, err := lists(userIDs)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `DELETE FROM note_mentions WHERE tenant_id = $1 AND note_id = $2
		AND user_id NOT IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))`, row.TenantID, row.ID, args[0])
	if err != nil {
		return err
	}
	added, err := store.IDs(ctx, `
		INSERT INTO note_mentions (tenant_id, note_id, user_id, created_at)
		SELECT DISTINCT $1::uuid, $2::uuid, value::uuid, $4::timestamptz FROM jsonb_array_elements_text($3::jsonb)
		ON CONFLICT (tenant_id, note_id, user_id) DO NOTHING RETURNING user_id`, row.TenantID, row.ID, args[0], s.store.Now())
	if err != nil {
		return err
	}
	for _, userID := range added {
		err := s.events.Publish(ctx, "note.mentioned", "note", row.ID,
			map[string]any{"interaction_id": of.ID, "user_id": userID, "secret": row.Secret})
		if err != nil {
			return err
		}
	}
	return nil
}

// canBeMentioned refuses everybody but active users of the tenant, and in a
// secret note everybody who could not read it.
func (s *Service) canBeMentioned(ctx context.Context, of *ent.Interaction, row *ent.InternalNote, userIDs []uuid.UUID) error {
	if len(userIDs) == 0 {
		return nil
	}
	q := s.store.Ent(ctx).User.Query().Where(user.IDIn(userIDs...), user.StatusEQ(user.StatusActive))
	reason := "names no active user of this tenant"
	if row.Secret {
		reason = "names nobody who could read a secret note: no supervisor, and not the agent who has the conversation"
		reads := user.RoleNotIn(user.RoleAgent, user.RoleUser)
		if of.AssigneeID != nil {
			reads = user.Or(reads, user.ID(*of.AssigneeID))
		}
		q.Where(reads)
	}
	known, err := q.IDs(ctx)
	if err != nil {
		return err
	}
	there := map[uuid.UUID]bool{}
	for _, userID := range known {
		there[userID] = true
	}
	for i, userID := range userIDs {
		if !there[userID] {
			return fault.InvalidField(fault.CodeNotFound, fmt.Sprintf("body.mentioned_user_ids[%d]", i), reason, userID.String())
		}
	}
	return nil
}

// NoteChange changes the parts of a note that are not nil.
type NoteChange struct {
	Body             *string
	MentionedUserIDs *[]uuid.UUID
}

// EditNote changes a note of the caller's own whose version passes the check,
// within a day. Faults: those of the check and of AddNote, CodeForbidden for
// another's, CodeWrongState after the day.
func (s *Service) EditNote(ctx context.Context, c Caller, noteID uuid.UUID, change NoteChange, check func(version int64) error) (Note, error) {
	var out Note
	err := s.changeNote(ctx, c, noteID, check, func(ctx context.Context, row *ent.InternalNote, of *ent.Interaction) error {
		if change.MentionedUserIDs != nil {
			if err := s.mention(ctx, of, row, *change.MentionedUserIDs); err != nil {
				return err
			}
		}
		update := row.Update().SetEditedAt(s.store.Now())
		if change.Body != nil {
			body := clean(*change.Body)
			if strings.TrimSpace(body) == "" {
				return fault.InvalidField(fault.CodeEmptyMessage, "body.body", "is empty; a note is deleted instead")
			}
			update.SetBody(body)
		}
		row, err := update.Save(ctx)
		if err != nil {
			return err
		}
		if out, err = s.noteView(ctx, row); err != nil {
			return err
		}
		return s.events.Publish(ctx, "note.edited", "note", row.ID, map[string]any{"interaction_id": of.ID, "secret": row.Secret})
	})
	return out, err
}

// DeleteNote takes back a note of the caller's own, within a day: its words are
// gone for good. Faults: as EditNote.
func (s *Service) DeleteNote(ctx context.Context, c Caller, noteID uuid.UUID, check func(version int64) error) error {
	return s.changeNote(ctx, c, noteID, check, func(ctx context.Context, row *ent.InternalNote, of *ent.Interaction) error {
		if err := s.mention(ctx, of, row, nil); err != nil {
			return err
		}
		if err := row.Update().SetBody("").SetDeletedAt(s.store.Now()).Exec(ctx); err != nil {
			return err
		}
		return s.events.Publish(ctx, "note.deleted", "note", row.ID, map[string]any{"interaction_id": of.ID, "secret": row.Secret})
	})
}

// changeNote runs a change of a locked note that the caller may make.
func (s *Service) changeNote(ctx context.Context, c Caller, noteID uuid.UUID, check func(version int64) error,
	change func(context.Context, *ent.InternalNote, *ent.Interaction) error,
) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if _, err := s.store.Ent(ctx).InternalNote.Query().Where(internalnote.ID(noteID)).ForUpdate().Only(ctx); ent.IsNotFound(err) {
			return fault.Missing("note")
		} else if err != nil {
			return err
		}
		row, of, err := s.visibleNote(ctx, c, noteID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.AuthorID == nil || *row.AuthorID != sc.Actor.ID {
			return fault.New(fault.Forbidden, fault.CodeForbidden, "A note is changed by its author alone.")
		}
		if !s.store.Now().Before(row.CreatedAt.Add(notesChangeFor)) {
			return fault.New(fault.Conflict, fault.CodeWrongState, "A note can be changed for a day.").Showing("final")
		}
		return change(ctx, row, of)
	})
}
