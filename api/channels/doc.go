// Package channels serves a tenant's channels and the operator's numbers.
package channels
