// Package phrases owns the texts that are prepared for answers: canned responses
// and templates with placeholders, whom they are offered to, and how they are
// found and filled. It sends nothing.
package phrases

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/phrase"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service keeps phrases.
type Service struct {
	store    *store.Store
	events   Log
	channels *channels.Service
}

// New returns the service.
func New(s *store.Store, events Log, lines *channels.Service) *Service {
	return &Service{s, events, lines}
}

// Scope says whom a phrase is offered to.
type Scope = phrase.Scope

// The scopes.
const (
	// Global: everybody, on every channel.
	Global = phrase.ScopeGlobal
	// ForDepartments: the people in one of the phrase's departments.
	ForDepartments = phrase.ScopeDepartment
	// ForChannels: whoever writes by one of the phrase's channels.
	ForChannels = phrase.ScopeChannel
)

// Phrase is a prepared text.
type Phrase struct {
	ID        uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int
	Title     string
	Content   string
	Language  string
	Scope     Scope
	// DepartmentIDs and ChannelIDs are set where the scope is theirs.
	DepartmentIDs, ChannelIDs []uuid.UUID
	// ChannelKinds are the kinds of channels that the text is for; none are all.
	ChannelKinds []string
	// Placeholders are what the text asks for.
	Placeholders []string
	// Uses counts the messages that were made of it.
	Uses       int64
	LastUsedAt *time.Time
}

// audited is what of a phrase is compared before and after a change.
type audited struct {
	Title         string      `json:"title"`
	Content       string      `json:"content"`
	Language      string      `json:"language"`
	Scope         Scope       `json:"scope"`
	DepartmentIDs []uuid.UUID `json:"department_ids"`
	ChannelIDs    []uuid.UUID `json:"channel_ids"`
	ChannelKinds  []string    `json:"channel_kinds"`
}

func (p Phrase) audited() audited {
	return audited{p.Title, p.Content, p.Language, p.Scope, p.DepartmentIDs, p.ChannelIDs, p.ChannelKinds}
}

func view(row *ent.Phrase) Phrase {
	parsed, _ := Parse(row.Content) // it was understood when it was saved
	kinds := row.ChannelKinds
	if kinds == nil {
		kinds = []string{}
	}
	return Phrase{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Title: row.Title, Content: row.Content, Language: string(row.Language), Scope: row.Scope,
		DepartmentIDs: []uuid.UUID{}, ChannelIDs: []uuid.UUID{}, ChannelKinds: kinds, Placeholders: parsed.Placeholders(),
		Uses: row.Uses, LastUsedAt: row.LastUsedAt,
	}
}

// Fits tells whether a phrase is offered on a channel of some kind.
func (p Phrase) Fits(channelID uuid.UUID, kind string) bool {
	return (p.Scope != ForChannels || slices.Contains(p.ChannelIDs, channelID)) &&
		(len(p.ChannelKinds) == 0 || slices.Contains(p.ChannelKinds, kind))
}

// Asks tells whether the text has a placeholder.
func (p Phrase) Asks(name string) bool { return slices.Contains(p.Placeholders, name) }

// Fill fills the placeholders; missing are those without a value and without
// anything in its place.
func (p Phrase) Fill(values map[string]string) (text string, missing []string) {
	parsed, _ := Parse(p.Content) // it was understood when it was saved
	return parsed.Render(values)
}

// Viewer is who looks at phrases.
type Viewer struct {
	UserID uuid.UUID
	// ChannelID is the channel of a conversation that he sees: what is for it is
	// offered to him, whether or not he may choose the channel himself.
	ChannelID uuid.UUID
	// All is set for who writes phrases: he sees those of all departments and
	// channels.
	All bool
}

// Get returns a phrase that is offered to the viewer. Faults: CodeNotFound.
func (s *Service) Get(ctx context.Context, v Viewer, phraseID uuid.UUID) (Phrase, error) {
	var out Phrase
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q, err := s.offered(ctx, v)
		if err != nil {
			return err
		}
		row, err := q.Where(phrase.ID(phraseID)).Only(ctx)
		if ent.IsNotFound(err) {
			return fault.Missing("phrase")
		}
		if err != nil {
			return err
		}
		out, err = s.whole(ctx, row)
		return err
	})
	return out, err
}

// whole is the view of one row with its departments and channels.
func (s *Service) whole(ctx context.Context, row *ent.Phrase) (Phrase, error) {
	all, err := s.views(ctx, []*ent.Phrase{row})
	if err != nil {
		return Phrase{}, err
	}
	return all[0], nil
}

// views adds their departments and channels to a page of phrases.
func (s *Service) views(ctx context.Context, rows []*ent.Phrase) ([]Phrase, error) {
	out := make([]Phrase, len(rows))
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		out[i], ids[i] = view(row), row.ID
	}
	departments, err := linked(ctx, "phrase_departments", "department_id", ids)
	if err != nil {
		return nil, err
	}
	lines, err := linked(ctx, "phrase_channels", "channel_id", ids)
	if err != nil {
		return nil, err
	}
	for i, row := range rows {
		out[i].DepartmentIDs = append(out[i].DepartmentIDs, departments[row.ID]...)
		out[i].ChannelIDs = append(out[i].ChannelIDs, lines[row.ID]...)
	}
	return out, nil
}

// Draft is a phrase that is to be made.
type Draft struct {
	Title, Content, Language  string
	Scope                     Scope
	DepartmentIDs, ChannelIDs []uuid.UUID
	ChannelKinds              []string
}

// Create makes a phrase. Faults: CodeInvalid, CodeUnknownPlaceholder,
// CodeNotFound for a department or a channel.
func (s *Service) Create(ctx context.Context, d Draft) (Phrase, error) {
	d, err := d.clean()
	if err != nil {
		return Phrase{}, err
	}
	var out Phrase
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.mayBeFor(ctx, d); err != nil {
			return err
		}
		row, err := s.store.Ent(ctx).Phrase.Create().
			SetTitle(d.Title).SetTitleFolded(Fold(d.Title)).SetContent(d.Content).SetContentFolded(Fold(d.Content)).
			SetLanguage(phrase.Language(d.Language)).SetScope(d.Scope).SetChannelKinds(d.ChannelKinds).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.link(ctx, row, d); err != nil {
			return err
		}
		if out, err = s.whole(ctx, row); err != nil {
			return err
		}
		return s.events.Publish(ctx, "phrase.created", "phrase", row.ID,
			events.Change{Data: map[string]any{"title": row.Title, "scope": row.Scope}, After: out.audited()})
	})
	return out, err
}

// Change is a partial update; nil fields stay as they are.
type Change struct {
	Title, Content, Language  *string
	Scope                     *Scope
	DepartmentIDs, ChannelIDs *[]uuid.UUID
	ChannelKinds              *[]string
}

// on is the phrase as it would be. With another scope, what belonged to the old
// one is dropped.
func (c Change) on(p Phrase) Draft {
	d := Draft{p.Title, p.Content, p.Language, p.Scope, p.DepartmentIDs, p.ChannelIDs, p.ChannelKinds}
	if c.Scope != nil && *c.Scope != p.Scope {
		d.Scope, d.DepartmentIDs, d.ChannelIDs = *c.Scope, nil, nil
	}
	set(&d.Title, c.Title)
	set(&d.Content, c.Content)
	set(&d.Language, c.Language)
	set(&d.DepartmentIDs, c.DepartmentIDs)
	set(&d.ChannelIDs, c.ChannelIDs)
	set(&d.ChannelKinds, c.ChannelKinds)
	return d
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

// Update changes a phrase whose version passes the check. Faults: those of the
// check and of Create, CodeNotFound.
func (s *Service) Update(ctx context.Context, phraseID uuid.UUID, c Change, check func(version int64) error) (Phrase, error) {
	var out Phrase
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, before, err := s.lock(ctx, phraseID, check)
		if err != nil {
			return err
		}
		d, err := c.on(before).clean()
		if err != nil {
			return err
		}
		if err := s.mayBeFor(ctx, d); err != nil {
			return err
		}
		row, err = row.Update().
			SetTitle(d.Title).SetTitleFolded(Fold(d.Title)).SetContent(d.Content).SetContentFolded(Fold(d.Content)).
			SetLanguage(phrase.Language(d.Language)).SetScope(d.Scope).SetChannelKinds(d.ChannelKinds).Save(ctx)
		if err != nil {
			return err
		}
		if err := s.unlink(ctx, row); err != nil {
			return err
		}
		if err := s.link(ctx, row, d); err != nil {
			return err
		}
		if out, err = s.whole(ctx, row); err != nil {
			return err
		}
		return s.events.Publish(ctx, "phrase.updated", "phrase", row.ID,
			events.Change{Data: map[string]any{"title": row.Title, "scope": row.Scope}, Before: before.audited(), After: out.audited()})
	})
	return out, err
}

// Delete takes a phrase out of use for good. Messages that were made of it
// remember it. Faults: those of the check, CodeNotFound.
func (s *Service) Delete(ctx context.Context, phraseID uuid.UUID, check func(version int64) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		row, before, err := s.lock(ctx, phraseID, check)
		if err != nil {
			return err
		}
		if err := s.unlink(ctx, row); err != nil {
			return err
		}
		if err := row.Update().SetArchivedAt(s.store.Now()).Exec(ctx); err != nil {
			return err
		}
		return s.events.Publish(ctx, "phrase.deleted", "phrase", row.ID,
			events.Change{Data: map[string]any{"title": row.Title}, Before: before.audited()})
	})
}

// lock loads a phrase for a change, in the running transaction. A key that is
// kept to channels changes no phrase of others.
func (s *Service) lock(ctx context.Context, phraseID uuid.UUID, check func(version int64) error) (*ent.Phrase, Phrase, error) {
	q, err := s.offered(ctx, Viewer{All: true})
	if err != nil {
		return nil, Phrase{}, err
	}
	row, err := q.Where(phrase.ID(phraseID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, Phrase{}, fault.Missing("phrase")
	}
	if err != nil {
		return nil, Phrase{}, err
	}
	if err := check(int64(row.Version)); err != nil {
		return nil, Phrase{}, err
	}
	present, err := s.whole(ctx, row)
	return row, present, err
}

// Used counts a message that is made of a phrase, in the running transaction. It
// is no change of the phrase: its version stays.
func (s *Service) Used(ctx context.Context, phraseID uuid.UUID) error {
	_, err := store.Exec(ctx, `UPDATE phrases SET uses = uses + 1, last_used_at = $1 WHERE id = $2`, s.store.Now(), phraseID)
	return err
}
