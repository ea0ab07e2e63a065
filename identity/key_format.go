package identity

import (
	"hash/crc32"
	"strings"

	"github.com/trellishq/trellis/internal/id"
)

// An API key is trl_live_<32 random characters>_<checksum>, or trl_test_… where
// it is bound to a sandbox: a prefix by which
// scanners find it in places where it should not be, no character at which a
// double click stops, and a checksum by which most that is no key is known
// without asking the database (C10-1).
const (
	livePrefix   = "trl_live_"
	testPrefix   = "trl_test_" // as long as livePrefix
	keyRandom    = 32
	keyChecksum  = 6
	keyLength    = len(livePrefix) + keyRandom + 1 + keyChecksum
	keyAlphabet  = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	tokensPrefix = "trl_" // of everything of ours that is no access token
)

func newKeyText(prefix string) string {
	text := prefix + id.Token(keyRandom)
	return text + "_" + checksum(text)
}

// isKey tells whether a text has the form of a key and its checksum.
func isKey(text string) bool {
	if len(text) != keyLength || !strings.HasPrefix(text, livePrefix) && !strings.HasPrefix(text, testPrefix) {
		return false
	}
	body, sum := text[:keyLength-keyChecksum-1], text[keyLength-keyChecksum:]
	foreign := func(r rune) bool { return !strings.ContainsRune(keyAlphabet, r) }
	return text[len(body)] == '_' && !strings.ContainsFunc(body[len(livePrefix):], foreign) && sum == checksum(body)
}

// checksum writes a CRC-32 in base 62, six characters long.
func checksum(text string) string {
	rest := uint64(crc32.ChecksumIEEE([]byte(text)))
	out := []byte(strings.Repeat("0", keyChecksum))
	for i := keyChecksum - 1; i >= 0; i-- {
		out[i] = keyAlphabet[rest%uint64(len(keyAlphabet))]
		rest /= uint64(len(keyAlphabet))
	}
	return string(out)
}
