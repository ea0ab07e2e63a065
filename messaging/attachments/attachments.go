// Package attachments owns the pictures that messages carry: uploads that wait
// for their message, pictures that customers sent and a worker fetches, and the
// links by which both are seen.
package attachments

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/attachment"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/picture"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// MaxBytes is the largest picture (rules A12-2: Twilio's limit for a message).
const MaxBytes = 5 << 20

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Meter counts what the scope's tenant keeps, in the running transaction.
type Meter interface {
	// SpendStorage counts an upload, or fails with quota_exceeded.
	SpendStorage(ctx context.Context, bytes int64) error
	// AddStorage counts what came from outside, and never refuses it.
	AddStorage(ctx context.Context, bytes int64) error
}

// Config is what a Service needs.
type Config struct {
	Store    *store.Store
	Events   Log
	Channels *channels.Service
	Media    *Media
	Meter    Meter
	Links    *Links
	// HTTP fetches what customers sent; it refuses private networks.
	HTTP *http.Client
	Log  *slog.Logger
}

// Service keeps attachments.
type Service struct {
	store    *store.Store
	events   Log
	channels *channels.Service
	media    *Media
	meter    Meter
	links    *Links
	http     *http.Client
	log      *slog.Logger
}

// New returns the service.
func New(c Config) *Service {
	return &Service{c.Store, c.Events, c.Channels, c.Media, c.Meter, c.Links, c.HTTP, c.Log}
}

// Attachment is one picture.
type Attachment struct {
	ID          uuid.UUID
	CreatedAt   time.Time
	MessageID   *uuid.UUID
	NoteID      *uuid.UUID
	Status      string
	Name        string
	ContentType string
	Size        int64
	Width       int
	Height      int
	// UploaderID is the user or key that uploaded it, nil for a customer's.
	UploaderID *uuid.UUID
	// Failure is why a customer's picture could not be fetched.
	Failure string
	// URL shows the picture for a short while; empty until it is there.
	URL string
}

// viewFor is how long a link in an answer of the API lasts.
const viewFor = 15 * time.Minute

// Upload keeps a picture for a message that is still to be written. What it is
// is decided by its content; what it says about the place it was taken at is
// removed. Faults: CodePictureType, CodePictureTooLarge, CodeQuotaExceeded.
func (s *Service) Upload(ctx context.Context, name string, content []byte) (Attachment, error) {
	info, clean, err := inspect(content)
	if err != nil {
		return Attachment{}, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return Attachment{}, err
	}
	attachmentID := id.New()
	key := mediaKey(sc.TenantID, attachmentID)
	if err := s.media.put(ctx, key, clean); err != nil {
		return Attachment{}, fault.New(fault.Unavailable, fault.CodeUnavailable, "The picture could not be stored.").Because(err)
	}
	var out Attachment
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.meter.SpendStorage(ctx, int64(len(clean))); err != nil {
			return err
		}
		sum := sha256.Sum256(clean)
		create := s.store.Ent(ctx).Attachment.Create().SetID(attachmentID).SetStatus(attachment.StatusReady).
			SetName(name).SetContentType(info.ContentType).SetSize(int64(len(clean))).
			SetWidth(info.Width).SetHeight(info.Height).SetSha256(sum[:]).SetMediaKey(key)
		if sc.Actor.ID != uuid.Nil {
			create.SetUploaderID(sc.Actor.ID)
		}
		row, err := create.Save(ctx)
		if err == nil {
			out = s.view(row)
		}
		return err
	})
	if fault.Is(err, fault.CodeQuotaExceeded) {
		// What cannot be removed now is an orphan: no row leads to it.
		if removeErr := s.media.remove(ctx, key); removeErr != nil {
			s.log.WarnContext(ctx, "a refused picture could not be removed", "attachment_id", attachmentID, "error", removeErr)
		}
	}
	return out, err
}

// inspect decides what a picture is and takes out what it should not tell.
func inspect(content []byte) (picture.Info, []byte, error) {
	if len(content) > MaxBytes {
		return picture.Info{}, nil, fault.New(fault.TooLarge, fault.CodePictureTooLarge,
			"A picture may have %d bytes at most.", MaxBytes).At("body.file", "is too large")
	}
	info, err := picture.Inspect(content)
	switch {
	case errors.Is(err, picture.ErrTooManyPixels):
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureTooLarge, "body.file", err.Error())
	case err != nil:
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureType, "body.file", err.Error())
	}
	clean, err := picture.StripMetadata(content)
	if err != nil {
		return picture.Info{}, nil, fault.InvalidField(fault.CodePictureType, "body.file", err.Error())
	}
	return info, clean, nil
}

func mediaKey(tenantID, attachmentID uuid.UUID) string {
	return tenantID.String() + "/" + attachmentID.String()
}

// Get returns one attachment of a conversation, or one that waits for its
// message; what colleagues sent to one another is theirs. Faults: CodeNotFound.
func (s *Service) Get(ctx context.Context, attachmentID uuid.UUID) (Attachment, error) {
	var out Attachment
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Attachment.Query().
			Where(attachment.ID(attachmentID), attachment.StaffMessageIDIsNil()).Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("attachment")
		}
		if err == nil {
			out = s.view(row)
		}
		return err
	})
	return out, err
}

// Attach gives uploads to a message, in the caller's transaction. Each can be
// given once, with ownOnly by its uploader alone. Faults: CodeInvalid with the
// place in the list.
func (s *Service) Attach(ctx context.Context, messageID uuid.UUID, ids []uuid.UUID, ownOnly bool) ([]Attachment, error) {
	return s.attach(ctx, ids, ownOnly, func(u *ent.AttachmentUpdateOne) { u.SetMessageID(messageID) })
}

// AttachToStaff is Attach for a message to colleagues; its pictures are the
// sender's own uploads.
func (s *Service) AttachToStaff(ctx context.Context, messageID uuid.UUID, ids []uuid.UUID) ([]Attachment, error) {
	return s.attach(ctx, ids, true, func(u *ent.AttachmentUpdateOne) { u.SetStaffMessageID(messageID) })
}

// AttachToNote is Attach for an internal note. What a note has no message gets.
func (s *Service) AttachToNote(ctx context.Context, noteID uuid.UUID, ids []uuid.UUID, ownOnly bool) ([]Attachment, error) {
	return s.attach(ctx, ids, ownOnly, func(u *ent.AttachmentUpdateOne) { u.SetNoteID(noteID) })
}

func (s *Service) attach(ctx context.Context, ids []uuid.UUID, ownOnly bool, to func(*ent.AttachmentUpdateOne)) ([]Attachment, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []Attachment
	var total int64
	for i, attachmentID := range ids {
		row, err := s.store.Ent(ctx).Attachment.Query().Where(attachment.ID(attachmentID)).ForUpdate().Only(ctx)
		location := fmt.Sprintf("body.attachment_ids[%d]", i)
		if err == nil && ownOnly && !uploadedBy(row, sc.Actor) {
			err = &ent.NotFoundError{}
		}
		if ent.IsNotFound(err) {
			return nil, fault.InvalidField(fault.CodeNotFound, location, "is no attachment of this tenant", attachmentID.String())
		}
		if err != nil {
			return nil, err
		}
		if row.MessageID != nil || row.NoteID != nil || row.StaffMessageID != nil || row.Status != attachment.StatusReady {
			return nil, fault.InvalidField(fault.CodeInvalid, location, "belongs to a message or a note already", attachmentID.String())
		}
		if total += row.Size; total > MaxBytes {
			return nil, fault.InvalidField(fault.CodePictureTooLarge, location, fmt.Sprintf("makes the message larger than %d bytes", MaxBytes))
		}
		update := row.Update()
		to(update)
		row, err = update.Save(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, s.view(row))
	}
	return out, nil
}

// uploadedBy tells whether an upload is the actor's own.
func uploadedBy(row *ent.Attachment, actor scope.Actor) bool {
	if row.UploaderID == nil {
		return actor.ID == uuid.Nil
	}
	return *row.UploaderID == actor.ID
}

// Expect notes pictures that a customer sent with a message; a worker fetches
// them. It runs in the caller's transaction.
func (s *Service) Expect(ctx context.Context, messageID uuid.UUID, urls []string) error {
	for _, url := range urls {
		err := s.store.Ent(ctx).Attachment.Create().SetMessageID(messageID).
			SetStatus(attachment.StatusPending).SetSourceURL(url).SetDueAt(s.store.Now()).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}

// OfMessages returns the attachments of a page of messages, in the running
// transaction.
func (s *Service) OfMessages(ctx context.Context, messageIDs []uuid.UUID) (map[uuid.UUID][]Attachment, error) {
	out := map[uuid.UUID][]Attachment{}
	if len(messageIDs) == 0 {
		return out, nil
	}
	rows, err := s.store.Ent(ctx).Attachment.Query().Where(attachment.MessageIDIn(messageIDs...)).
		Order(ent.Asc(attachment.FieldID)).All(ctx)
	for _, row := range rows {
		out[*row.MessageID] = append(out[*row.MessageID], s.view(row))
	}
	return out, err
}

// OfStaff returns the attachments of a page of messages to colleagues, in the
// running transaction.
func (s *Service) OfStaff(ctx context.Context, messageIDs []uuid.UUID) (map[uuid.UUID][]Attachment, error) {
	out := map[uuid.UUID][]Attachment{}
	if len(messageIDs) == 0 {
		return out, nil
	}
	rows, err := s.store.Ent(ctx).Attachment.Query().Where(attachment.StaffMessageIDIn(messageIDs...)).
		Order(ent.Asc(attachment.FieldID)).All(ctx)
	for _, row := range rows {
		out[*row.StaffMessageID] = append(out[*row.StaffMessageID], s.view(row))
	}
	return out, err
}

// OfNotes returns the attachments of a page of notes, in the running
// transaction.
func (s *Service) OfNotes(ctx context.Context, noteIDs []uuid.UUID) (map[uuid.UUID][]Attachment, error) {
	out := map[uuid.UUID][]Attachment{}
	if len(noteIDs) == 0 {
		return out, nil
	}
	rows, err := s.store.Ent(ctx).Attachment.Query().Where(attachment.NoteIDIn(noteIDs...)).
		Order(ent.Asc(attachment.FieldID)).All(ctx)
	for _, row := range rows {
		out[*row.NoteID] = append(out[*row.NoteID], s.view(row))
	}
	return out, err
}

// ProviderURLs are links for a provider that fetches the pictures of a message;
// they last as long as the provider may take.
func (s *Service) ProviderURLs(ctx context.Context, tenantID, messageID uuid.UUID, until time.Time) ([]string, error) {
	found, err := s.OfMessages(ctx, []uuid.UUID{messageID})
	if err != nil {
		return nil, err
	}
	var out []string
	for _, a := range found[messageID] {
		out = append(out, s.links.URL(tenantID, a.ID, until))
	}
	return out, nil
}

// File is a picture for the bearer of a link.
type File struct {
	ContentType string
	Content     []byte
}

// Open follows a link. Faults: CodeNotFound for every link that is not good.
func (s *Service) Open(ctx context.Context, token string) (File, error) {
	tenantID, attachmentID, err := s.links.read(token, s.store.Now())
	if err != nil {
		return File{}, fault.Missing("picture").Because(err)
	}
	var row *ent.Attachment
	err = s.store.Read(scope.System(ctx, "a signed link to a picture"), func(ctx context.Context) error {
		row, err = s.store.Ent(ctx).Attachment.Query().
			Where(attachment.ID(attachmentID), attachment.TenantID(tenantID), attachment.StatusEQ(attachment.StatusReady)).Only(ctx)
		return err
	})
	if ent.IsNotFound(err) {
		return File{}, fault.Missing("picture")
	}
	if err != nil {
		return File{}, err
	}
	content, err := s.media.get(ctx, row.MediaKey)
	if err != nil {
		return File{}, fmt.Errorf("attachments: %s: %w", row.ID, err)
	}
	return File{row.ContentType, content}, nil
}

func (s *Service) view(row *ent.Attachment) Attachment {
	out := Attachment{
		ID: row.ID, CreatedAt: row.CreatedAt, MessageID: row.MessageID, NoteID: row.NoteID, Status: string(row.Status),
		Name: row.Name, ContentType: row.ContentType, Size: row.Size, Width: row.Width, Height: row.Height,
		UploaderID: row.UploaderID, Failure: row.Failure,
	}
	if row.Status == attachment.StatusReady {
		out.URL = s.links.URL(row.TenantID, row.ID, s.store.Now().Add(viewFor))
	}
	return out
}

// Copy makes uploads of the pictures of a message that is to be sent again. The
// content is not stored twice.
func (s *Service) Copy(ctx context.Context, messageID uuid.UUID) ([]uuid.UUID, error) {
	rows, err := s.store.Ent(ctx).Attachment.Query().
		Where(attachment.MessageID(messageID), attachment.StatusEQ(attachment.StatusReady)).
		Order(ent.Asc(attachment.FieldID)).All(ctx)
	if err != nil {
		return nil, err
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var out []uuid.UUID
	for _, row := range rows {
		create := s.store.Ent(ctx).Attachment.Create().SetStatus(row.Status).SetName(row.Name).
			SetContentType(row.ContentType).SetSize(row.Size).SetWidth(row.Width).SetHeight(row.Height).
			SetSha256(row.Sha256).SetMediaKey(row.MediaKey)
		if sc.Actor.ID != uuid.Nil {
			create.SetUploaderID(sc.Actor.ID)
		}
		copied, err := create.Save(ctx)
		if err != nil {
			return nil, err
		}
		out = append(out, copied.ID)
	}
	return out, nil
}
