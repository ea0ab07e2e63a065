package identity

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/session"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	challengePrefix = "trl_challenge_"
	// challengeLife is how long a sign-in waits for its code.
	challengeLife = 5 * time.Minute
	// maxTries is how many codes may be tried in one sign-in.
	maxTries = 5
)

// challenge begins the second step of a sign-in. It returns the fault that
// carries the challenge, or nil where the user has no second factor.
func (s *Service) challenge(ctx context.Context, home tenants.Node, of *ent.User, by session.Method) (*fault.Fault, error) {
	var out *fault.Fault
	err := s.cfg.Store.InTx(as(ctx, home, of.ID), func(ctx context.Context) error {
		enabled := false
		err := store.QueryRow(ctx, []any{&enabled}, `
			SELECT confirmed_at IS NOT NULL FROM second_factors WHERE tenant_id = $1 AND user_id = $2`, home.ID, of.ID)
		if store.IsNotFound(err) || err == nil && !enabled {
			return nil
		}
		if err != nil {
			return err
		}
		// Locked, so that no challenge is left where the password changes at this
		// moment, or somebody disables the user.
		present, err := s.lockUser(ctx, of.ID)
		if err != nil {
			return err
		}
		if present.Status != user.StatusActive || present.PasswordHash != of.PasswordHash {
			return errInvalidLogin
		}
		text, hash := newToken(challengePrefix)
		now := s.cfg.Store.Now()
		_, err = store.Exec(ctx, `
			INSERT INTO sign_in_challenges (id, tenant_id, user_id, token_hash, created_at, expires_at, method)
			VALUES ($1, $2, $3, $4, $5, $6, $7)`, id.New(), home.ID, of.ID, hash, now, now.Add(challengeLife), by)
		out = fault.New(fault.Unauthenticated, fault.CodeSecondFactor,
			"The first step is done. Send the challenge with a code of the second factor.").WithChallenge(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("asking for a second factor: %w", err)
	}
	return out, nil
}

// waiting is a sign-in that waits for its second factor.
type waiting struct {
	id   uuid.UUID
	user *ent.User
	home tenants.Node
	by   session.Method
}

// CompleteLogin is the second step of a sign-in: the challenge of the first with
// a code of the second factor, or with a recovery code. It fails with
// invalid_token for a challenge that is over, after five minutes or five wrong
// codes, with invalid_login for a wrong code, and with rate_limited after too
// many of them.
func (s *Service) CompleteLogin(ctx context.Context, challenge, code, recovery string, client Client) (Tokens, error) {
	if store.InTransaction(ctx) {
		return Tokens{}, errInTransaction
	}
	w, err := s.waiting(ctx, challenge)
	if err != nil {
		return Tokens{}, err
	}
	try, err := s.attempts.countAlone(ctx, atFactor, w.user.ID.String(), client.IP)
	if err != nil {
		return Tokens{}, err
	}
	if _, err := s.signing.signer(ctx); err != nil {
		return Tokens{}, err // before the code is used up
	}
	var f family
	right := false
	err = s.cfg.Store.InTx(as(ctx, w.home, w.user.ID), func(ctx context.Context) (err error) {
		if right, err = s.proveFactor(ctx, w, code, recovery); err != nil || !right {
			return err // a wrong code is committed: it was a try
		}
		f, err = s.begin(ctx, w.home, w.user, "", w.by, client)
		return err
	})
	switch {
	case err != nil:
		return Tokens{}, err
	case !right:
		return Tokens{}, errInvalidFactor
	}
	err = errors.Join(s.attempts.takeBack(ctx, try, true), s.knowNetwork(ctx, w.user.Login, client))
	if err != nil {
		return Tokens{}, err
	}
	return s.first(ctx, f, w.by)
}

// waiting finds what a challenge belongs to.
func (s *Service) waiting(ctx context.Context, challenge string) (w waiting, err error) {
	if !isToken(challengePrefix, challenge) {
		return w, errChallenge
	}
	var userID uuid.UUID
	err = s.cfg.Store.Read(scope.System(ctx, "finding a sign-in that waits"), func(ctx context.Context) error {
		err := store.QueryRow(ctx, []any{&w.id, &userID, &w.by}, `
			SELECT id, user_id, method FROM sign_in_challenges
			WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > $2 AND tries < $3`,
			tokenHash(challenge), s.cfg.Store.Now(), maxTries)
		if err != nil {
			return err
		}
		w.user, err = s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID)).Only(ctx)
		return err
	})
	if store.IsNotFound(err) {
		return w, errChallenge
	}
	if err != nil {
		return w, err
	}
	w.home, err = s.cfg.Tenants.Node(ctx, w.user.TenantID)
	if err == nil && w.home.Suspended() {
		err = errSuspended
	}
	return w, err
}

// proveFactor counts a try and tells whether it was right; a right one ends the
// challenge.
func (s *Service) proveFactor(ctx context.Context, w waiting, code, recovery string) (bool, error) {
	// The user's row first, as everybody locks it who ends sessions.
	if _, err := s.lockUser(ctx, w.user.ID); err != nil {
		return false, err
	}
	result, err := store.Exec(ctx, `
		UPDATE sign_in_challenges SET tries = tries + 1 WHERE id = $1 AND ended_at IS NULL AND tries < $2`, w.id, maxTries)
	if err != nil {
		return false, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return false, orElse(err, errChallenge)
	}
	right, err := s.tryFactor(ctx, w.user, code, recovery)
	if err != nil || !right {
		return false, err
	}
	_, err = store.Exec(ctx, `UPDATE sign_in_challenges SET ended_at = $2 WHERE id = $1`, w.id, s.cfg.Store.Now())
	return true, err
}

func (s *Service) tryFactor(ctx context.Context, of *ent.User, code, recovery string) (bool, error) {
	f, err := s.lockFactor(ctx, of.TenantID, of.ID)
	if err != nil {
		return false, err
	}
	if f == nil || !f.confirmed {
		return false, errChallenge // switched off since
	}
	if recovery != "" {
		return s.useRecoveryCode(ctx, of, recovery)
	}
	step, right := f.match(code, s.cfg.Store.Now())
	if !right {
		return false, nil
	}
	_, err = store.Exec(ctx, `UPDATE second_factors SET last_step = $3 WHERE tenant_id = $1 AND user_id = $2`, of.TenantID, of.ID, step)
	return true, err
}

// knowNetwork remembers that a sign-in was completed from a network.
func (s *Service) knowNetwork(ctx context.Context, login string, client Client) error {
	return s.attempts.takeBack(ctx, attempt{
		pair: s.attempts.key(string(atLogin), login, networkOf(client.IP)), known: true,
	}, true)
}
