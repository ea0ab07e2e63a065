package attachments

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"time"

	"github.com/google/uuid"
)

// Links signs addresses of pictures. A link is the right to see one picture
// until a time, for a browser or a provider that cannot log in.
type Links struct {
	keys [][]byte
	base string
}

// NewLinks signs with the first key for links below a base URL. Links that the
// other keys have signed stay good: a provider may come for a picture hours
// later.
func NewLinks(keys [][]byte, base string) *Links { return &Links{keys, base} }

// errLink is returned for a link that is wrong in any way or has ended.
var errLink = errors.New("attachments: the link is not valid")

const (
	linkBody = 16 + 16 + 8
	linkSize = linkBody + sha256.Size
)

// URL is an unguessable link to an attachment that ends at a time.
func (l *Links) URL(tenantID, attachmentID uuid.UUID, until time.Time) string {
	body := make([]byte, 0, linkSize)
	body = append(body, tenantID[:]...)
	body = append(body, attachmentID[:]...)
	body = binary.BigEndian.AppendUint64(body, uint64(until.Unix()))
	return l.base + "/media/" + base64.RawURLEncoding.EncodeToString(append(body, sign(l.keys[0], body)...))
}

// read returns what a link leads to.
func (l *Links) read(token string, now time.Time) (tenantID, attachmentID uuid.UUID, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != linkSize || !l.signed(raw) {
		return uuid.Nil, uuid.Nil, errLink
	}
	until := time.Unix(int64(binary.BigEndian.Uint64(raw[32:linkBody])), 0) // #nosec G115 -- signed by ourselves
	if !now.Before(until) {
		return uuid.Nil, uuid.Nil, errLink
	}
	copy(tenantID[:], raw[:16])
	copy(attachmentID[:], raw[16:32])
	return tenantID, attachmentID, nil
}

func (l *Links) signed(raw []byte) bool {
	for _, key := range l.keys {
		if hmac.Equal(raw[linkBody:], sign(key, raw[:linkBody])) {
			return true
		}
	}
	return false
}

func sign(key, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(body)
	return mac.Sum(nil)
}
