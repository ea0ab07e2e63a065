package labels

import (
	"cmp"
	"context"
	"regexp"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/disposition"
	"github.com/trellishq/trellis/ent/queue"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// Kind is what a disposition means for what comes after.
type Kind = disposition.Kind

// The kinds of disposition.
const (
	Plain            = disposition.KindPlain
	Retry            = disposition.KindRetry
	Callback         = disposition.KindCallback
	PersonalCallback = disposition.KindPersonalCallback
	DoNotContact     = disposition.KindDoNotContact
)

// Disposition is what a conversation can have come to.
type Disposition struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	// QueueID is whose list it is on; nil for the tenant's default list, which
	// all conversations have.
	QueueID    *uuid.UUID
	Name       string
	Code       string
	Color      string
	Hotkey     string
	Kind       Kind
	ArchivedAt *time.Time
}

func dispositionView(row *ent.Disposition) Disposition {
	return Disposition{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		QueueID: row.QueueID, Name: row.Name, Code: row.Code, Color: row.Color, Hotkey: row.Hotkey, Kind: row.Kind,
		ArchivedAt: row.ArchivedAt,
	}
}

// auditedDisposition is what of a disposition is compared before and after a
// change.
type auditedDisposition struct {
	QueueID    *uuid.UUID `json:"queue_id"`
	Name       string     `json:"name"`
	Code       string     `json:"code"`
	Color      string     `json:"color"`
	Hotkey     string     `json:"hotkey"`
	Kind       Kind       `json:"kind"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func (d Disposition) audited() auditedDisposition {
	return auditedDisposition{d.QueueID, d.Name, d.Code, d.Color, d.Hotkey, d.Kind, d.ArchivedAt}
}

// DispositionFilter chooses dispositions.
type DispositionFilter struct {
	Archived bool
	// Default keeps to the tenant's default list, Custom to the lists of queues.
	Default, Custom bool
	// QueueID keeps to the list of one queue.
	QueueID uuid.UUID
	// Search keeps to names and codes with it inside.
	Search string
}

// Dispositions returns dispositions behind a given id, oldest first.
func (s *Service) Dispositions(ctx context.Context, f DispositionFilter, after uuid.UUID, limit int) ([]Disposition, error) {
	var out []Disposition
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Disposition.Query().Where(disposition.IDGT(after))
		if f.Archived {
			q.Where(disposition.ArchivedAtNotNil())
		} else {
			q.Where(disposition.ArchivedAtIsNil())
		}
		if f.Default {
			q.Where(disposition.QueueIDIsNil())
		}
		if f.Custom {
			q.Where(disposition.QueueIDNotNil())
		}
		if f.QueueID != uuid.Nil {
			q.Where(disposition.QueueID(f.QueueID))
		}
		if f.Search != "" {
			q.Where(disposition.Or(disposition.NameContainsFold(f.Search), disposition.CodeContainsFold(f.Search)))
		}
		rows, err := q.Order(ent.Asc(disposition.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, dispositionView(row))
		}
		return err
	})
	return out, err
}

// GetDisposition returns one disposition; an archived one is found as well.
// Faults: CodeNotFound.
func (s *Service) GetDisposition(ctx context.Context, dispositionID uuid.UUID) (Disposition, error) {
	var out Disposition
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Disposition.Get(ctx, dispositionID)
		if ent.IsNotFound(err) {
			return fault.Missing("disposition")
		}
		if err == nil {
			out = dispositionView(row)
		}
		return err
	})
	return out, err
}

// NewDisposition is what a disposition is made of, beside its list.
type NewDisposition struct {
	Name, Code, Color, Hotkey string
	Kind                      Kind
}

var (
	code   = regexp.MustCompile(`^[0-9A-Za-z_-]{0,20}$`)
	hotkey = regexp.MustCompile(`^([0-9a-zA-Z]|F[1-9]|F1[0-2])?$`)
)

func (n NewDisposition) clean() (NewDisposition, error) {
	var err error
	if n.Name, err = tenants.CleanName("body.name", n.Name); err != nil {
		return n, err
	}
	if n.Color, err = cleanColor(n.Color); err != nil {
		return n, err
	}
	n.Hotkey = strings.ToUpper(n.Hotkey)
	n.Kind = cmp.Or(n.Kind, Plain)
	switch {
	case !code.MatchString(n.Code):
		err = fault.InvalidField(fault.CodeInvalid, "body.code", "has letters, digits, _ and - only, 20 at most", n.Code)
	case !hotkey.MatchString(n.Hotkey):
		err = fault.InvalidField(fault.CodeInvalid, "body.hotkey", "must be a letter, a digit, or F1 to F12", n.Hotkey)
	}
	return n, err
}

// CreateDisposition adds to the list of a queue in use, or with nil to the
// tenant's default list. Faults: CodeInvalid, CodeNotFound for the queue,
// CodeNameTaken, also for a code or a hotkey.
func (s *Service) CreateDisposition(ctx context.Context, queueID *uuid.UUID, n NewDisposition) (Disposition, error) {
	n, err := n.clean()
	if err != nil {
		return Disposition{}, err
	}
	var out Disposition
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.mustHaveQueue(ctx, queueID); err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Disposition.Create().SetNillableQueueID(queueID).
			SetName(n.Name).SetCode(n.Code).SetColor(n.Color).SetHotkey(n.Hotkey).SetKind(n.Kind).Save(ctx)
		if err != nil {
			return dispositionTaken(err, n)
		}
		out = dispositionView(row)
		return s.events.Publish(ctx, "disposition.created", "disposition", row.ID,
			events.Change{Data: map[string]any{"name": n.Name, "queue_id": queueID}, After: out.audited()})
	})
	return out, err
}

func (s *Service) mustHaveQueue(ctx context.Context, queueID *uuid.UUID) error {
	if queueID == nil {
		return nil
	}
	there, err := s.store.Ent(ctx).Queue.Query().Where(queue.ID(*queueID), queue.ArchivedAtIsNil()).Exist(ctx)
	if err == nil && !there {
		err = fault.InvalidField(fault.CodeNotFound, "body.queue_id", "is no queue in use of this tenant", queueID.String())
	}
	return err
}

// dispositionTaken says which of the things that are unique in a list is taken.
func dispositionTaken(err error, n NewDisposition) error {
	for constraint, field := range map[string][2]string{
		"h_dispositions_name":   {"body.name", n.Name},
		"h_dispositions_code":   {"body.code", n.Code},
		"h_dispositions_hotkey": {"body.hotkey", n.Hotkey},
	} {
		if store.Violates(err, constraint) {
			return fault.New(fault.Conflict, fault.CodeNameTaken, "Another disposition of the list has it.").
				At(field[0], "is taken", field[1])
		}
	}
	return err
}

// DispositionChange changes the fields of a disposition that are not nil.
type DispositionChange struct {
	Name, Code, Color, Hotkey *string
	Kind                      *Kind
}

func (c DispositionChange) over(d Disposition) (NewDisposition, error) {
	n := NewDisposition{d.Name, d.Code, d.Color, d.Hotkey, d.Kind}
	for to, from := range map[*string]*string{&n.Name: c.Name, &n.Code: c.Code, &n.Color: c.Color, &n.Hotkey: c.Hotkey} {
		if from != nil {
			*to = *from
		}
	}
	if c.Kind != nil {
		n.Kind = *c.Kind
	}
	return n.clean()
}

// UpdateDisposition changes a disposition whose version passes the check.
// Conversations keep what they came to under the name that it had. Faults: those
// of the check and of CreateDisposition, CodeNotFound, CodeWrongState for an
// archived one.
func (s *Service) UpdateDisposition(ctx context.Context, dispositionID uuid.UUID, change DispositionChange, check func(version int64) error) (Disposition, error) {
	var out Disposition
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockDisposition(ctx, dispositionID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return dispositionArchived()
		}
		before := dispositionView(row)
		out = before
		n, err := change.over(before)
		if err != nil || n == (NewDisposition{before.Name, before.Code, before.Color, before.Hotkey, before.Kind}) {
			return err
		}
		row, err = row.Update().SetName(n.Name).SetCode(n.Code).SetColor(n.Color).SetHotkey(n.Hotkey).SetKind(n.Kind).Save(ctx)
		if err != nil {
			return dispositionTaken(err, n)
		}
		out = dispositionView(row)
		return s.events.Publish(ctx, "disposition.updated", "disposition", row.ID, events.Change{
			Data: map[string]any{"name": n.Name}, Before: before.audited(), After: out.audited(),
		})
	})
	return out, err
}

func (s *Service) lockDisposition(ctx context.Context, dispositionID uuid.UUID) (*ent.Disposition, error) {
	row, err := s.store.Ent(ctx).Disposition.Query().Where(disposition.ID(dispositionID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("disposition")
	}
	return row, err
}

func dispositionArchived() error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The disposition is archived.").Showing("archived")
}

// ArchiveDisposition takes a disposition out of use and frees its name, code and
// hotkey. Conversations that came to it keep it. Faults: CodeNotFound,
// CodeWrongState for an archived one.
func (s *Service) ArchiveDisposition(ctx context.Context, dispositionID uuid.UUID) (Disposition, error) {
	var out Disposition
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockDisposition(ctx, dispositionID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return dispositionArchived()
		}
		before := dispositionView(row).audited()
		if row, err = row.Update().SetArchivedAt(s.store.Now()).Save(ctx); err != nil {
			return err
		}
		out = dispositionView(row)
		return s.events.Publish(ctx, "disposition.archived", "disposition", row.ID, events.Change{Before: before, After: out.audited()})
	})
	return out, err
}
