package phrases

import (
	"fmt"
	"slices"
	"strings"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/phrase"
	"github.com/trellishq/trellis/ent/predicate"
)

// order is what a list is sorted by: a number, a text, and at last the id. It
// says so twice, in SQL and in Go, where the place of a row for the next page is
// made.
type order struct {
	by      Sort
	search  string
	reverse bool
}

func orderOf(by Sort, reverse bool, search string) order {
	if by == ByRelevance && search == "" {
		by = ByTitle
	}
	return order{by, search, reverse}
}

// place is where a row stands.
func (o order) place(row *ent.Phrase) Position {
	p := Position{ID: row.ID}
	text := row.TitleFolded
	switch o.by {
	case ByContent:
		text = row.ContentFolded
	case ByUses:
		p.Rank = -int(row.Uses)
	case ByLanguage:
		p.Rank = slices.Index(Languages(), string(row.Language)) + 1
	case ByRelevance:
		p.Rank = relevance(o.search, row.TitleFolded, row.ContentFolded)
	}
	runes := []rune(text)
	p.Text = string(runes[:min(len(runes), sortedBy)])
	return p
}

// relevance is the less, the better a phrase answers a search: its title begins
// with it, a word of its title does, its title holds it, its text begins with
// it, its text holds it.
func relevance(search, title, content string) int {
	for rank, answers := range []bool{
		strings.HasPrefix(title, search), strings.Contains(title, " "+search), strings.Contains(title, search),
		strings.HasPrefix(content, search),
	} {
		if answers {
			return rank
		}
	}
	return 4
}

// number is the first key in SQL.
func (o order) number(sel *entsql.Selector) string {
	switch o.by {
	case ByUses:
		return "(-" + sel.C(phrase.FieldUses) + ")"
	case ByLanguage:
		return "array_position('{" + strings.Join(Languages(), ",") + "}'::text[], " + sel.C(phrase.FieldLanguage) + "::text)"
	case ByRelevance:
		return "ranked.rank"
	}
	return "0::bigint"
}

// rank joins the relevance of each phrase that can hold the text. The builder
// takes no arguments in an order, hence a relation.
func (o order) rank(sel *entsql.Selector) {
	from := entsql.Table(phrase.Table).As("candidate")
	ranked := entsql.Dialect("postgres").Select().From(from)
	title, content := from.C(phrase.FieldTitleFolded), from.C(phrase.FieldContentFolded)
	ranked.AppendSelectExprAs(entsql.Expr(from.C(phrase.FieldID)), "id").AppendSelectExprAs(entsql.ExprFunc(func(b *entsql.Builder) {
		b.WriteString("CASE WHEN starts_with(" + title + ", ").Arg(o.search).
			WriteString(") THEN 0 WHEN strpos(" + title + ", ").Arg(" " + o.search).
			WriteString(") > 0 THEN 1 WHEN strpos(" + title + ", ").Arg(o.search).
			WriteString(") > 0 THEN 2 WHEN starts_with(" + content + ", ").Arg(o.search).WriteString(") THEN 3 ELSE 4 END")
	}), "rank")
	sel.Join(ranked.As("ranked")).On(sel.C(phrase.FieldID), ranked.C("id"))
}

// text is the second key in SQL. Its order is that of the bytes, the same on
// every server.
func (o order) text(sel *entsql.Selector) string {
	column := sel.C(phrase.FieldTitleFolded)
	if o.by == ByContent {
		column = sel.C(phrase.FieldContentFolded)
	}
	return fmt.Sprintf(`left(%s, %d) COLLATE "C"`, column, sortedBy)
}

// apply orders a query.
func (o order) apply(sel *entsql.Selector) {
	if o.by == ByRelevance {
		o.rank(sel)
	}
	direction := ""
	if o.reverse {
		direction = " DESC"
	}
	sel.OrderExpr(entsql.Expr(o.number(sel) + direction + ", " + o.text(sel) + direction + ", " + sel.C(phrase.FieldID) + direction))
}

// behind keeps to what comes after a place.
func (o order) behind(p Position) predicate.Phrase {
	comparison := ") > ("
	if o.reverse {
		comparison = ") < ("
	}
	return func(sel *entsql.Selector) {
		sel.Where(entsql.P(func(b *entsql.Builder) {
			b.WriteString("(" + o.number(sel) + ", " + o.text(sel) + ", " + sel.C(phrase.FieldID) + comparison).
				Arg(p.Rank).WriteString("::bigint, ").Arg(p.Text).WriteString("::text, ").Arg(p.ID).WriteString("::uuid)")
		}))
	}
}
