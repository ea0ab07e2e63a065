package identity

import (
	"context"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/session"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
)

// Session is one sign-in that is still open.
type Session struct {
	ID     uuid.UUID
	UserID uuid.UUID
	// IP and UserAgent are where it began, as far as the client said so.
	IP, UserAgent string
	CreatedAt     time.Time
	// RefreshedAt is when its tokens were refreshed last.
	RefreshedAt time.Time
	// ExpiresAt is when it ends unless it is refreshed.
	ExpiresAt time.Time
	// Method is how the user signed in: password or single_sign_on.
	Method string
	// Current is set for the session that asks.
	Current bool
}

// ListSessions returns the open sessions of a user of the scope's tenant, the
// newest first, after the one with the given id. A user sees his own; whoever
// sees others needs to be admitted for it.
func (s *Service) ListSessions(ctx context.Context, userID uuid.UUID, after *uuid.UUID, limit int) ([]Session, error) {
	caller, _ := From(ctx)
	var found []Session
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		if _, err := s.GetUser(ctx, userID); err != nil {
			return err
		}
		now := s.cfg.Store.Now()
		query := s.cfg.Store.Ent(ctx).Session.Query().Where(
			session.UserID(userID), session.RevokedAtIsNil(), session.ExpiresAtGT(now), session.RotatedAtGT(now.Add(-s.cfg.SessionIdle)))
		if after != nil {
			query.Where(session.IDLT(*after))
		}
		rows, err := query.Order(session.ByID(entsql.OrderDesc())).Limit(max(limit, 1)).All(ctx)
		if err != nil {
			return fmt.Errorf("listing sessions: %w", err)
		}
		for _, row := range rows {
			found = append(found, s.viewSession(row, caller))
		}
		return nil
	})
	return found, err
}

func (s *Service) viewSession(row *ent.Session, caller Principal) Session {
	f := family{rotatedAt: row.RotatedAt, expiresAt: row.ExpiresAt}
	return Session{
		ID: row.ID, UserID: row.UserID, IP: row.IP, UserAgent: row.UserAgent, CreatedAt: row.CreatedAt,
		RefreshedAt: row.RotatedAt, ExpiresAt: f.endsAt(s.cfg.SessionIdle), Method: string(row.Method), Current: row.ID == caller.SessionID,
	}
}

// EndSession ends one session of a user of the scope's tenant. Everybody may
// end his own; who would end another's needs to be allowed to change him. It
// fails with not_found, also for a session that is over, with forbidden and
// role_not_assignable.
func (s *Service) EndSession(ctx context.Context, userID, sessionID uuid.UUID) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, target, err := s.lockTarget(ctx, userID)
		if err != nil {
			return err
		}
		if !a.isPerson(userID) {
			if err := s.mayChange(ctx, a, target); err != nil {
				return err
			}
		}
		now := s.cfg.Store.Now()
		ended, err := s.cfg.Store.Ent(ctx).Session.Update().
			Where(session.ID(sessionID), session.UserID(userID), session.RevokedAtIsNil(), session.ExpiresAtGT(now)).
			SetRevokedAt(now).SetRevokedReason(string(reasonRevoked)).Save(ctx)
		if err != nil {
			return fmt.Errorf("revoking a session: %w", err)
		}
		if ended == 0 {
			return fault.Missing("session")
		}
		s.forgetPrincipals(ctx)
		if err := s.leaveIfLast(ctx, userID); err != nil {
			return err
		}
		if err := s.endActing(ctx, userID, sessionID, uuid.Nil, reasonRevoked); err != nil {
			return err
		}
		return s.cfg.Log.Publish(ctx, "session.ended", "session", sessionID, sessionData{userID, reasonRevoked})
	})
}

// leaveIfLast shows a user as offline who has no session left.
func (s *Service) leaveIfLast(ctx context.Context, userID uuid.UUID) error {
	others, err := s.cfg.Store.Ent(ctx).Session.Query().
		Where(session.UserID(userID), session.RevokedAtIsNil(), session.ExpiresAtGT(s.cfg.Store.Now())).Exist(ctx)
	if err != nil {
		return fmt.Errorf("looking for other sessions: %w", err)
	}
	if others {
		return nil
	}
	return s.leave(ctx, userID)
}

// endChallenges makes sign-ins void that wait for their second factor.
func (s *Service) endChallenges(ctx context.Context, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `UPDATE sign_in_challenges SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL`,
		userID, s.cfg.Store.Now())
	return err
}
