package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"hash"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/tenants/scope"
)

// Entry is one line of the log.
type Entry struct {
	ID       uuid.UUID
	TenantID uuid.UUID
	// Action is the event's name: user.updated.
	Action     string
	ObjectKind string
	ObjectID   uuid.UUID
	Actor      Actor
	// ActAsID is the act-as session that it happened in, if it did.
	ActAsID *uuid.UUID
	// Address is the client's IP address; empty for the program's own work.
	Address   string
	RequestID string
	// Details are the event's data, a JSON object or null.
	Details json.RawMessage
	// Changes are the fields that differ, a JSON list of Change.
	Changes   json.RawMessage
	CreatedAt time.Time
	// Seq is the entry's place in the tenant's chain and Hash what the chain says
	// up to there. They are zero for the moment until the relay has come by.
	Seq  int64
	Hash []byte
}

// Actor is who did it, as he was called then.
type Actor struct {
	Kind scope.ActorKind
	// ID is a user's or a key's; nil for the program and for providers.
	ID   *uuid.UUID
	Name string
	// UserID is the person behind it: the user, or the key's creator.
	UserID *uuid.UUID
	// HomePath is where that person is at home.
	HomePath string
}

// Change is one field of an object before and after.
type Change struct {
	Field  string          `json:"field"`
	Before json.RawMessage `json:"before"`
	After  json.RawMessage `json:"after"`
}

// ChangedFields reads the changes.
func (e Entry) ChangedFields() []Change {
	var changes []Change
	if err := json.Unmarshal(e.Changes, &changes); err != nil {
		return nil // not ours; verifying finds it
	}
	return changes
}

// version names the encoding below. Another encoding gets another name, and
// verifying knows both.
const version = "trellis audit 1"

// link is the hash of an entry behind another: it covers every byte of the
// entry, its place, and through the hash before it all that came earlier.
func link(before []byte, seq int64, e Entry) []byte {
	h := sha256.New()
	put(h, []byte(version))
	put(h, before)
	var place [8]byte
	binary.BigEndian.PutUint64(place[:], uint64(seq))
	put(h, place[:])
	for _, id := range []*uuid.UUID{&e.ID, &e.TenantID, &e.ObjectID, e.Actor.ID, e.Actor.UserID, e.ActAsID} {
		if id == nil {
			put(h, nil)
			continue
		}
		put(h, id[:])
	}
	for _, text := range []string{
		e.Action, e.ObjectKind, string(e.Actor.Kind), e.Actor.Name, e.Actor.HomePath,
		e.Address, e.RequestID, string(e.Details), string(e.Changes),
		e.CreatedAt.UTC().Format(time.RFC3339Nano),
	} {
		put(h, []byte(text))
	}
	return h.Sum(nil)
}

// put writes a part with its length, so that no two entries are the same bytes.
func put(h hash.Hash, part []byte) {
	var length [8]byte
	binary.BigEndian.PutUint64(length[:], uint64(len(part)))
	h.Write(length[:])
	h.Write(part)
}
