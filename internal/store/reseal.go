package store

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/secret"
)

// SealedColumn is a column whose values are sealed with the master keys.
type SealedColumn struct {
	Table, Column string
	// ID is the column that names the row, Owner the one that names the tenant
	// whose secret it is; an empty Owner is the platform's own.
	ID, Owner string
}

// resealBatch is how many rows are locked at a time.
const resealBatch = 200

// Reseal seals every value of a column anew that was not sealed with the
// current master key, and returns how many there were. It works in small steps
// while the program runs, and takes up where it was interrupted: what is
// sealed anew already is passed over. The context carries the system scope.
func (s *Store) Reseal(ctx context.Context, k *secret.Keyring, c SealedColumn) (changed int, err error) {
	after := ""
	for {
		last, n, err := s.resealBatch(ctx, k, c, after)
		changed += n
		if err != nil {
			return changed, fmt.Errorf("store: resealing %s.%s: %w", c.Table, c.Column, err)
		}
		if last == "" {
			return changed, nil
		}
		after = last
	}
}

// sealedValue is one value of a sealed column.
type sealedValue struct {
	id     string
	owner  uuid.UUID
	sealed []byte
}

func (s *Store) resealBatch(ctx context.Context, k *secret.Keyring, c SealedColumn, after string) (last string, changed int, err error) {
	err = s.InTx(ctx, func(ctx context.Context) error {
		values, err := lockSealed(ctx, c, after)
		if err != nil {
			return err
		}
		for _, v := range values {
			last = v.id
			fresh, isNew, err := k.Reseal(v.owner, c.Table, v.id, c.Column, v.sealed)
			if err != nil {
				return fmt.Errorf("row %s: %w", v.id, err)
			}
			if !isNew {
				continue
			}
			update := fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s::text = $2`, c.Table, c.Column, c.ID)
			if _, err := Exec(ctx, update, []byte(fresh), v.id); err != nil {
				return err
			}
			changed++
		}
		return nil
	})
	return last, changed, err
}

func lockSealed(ctx context.Context, c SealedColumn, after string) ([]sealedValue, error) {
	owner := "'" + uuid.Nil.String() + "'::uuid"
	if c.Owner != "" {
		owner = c.Owner
	}
	rows, err := Query(ctx, fmt.Sprintf(`
		SELECT %[1]s::text, %[2]s, %[3]s FROM %[4]s
		WHERE %[3]s IS NOT NULL AND %[1]s::text > $1 ORDER BY %[1]s::text LIMIT $2 FOR UPDATE`,
		c.ID, owner, c.Column, c.Table), after, resealBatch)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var out []sealedValue
	for rows.Next() {
		var v sealedValue
		if err := rows.Scan(&v.id, &v.owner, &v.sealed); err != nil {
			return nil, err
		}
		out = append(out, v)
	}
	return out, rows.Err()
}
