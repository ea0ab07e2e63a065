package labels

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/tag"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// Tag is a word that conversations are marked with.
type Tag struct {
	ID         uuid.UUID
	CreatedAt  time.Time
	UpdatedAt  time.Time
	Version    int
	Name       string
	Color      string
	ArchivedAt *time.Time
}

func tagView(row *ent.Tag) Tag {
	return Tag{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Name: row.Name, Color: row.Color, ArchivedAt: row.ArchivedAt,
	}
}

// auditedTag is what of a tag is compared before and after a change.
type auditedTag struct {
	Name       string     `json:"name"`
	Color      string     `json:"color"`
	ArchivedAt *time.Time `json:"archived_at"`
}

func (t Tag) audited() auditedTag { return auditedTag{t.Name, t.Color, t.ArchivedAt} }

// Tags returns tags behind a given id, oldest first: those in use, or with
// archived those that no longer are. A search keeps to names with it inside.
func (s *Service) Tags(ctx context.Context, archived bool, search string, after uuid.UUID, limit int) ([]Tag, error) {
	var out []Tag
	err := s.store.Read(ctx, func(ctx context.Context) error {
		q := s.store.Ent(ctx).Tag.Query().Where(tag.IDGT(after))
		if archived {
			q.Where(tag.ArchivedAtNotNil())
		} else {
			q.Where(tag.ArchivedAtIsNil())
		}
		if search != "" {
			q.Where(tag.NameContainsFold(search))
		}
		rows, err := q.Order(ent.Asc(tag.FieldID)).Limit(limit).All(ctx)
		for _, row := range rows {
			out = append(out, tagView(row))
		}
		return err
	})
	return out, err
}

// GetTag returns one tag; an archived one is found as well. Faults:
// CodeNotFound.
func (s *Service) GetTag(ctx context.Context, tagID uuid.UUID) (Tag, error) {
	var out Tag
	err := s.store.Read(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Tag.Get(ctx, tagID)
		if ent.IsNotFound(err) {
			return fault.Missing("tag")
		}
		if err == nil {
			out = tagView(row)
		}
		return err
	})
	return out, err
}

// CreateTag makes a tag that no conversation has. Faults: CodeInvalid,
// CodeNameTaken.
func (s *Service) CreateTag(ctx context.Context, name, color string) (Tag, error) {
	name, err := tenants.CleanName("body.name", name)
	if err != nil {
		return Tag{}, err
	}
	if color, err = cleanColor(color); err != nil {
		return Tag{}, err
	}
	var out Tag
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.store.Ent(ctx).Tag.Create().SetName(name).SetColor(color).Save(ctx)
		if err != nil {
			return tagNamed(err, name)
		}
		out = tagView(row)
		return s.events.Publish(ctx, "tag.created", "tag", row.ID,
			events.Change{Data: map[string]any{"name": name, "color": color}, After: out.audited()})
	})
	return out, err
}

func tagNamed(err error, name string) error {
	if store.Violates(err, "h_tags_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another tag of the tenant has this name.").
			At("body.name", "is taken", name)
	}
	return err
}

// TagChange changes the fields of a tag that are not nil.
type TagChange struct{ Name, Color *string }

// UpdateTag changes a tag whose version passes the check; it is renamed on all
// conversations that have it. Faults: those of the check and of CreateTag,
// CodeNotFound, CodeWrongState for an archived one.
func (s *Service) UpdateTag(ctx context.Context, tagID uuid.UUID, change TagChange, check func(version int64) error) (Tag, error) {
	var out Tag
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockTag(ctx, tagID)
		if err != nil {
			return err
		}
		if err := check(int64(row.Version)); err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return tagArchived()
		}
		before := tagView(row)
		out = before
		name, color, err := change.over(before)
		if err != nil || name == before.Name && color == before.Color {
			return err
		}
		if row, err = row.Update().SetName(name).SetColor(color).Save(ctx); err != nil {
			return tagNamed(err, name)
		}
		out = tagView(row)
		return s.events.Publish(ctx, "tag.updated", "tag", row.ID, events.Change{
			Data: map[string]any{"name": name, "color": color}, Before: before.audited(), After: out.audited(),
		})
	})
	return out, err
}

// over is what a tag is called and looks like after the change.
func (c TagChange) over(before Tag) (name, color string, err error) {
	name, color = before.Name, before.Color
	if c.Name != nil {
		if name, err = tenants.CleanName("body.name", *c.Name); err != nil {
			return "", "", err
		}
	}
	if c.Color != nil {
		if color, err = cleanColor(*c.Color); err != nil {
			return "", "", err
		}
	}
	return name, color, nil
}

func (s *Service) lockTag(ctx context.Context, tagID uuid.UUID) (*ent.Tag, error) {
	row, err := s.store.Ent(ctx).Tag.Query().Where(tag.ID(tagID)).ForUpdate().Only(ctx)
	if ent.IsNotFound(err) {
		return nil, fault.Missing("tag")
	}
	return row, err
}

func tagArchived() error {
	return fault.New(fault.Conflict, fault.CodeWrongState, "The tag is archived.").Showing("archived")
}

// ArchiveTag takes a tag out of use and frees its name. Conversations that have
// it keep it, and no other gets it. Faults: CodeNotFound, CodeWrongState for an
// archived one.
func (s *Service) ArchiveTag(ctx context.Context, tagID uuid.UUID) (Tag, error) {
	var out Tag
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		row, err := s.lockTag(ctx, tagID)
		if err != nil {
			return err
		}
		if row.ArchivedAt != nil {
			return tagArchived()
		}
		before := tagView(row).audited()
		if row, err = row.Update().SetArchivedAt(s.store.Now()).Save(ctx); err != nil {
			return err
		}
		out = tagView(row)
		return s.events.Publish(ctx, "tag.archived", "tag", row.ID, events.Change{Before: before, After: out.audited()})
	})
	return out, err
}
