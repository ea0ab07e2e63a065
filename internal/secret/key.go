package secret

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"strings"
)

// KeySize is the length of a master key in bytes (AES-256).
const KeySize = 32

// maxKeyID is the greatest length of a key id; one byte of the envelope counts it.
const maxKeyID = 32

// Key is one master key and the id that envelopes name it by. It prints as its
// id alone.
type Key struct {
	id    string
	bytes *[KeySize]byte
}

// NewKey makes a random master key. The id is 1 to 32 of [a-z0-9._-].
func NewKey(id string) (Key, error) {
	if !isKeyID(id) {
		return Key{}, errKeyID
	}
	key := Key{id: id, bytes: new([KeySize]byte)}
	if _, err := rand.Read(key.bytes[:]); err != nil {
		return Key{}, fmt.Errorf("making a master key: %w", err)
	}
	return key, nil
}

// ID returns the name of the key.
func (k Key) ID() string { return k.id }

// Encode returns the key as id:base64, the form that ParseKeys reads. It is a
// secret.
func (k Key) Encode() String {
	return NewString(k.id + ":" + base64.StdEncoding.EncodeToString(k.bytes[:]))
}

// Format implements fmt.Formatter and shows the id only.
func (k Key) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(k.id + ":" + Mask)) }

// LogValue implements slog.LogValuer and shows the id only.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.id + ":" + Mask) }

var errKeyID = errors.New("a key id is 1 to 32 characters of a-z, 0-9, dot, dash and underscore")

// ParseKeys reads a comma-separated list of id:base64, each of 32 bytes in
// standard base64 with or without padding. The first key is the current one.
// The error names the place in the list of every mistake and shows no key.
func ParseKeys(list string) ([]Key, error) {
	var keys []Key
	var mistakes []error
	for i, entry := range strings.Split(list, ",") {
		key, err := parseKey(strings.TrimSpace(entry))
		if err != nil {
			mistakes = append(mistakes, fmt.Errorf("key %d: %w", i+1, err))
			continue
		}
		keys = append(keys, key)
	}
	if err := errors.Join(mistakes...); err != nil {
		return nil, err
	}
	return keys, checkKeys(keys)
}

func parseKey(entry string) (Key, error) {
	id, encoded, found := strings.Cut(entry, ":")
	if !found {
		return Key{}, errors.New("it is not of the form id:base64")
	}
	if !isKeyID(id) {
		return Key{}, errKeyID
	}
	raw, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(encoded, "="))
	if err != nil {
		return Key{}, errors.New("what follows the colon is not base64")
	}
	if len(raw) != KeySize {
		return Key{}, fmt.Errorf("it has %d bytes and needs %d", len(raw), KeySize)
	}
	return Key{id: id, bytes: (*[KeySize]byte)(raw)}, nil
}

// checkKeys refuses lists that would make a rotation void or an envelope
// ambiguous.
func checkKeys(keys []Key) error {
	if len(keys) == 0 {
		return errors.New("there is no master key")
	}
	for i, key := range keys {
		if key.bytes == nil || *key.bytes == [KeySize]byte{} {
			return fmt.Errorf("key %d: it is all zeros", i+1)
		}
		for j, earlier := range keys[:i] {
			if earlier.id == key.id {
				return fmt.Errorf("keys %d and %d have the same id", j+1, i+1)
			}
			if *earlier.bytes == *key.bytes {
				return fmt.Errorf("keys %d and %d are the same key", j+1, i+1)
			}
		}
	}
	return nil
}

func isKeyID(id string) bool {
	if id == "" || len(id) > maxKeyID {
		return false
	}
	for _, c := range []byte(id) {
		letter, digit := 'a' <= c && c <= 'z', '0' <= c && c <= '9'
		if !letter && !digit && c != '.' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}
