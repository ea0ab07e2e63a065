// Package identity owns who acts: users with their passwords, sessions and
// tokens, and API keys. Its gate decides where a caller may go. It knows no
// HTTP, and secrets leave it once, when they are made.
package identity
