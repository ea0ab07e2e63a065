// Package staffchat owns what the people of one tenant write to one another: in
// private, and in groups. What is said in a chat is for those who are in it,
// and for nobody else, whatever he administers. Customers are not its business.
package staffchat

import (
	"context"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/messaging/attachments"
	"github.com/trellishq/trellis/tenants/scope"
)

// Log is where facts are published.
type Log interface {
	Publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, data any) error
}

// Directory knows the people of the scope's tenant.
type Directory interface {
	Colleagues(ctx context.Context, f identity.ColleagueFilter) ([]identity.Colleague, error)
}

// Config is what a Service needs.
type Config struct {
	Store       *store.Store
	Events      Log
	Directory   Directory
	Attachments *attachments.Service
}

// Service keeps the chats of staff. Its methods take the person who asks; the
// scope is his tenant's.
type Service struct {
	store       *store.Store
	events      Log
	directory   Directory
	attachments *attachments.Service
}

// New returns the service.
func New(c Config) *Service { return &Service{c.Store, c.Events, c.Directory, c.Attachments} }

// enter lets a person in who may use the messenger. Faults: CodeForbidden for
// who is no user of the tenant, CodeMessagingDisabled.
func (s *Service) enter(ctx context.Context, me uuid.UUID) (identity.Colleague, error) {
	found, err := s.colleagues(ctx, []uuid.UUID{me})
	if err != nil {
		return identity.Colleague{}, err
	}
	person, here := found[me]
	switch {
	case !here:
		return person, fault.New(fault.Forbidden, fault.CodeForbidden, "What colleagues write to one another is for the people of the tenant.")
	case !person.Messenger:
		return person, fault.New(fault.Forbidden, fault.CodeMessagingDisabled, "An administrator has switched the internal messenger off for you.")
	}
	return person, nil
}

// colleagues finds people by their ids.
func (s *Service) colleagues(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]identity.Colleague, error) {
	out := map[uuid.UUID]identity.Colleague{}
	if len(ids) == 0 {
		return out, nil
	}
	found, err := s.directory.Colleagues(ctx, identity.ColleagueFilter{IDs: ids})
	for _, c := range found {
		out[c.ID] = c
	}
	return out, err
}

// reachable tells whether somebody can be written to.
func reachable(c identity.Colleague) bool { return c.Active && c.Messenger }

// unreachable is the refusal of a message to who cannot be written to, or is
// not there.
func unreachable(c *identity.Colleague) *fault.Fault {
	if c == nil || !c.Active {
		return fault.New(fault.Conflict, fault.CodeMessagingDisabled, "This person's account is not active.").Showing("inactive")
	}
	return fault.New(fault.Conflict, fault.CodeMessagingDisabled,
		"An administrator has switched the internal messenger off for this person.").Showing("disabled")
}

// facts are what an event tells of a chat. Such an event is for the people whom
// it names, and for nobody else.
type facts struct {
	ChatID uuid.UUID `json:"chat_id"`
	// SenderID is who wrote or acts.
	SenderID uuid.UUID `json:"sender_id"`
	// SubjectID is the member whom it is about.
	SubjectID *uuid.UUID `json:"subject_id,omitempty"`
	Seq       int64      `json:"seq,omitempty"`
	// UserIDs may learn of it.
	UserIDs []uuid.UUID `json:"user_ids"`
}

// publish tells the members of a chat what happened.
func (s *Service) publish(ctx context.Context, kind, objectKind string, objectID uuid.UUID, f facts) error {
	audience, err := s.memberIDs(ctx, f.ChatID)
	if err != nil {
		return err
	}
	f.UserIDs = audience
	return s.events.Publish(ctx, kind, objectKind, objectID, f)
}

// tenantOf is the scope's tenant, for plain SQL.
func tenantOf(ctx context.Context) (uuid.UUID, error) {
	sc, err := scope.From(ctx)
	return sc.TenantID, err
}
