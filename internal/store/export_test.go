package store

import "database/sql"

// AppPool is the pool behind the walls, for tests that go past InTx.
func (s *Store) AppPool() *sql.DB { return s.app }
