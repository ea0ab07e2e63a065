package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	resetPrefix = "trl_reset_"
	// resetLife is how long a link is good (SEC-09).
	resetLife = time.Hour
	// maxResets is how many links an account gets in that time: nobody's mailbox
	// is filled by a stranger.
	maxResets = 3
	// resetPage is where the link leads, in the application that people use.
	resetPage = "/reset-password"
	// maxRequested bounds the requests that are worked on beside one another.
	maxRequested = 16
)

// newToken makes the text of something that is good once, and what is kept of
// it.
func newToken(prefix string) (text string, hash []byte) {
	text = prefix + base64.RawURLEncoding.EncodeToString(random(32))
	return text, tokenHash(text)
}

func tokenHash(text string) []byte {
	sum := sha256.Sum256([]byte(text))
	return sum[:]
}

// RequestPasswordReset sends a link to who has a login, if there is anybody. It
// says nothing about that, and the work is done behind the answer, so that its
// time says nothing either. It fails with mail_not_configured, whoever asks for
// whom, and with unavailable while too many others ask.
func (s *Service) RequestPasswordReset(ctx context.Context, login string) error {
	if err := s.cfg.Mail.Require(); err != nil {
		return err
	}
	select {
	case s.requested <- struct{}{}:
	default:
		return fault.New(fault.Unavailable, fault.CodeUnavailable,
			"Too many links are being made at this moment.").After(time.Second)
	}
	ctx = context.WithoutCancel(ctx)
	s.background.Go(func() {
		defer func() { <-s.requested }()
		ctx, cancel := context.WithTimeout(ctx, noteWithin)
		defer cancel()
		// Who gets no mail asks again: a failure is not the client's to see.
		_ = s.sendReset(ctx, login)
	})
	return nil
}

// Settle waits for what runs behind answers.
func (s *Service) Settle() { s.background.Wait() }

func (s *Service) sendReset(ctx context.Context, login string) error {
	found, err := s.userByLogin(ctx, login)
	if err != nil || found.Status != user.StatusActive {
		return err
	}
	home, err := s.cfg.Tenants.Node(ctx, found.TenantID)
	if err != nil || home.Suspended() {
		return err
	}
	// Whoever asks has proved nothing: it is the program that acts.
	ctx = scope.With(ctx, scope.Scope{TenantID: home.ID, Path: home.Path, Actor: scope.Actor{Kind: scope.ActorSystem}})
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(found.ID)).ForUpdate().Only(ctx)
		if err != nil {
			return err
		}
		now, recent := s.cfg.Store.Now(), 0
		err = store.QueryRow(ctx, []any{&recent}, `
			SELECT count(*) FROM password_resets WHERE tenant_id = $1 AND user_id = $2 AND created_at > $3`,
			home.ID, found.ID, now.Add(-resetLife))
		if err != nil || recent >= maxResets {
			return err
		}
		return s.makeReset(ctx, present, now)
	})
}

func (s *Service) makeReset(ctx context.Context, to *ent.User, now time.Time) error {
	if err := s.endResets(ctx, to.ID); err != nil {
		return err
	}
	token, hash := newToken(resetPrefix)
	resetID := id.New()
	_, err := store.Exec(ctx, `
		INSERT INTO password_resets (id, tenant_id, user_id, token_hash, created_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6)`, resetID, to.TenantID, to.ID, hash, now, now.Add(resetLife))
	if err != nil {
		return fmt.Errorf("storing a reset: %w", err)
	}
	if err := s.cfg.Log.Publish(ctx, "user.password_reset_requested", "user", to.ID, struct{}{}); err != nil {
		return err
	}
	m, err := s.mailTo(ctx, to, mail.PasswordReset, map[string]string{"link": mail.Link(resetPage, token)})
	if err != nil {
		return err
	}
	m.Until = now.Add(resetLife)
	return s.cfg.Mail.Queue(ctx, m)
}

// endResets makes the open links of a user void.
func (s *Service) endResets(ctx context.Context, userID uuid.UUID) error {
	_, err := store.Exec(ctx, `UPDATE password_resets SET ended_at = $2 WHERE user_id = $1 AND ended_at IS NULL`,
		userID, s.cfg.Store.Now())
	return err
}

// errReset is the one answer to a token that opens nothing, whatever the reason.
var errReset = fault.InvalidField(fault.CodeInvalidToken, "body.token",
	"is not that of an open reset: it was used, has expired, or a newer one was asked for")

// ResetPassword gives the user whose link it is another password, and ends all
// of his sessions. It signs nobody in, and leaves the second factor as it is.
// It fails with invalid_token for every token that opens nothing, with
// weak_password, after which the token is still good, and with
// mail_not_configured where there are no links.
func (s *Service) ResetPassword(ctx context.Context, token, password string) error {
	if store.InTransaction(ctx) {
		return errInTransaction
	}
	if err := s.cfg.Mail.Require(); err != nil {
		return err
	}
	hash := tokenHash(token)
	owner, home, err := s.resetOwner(ctx, hash)
	if err != nil {
		return err
	}
	if err := s.checkPassword(ctx, home.ID, owner.Login, owner.Name, password); err != nil {
		return err
	}
	same, _, err := s.cfg.Passwords.Verify(ctx, owner.PasswordHash, password)
	if err != nil {
		return err
	}
	if same {
		return weakPassword("must not be the present one")
	}
	hashed, err := s.cfg.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(as(ctx, home, owner.ID), func(ctx context.Context) error {
		present, err := s.cfg.Store.Ent(ctx).User.Query().
			Where(user.ID(owner.ID), user.StatusEQ(user.StatusActive)).ForUpdate().Only(ctx)
		if store.IsNotFound(err) {
			return errReset
		}
		if err != nil {
			return fmt.Errorf("reading the user: %w", err)
		}
		// Of two who have the link, one is the first.
		result, err := store.Exec(ctx, `UPDATE password_resets SET ended_at = $2 WHERE token_hash = $1 AND ended_at IS NULL`,
			hash, s.cfg.Store.Now())
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return orElse(err, errReset)
		}
		return s.storePassword(ctx, present, newPassword{hash: hashed})
	})
}

func orElse(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// resetOwner finds whose link it is.
func (s *Service) resetOwner(ctx context.Context, hash []byte) (owner *ent.User, home tenants.Node, err error) {
	var userID uuid.UUID
	err = s.cfg.Store.Read(scope.System(ctx, "finding whose link it is"), func(ctx context.Context) error {
		err := store.QueryRow(ctx, []any{&userID}, `
			SELECT user_id FROM password_resets WHERE token_hash = $1 AND ended_at IS NULL AND expires_at > $2`,
			hash, s.cfg.Store.Now())
		if err != nil {
			return err
		}
		owner, err = s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID), user.StatusEQ(user.StatusActive)).Only(ctx)
		return err
	})
	if store.IsNotFound(err) {
		return nil, home, errReset
	}
	if err != nil {
		return nil, home, err
	}
	home, err = s.cfg.Tenants.Node(ctx, owner.TenantID)
	if err == nil && home.Suspended() {
		err = errSuspended
	}
	return owner, home, err
}

// isToken tells whether a text is well formed as one of newToken's.
func isToken(prefix, text string) bool {
	rest, found := strings.CutPrefix(text, prefix)
	return found && len(rest) == 43
}
