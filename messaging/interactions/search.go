package interactions

import (
	"context"
	"slices"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/contactaddress"
	"github.com/trellishq/trellis/ent/message"
	"github.com/trellishq/trellis/internal/excerpt"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	// maxTerms bounds the words of a search; those behind are left out.
	maxTerms = 8
	// rareTerm is how many messages and contacts may hold a word that a search
	// begins with. A word that more hold is asked of each conversation in turn.
	rareTerm = 1000
	// searchDepth is how many conversations are asked at most for one page, where
	// all words are frequent ones.
	searchDepth = 20_000
	// excerptLength is how many characters of a message a result shows.
	excerptLength = 160
)

// inquiry is what a text asks for. Each term has to be found, in a message of the
// conversation or in its contact.
type inquiry struct {
	terms []string
	// nothing is set where a term is found nowhere.
	nothing bool
	// holders are the interactions and contacts that hold a rare term; frequent
	// are the other terms.
	holders  [][]uuid.UUID
	frequent []string
}

// FoundIn is the place where a search found something.
type FoundIn string

// The places.
const (
	FoundInMessage FoundIn = "message"
	FoundInName    FoundIn = "contact_name"
	FoundInAddress FoundIn = "address"
)

// Found is where a search found an interaction.
type Found struct {
	In FoundIn
	// MessageID is nil where it was not a message.
	MessageID *uuid.UUID
	excerpt.Excerpt
}

// inquire looks each word up. A text that is empty asks for nothing.
func inquire(ctx context.Context, text string) (inquiry, error) {
	var out inquiry
	if text == "" {
		return out, nil
	}
	terms, err := textsFrom(ctx, `SELECT unnest(h_words($1))`, clean(text))
	if err != nil {
		return out, err
	}
	if len(terms) == 0 {
		return out, fault.InvalidField(fault.CodeInvalid, "query.q", "has neither letters nor digits", text)
	}
	slices.SortStableFunc(terms, func(a, b string) int { return utf8.RuneCountInString(b) - utf8.RuneCountInString(a) })
	out.terms = terms[:min(len(terms), maxTerms)]
	for _, term := range out.terms {
		holders, err := store.IDs(ctx, `SELECT h_search($1, $2)`, term, rareTerm+1)
		if err != nil {
			return out, err
		}
		switch {
		case len(holders) == 0:
			out.nothing = true
			return out, nil
		case len(holders) > rareTerm:
			out.frequent = append(out.frequent, term)
		default:
			out.holders = append(out.holders, distinct(holders))
		}
	}
	return out, nil
}

// rare are the conditions that choose few rows, by index. Where there is one, the
// frequent terms are asked of those rows.
func (w inquiry) rare(q *statement) (out []string) {
	for _, holders := range w.holders {
		ids := q.bind(idArray(holders))
		out = append(out, "(i.id = ANY ("+ids+"::uuid[]) OR i.contact_id = ANY ("+ids+"::uuid[]))")
	}
	if len(w.holders) > 0 {
		out = append(out, w.asked(q)...)
	}
	return out
}

// common are the conditions where every term is a frequent one.
func (w inquiry) common(q *statement) []string {
	if len(w.holders) > 0 {
		return nil
	}
	return w.asked(q)
}

func (w inquiry) asked(q *statement) (out []string) {
	for _, term := range w.frequent {
		out = append(out, `EXISTS (SELECT FROM search_documents d WHERE d.tenant_id = i.tenant_id AND d.owner_id IN (i.id, i.contact_id)
			AND d.words @@ h_query(i.tenant_id, `+q.bind(term)+`))`)
	}
	return out
}

// show says of each row where the search found it: in the latest message that
// holds a term, or else in the contact.
func (s *Service) show(ctx context.Context, w inquiry, rows []Row) error {
	if len(w.terms) == 0 {
		return nil
	}
	texts, err := s.messagesWith(ctx, w, rows)
	if err != nil {
		return err
	}
	addresses, err := s.addressesOf(ctx, rows)
	if err != nil {
		return err
	}
	for n := range rows {
		rows[n].Found = w.found(rows[n], texts[rows[n].ID], addresses[rows[n].ContactID])
	}
	return nil
}

// found chooses what is shown of a row.
func (w inquiry) found(row Row, said *heldMessage, addresses []string) *Found {
	if said != nil {
		if cut, ok := excerpt.Cut(said.body, w.terms, excerptLength); ok {
			return &Found{In: FoundInMessage, MessageID: &said.id, Excerpt: cut}
		}
	}
	if cut, ok := excerpt.Cut(row.ContactName, w.terms, excerptLength); ok {
		return &Found{In: FoundInName, Excerpt: cut}
	}
	for _, address := range append([]string{row.Address}, addresses...) {
		if cut, ok := excerpt.Number(address, w.terms); ok {
			return &Found{In: FoundInAddress, Excerpt: cut}
		}
	}
	cut, _ := excerpt.Cut(row.Address, w.terms, excerptLength)
	return &Found{In: FoundInAddress, Excerpt: cut}
}

// heldMessage is a message that holds a term.
type heldMessage struct {
	id   uuid.UUID
	body string
}

// messagesWith finds the latest message with a term, for each interaction.
func (s *Service) messagesWith(ctx context.Context, w inquiry, rows []Row) (map[uuid.UUID]*heldMessage, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(rows))
	for n, row := range rows {
		ids[n] = row.ID
	}
	found, err := store.IDs(ctx, `
		SELECT DISTINCT ON (d.owner_id) d.id
		FROM search_documents d
		WHERE d.tenant_id = $1 AND d.owner_id = ANY ($2::uuid[])
		  AND EXISTS (SELECT FROM unnest($3::text[]) AS term WHERE d.words @@ h_query(d.tenant_id, term))
		ORDER BY d.owner_id, d.id DESC`, sc.TenantID, idArray(ids), wordArray(w.terms))
	if err != nil {
		return nil, err
	}
	messages, err := s.store.Ent(ctx).Message.Query().Where(message.IDIn(found...)).
		Select(message.FieldID, message.FieldInteractionID, message.FieldBody).All(ctx)
	if err != nil {
		return nil, err
	}
	out := make(map[uuid.UUID]*heldMessage, len(messages))
	for _, m := range messages {
		out[m.InteractionID] = &heldMessage{m.ID, m.Body}
	}
	return out, nil
}

func (s *Service) addressesOf(ctx context.Context, rows []Row) (map[uuid.UUID][]string, error) {
	var contacts []uuid.UUID
	for _, row := range rows {
		contacts = append(contacts, row.ContactID)
	}
	found, err := s.store.Ent(ctx).ContactAddress.Query().Where(contactaddress.ContactIDIn(distinct(contacts)...)).All(ctx)
	if err != nil {
		return nil, err
	}
	out := map[uuid.UUID][]string{}
	for _, a := range found {
		out[a.ContactID] = append(out[a.ContactID], a.Value)
	}
	return out, nil
}

// wordArray writes words, which hold nothing but letters and digits, as
// PostgreSQL reads an array.
func wordArray(words []string) string {
	out := "{"
	for n, word := range words {
		if n > 0 {
			out += ","
		}
		out += `"` + word + `"`
	}
	return out + "}"
}

// textsFrom runs a statement and returns the texts that it returns.
func textsFrom(ctx context.Context, query string, args ...any) (out []string, err error) {
	rows, err := store.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return nil, err
		}
		out = append(out, text)
	}
	return out, rows.Err()
}
