// Package labels owns the words by which a tenant sorts its conversations: tags,
// of which a conversation has many, and dispositions, of which one that is over
// has one. Which conversation has which is the conversations' business.
package labels

import (
	"context"
	"regexp"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Service keeps tags and dispositions.
type Service struct {
	store  *store.Store
	events Log
}

// New returns the service.
func New(s *store.Store, events Log) *Service { return &Service{s, events} }

var color = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// cleanColor writes a colour in one way only.
func cleanColor(typed string) (string, error) {
	out := strings.ToLower(typed)
	if !color.MatchString(out) {
		return "", fault.InvalidField(fault.CodeInvalid, "body.color", "must be a colour such as #d32f2f", typed)
	}
	return out, nil
}
