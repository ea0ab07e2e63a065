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
	key  []byte
	base string
}

// NewLinks signs with a key for links below a base URL.
func NewLinks(key []byte, base string) *Links { return &Links{key, base} }

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
	return l.base + "/media/" + base64.RawURLEncoding.EncodeToString(append(body, l.sign(body)...))
}

// read returns what a link leads to.
func (l *Links) read(token string, now time.Time) (tenantID, attachmentID uuid.UUID, err error) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != linkSize || !hmac.Equal(raw[linkBody:], l.sign(raw[:linkBody])) {
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

func (l *Links) sign(body []byte) []byte {
	mac := hmac.New(sha256.New, l.key)
	mac.Write(body)
	return mac.Sum(nil)
}
