package interactions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/tag"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// What happens to the tags of an interaction, for its log.
const (
	LogTagged   LogKind = "tagged"
	LogUntagged LogKind = "untagged"
)

// MaxTags is how many tags an interaction can have.
const MaxTags = 50

// Tag is a tag that an interaction has.
type Tag struct {
	ID    uuid.UUID `json:"id"`
	Name  string    `json:"name"`
	Color string    `json:"color"`
}

// AddTag marks an interaction with a tag in use; one that has it keeps it.
// Faults: CodeNotFound, also for an archived tag, CodeConflict for one too many.
func (s *Service) AddTag(ctx context.Context, c Caller, interactionID, tagID uuid.UUID) (Interaction, error) {
	return s.retag(ctx, c, interactionID, []uuid.UUID{tagID}, nil)
}

// RemoveTag takes a tag from an interaction; one that does not have it stays as
// it is. Faults: CodeNotFound.
func (s *Service) RemoveTag(ctx context.Context, c Caller, interactionID, tagID uuid.UUID) (Interaction, error) {
	return s.retag(ctx, c, interactionID, nil, []uuid.UUID{tagID})
}

func (s *Service) retag(ctx context.Context, c Caller, interactionID uuid.UUID, add, remove []uuid.UUID) (Interaction, error) {
	var out Interaction
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.lock(ctx, c, interactionID); err != nil {
			return err
		}
		if _, err := s.changeTags(ctx, []uuid.UUID{interactionID}, add, remove); err != nil {
			var unknown unknownTag
			if errors.As(err, &unknown) {
				return fault.Missing("tag")
			}
			return err
		}
		var err error
		out, err = s.Get(ctx, c, interactionID)
		return err
	})
	return out, err
}

// TagMany adds tags to interactions and takes others from them: all of it, or
// nothing. It tells how many were changed. Faults: CodeNotFound with the place of
// what does not exist for the caller, CodeConflict for one tag too many.
func (s *Service) TagMany(ctx context.Context, c Caller, interactionIDs, add, remove []uuid.UUID) (changed int, err error) {
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.lockMany(ctx, c, interactionIDs); err != nil {
			return err
		}
		changed, err = s.changeTags(ctx, interactionIDs, add, remove)
		var unknown unknownTag
		if errors.As(err, &unknown) {
			field := "body.add_tag_ids"
			if unknown.removing {
				field = "body.remove_tag_ids"
			}
			return fault.InvalidField(fault.CodeNotFound, field, "names no tag in use of this tenant", unknown.id.String())
		}
		return err
	})
	return changed, err
}

// lockMany locks interactions in the order of their ids, as everybody does who
// locks several.
func (s *Service) lockMany(ctx context.Context, c Caller, interactionIDs []uuid.UUID) error {
	q, err := s.visible(ctx, c)
	if err != nil {
		return err
	}
	found, err := q.Where(interaction.IDIn(interactionIDs...)).Order(ent.Asc(interaction.FieldID)).ForUpdate().IDs(ctx)
	if err != nil {
		return err
	}
	there := map[uuid.UUID]bool{}
	for _, interactionID := range found {
		there[interactionID] = true
	}
	for i, interactionID := range interactionIDs {
		if !there[interactionID] {
			return fault.InvalidField(fault.CodeNotFound, fmt.Sprintf("body.interaction_ids[%d]", i),
				"is no interaction of this tenant", interactionID.String())
		}
	}
	return nil
}

// unknownTag is a tag that cannot be given, or that the tenant never had.
type unknownTag struct {
	id       uuid.UUID
	removing bool
}

func (u unknownTag) Error() string { return "interactions: there is no tag " + u.id.String() }

// changeTags writes the tags of locked interactions and says how many of these
// were changed.
func (s *Service) changeTags(ctx context.Context, interactionIDs, add, remove []uuid.UUID) (int, error) {
	given, err := s.knownTags(ctx, add, tag.ArchivedAtIsNil())
	if err != nil {
		return 0, err
	}
	taken, err := s.knownTags(ctx, remove)
	if err != nil {
		var unknown unknownTag
		if errors.As(err, &unknown) {
			err = unknownTag{unknown.id, true}
		}
		return 0, err
	}
	added, err := s.moveTags(ctx, `
		INSERT INTO interaction_tags (tenant_id, interaction_id, tag_id, created_at)
		SELECT $1, i.value::uuid, t.value::uuid, $4::timestamptz
		FROM jsonb_array_elements_text($2::jsonb) i, jsonb_array_elements_text($3::jsonb) t
		ON CONFLICT (tenant_id, interaction_id, tag_id) DO NOTHING
		RETURNING interaction_id, tag_id`, interactionIDs, given, s.store.Now())
	if err != nil {
		return 0, err
	}
	removed, err := s.moveTags(ctx, `
		DELETE FROM interaction_tags WHERE tenant_id = $1
		AND interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
		AND tag_id IN (SELECT value::uuid FROM jsonb_array_elements_text($3::jsonb))
		RETURNING interaction_id, tag_id`, interactionIDs, taken)
	if err != nil {
		return 0, err
	}
	if err := s.notTooManyTags(ctx, interactionIDs); err != nil {
		return 0, err
	}
	if err := s.recordTags(ctx, LogTagged, " added the tag ", given, added); err != nil {
		return 0, err
	}
	if err := s.recordTags(ctx, LogUntagged, " removed the tag ", taken, removed); err != nil {
		return 0, err
	}
	changed := map[uuid.UUID]bool{}
	for _, moved := range []map[uuid.UUID][]uuid.UUID{added, removed} {
		for _, ids := range moved {
			for _, interactionID := range ids {
				changed[interactionID] = true
			}
		}
	}
	return len(changed), nil
}

// recordTags says which interactions have got tags, or lost them.
func (s *Service) recordTags(ctx context.Context, kind LogKind, sentence string, tags []*ent.Tag, of map[uuid.UUID][]uuid.UUID) error {
	for _, t := range tags {
		if err := s.enterMany(ctx, of[t.ID], kind, actorName(ctx)+sentence+t.Name+".", LogDetails{To: t.Name}); err != nil {
			return err
		}
		if err := s.events.PublishMany(ctx, "interaction."+string(kind), "interaction", of[t.ID], map[string]any{"tag_id": t.ID}); err != nil {
			return err
		}
	}
	return nil
}

// knownTags loads tags that meet the conditions, in the order in which they were
// asked for.
func (s *Service) knownTags(ctx context.Context, ids []uuid.UUID, conditions ...predicate.Tag) ([]*ent.Tag, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	rows, err := s.store.Ent(ctx).Tag.Query().Where(tag.IDIn(ids...)).Where(conditions...).All(ctx)
	if err != nil {
		return nil, err
	}
	byID := map[uuid.UUID]*ent.Tag{}
	for _, row := range rows {
		byID[row.ID] = row
	}
	var out []*ent.Tag
	for _, id := range ids {
		row, ok := byID[id]
		if !ok {
			return nil, unknownTag{id: id}
		}
		out = append(out, row)
	}
	return out, nil
}

// moveTags runs a statement over all pairs of interactions and tags, and returns
// which interactions it changed, by tag.
func (s *Service) moveTags(ctx context.Context, statement string, interactionIDs []uuid.UUID, tags []*ent.Tag, more ...any) (map[uuid.UUID][]uuid.UUID, error) {
	out := map[uuid.UUID][]uuid.UUID{}
	if len(tags) == 0 {
		return out, nil
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	tagIDs := make([]uuid.UUID, len(tags))
	for i, t := range tags {
		tagIDs[i] = t.ID
	}
	args, err := lists(interactionIDs, tagIDs)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, statement, append([]any{sc.TenantID, args[0], args[1]}, more...)...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var interactionID, tagID uuid.UUID
		if err := rows.Scan(&interactionID, &tagID); err != nil {
			return nil, err
		}
		out[tagID] = append(out[tagID], interactionID)
	}
	return out, rows.Err()
}

// lists writes lists of ids as the statements take them.
func lists(of ...[]uuid.UUID) ([]string, error) {
	out := make([]string, len(of))
	for i, ids := range of {
		text, err := json.Marshal(append([]uuid.UUID{}, ids...))
		if err != nil {
			return nil, err
		}
		out[i] = string(text)
	}
	return out, nil
}

func (s *Service) notTooManyTags(ctx context.Context, interactionIDs []uuid.UUID) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	args, err := lists(interactionIDs)
	if err != nil {
		return err
	}
	var tooMany bool
	err = store.QueryRow(ctx, []any{&tooMany}, `
		SELECT EXISTS (SELECT FROM interaction_tags WHERE tenant_id = $1
		AND interaction_id IN (SELECT value::uuid FROM jsonb_array_elements_text($2::jsonb))
		GROUP BY interaction_id HAVING count(*) > $3)`, sc.TenantID, args[0], MaxTags)
	if err == nil && tooMany {
		err = fault.New(fault.Conflict, fault.CodeConflict, "An interaction can have %d tags.", MaxTags)
	}
	return err
}
