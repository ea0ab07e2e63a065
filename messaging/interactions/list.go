package interactions

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/interaction"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Position is the place of an interaction in a list: after it the next page
// begins. The zero Position is the start.
type Position struct {
	// Keys are the values of the order's keys, as PostgreSQL writes them.
	Keys []string  `json:"k"`
	ID   uuid.UUID `json:"i"`
}

// Row is an interaction as a list shows it: with the names of what it is about.
type Row struct {
	Interaction
	ContactName, ChannelName string
	// QueueName and AssigneeName are nil where there is none.
	QueueName, AssigneeName *string
	// ChangedByName is who changed it last, where that was a user of the tenant.
	ChangedByName *string
	// Found is where a search found it; nil without one.
	Found    *Found
	Position Position
}

// List returns interactions behind a position of an order. Faults: CodeInvalid
// for a text without anything to search for, and for an order that the view
// cannot be had in.
//
// It is read in two steps: the ids of the page, from indexes alone where that is
// possible, and then its rows, with the walls around each.
func (s *Service) List(ctx context.Context, c Caller, f Filter, sort Sort, after Position, limit int) ([]Row, error) {
	var out []Row
	if !sort.fits(f.View) {
		return nil, fault.InvalidField(fault.CodeInvalid, "query.sort", "orders what is not closed; ask for view=active with it", string(sort))
	}
	err := s.store.Read(ctx, func(ctx context.Context) error {
		wanted, err := inquire(ctx, f.Text)
		if err != nil || wanted.nothing {
			return err
		}
		places, err := s.page(ctx, c, f, wanted, sort, after, limit)
		if err != nil || len(places) == 0 {
			return err
		}
		if out, err = s.rows(ctx, c, places); err != nil {
			return err
		}
		return s.show(ctx, wanted, out)
	})
	return out, err
}

// page finds the places of a page.
func (s *Service) page(ctx context.Context, c Caller, f Filter, wanted inquiry, sort Sort, after Position, limit int) ([]Position, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	reach, err := s.reach(ctx, c)
	if err != nil {
		return nil, err
	}
	var q statement
	common := append([]string{"i.tenant_id = " + q.bind(sc.TenantID)}, f.conditions(&q, c)...)
	putOff, err := s.putOff(ctx, &q, c, f.View)
	if err != nil {
		return nil, err
	}
	common = append(common, putOff...)
	if channels := scope.Channels(ctx); len(channels) > 0 {
		common = append(common, q.in("i.channel_id", channels))
	}
	o, direction, behind := sort.direction()
	if after.ID != uuid.Nil {
		common = append(common, o.after(&q, behind, after))
	}
	common = append(common, wanted.rare(&q)...)
	text := o.merge(wanted.common(&q), common, o.branches(f, reach, reach.conditions(&q, f)), direction, q.bind(limit))
	return positions(ctx, len(o.keys), text, q.args)
}

// after is the keyset condition: one comparison of rows, which stays inside the
// tenant's condition whatever else is added (rules C3-2).
func (o ordering) after(q *statement, behind string, p Position) string {
	var left, right []string
	for n, k := range o.keys {
		left, right = append(left, k.sql), append(right, q.bind(p.Keys[n])+"::"+k.kind)
	}
	return "(" + strings.Join(left, ", ") + ", i.id) " + behind + " (" + strings.Join(right, ", ") + ", " + q.bind(p.ID) + ")"
}

// branches are the conditions of the parts that a list is merged from. Each part
// is the range of one index, in the list's order. Who sees everything has one in
// the words of the order's own index; the others' indexes are those of whose a
// conversation is, which leave out the closed ones themselves. Both conditions at
// once would make the planner expect next to nothing.
func (o ordering) branches(f Filter, r reach, conditions []string) []string {
	parts := []string{viewConditions[f.View]}
	if r.all && len(o.parts[f.View]) > 0 {
		parts = o.parts[f.View]
	}
	var out []string
	for _, condition := range conditions {
		for _, part := range parts {
			out = append(out, condition+" AND "+part)
		}
	}
	return out
}

// merge is the statement that takes the first rows out of all parts.
//
// Conditions that no index answers are asked of the first rows of each part, of
// so many at most that an answer comes in time.
func (o ordering) merge(slow, common, branches []string, direction, limit string) string {
	var columns, inner, outer, texts []string
	for n, k := range o.keys {
		columns = append(columns, fmt.Sprintf("%s AS k%d", k.sql, n))
		inner = append(inner, k.sql+direction)
		outer = append(outer, fmt.Sprintf("page.k%d%s", n, direction))
		texts = append(texts, fmt.Sprintf("page.k%d::text", n))
	}
	order := strings.Join(inner, ", ") + ", i.id" + direction
	parts := make([]string, len(branches))
	for n, condition := range branches {
		from, where := "interactions i", strings.Join(append(common[:len(common):len(common)], condition), " AND ")
		if len(slow) > 0 {
			from = fmt.Sprintf("(SELECT i.* FROM interactions i WHERE %s ORDER BY %s LIMIT %d) AS i", where, order, searchDepth)
			where = strings.Join(slow, " AND ")
		}
		parts[n] = fmt.Sprintf("(SELECT i.id, %s FROM %s WHERE %s ORDER BY %s LIMIT %s)", strings.Join(columns, ", "), from, where, order, limit)
	}
	return fmt.Sprintf("SELECT page.id, %s FROM (%s) AS page ORDER BY %s, page.id%s LIMIT %s",
		strings.Join(texts, ", "), strings.Join(parts, " UNION ALL "), strings.Join(outer, ", "), direction, limit)
}

func positions(ctx context.Context, keys int, text string, args []any) (out []Position, err error) {
	rows, err := store.Query(ctx, text, args...)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		p := Position{Keys: make([]string, keys)}
		dest := []any{&p.ID}
		for n := range p.Keys {
			dest = append(dest, &p.Keys[n])
		}
		if err := rows.Scan(dest...); err != nil {
			return nil, err
		}
		out = append(out, p)
	}
	return out, rows.Err()
}

// rows reads the interactions at some places, in their order.
func (s *Service) rows(ctx context.Context, c Caller, places []Position) ([]Row, error) {
	ids := make([]uuid.UUID, len(places))
	for n, p := range places {
		ids[n] = p.ID
	}
	found, err := s.store.Ent(ctx).Interaction.Query().Where(interaction.IDIn(ids...)).All(ctx)
	if err != nil {
		return nil, err
	}
	page := make([]Interaction, len(found))
	byID := make(map[uuid.UUID]*Interaction, len(found))
	for n, row := range found {
		page[n] = interactionView(row)
		byID[row.ID] = &page[n]
	}
	if err := s.withExtras(ctx, c, page); err != nil {
		return nil, err
	}
	names, err := namesOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]Row, 0, len(places))
	for _, p := range places {
		shown, ok := byID[p.ID]
		if !ok {
			continue // behind a wall of which the statement did not know
		}
		row := names[p.ID]
		row.Interaction, row.Position = *shown, p
		out = append(out, row)
	}
	return out, nil
}

// namesOf reads what the interactions of a page are shown with.
func namesOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Row, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT i.id, c.name, h.name, q.name, u.name, e.name
		FROM interactions i
		JOIN contacts c ON c.tenant_id = i.tenant_id AND c.id = i.contact_id
		JOIN channels h ON h.tenant_id = i.tenant_id AND h.id = i.channel_id
		LEFT JOIN queues q ON q.tenant_id = i.tenant_id AND q.id = i.queue_id
		LEFT JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.assignee_id
		LEFT JOIN users e ON e.tenant_id = i.tenant_id AND e.id = i.changed_by_id
		WHERE i.tenant_id = $1 AND i.id = ANY ($2::uuid[])`, sc.TenantID, idArray(ids))
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[uuid.UUID]Row, len(ids))
	for rows.Next() {
		var (
			id  uuid.UUID
			row Row
		)
		if err := rows.Scan(&id, &row.ContactName, &row.ChannelName, &row.QueueName, &row.AssigneeName, &row.ChangedByName); err != nil {
			return nil, err
		}
		out[id] = row
	}
	return out, rows.Err()
}
