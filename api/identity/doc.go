// Package identity serves who acts: signing in, users and API keys.
package identity
