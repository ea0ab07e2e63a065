package attachments

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/attachment"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/httpx"
	"github.com/trellishq/trellis/internal/picture"
	"github.com/trellishq/trellis/internal/store"
)

// fetchPauses are the waits between attempts to fetch a picture. After the last
// the message shows that its picture is missing; its text was never held up.
var fetchPauses = []time.Duration{10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute}

// HandleDue fetches one picture.
func (s *Service) HandleDue(ctx context.Context, attachmentID uuid.UUID) error {
	row, line, err := s.claim(ctx, attachmentID)
	if err != nil || row == nil {
		return err
	}
	content, err := s.fetch(ctx, line, row.SourceURL)
	if err != nil {
		return s.failed(ctx, row, err)
	}
	info, clean, err := inspect(content)
	if err != nil {
		return s.giveUp(ctx, row, reason(err))
	}
	return s.keep(ctx, row, info, clean)
}

// claim begins an attempt: one worker gets the row, and a crash is followed by
// the next attempt when the pause has passed.
func (s *Service) claim(ctx context.Context, attachmentID uuid.UUID) (*ent.Attachment, channels.Line, error) {
	var (
		row  *ent.Attachment
		line channels.Line
	)
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		found, err := s.store.Ent(ctx).Attachment.Query().
			Where(attachment.ID(attachmentID), attachment.StatusEQ(attachment.StatusPending)).ForUpdate().Only(ctx)
		if ent.IsNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		var channelID uuid.UUID
		err = store.QueryRow(ctx, []any{&channelID}, `SELECT channel_id FROM messages WHERE tenant_id = $1 AND id = $2`,
			found.TenantID, found.MessageID)
		if err != nil {
			return err
		}
		if line, err = s.channels.Line(ctx, channelID); err != nil {
			return err
		}
		next := s.store.Now().Add(fetchPauses[min(found.Attempt, len(fetchPauses)-1)])
		row, err = found.Update().AddAttempt(1).SetDueAt(next).Save(ctx)
		return err
	})
	return row, line, err
}

func (s *Service) fetch(ctx context.Context, line channels.Line, link string) ([]byte, error) {
	fetcher, ok := line.Adapter.(provider.MediaFetcher)
	if !ok {
		return nil, errNoPictures
	}
	request, err := fetcher.MediaRequest(ctx, line.Account, link)
	if err != nil {
		return nil, err
	}
	response, err := s.http.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the provider answered %d", response.StatusCode)
	}
	return io.ReadAll(io.LimitReader(response.Body, MaxBytes+1))
}

var errNoPictures = errors.New("the provider has no pictures to fetch")

// withoutURL takes the URL out of an error: it may be signed, and errors are
// logged.
func withoutURL(err error) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// hopeless tells whether another attempt would end the same way.
func hopeless(err error) bool {
	var refused *provider.Error
	return errors.Is(err, errNoPictures) || errors.Is(err, httpx.ErrDenied) ||
		errors.As(err, &refused) && !refused.Class.Retryable()
}

// failed leaves the row to its next attempt, or ends them.
func (s *Service) failed(ctx context.Context, row *ent.Attachment, cause error) error {
	s.log.WarnContext(ctx, "a picture could not be fetched", "attachment_id", row.ID,
		"attempt", row.Attempt, "host", redactedURL(row.SourceURL), "error", cause)
	if row.Attempt <= len(fetchPauses) && !hopeless(cause) {
		return nil
	}
	return s.giveUp(ctx, row, "The provider did not hand the picture over.")
}

func (s *Service) giveUp(ctx context.Context, row *ent.Attachment, why string) error {
	return s.conclude(ctx, row, "attachment.failed", 0, func(u *ent.AttachmentUpdate) {
		u.SetStatus(attachment.StatusFailed).SetFailure(why)
	})
}

// conclude ends the fetching of a picture, once, counts what is kept, and tells
// the log.
func (s *Service) conclude(ctx context.Context, row *ent.Attachment, event string, kept int64, set func(*ent.AttachmentUpdate)) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		u := s.store.Ent(ctx).Attachment.Update().
			Where(attachment.ID(row.ID), attachment.StatusEQ(attachment.StatusPending)).ClearDueAt()
		set(u)
		n, err := u.Save(ctx)
		if err != nil || n == 0 {
			return err
		}
		err = s.events.Publish(ctx, event, "attachment", row.ID, map[string]any{"message_id": row.MessageID})
		if err != nil || kept == 0 {
			return err
		}
		return s.meter.AddStorage(ctx, kept)
	})
}

func (s *Service) keep(ctx context.Context, row *ent.Attachment, info picture.Info, content []byte) error {
	key := mediaKey(row.TenantID, row.ID)
	if err := s.media.put(ctx, key, content); err != nil {
		return err
	}
	sum := sha256.Sum256(content)
	return s.conclude(ctx, row, "attachment.ready", int64(len(content)), func(u *ent.AttachmentUpdate) {
		u.SetStatus(attachment.StatusReady).SetContentType(info.ContentType).SetSize(int64(len(content))).
			SetWidth(info.Width).SetHeight(info.Height).SetSha256(sum[:]).SetMediaKey(key)
	})
}

// reason is what a person is told about a picture that was refused.
func reason(err error) string {
	if f, ok := fault.As(err); ok && len(f.Fields) > 0 {
		return "The picture " + f.Fields[0].Message + "."
	}
	return "The picture could not be read."
}
