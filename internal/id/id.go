// Package id makes identifiers. Ids are UUIDv7 (RFC 9562), so rows sort by
// creation and indexes grow at their end; they are never a secret.
package id

import (
	"crypto/rand"
	"math/big"
	"time"

	"github.com/google/uuid"
)

// New returns a UUIDv7 that is greater than every one this process made before.
func New() uuid.UUID {
	u, err := uuid.NewV7()
	if err != nil {
		panic("id: the system has no randomness: " + err.Error())
	}
	return u
}

// Later returns an id that is greater than every one that New will make for some
// four thousand years. Among one another such ids are in the order of their
// times.
func Later(at time.Time) uuid.UUID {
	u := New()
	ms := uint64(at.UnixMilli()) | 1<<47
	for i := range 6 {
		u[i] = byte(ms >> (8 * (5 - i)))
	}
	return u
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// Token returns n random characters of [0-9A-Za-z], each worth 5.95 bits:
// 22 characters carry 131 bits, 32 carry 190.
func Token(n int) string {
	out := make([]byte, n)
	size := big.NewInt(int64(len(base62)))
	for i := range out {
		k, err := rand.Int(rand.Reader, size)
		if err != nil {
			panic("id: the system has no randomness: " + err.Error())
		}
		out[i] = base62[k.Int64()]
	}
	return string(out)
}
