package queues

import (
	"context"
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
)

// maxDescription bounds a description, in characters.
const maxDescription = 2000

// Settings are what somebody wants of a queue; nil leaves a setting as it is.
type Settings struct {
	Name         *string
	Description  *string
	ScreenPopURL *string
	SelfAssign   *bool
	// DispositionRequired makes people close its conversations with a disposition.
	DispositionRequired *bool
	Assignment          AssignmentSettings
}

// clean checks the settings and brings them into their form.
func (s *Settings) clean() error {
	if s.Name != nil {
		name, err := tenants.CleanName("body.name", *s.Name)
		if err != nil {
			return err
		}
		s.Name = &name
	}
	if s.Description != nil {
		text := strings.TrimSpace(*s.Description)
		if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxDescription || strings.ContainsFunc(text, hidden) {
			return fault.InvalidField(fault.CodeInvalid, "body.description", "must be plain text of 2,000 characters at most")
		}
		s.Description = &text
	}
	if s.ScreenPopURL != nil && *s.ScreenPopURL != "" {
		if err := checkScreenPop(*s.ScreenPopURL); err != nil {
			return err
		}
	}
	return s.Assignment.clean()
}

// hidden finds what is no text of lines: control characters, and what turns the
// text beside it around.
func hidden(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r))
}

// set writes the settings that were given and differ from what a queue has.
func (s *Settings) set(m *ent.QueueMutation, from Queue) {
	setIf(s.Name, from.Name, m.SetName)
	setIf(s.Description, from.Description, m.SetDescription)
	setIf(s.ScreenPopURL, from.ScreenPopURL, m.SetScreenPopURL)
	setIf(s.SelfAssign, from.SelfAssign, m.SetSelfAssign)
	setIf(s.DispositionRequired, from.DispositionRequired, m.SetDispositionRequired)
	s.Assignment.set(m, from.Assignment)
}

func setIf[T comparable](value *T, from T, set func(T)) {
	if value != nil && *value != from {
		set(*value)
	}
}

// Update changes settings of a queue whose version passes the check. Faults:
// those of the check and of Create, CodeNotFound, CodeWrongState for an archived
// one.
func (s *Service) Update(ctx context.Context, queueID uuid.UUID, settings Settings, check func(version int64) error) (Queue, error) {
	if err := settings.clean(); err != nil {
		return Queue{}, err
	}
	var out Queue
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lock(ctx, queueID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return archived()
		}
		before, update := view(row), row.Update()
		settings.set(update.Mutation(), before)
		if len(update.Mutation().Fields())+len(update.Mutation().ClearedFields()) == 0 {
			out = before
			return s.opened(ctx, &out)
		}
		if row, err = update.Save(ctx); err != nil {
			return named(err, settings.Name)
		}
		out = view(row)
		if err := errors.Join(s.opened(ctx, &out), s.Look(ctx, row.ID, s.store.Now())); err != nil {
			return err
		}
		return s.events.Publish(ctx, "queue.updated", "queue", row.ID,
			events.Change{Data: map[string]any{"name": row.Name}, Before: before.audited(), After: out.audited()})
	})
	return out, err
}
