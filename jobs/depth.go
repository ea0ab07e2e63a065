package jobs

import (
	"context"
	"fmt"

	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// maxDepth is where counting stops: beyond it only the order of magnitude
// matters.
const maxDepth = 100_000

// Depths counts the rows of each kind that are due and wait, up to 100,000. The
// database is asked and not Redis, which holds only what the workers will have
// next.
func Depths(ctx context.Context, s *store.Store) (map[Kind]int, error) {
	ctx = scope.System(ctx, "counting rows that are due")
	out := map[Kind]int{}
	err := s.Read(ctx, func(ctx context.Context) error {
		for _, kind := range Kinds() {
			var n int
			query := fmt.Sprintf(`SELECT count(*) FROM (SELECT FROM %s WHERE due_at <= $1 LIMIT %d) due`, kind, maxDepth)
			if err := store.QueryRow(ctx, []any{&n}, query, s.Now()); err != nil {
				return err
			}
			out[kind] = n
		}
		return nil
	})
	return out, err
}
