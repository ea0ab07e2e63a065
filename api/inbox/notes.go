package inbox

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/api/op"
	"github.com/trellishq/trellis/api/path"
	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/messaging/interactions"
)

const (
	notesPath = interactionPath + "/notes"
	notePath  = "/v1/tenants/{tenant_id}/notes/{note_id}"
)

// secretly is said of operations that show notes.
const secretly = " Secret notes are shown to those who supervise (`notes:secret`) and to the agent who has the interaction; for all others they do not exist."

func (h handlers) registerNotes(s *op.Surface) {
	op.Register(s, authz.NotesRead, op.Spec{
		ID: "listNotes", Method: http.MethodGet, Path: notesPath, Tag: NotesTag,
		Summary: "List notes", Description: "Lists the internal notes of an interaction, the newest first unless `order=asc`." + secretly + ownOnly,
	}, h.notes)
	op.Register(s, authz.NotesWrite, op.Spec{
		ID: "addNote", Method: http.MethodPost, Path: notesPath, Tag: NotesTag, Status: http.StatusCreated,
		Summary: "Add a note",
		Description: "Writes an internal note into an interaction, closed or not. It never reaches the customer, and changes nothing about the interaction. " +
			"Who is mentioned is told by the event `note.mentioned`; in a secret note it must be somebody who can read it. " +
			"Secret notes are written by those who supervise (`notes:secret`)." + ownOnly,
		Codes: []fault.Code{fault.CodeNotFound, fault.CodeEmptyMessage, fault.CodePictureTooLarge},
	}, h.addNote)
	op.Register(s, authz.NotesRead, op.Spec{
		ID: "getNote", Method: http.MethodGet, Path: notePath, Tag: NotesTag,
		Summary: "Show a note", Description: "Shows one internal note." + secretly + ownOnly,
	}, h.note)
	op.Register(s, authz.NotesWrite, op.Spec{
		ID: "updateNote", Method: http.MethodPatch, Path: notePath, Tag: NotesTag,
		Summary:     "Change a note",
		Description: "Changes the words of a note of the caller's own, or whom it mentions, within a day of writing it." + ownOnly,
		Codes:       []fault.Code{fault.CodeNotFound, fault.CodeEmptyMessage, fault.CodeWrongState},
	}, h.updateNote)
	op.Register(s, authz.NotesWrite, op.Spec{
		ID: "deleteNote", Method: http.MethodDelete, Path: notePath, Tag: NotesTag,
		Summary:     "Delete a note",
		Description: "Takes back a note of the caller's own within a day of writing it. Its words are gone for good." + ownOnly,
		Codes:       []fault.Code{fault.CodeWrongState},
	}, h.deleteNote)
}

// Note is an internal note as clients see it.
type Note struct {
	ID               uuid.UUID    `json:"id" doc:"The note."`
	InteractionID    uuid.UUID    `json:"interaction_id" doc:"The interaction that it is about."`
	AuthorID         *uuid.UUID   `json:"author_id" nullable:"true" doc:"The user or API key that wrote it."`
	AuthorName       string       `json:"author_name" maxLength:"200" doc:"What the author was called then." example:"Ann"`
	Body             string       `json:"body" maxLength:"10000" doc:"The words." example:"Speaks French; asked for Marie."`
	Secret           bool         `json:"secret" doc:"It is for supervisors and the agent who has the interaction."`
	MentionedUserIDs []uuid.UUID  `json:"mentioned_user_ids" maxItems:"50" doc:"Users whom it mentions."`
	Attachments      []Attachment `json:"attachments" maxItems:"10" doc:"Its pictures."`
	EditedAt         *time.Time   `json:"edited_at" doc:"When its author changed it, or null."`
	CreatedAt        time.Time    `json:"created_at" doc:"When it was written."`
	UpdatedAt        time.Time    `json:"updated_at" doc:"When it was changed last."`
}

func noteView(n interactions.Note) Note {
	out := Note{
		ID: n.ID, InteractionID: n.InteractionID, AuthorID: n.AuthorID, AuthorName: n.AuthorName, Body: n.Body, Secret: n.Secret,
		MentionedUserIDs: append([]uuid.UUID{}, n.MentionedUserIDs...), Attachments: []Attachment{},
		EditedAt: n.EditedAt, CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt,
	}
	for _, a := range n.Attachments {
		out.Attachments = append(out.Attachments, attachmentView(a))
	}
	return out
}

// ListNotesInput is the input of listNotes.
type ListNotesInput struct {
	InteractionPath
	op.Page
	Order string `query:"order" enum:"desc,asc" default:"desc" doc:"The newest or the oldest first."`
}

func (h handlers) notes(ctx context.Context, in *ListNotesInput) (*op.List[Note], error) {
	after, err := op.After[path.Key](ctx, in.Page)
	if err != nil {
		return nil, err
	}
	rows, err := h.Interactions.Notes(ctx, h.Caller(ctx), in.InteractionID, after.After(), in.Order == "asc", in.Fetch())
	if err != nil {
		return nil, err
	}
	return op.Listing(ctx, in.Page, rows, noteView, func(n interactions.Note) path.Key { return path.Key{ID: n.ID} })
}

// AddNote is the body of addNote.
type AddNote struct {
	Body             string      `json:"body,omitempty" maxLength:"10000" doc:"The words. They may be left out where there is a picture." example:"Speaks French; asked for Marie."`
	Secret           bool        `json:"secret,omitempty" doc:"It is for supervisors and the agent who has the interaction." example:"false"`
	MentionedUserIDs []uuid.UUID `json:"mentioned_user_ids,omitempty" maxItems:"50" doc:"Active users of the tenant who are to be told."`
	AttachmentIDs    []uuid.UUID `json:"attachment_ids,omitempty" maxItems:"10" doc:"Pictures that were uploaded for this note."`
}

// AddNoteInput is the input of addNote.
type AddNoteInput struct {
	InteractionPath
	Body AddNote
}

// NoteCreated is the output of addNote.
type NoteCreated struct {
	op.Location
	op.ETag
	Body Note
}

func (h handlers) addNote(ctx context.Context, in *AddNoteInput) (*NoteCreated, error) {
	n, err := h.Interactions.AddNote(ctx, h.Caller(ctx), in.InteractionID, interactions.NewNote(in.Body))
	if err != nil {
		return nil, err
	}
	return &NoteCreated{op.At("/v1/tenants/%s/notes/%s", in.TenantID, n.ID), op.Version(int64(n.Version)), noteView(n)}, nil
}

// NotePath names one note.
type NotePath struct {
	path.Tenant
	NoteID uuid.UUID `path:"note_id" doc:"The note."`
}

// NoteShown is the output of operations that show one note.
type NoteShown struct {
	op.ETag
	Body Note
}

func noteShown(n interactions.Note, err error) (*NoteShown, error) {
	if err != nil {
		return nil, err
	}
	return &NoteShown{op.Version(int64(n.Version)), noteView(n)}, nil
}

func (h handlers) note(ctx context.Context, in *NotePath) (*NoteShown, error) {
	return noteShown(h.Interactions.Note(ctx, h.Caller(ctx), in.NoteID))
}

// UpdateNote is the body of updateNote.
type UpdateNote struct {
	Body             op.Optional[string]      `json:"body,omitzero" nullable:"false" minLength:"1" maxLength:"10000" doc:"The words." example:"Speaks French; asked for Marie."`
	MentionedUserIDs op.Optional[[]uuid.UUID] `json:"mentioned_user_ids,omitzero" nullable:"false" maxItems:"50" doc:"Whom it mentions from now on. Who is new among them is told."`
}

// UpdateNoteInput is the input of updateNote.
type UpdateNoteInput struct {
	NotePath
	op.IfMatch
	Body UpdateNote
}

func (h handlers) updateNote(ctx context.Context, in *UpdateNoteInput) (*NoteShown, error) {
	change := interactions.NoteChange{Body: in.Body.Body.Pointer(), MentionedUserIDs: in.Body.MentionedUserIDs.Pointer()}
	return noteShown(h.Interactions.EditNote(ctx, h.Caller(ctx), in.NoteID, change, in.Check))
}

// DeleteNoteInput is the input of deleteNote.
type DeleteNoteInput struct {
	NotePath
	op.IfMatch
}

func (h handlers) deleteNote(ctx context.Context, in *DeleteNoteInput) (*op.Empty, error) {
	return nil, h.Interactions.DeleteNote(ctx, h.Caller(ctx), in.NoteID, in.Check)
}
