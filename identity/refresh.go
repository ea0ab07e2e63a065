package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/session"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

// family is a session as the refresh of its tokens sees it.
type family struct {
	id, userID uuid.UUID
	home       tenants.Node
	nonce      []byte
	generation int
	rotatedAt  time.Time
	expiresAt  time.Time
	over       bool // revoked, or its user is disabled
}

// turn is what a genuine token leads to.
type turn int

const (
	turnVoid   turn = iota // nothing: the session is over, or knows no such token
	turnRotate             // it is the present one: the next takes its place
	turnRepeat             // it is the one before, sent again: the same answer again
	turnReuse              // it was used up: somebody has a copy
)

// Refresh exchanges a refresh token for its successor. It fails with
// invalid_token for what is forged, expired or revoked, and changes nothing
// then; with refresh_token_reused for a genuine token that was used before,
// which ends the session; and with tenant_suspended.
func (s *Service) Refresh(ctx context.Context, token string) (Tokens, error) {
	if store.InTransaction(ctx) {
		return Tokens{}, errInTransaction
	}
	presented, ok := parseRefresh(token)
	if !ok {
		return Tokens{}, errInvalidToken
	}
	if _, err := s.signing.signer(ctx); err != nil {
		return Tokens{}, err // before the token is used up
	}
	// A second look follows when another request rotates at the same time; it
	// then finds what that one left, and a third is never needed.
	for range 3 {
		f, err := s.family(ctx, presented)
		if err != nil {
			return Tokens{}, err
		}
		switch s.turnOf(f, presented.generation) {
		case turnVoid:
			return Tokens{}, errInvalidToken
		case turnReuse:
			return Tokens{}, s.endFamily(ctx, f)
		case turnRepeat:
			return s.goOn(ctx, f)
		case turnRotate:
			if f.home.Suspended() {
				return Tokens{}, errSuspended
			}
			rotated, err := s.rotateFamily(ctx, &f)
			if err != nil {
				return Tokens{}, err
			}
			if rotated {
				return s.issue(ctx, f)
			}
		}
	}
	return Tokens{}, fault.New(fault.Unavailable, fault.CodeUnavailable, "The session is busy.").After(time.Second)
}

// family finds the session of a token that proves itself.
func (s *Service) family(ctx context.Context, presented presentedToken) (family, error) {
	f := family{id: presented.sessionID}
	ctx = scope.System(ctx, "refreshing a session")
	err := s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		row, err := s.cfg.Store.Ent(ctx).Session.Query().Where(session.ID(f.id)).Only(ctx)
		if store.IsNotFound(err) {
			return errInvalidToken
		}
		if err != nil {
			return fmt.Errorf("reading the session: %w", err)
		}
		if !s.refresh.genuine(presented, row.Nonce) {
			return errInvalidToken
		}
		owner, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(row.UserID)).Only(ctx)
		if err != nil {
			return fmt.Errorf("reading the session's user: %w", err)
		}
		f.userID, f.nonce, f.generation = row.UserID, row.Nonce, row.Generation
		f.rotatedAt, f.expiresAt = row.RotatedAt, row.ExpiresAt
		f.over = row.RevokedAt != nil || owner.Status != user.StatusActive
		f.home, err = s.cfg.Tenants.ReadNode(ctx, row.TenantID)
		return err
	})
	return f, err
}

// turnOf judges a genuine token.
func (s *Service) turnOf(f family, generation int) turn {
	now := s.cfg.Store.Now()
	switch {
	case f.over || !now.Before(f.endsAt(s.cfg.SessionIdle)):
		return turnVoid
	case generation == f.generation:
		return turnRotate
	case generation > f.generation:
		return turnVoid // the database was restored to an earlier time
	case generation == f.generation-1 && now.Sub(f.rotatedAt) <= s.cfg.RefreshGrace:
		return turnRepeat
	default:
		return turnReuse
	}
}

// endsAt is when the session ends unless it is refreshed.
func (f family) endsAt(idle time.Duration) time.Time {
	if t := f.rotatedAt.Add(idle); t.Before(f.expiresAt) {
		return t
	}
	return f.expiresAt
}

// rotateFamily moves a session on by one generation, if it is still where it
// was seen.
func (s *Service) rotateFamily(ctx context.Context, f *family) (bool, error) {
	now, rotated := s.cfg.Store.Now(), 0
	err := s.cfg.Store.InTx(as(ctx, f.home, f.userID), func(ctx context.Context) (err error) {
		if err := s.noteSeen(ctx, f.userID); err != nil {
			return err
		}
		rotated, err = s.cfg.Store.Ent(ctx).Session.Update().
			Where(session.ID(f.id), session.Generation(f.generation), session.RevokedAtIsNil()).
			SetGeneration(f.generation + 1).SetRotatedAt(now).Save(ctx)
		return err
	})
	if err != nil {
		return false, fmt.Errorf("rotating the refresh token: %w", err)
	}
	if rotated == 0 {
		return false, nil
	}
	f.generation, f.rotatedAt = f.generation+1, now
	return true, nil
}

// goOn answers a repeated request with the tokens of the first answer.
func (s *Service) goOn(ctx context.Context, f family) (Tokens, error) {
	if f.home.Suspended() {
		return Tokens{}, errSuspended
	}
	return s.issue(ctx, f)
}

// endFamily revokes a session of which somebody has a copy. It commits, and
// then fails.
func (s *Service) endFamily(ctx context.Context, f family) error {
	err := s.cfg.Store.InTx(as(ctx, f.home, f.userID), func(ctx context.Context) error {
		ended, err := s.cfg.Store.Ent(ctx).Session.Update().Where(session.ID(f.id), session.RevokedAtIsNil()).
			SetRevokedAt(s.cfg.Store.Now()).SetRevokedReason(string(reasonReuse)).Save(ctx)
		if err != nil || ended == 0 {
			return err
		}
		s.forgetPrincipals(ctx)
		if err := s.endActing(ctx, f.userID, f.id, uuid.Nil, reasonReuse); err != nil {
			return err
		}
		if err := s.cfg.Log.Publish(ctx, "session.reuse_detected", "session", f.id, sessionData{UserID: f.userID}); err != nil {
			return err
		}
		if err := s.cfg.Log.Publish(ctx, "session.ended", "session", f.id, sessionData{f.userID, reasonReuse}); err != nil {
			return err
		}
		owner, err := s.cfg.Store.Ent(ctx).User.Get(ctx, f.userID)
		if err != nil {
			return err
		}
		return s.notify(ctx, owner, mail.SessionReuse, map[string]string{"when": mail.When(s.cfg.Store.Now())})
	})
	if err != nil {
		return fmt.Errorf("revoking a session whose token was used twice: %w", err)
	}
	return errTokenReused
}

// issue makes the tokens of a session's present generation.
func (s *Service) issue(ctx context.Context, f family) (Tokens, error) {
	access, expires, err := s.issueAccess(ctx, f.userID, f.id, f.home.ID)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{
		AccessToken: secret.NewString(access), AccessExpiresAt: expires,
		RefreshToken:     secret.NewString(s.refresh.make(f.id, f.generation, f.nonce)),
		RefreshExpiresAt: f.endsAt(s.cfg.SessionIdle),
		SessionID:        f.id, UserID: f.userID, TenantID: f.home.ID,
	}, nil
}
