package identity

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/session"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Client is where a login comes from, as far as it says so itself.
type Client struct{ IP, UserAgent string }

// Tokens are what a login or a refresh gives.
type Tokens struct {
	AccessToken      secret.String
	AccessExpiresAt  time.Time
	RefreshToken     secret.String
	RefreshExpiresAt time.Time
	SessionID        uuid.UUID
	UserID           uuid.UUID
	// TenantID is the user's home.
	TenantID uuid.UUID
	// Restriction is what the user has to do before anything else; empty for
	// most.
	Restriction Restriction
	// PasswordExpiresInDays is nil unless the password expires soon.
	PasswordExpiresInDays *int
}

// reason says why a session was ended.
type reason string

const (
	reasonLogout   reason = "logout"
	reasonReuse    reason = "reuse"
	reasonDisabled reason = "disabled"
	reasonRole     reason = "role_changed"
	reasonPassword reason = "password_changed"
	reasonRevoked  reason = "revoked"
	reasonFactor   reason = "second_factor_reset"
	// Of act-as sessions: by hand, and by themselves.
	reasonEnded    reason = "ended"
	reasonExpired  reason = "expired"
	reasonArchived reason = "archived"
	reasonForced   reason = "disconnected"
)

// The ways to sign in.
const (
	byPassword = session.MethodPassword
	bySignOn   = session.MethodSingleSignOn
)

// errInTransaction is a mistake of the program: a failed refresh has to leave
// its trace, and a transaction around it would undo it.
var errInTransaction = errors.New("identity: sessions begin and go on outside of transactions")

// Login begins a session. An unknown login, a wrong password, a disabled user
// and an attempt that comes too early are one fault, invalid_login, and take as
// long; and so is a generated password that was left lying. It fails with
// second_factor_required and a challenge for CompleteLogin where a code is
// needed too, with tenant_suspended for who has the right password and no tenant
// to go to, and with unavailable while too many others log in.
func (s *Service) Login(ctx context.Context, login, password string, client Client) (Tokens, error) {
	if store.InTransaction(ctx) {
		return Tokens{}, errInTransaction
	}
	found, try, err := s.findForLogin(ctx, login, client)
	if errors.Is(err, errDelayed) {
		if err := s.cfg.Passwords.Pretend(ctx); err != nil {
			return Tokens{}, err
		}
		return Tokens{}, errInvalidLogin
	}
	if err != nil {
		return Tokens{}, err
	}
	verify := s.cfg.Passwords.Verify
	if try.suspect {
		verify = s.cfg.Passwords.VerifySuspect
	}
	right, weak, err := verify(ctx, found.PasswordHash, password)
	if err != nil && try.suspect {
		return Tokens{}, err // and stays counted: to be turned away clears nobody
	}
	if err != nil {
		return Tokens{}, errors.Join(err, s.attempts.takeBack(ctx, try, false))
	}
	if !right || found.Status != user.StatusActive || s.neverUsed(found) {
		return Tokens{}, errInvalidLogin
	}
	stronger := ""
	if weak {
		// A missing slot is no reason to refuse a login: next time, then.
		stronger, _ = s.cfg.Passwords.Hash(ctx, password)
	}
	if required, err := s.wantsSignOn(ctx, found); err != nil || required {
		return Tokens{}, orElse(orElse(err, s.attempts.takeBack(ctx, try, false)), errSignOnRequired)
	}
	return s.enter(ctx, found, try, stronger, byPassword, client)
}

// enter lets a user in who has proved himself by the first factor.
func (s *Service) enter(ctx context.Context, found *ent.User, try attempt, stronger string, by session.Method, client Client) (Tokens, error) {
	home, err := s.cfg.Tenants.Node(ctx, found.TenantID)
	if err != nil {
		return Tokens{}, err
	}
	if home.Suspended() {
		return Tokens{}, orElse(s.attempts.takeBack(ctx, try, false), errSuspended)
	}
	if _, err := s.signing.signer(ctx); err != nil {
		return Tokens{}, err // before there is a session without tokens
	}
	challenge, err := s.challenge(ctx, home, found, by)
	if err != nil {
		return Tokens{}, err
	}
	if challenge != nil {
		return Tokens{}, orElse(s.attempts.takeBack(ctx, try, false), challenge)
	}
	f, err := s.begin(ctx, home, found, stronger, by, client)
	if err != nil {
		return Tokens{}, err
	}
	if err := s.attempts.takeBack(ctx, try, true); err != nil {
		return Tokens{}, err
	}
	return s.first(ctx, f, by)
}

// first makes the first tokens of a session.
func (s *Service) first(ctx context.Context, f family, by session.Method) (Tokens, error) {
	tokens, err := s.issue(ctx, f)
	if err != nil {
		return Tokens{}, err
	}
	return s.withAdvice(ctx, tokens, by)
}

// findForLogin counts an attempt to log in and returns whose it is: an empty
// user, who has an empty hash, for nobody. It fails with errDelayed.
func (s *Service) findForLogin(ctx context.Context, text string, client Client) (*ent.User, attempt, error) {
	found, try := &ent.User{}, attempt{}
	login, err := cleanLogin(text)
	if err != nil {
		login = "" // nobody's; asked for all the same
	}
	err = s.cfg.Store.InTx(scope.System(ctx, "finding who logs in"), func(ctx context.Context) (err error) {
		if found, err = s.userWithLogin(ctx, login); err != nil {
			return err
		}
		try, err = s.attempts.count(ctx, atLogin, login, client.IP)
		return err
	})
	return found, try, err
}

// userByLogin returns an empty user for nobody.
func (s *Service) userByLogin(ctx context.Context, text string) (found *ent.User, err error) {
	login, err := cleanLogin(text)
	if err != nil {
		login = ""
	}
	err = s.cfg.Store.Read(scope.System(ctx, "finding a user by his login"), func(ctx context.Context) (err error) {
		found, err = s.userWithLogin(ctx, login)
		return err
	})
	return found, err
}

func (s *Service) userWithLogin(ctx context.Context, login string) (*ent.User, error) {
	row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.Login(login)).Only(ctx)
	if store.IsNotFound(err) {
		return &ent.User{}, nil
	}
	return row, err
}

// begin writes the session. The user's row is locked, so that a user who is
// disabled or gets another password at this moment is left with no session.
func (s *Service) begin(ctx context.Context, home tenants.Node, seen *ent.User, stronger string, by session.Method, client Client) (family, error) {
	nonce := random(nonceSize)
	var made *ent.Session
	err := s.cfg.Store.InTx(as(ctx, home, seen.ID), func(ctx context.Context) error {
		present, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(seen.ID)).ForUpdate().Only(ctx)
		if err != nil {
			return fmt.Errorf("reading the user: %w", err)
		}
		if present.Status != user.StatusActive || present.PasswordHash != seen.PasswordHash {
			return errInvalidLogin
		}
		if stronger != "" {
			if err := present.Update().SetPasswordHash(stronger).Exec(ctx); err != nil {
				return fmt.Errorf("strengthening the password's hash: %w", err)
			}
		}
		if err := s.setPresence(ctx, seen.ID, Online); err != nil {
			return err
		}
		now := s.cfg.Store.Now()
		made, err = s.cfg.Store.Ent(ctx).Session.Create().SetUserID(seen.ID).SetNonce(nonce).SetMethod(by).
			SetGeneration(1).SetRotatedAt(now).SetExpiresAt(now.Add(s.cfg.SessionLife)).
			SetIP(printable(client.IP, 64)).SetUserAgent(printable(client.UserAgent, 400)).Save(ctx)
		if err != nil {
			return fmt.Errorf("creating a session: %w", err)
		}
		if err := s.noteSecondFactorDue(ctx, present); err != nil {
			return err
		}
		return s.cfg.Log.Publish(ctx, "session.started", "session", made.ID, sessionData{UserID: seen.ID})
	})
	if err != nil {
		return family{}, err
	}
	return family{
		id: made.ID, userID: seen.ID, home: home, nonce: nonce, generation: 1,
		rotatedAt: made.RotatedAt, expiresAt: made.ExpiresAt,
	}, nil
}

// sessionData is the data of the events of sessions.
type sessionData struct {
	UserID uuid.UUID `json:"user_id"`
	Reason reason    `json:"reason,omitempty"`
}

// as is a context in which a user works at home.
func as(ctx context.Context, home tenants.Node, userID uuid.UUID) context.Context {
	return scope.With(ctx, scope.Scope{
		TenantID: home.ID, Path: home.Path, Actor: scope.Actor{Kind: scope.ActorUser, ID: userID},
	})
}

// Logout ends every session of a user of the scope's tenant (C-43). Everybody
// may log out himself; who would log out another needs to be allowed to change
// him. It fails with not_found, forbidden and role_not_assignable.
func (s *Service) Logout(ctx context.Context, userID uuid.UUID) error {
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
		return s.endSessions(ctx, userID, reasonLogout)
	})
}

// endSessions revokes what a user has open, and shows him as offline (C-43). The
// caller has locked the user's row, so that no login slips in between.
func (s *Service) endSessions(ctx context.Context, userID uuid.UUID, why reason) error {
	return s.endSessionsBut(ctx, userID, uuid.Nil, why)
}

// endSessionsBut is endSessions, except for one that goes on.
func (s *Service) endSessionsBut(ctx context.Context, userID, keep uuid.UUID, why reason) error {
	if err := s.endActing(ctx, userID, uuid.Nil, keep, why); err != nil {
		return err
	}
	if keep == uuid.Nil {
		if err := s.leave(ctx, userID); err != nil {
			return err
		}
	}
	if err := s.endChallenges(ctx, userID); err != nil {
		return err
	}
	client, now := s.cfg.Store.Ent(ctx).Session, s.cfg.Store.Now()
	open, err := client.Query().
		Where(session.UserID(userID), session.IDNEQ(keep), session.RevokedAtIsNil(), session.ExpiresAtGT(now)).
		Order(session.ByID()).ForUpdate().All(ctx)
	if err != nil {
		return fmt.Errorf("reading the user's sessions: %w", err)
	}
	if len(open) == 0 {
		return nil
	}
	err = client.Update().Where(session.UserID(userID), session.IDNEQ(keep), session.RevokedAtIsNil()).
		SetRevokedAt(now).SetRevokedReason(string(why)).Exec(ctx)
	if err != nil {
		return fmt.Errorf("revoking the user's sessions: %w", err)
	}
	for _, ended := range open {
		if err := s.cfg.Log.Publish(ctx, "session.ended", "session", ended.ID, sessionData{userID, why}); err != nil {
			return err
		}
	}
	s.forgetPrincipals(ctx)
	return nil
}

// printable makes text that a client sent fit to be stored and shown.
func printable(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, ""))
	if runes := []rune(text); len(runes) > most {
		return string(runes[:most])
	}
	return text
}
