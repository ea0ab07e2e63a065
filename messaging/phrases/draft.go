package phrases

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/google/uuid"
	"golang.org/x/text/unicode/norm"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/ent/department"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
)

// MaxContent is the length of a phrase in characters: a placeholder can be
// longer than what takes its place.
const MaxContent = 2000

// Languages are those of the manuals.
func Languages() []string { return []string{"en", "de", "es", "fr", "it", "pt-BR"} }

// Kinds are the kinds of channels that a phrase can be kept to.
func Kinds() []string { return []string{"sms", "email", "chat", "facebook", "whatsapp"} }

// clean checks everything about a draft that can be said without asking, and
// brings it into one form.
func (d Draft) clean() (Draft, error) {
	title, err := tenants.CleanName("body.title", d.Title)
	if err != nil {
		return d, err
	}
	d.Title = title
	if d.Content, err = cleanContent(d.Content); err != nil {
		return d, err
	}
	d.DepartmentIDs, d.ChannelIDs = once(d.DepartmentIDs), once(d.ChannelIDs)
	d.ChannelKinds = slices.Compact(slices.Sorted(slices.Values(d.ChannelKinds)))
	if d.ChannelKinds == nil {
		d.ChannelKinds = []string{}
	}
	if d.Scope == "" {
		d.Scope = Global
	}
	return d, nil
}

func cleanContent(content string) (string, error) {
	content = norm.NFC.String(strings.ReplaceAll(content, "\r\n", "\n"))
	switch n := utf8.RuneCountInString(content); {
	case strings.TrimSpace(content) == "":
		return "", fault.InvalidField(fault.CodeInvalid, "body.content", "is empty")
	case n > MaxContent:
		return "", fault.InvalidField(fault.CodeInvalid, "body.content", fmt.Sprintf("has %d characters; %d are allowed", n, MaxContent))
	case strings.ContainsFunc(content, unprintable):
		return "", fault.InvalidField(fault.CodeInvalid, "body.content", "must not contain control characters other than line breaks and tabs")
	}
	_, problems := Parse(content)
	return content, misunderstood(problems)
}

// unprintable finds what hides or turns around the text beside it.
func unprintable(r rune) bool {
	return r != '\n' && r != '\t' && (unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == utf8.RuneError)
}

// misunderstood is the refusal of a text, with each place that is wrong.
func misunderstood(problems []Problem) error {
	if len(problems) == 0 {
		return nil
	}
	f := fault.New(fault.Invalid, fault.CodeInvalid, "The placeholders of the text are not well formed.")
	for _, p := range problems {
		if p.Placeholder != "" {
			f = fault.New(fault.Invalid, fault.CodeUnknownPlaceholder, "The text asks for what nobody knows.")
			break
		}
	}
	for _, p := range problems {
		if p.Placeholder != "" {
			f = f.At("body.content", p.Message, p.Placeholder)
		} else {
			f = f.At("body.content", p.Message)
		}
	}
	return f
}

// once keeps each id once, in a fixed order.
func once(ids []uuid.UUID) []uuid.UUID {
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b uuid.UUID) int { return strings.Compare(a.String(), b.String()) })
	return slices.Compact(out)
}

// fitsScope refuses what does not go with the scope.
func (d Draft) fitsScope() error {
	wants := map[Scope]string{ForDepartments: "body.department_ids", ForChannels: "body.channel_ids"}[d.Scope]
	for location, ids := range map[string][]uuid.UUID{"body.department_ids": d.DepartmentIDs, "body.channel_ids": d.ChannelIDs} {
		switch {
		case location == wants && len(ids) == 0:
			return fault.InvalidField(fault.CodeInvalid, location, fmt.Sprintf("is needed where the scope is %s", d.Scope))
		case location != wants && len(ids) > 0:
			return fault.InvalidField(fault.CodeInvalid, location, fmt.Sprintf("does not go with the scope %s", d.Scope))
		}
	}
	return nil
}

// mayBeFor refuses departments and channels that are not the tenant's, or that
// do not go with the scope.
func (s *Service) mayBeFor(ctx context.Context, d Draft) error {
	client := s.store.Ent(ctx)
	if len(d.DepartmentIDs) > 0 {
		found, err := client.Department.Query().Where(department.IDIn(d.DepartmentIDs...)).IDs(ctx)
		if err != nil {
			return err
		}
		if err := allFound("body.department_ids", "names what is no department of this tenant", d.DepartmentIDs, found); err != nil {
			return err
		}
	}
	if len(d.ChannelIDs) > 0 {
		found, err := client.Channel.Query().Where(channel.IDIn(d.ChannelIDs...), channel.StatusNEQ(channel.StatusReleased)).IDs(ctx)
		if err != nil {
			return err
		}
		if err := allFound("body.channel_ids", "names what is no channel of this tenant", d.ChannelIDs, found); err != nil {
			return err
		}
	}
	return d.fitsScope()
}

func allFound(location, message string, wanted, found []uuid.UUID) error {
	for _, each := range wanted {
		if !slices.Contains(found, each) {
			return fault.InvalidField(fault.CodeNotFound, location, message, each.String())
		}
	}
	return nil
}

// link writes down whom a phrase is for and where it is found.
func (s *Service) link(ctx context.Context, row *ent.Phrase, d Draft) error {
	for _, l := range []struct {
		table, column, as string
		values            any
	}{
		{"phrase_departments", "department_id", "uuid", d.DepartmentIDs},
		{"phrase_channels", "channel_id", "uuid", d.ChannelIDs},
		{"phrase_grams", "gram", "text", grams(row.TitleFolded, row.ContentFolded)},
	} {
		list, err := json.Marshal(l.values)
		if err != nil {
			return err
		}
		if string(list) == "null" {
			continue
		}
		_, err = store.Exec(ctx, fmt.Sprintf(`INSERT INTO %s (tenant_id, phrase_id, created_at, %s)
			SELECT $1::uuid, $2::uuid, $4::timestamptz, value::%s FROM jsonb_array_elements_text($3::jsonb)`, l.table, l.column, l.as),
			row.TenantID, row.ID, string(list), s.store.Now())
		if err != nil {
			return err
		}
	}
	return nil
}

// unlink takes back what link wrote.
func (s *Service) unlink(ctx context.Context, row *ent.Phrase) error {
	for _, table := range []string{"phrase_departments", "phrase_channels", "phrase_grams"} {
		_, err := store.Exec(ctx, `DELETE FROM `+table+` WHERE tenant_id = $1 AND phrase_id = $2`, row.TenantID, row.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// linked are the ids that a table has beside some phrases.
func linked(ctx context.Context, table, column string, phraseIDs []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	out := map[uuid.UUID][]uuid.UUID{}
	rows, err := store.Query(ctx, fmt.Sprintf(`SELECT phrase_id, %[2]s FROM %[1]s
		WHERE phrase_id = ANY ($1::uuid[]) ORDER BY phrase_id, %[2]s`, table, column), array(phraseIDs))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var phraseID, other uuid.UUID
		if err := rows.Scan(&phraseID, &other); err != nil {
			return nil, err
		}
		out[phraseID] = append(out[phraseID], other)
	}
	return out, rows.Err()
}

// array writes ids as PostgreSQL reads an array.
func array(ids []uuid.UUID) string {
	words := make([]string, len(ids))
	for i, each := range ids {
		words[i] = each.String()
	}
	return "{" + strings.Join(words, ",") + "}"
}
