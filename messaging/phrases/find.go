package phrases

import (
	"context"
	"encoding/json"
	"slices"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/phrase"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/tenants/scope"
)

// Filter chooses phrases; empty fields choose all.
type Filter struct {
	// Search is looked for in title and content, without regard to accents and
	// capitals.
	Search   string
	Language string
	Scope    Scope
	// Kind keeps to what can go by channels of this kind.
	Kind         string
	DepartmentID uuid.UUID
	// ChannelID keeps to what is offered on this channel: its own, and what is
	// kept to no channel.
	ChannelID uuid.UUID
}

// Sort is what a list of phrases is ordered by.
type Sort string

// The orders.
const (
	ByTitle    Sort = "title"
	ByContent  Sort = "content"
	ByLanguage Sort = "language"
	// ByUses has what is used most first.
	ByUses Sort = "uses"
	// ByRelevance has what begins with the text that is searched first.
	ByRelevance Sort = "relevance"
)

// Position is the place of a phrase in a list: after it the next page begins.
type Position struct {
	Rank int       `json:"r,omitempty"`
	Text string    `json:"t,omitempty"`
	ID   uuid.UUID `json:"i"`
}

// sortedBy is how much of a text decides about its place, in characters: a
// cursor carries it.
const sortedBy = 40

// List returns phrases that are offered to the viewer, behind a position. With
// reverse, the order is turned around.
func (s *Service) List(ctx context.Context, v Viewer, f Filter, by Sort, reverse bool, after *Position, limit int) ([]Phrase, []Position, error) {
	var out []Phrase
	var places []Position
	err := s.store.Read(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		q, err := s.offered(ctx, v)
		if err != nil {
			return err
		}
		if f.ChannelID != uuid.Nil {
			known, err := s.store.Ent(ctx).Channel.Query().Where(channel.ID(f.ChannelID)).Exist(ctx)
			if err != nil || !known {
				return err // nothing is offered on another's channel
			}
		}
		q.Where(f.conditions(sc.TenantID)...)
		o := orderOf(by, reverse, Fold(f.Search))
		if after != nil {
			q.Where(o.behind(*after))
		}
		rows, err := q.Order(o.apply).Limit(limit).All(ctx)
		if err != nil {
			return err
		}
		if out, err = s.views(ctx, rows); err != nil {
			return err
		}
		for _, row := range rows {
			places = append(places, o.place(row))
		}
		return nil
	})
	return out, places, err
}

// offered begins a query of the phrases in use that a viewer may see: those for
// everybody, those of his departments, and those of the channels that he may
// choose. A key that is kept to channels sees no phrases of others.
func (s *Service) offered(ctx context.Context, v Viewer) (*ent.PhraseQuery, error) {
	q := s.store.Ent(ctx).Phrase.Query().Where(phrase.ArchivedAtIsNil())
	if v.All && len(scope.Channels(ctx)) == 0 {
		return q, nil
	}
	lines, err := s.channels.AvailableIDs(ctx, channels.Viewer{UserID: v.UserID, Narrow: !v.All})
	if err != nil {
		return nil, err
	}
	if v.ChannelID != uuid.Nil {
		lines = append(lines, v.ChannelID)
	}
	mine := func(sel *entsql.Selector) {
		if v.All {
			sel.Where(entsql.EQ(sel.C(phrase.FieldScope), ForDepartments))
			return
		}
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM phrase_departments d JOIN department_members m ON m.tenant_id = d.tenant_id" +
				" AND m.department_id = d.department_id WHERE d.tenant_id = " + sel.C(phrase.FieldTenantID) +
				" AND d.phrase_id = " + sel.C(phrase.FieldID) + " AND m.user_id = ").Arg(v.UserID).WriteString(")")
		}))
	}
	return q.Where(phrase.Or(phrase.ScopeEQ(Global), mine, onChannels(lines))), nil
}

// onChannels keeps to the phrases of some channels.
func onChannels(channelIDs []uuid.UUID) predicate.Phrase {
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM phrase_channels c WHERE c.tenant_id = " + sel.C(phrase.FieldTenantID) +
				" AND c.phrase_id = " + sel.C(phrase.FieldID) + " AND c.channel_id = ANY (").Arg(array(channelIDs)).WriteString("::uuid[]))")
		}))
	}
}

func inDepartment(departmentID uuid.UUID) predicate.Phrase {
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("EXISTS (SELECT FROM phrase_departments f WHERE f.tenant_id = " + sel.C(phrase.FieldTenantID) +
				" AND f.phrase_id = " + sel.C(phrase.FieldID) + " AND f.department_id = ").Arg(departmentID).WriteString(")")
		}))
	}
}

func (f Filter) conditions(tenantID uuid.UUID) []predicate.Phrase {
	var out []predicate.Phrase
	if f.Language != "" {
		out = append(out, phrase.LanguageEQ(phrase.Language(f.Language)))
	}
	if f.Scope != "" {
		out = append(out, phrase.ScopeEQ(f.Scope))
	}
	if f.Kind != "" {
		out = append(out, forKind(f.Kind))
	}
	if f.DepartmentID != uuid.Nil {
		out = append(out, inDepartment(f.DepartmentID))
	}
	if f.ChannelID != uuid.Nil {
		out = append(out, phrase.Or(phrase.ScopeNEQ(ForChannels), onChannels([]uuid.UUID{f.ChannelID})))
	}
	if text := Fold(f.Search); text != "" {
		out = append(out, holding(tenantID, text), holds(text))
	}
	return out
}

// forKind keeps to what is for a kind of channels, or for all.
func forKind(kind string) predicate.Phrase {
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			column := sel.C(phrase.FieldChannelKinds)
			b.WriteString("(" + column + " = '[]' OR jsonb_exists(" + column + ", ").Arg(kind).WriteString("))")
		}))
	}
}

// searchedGrams is how many entries of the index a search asks for: they are
// enough to leave few phrases over, whose texts are then looked at.
const searchedGrams = 12

// holding finds by index what can hold a text. Row level security lets an index
// serve only comparisons that leak nothing, which LIKE and the trigrams of
// PostgreSQL are not among; hence a table of our own. It is asked
// once, and not for each row: nothing in it depends on the row.
func holding(tenantID uuid.UUID, text string) predicate.Phrase {
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString(sel.C(phrase.FieldID) + " IN (SELECT g.phrase_id FROM phrase_grams g WHERE g.tenant_id = ").Arg(tenantID)
			wanted := slices.Compact(slices.Sorted(slices.Values(windows(text))))
			if len(wanted) == 0 {
				b.WriteString(" AND g.gram ~>=~ ").Arg(text).WriteString(" AND g.gram ~<~ ").Arg(text + "\U0010FFFF").WriteString(")")
				return
			}
			wanted = wanted[:min(len(wanted), searchedGrams)]
			list, _ := json.Marshal(wanted)
			b.WriteString(" AND g.gram = ANY (ARRAY(SELECT jsonb_array_elements_text(").Arg(string(list)).
				WriteString("::jsonb))) GROUP BY g.phrase_id HAVING count(*) = ").Arg(len(wanted)).WriteString(")")
		}))
	}
}

// holds looks at the texts of what was found by index.
func holds(text string) predicate.Phrase {
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("(strpos(" + sel.C(phrase.FieldTitleFolded) + ", ").Arg(text).
				WriteString(") > 0 OR strpos(" + sel.C(phrase.FieldContentFolded) + ", ").Arg(text).WriteString(") > 0)")
		}))
	}
}
