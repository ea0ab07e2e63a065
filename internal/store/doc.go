// Package store is the only way to the database. It opens transactions under
// the scope in the context and fails without one, so that a tenant's rows
// cannot be reached by a forgotten condition:
//
//   - ent's reads and writes are filtered and stamped by an interceptor and a
//     hook (guard.go);
//   - every transaction tells PostgreSQL its scope, and row level security
//     holds both login roles to it (conn.go, wall.go);
//   - a statement outside a transaction is refused by the connection itself.
//
// Calls to the outside are made while no transaction is open.
package store
