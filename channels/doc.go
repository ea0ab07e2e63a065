// Package channels owns a tenant's connections to the outside: which account at
// which provider, with which secrets, and what it can do. It never sends a
// message; it hands out what is needed to send one.
package channels
