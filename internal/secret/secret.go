// Package secret owns the master keys and everything that is made with them:
// it seals values for the database, opens them again, and derives keys for
// other packages. It never stores, logs or prints a secret; its errors carry
// no data (rules.md D6-1, D6-3).
package secret

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/google/uuid"
)

// The ways in which a sealed value cannot be opened.
var (
	// ErrMalformed: the bytes are not an envelope of a version that is known.
	ErrMalformed = errors.New("secret: not a sealed value")
	// ErrUnknownKey: the master key that sealed the value is not configured.
	ErrUnknownKey = errors.New("secret: sealed with a master key that is not configured")
	// ErrWrongPlace: the value is authentic and was sealed for another tenant,
	// table, row or column.
	ErrWrongPlace = errors.New("secret: sealed for another place")
	// ErrTampered: the value was altered, or another master key carries the id
	// of the one that sealed it.
	ErrTampered = errors.New("secret: altered, or sealed with a different key of the same id")
)

// Sealed is an encrypted value that says itself how to open it:
//
//	version (1) | length of key id (1) | key id
//	| nonce (12) | data key and digest of the place (64), wrapped by the master key | tag (16)
//	| nonce (12) | value, encrypted by the data key | tag (16)
//
// Every value has a data key of its own. An envelope begins with the id of its
// master key, so that one key's rows can be counted by prefix in SQL.
type Sealed []byte

const (
	version      = 1
	nonceAndTag  = 12 + 16
	wrappedSize  = nonceAndTag + KeySize + sha256.Size
	fingerprints = "fingerprint"
)

// Keyring holds the master keys, the current one first. It is safe for
// concurrent use.
type Keyring struct {
	masters []master
}

// master is a configured key with what is derived from it. The key itself is
// used for derivation only, never as a cipher key.
type master struct {
	Key
	wrap cipher.AEAD
}

// NewKeyring makes a keyring. The first key is the current one: it seals and
// derives; the others only open.
func NewKeyring(keys ...Key) (*Keyring, error) {
	if err := checkKeys(keys); err != nil {
		return nil, fmt.Errorf("secret: %w", err)
	}
	ring := &Keyring{}
	for _, key := range keys {
		wrap := newAEAD(derive(key, "trellis/wrap/v1"))
		ring.masters = append(ring.masters, master{Key: key, wrap: wrap})
	}
	return ring, nil
}

// CurrentID returns the id of the key that seals.
func (r *Keyring) CurrentID() string { return r.masters[0].id }

// IDs returns the ids of all keys, the current one first.
func (r *Keyring) IDs() []string {
	var ids []string
	for _, m := range r.masters {
		ids = append(ids, m.id)
	}
	return ids
}

// Seal encrypts a value for one column of one row. It can be opened only with
// the same tenant, table, row and column: copied to another row it is refused.
// The envelope is 122 bytes and the key id longer than the value.
func (r *Keyring) Seal(tenant uuid.UUID, table, row, column string, plaintext []byte) Sealed {
	current := r.masters[0]
	place := encodePlace(tenant, table, row, column)
	digest := sha256.Sum256(place)

	dataKey := make([]byte, KeySize, KeySize+sha256.Size)
	if _, err := rand.Read(dataKey); err != nil {
		panic("secret: the system has no randomness: " + err.Error())
	}

	out := header(current.id)
	out = append(out, current.wrap.Seal(nil, nil, append(dataKey, digest[:]...), out)...)
	return append(out, newAEAD(dataKey).Seal(nil, nil, plaintext, place)...)
}

// Open decrypts what Seal made for the same place. The error is one of
// ErrMalformed, ErrUnknownKey, ErrWrongPlace and ErrTampered.
func (r *Keyring) Open(tenant uuid.UUID, table, row, column string, sealed Sealed) ([]byte, error) {
	head, wrapped, body, err := split(sealed)
	if err != nil {
		return nil, err
	}
	m, ok := r.master(string(head[2:]))
	if !ok {
		return nil, ErrUnknownKey
	}
	unwrapped, err := m.wrap.Open(nil, nil, wrapped, head)
	if err != nil {
		return nil, ErrTampered
	}
	place := encodePlace(tenant, table, row, column)
	digest := sha256.Sum256(place)
	if subtle.ConstantTimeCompare(unwrapped[KeySize:], digest[:]) != 1 {
		return nil, ErrWrongPlace
	}
	plaintext, err := newAEAD(unwrapped[:KeySize]).Open(nil, nil, body, place)
	if err != nil {
		return nil, ErrTampered
	}
	return plaintext, nil
}

// Reseal returns the value sealed with the current key. What already is comes
// back as it was, with changed false, so a rotation can be repeated (D6-2).
func (r *Keyring) Reseal(tenant uuid.UUID, table, row, column string, sealed Sealed) (fresh Sealed, changed bool, err error) {
	plaintext, err := r.Open(tenant, table, row, column, sealed)
	if err != nil {
		return nil, false, err
	}
	if id, _ := KeyID(sealed); id == r.CurrentID() {
		return sealed, false, nil
	}
	return r.Seal(tenant, table, row, column, plaintext), true, nil
}

// KeyID returns the id of the master key that a value was sealed with. It
// reads the envelope only and proves nothing.
func KeyID(sealed Sealed) (string, error) {
	head, _, _, err := split(sealed)
	if err != nil {
		return "", err
	}
	return string(head[2:]), nil
}

// Prefix returns the bytes that every value sealed with a key begins with, and
// no value sealed with another.
func Prefix(keyID string) []byte { return header(keyID) }

// Derive returns 32 bytes that depend on the current master key and the label
// alone (HKDF-SHA256), such as a cursor key, a role's password or the key of
// the refresh token's successor. Give every purpose its own label.
//
// The result is the same in every process and after every restart, and stays
// the same when another key is added behind the current one. It changes when
// another key is put in front: what must outlive a rotation is verified with
// DeriveAll.
func (r *Keyring) Derive(label string) []byte {
	return derive(r.masters[0].Key, "trellis/derive/v1/"+label)
}

// DeriveAll returns what Derive returns under each master key, the current one
// first, to check something that an earlier key may have made.
func (r *Keyring) DeriveAll(label string) [][]byte {
	var all [][]byte
	for _, m := range r.masters {
		all = append(all, derive(m.Key, "trellis/derive/v1/"+label))
	}
	return all
}

// Fingerprint returns 16 hexadecimal characters by which a person can tell
// whether two secrets are the same. It is keyed, so that a short password
// cannot be guessed from it, and therefore changes with the current key.
func (r *Keyring) Fingerprint(value string) string {
	mac := hmac.New(sha256.New, r.Derive(fingerprints))
	mac.Write([]byte(value))
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// Last4 returns the last four characters of a secret, to recognise it by. A
// secret of fewer than twelve would lose too much of itself: it gives "".
func Last4(value string) string {
	if !utf8.ValidString(value) || utf8.RuneCountInString(value) < 12 {
		return ""
	}
	runes := []rune(value)
	return string(runes[len(runes)-4:])
}

func (r *Keyring) master(id string) (master, bool) {
	for _, m := range r.masters {
		if m.id == id {
			return m, true
		}
	}
	return master{}, false
}

func header(keyID string) []byte {
	return append([]byte{version, byte(len(keyID))}, keyID...)
}

// split cuts an envelope into its three parts.
func split(sealed Sealed) (head, wrapped, body []byte, err error) {
	if len(sealed) < 2 || sealed[0] != version {
		return nil, nil, nil, ErrMalformed
	}
	end := 2 + int(sealed[1])
	if len(sealed) < end+wrappedSize+nonceAndTag || !isKeyID(string(sealed[2:end])) {
		return nil, nil, nil, ErrMalformed
	}
	return sealed[:end:end], sealed[end : end+wrappedSize], sealed[end+wrappedSize:], nil
}

// encodePlace is the additional data of an envelope. Each part is preceded by
// its length, so that no two places have the same encoding.
func encodePlace(tenant uuid.UUID, table, row, column string) []byte {
	var out bytes.Buffer
	out.Write(tenant[:])
	for _, part := range []string{table, row, column} {
		_ = binary.Write(&out, binary.BigEndian, uint64(len(part)))
		out.WriteString(part)
	}
	return out.Bytes()
}

func derive(key Key, info string) []byte {
	out, err := hkdf.Key(sha256.New, key.bytes[:], nil, info, KeySize)
	if err != nil {
		panic("secret: deriving a key: " + err.Error())
	}
	return out
}

// newAEAD makes AES-256-GCM that puts a random nonce before each ciphertext.
func newAEAD(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("secret: making a cipher: " + err.Error())
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		panic("secret: making a cipher: " + err.Error())
	}
	return aead
}
