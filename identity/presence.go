package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/predicate"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Presence is whether a user is there, as his colleagues see it. Signing in
// makes it online and the end of all sessions offline; in between he may set it
// by hand, if he administers (C-51).
type Presence string

// The presences.
const (
	Online  Presence = "online"
	Away    Presence = "away"
	Busy    Presence = "busy"
	Offline Presence = "offline"
)

// presenceLapse is how many lives of an access token somebody may be silent for:
// a client that runs refreshes its session once in each.
const presenceLapse = 2

// silentSince is the moment before which nobody was last seen who is there.
func (s *Service) silentSince() time.Time {
	return s.cfg.Store.Now().Add(-presenceLapse * s.cfg.AccessLife)
}

// presenceOf is a user's presence. Who has closed his browser without signing
// out is offline after a while, though nothing was written.
func (s *Service) presenceOf(u *ent.User) Presence {
	if u.LastSeenAt == nil || u.LastSeenAt.Before(s.silentSince()) {
		return Offline
	}
	return Presence(u.Presence)
}

// isPresent finds the users with a presence.
func (s *Service) isPresent(p Presence) predicate.User {
	seen := user.LastSeenAtGTE(s.silentSince())
	if p == Offline {
		return user.Or(user.PresenceEQ(user.PresenceOffline), user.LastSeenAtIsNil(), user.Not(seen))
	}
	return user.And(user.PresenceEQ(user.Presence(p)), seen)
}

// presenceData is the data of user.presence_changed.
type presenceData struct {
	Presence Presence `json:"presence"`
}

// setPresence writes a presence and says so if it is another one. It is no new
// version of the user: who edits him is not disturbed by his coming and going.
func (s *Service) setPresence(ctx context.Context, userID uuid.UUID, to Presence) error {
	var before Presence
	err := store.QueryRow(ctx, []any{&before}, `
		UPDATE users SET presence = $2::text, last_seen_at = $3,
			presence_at = CASE WHEN users.presence = $2::text THEN users.presence_at ELSE $3 END
		FROM (SELECT tenant_id, id, presence FROM users WHERE id = $1 FOR UPDATE) was
		WHERE users.tenant_id = was.tenant_id AND users.id = was.id
		RETURNING was.presence`, userID, to, s.cfg.Store.Now())
	if err != nil {
		return fmt.Errorf("setting a presence: %w", err)
	}
	if before == to {
		return nil
	}
	return s.cfg.Log.Publish(ctx, "user.presence_changed", "user", userID, presenceData{to})
}

// leave shows a user as offline whose last session has ended, and tells those
// for whom he was at work.
func (s *Service) leave(ctx context.Context, userID uuid.UUID) error {
	if err := s.setPresence(ctx, userID, Offline); err != nil || s.cfg.Left == nil {
		return err
	}
	return s.cfg.Left(ctx, userID)
}

// noteSeen writes down that a user's client is still there. A row that somebody
// works on is left alone: the next refresh comes.
func (s *Service) noteSeen(ctx context.Context, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `
		UPDATE users SET last_seen_at = $2
		WHERE id IN (SELECT id FROM users WHERE id = $1 FOR UPDATE SKIP LOCKED)`, userID, s.cfg.Store.Now())
	if err != nil {
		return fmt.Errorf("noting that a user was seen: %w", err)
	}
	return nil
}

// SetPresence sets the signed-in user's own presence, in his home's scope. It
// fails with validation_failed, and with forbidden for keys.
func (s *Service) SetPresence(ctx context.Context, to Presence) (User, error) {
	caller, err := signedInPerson(ctx)
	if err != nil {
		return User{}, err
	}
	if user.PresenceValidator(user.Presence(to)) != nil {
		return User{}, fault.InvalidField(fault.CodeInvalid, "body.presence", "must be online, away, busy or offline")
	}
	var changed User
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) (err error) {
		if _, _, err = s.lockTarget(ctx, caller.UserID); err != nil {
			return err
		}
		if err = s.setPresence(ctx, caller.UserID, to); err != nil {
			return err
		}
		changed, err = s.GetUser(ctx, caller.UserID)
		return err
	})
	return changed, err
}
