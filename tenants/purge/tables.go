package purge

import (
	"context"
	"errors"

	"github.com/trellishq/trellis/internal/store"
)

// table is one that holds rows of tenants which may be deleted.
type table struct {
	name  string // quoted where it has to be
	hasID bool
}

// errCircle is a schema in which no order of deleting is right.
var errCircle = errors.New("purge: foreign keys go in a circle")

// tables lists the tables that a purge empties, those that point before those
// that are pointed at. Which they are is not known here: they are those that
// have a tenant and of which the system role may delete rows, as the migrations
// decide it. The audit trail stays, also the part that waits to be chained.
func (s *Service) tables(ctx context.Context) ([]table, error) {
	var all []table
	points := map[string][]string{} // by the table that is pointed at
	err := s.Store.Read(ctx, func(ctx context.Context) error {
		if err := collect(ctx, `
			SELECT quote_ident(c.relname), EXISTS (
				SELECT FROM pg_attribute i WHERE i.attrelid = c.oid AND i.attname = 'id' AND NOT i.attisdropped)
			FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
			WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
			  AND c.relname NOT LIKE 'audit%' AND has_table_privilege(c.oid, 'DELETE')
			ORDER BY c.relname`, func(scan func(...any) error) error {
			var t table
			err := scan(&t.name, &t.hasID)
			all = append(all, t)
			return err
		}); err != nil {
			return err
		}
		return collect(ctx, `
			SELECT DISTINCT quote_ident(child.relname), quote_ident(parent.relname)
			FROM pg_constraint k JOIN pg_class child ON child.oid = k.conrelid JOIN pg_class parent ON parent.oid = k.confrelid
			WHERE k.contype = 'f' AND k.conrelid <> k.confrelid`, func(scan func(...any) error) error {
			var child, parent string
			err := scan(&child, &parent)
			points[parent] = append(points[parent], child)
			return err
		})
	})
	if err != nil {
		return nil, err
	}
	return inOrder(all, points)
}

func collect(ctx context.Context, query string, each func(scan func(...any) error) error) error {
	rows, err := store.Query(ctx, query)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// inOrder sorts tables so that each comes after all that point at it.
func inOrder(all []table, points map[string][]string) ([]table, error) {
	var sorted []table
	placed := map[string]bool{}
	of := map[string]bool{}
	for _, t := range all {
		of[t.name] = true
	}
	for len(sorted) < len(all) {
		before := len(sorted)
		for _, t := range all {
			if placed[t.name] || !allPlaced(points[t.name], of, placed) {
				continue
			}
			placed[t.name] = true
			sorted = append(sorted, t)
		}
		if len(sorted) == before {
			return nil, errCircle
		}
	}
	return sorted, nil
}

// allPlaced tells whether all tables that are to be emptied have their place.
func allPlaced(names []string, of, placed map[string]bool) bool {
	for _, name := range names {
		if of[name] && !placed[name] {
			return false
		}
	}
	return true
}
