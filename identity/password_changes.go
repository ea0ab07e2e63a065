package identity

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

// SetPassword gives another user of the scope's tenant a password, which he is
// asked to change, and ends his sessions. Who was invited needs no invitation
// any more. It fails with not_found, weak_password, role_not_assignable,
// wrong_state in the archive, and with forbidden for the caller's own password,
// which ChangePassword changes.
func (s *Service) SetPassword(ctx context.Context, userID uuid.UUID, password string) error {
	target, err := s.GetUser(ctx, userID)
	if err != nil {
		return err
	}
	if err := s.checkPassword(ctx, target.TenantID, target.Login, target.Name, password); err != nil {
		return err
	}
	return s.givePassword(ctx, target, password, nil)
}

// givePassword is SetPassword without the rules. Until is when a password that
// nobody has changed ends.
func (s *Service) givePassword(ctx context.Context, target User, password string, until *time.Time) error {
	if err := s.maySetPassword(ctx, target); err != nil {
		return err
	}
	hash, err := s.cfg.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, present, err := s.lockTarget(ctx, target.ID)
		if err != nil {
			return err
		}
		if err := notArchived(present); err != nil {
			return err
		}
		if err := s.mayChange(ctx, a, present); err != nil {
			return err // the role has changed meanwhile
		}
		return s.storePassword(ctx, present, newPassword{hash: hash, mustChange: !a.program || until != nil, until: until})
	})
}

// maySetPassword answers before the expensive part.
func (s *Service) maySetPassword(ctx context.Context, target User) error {
	a, err := s.authority(ctx)
	if err != nil {
		return err
	}
	if a.isSelf(target.ID) {
		return fault.New(fault.Forbidden, fault.CodeForbidden,
			"One's own password is changed by giving the present one.")
	}
	return s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		h, err := s.holdingFor(ctx, a.node.Kind, distribution{target.Role, target.CustomRoleID, target.Denied, target.Granted})
		if err != nil {
			return err
		}
		return s.mayGive(a, h)
	})
}

// ChangePassword gives the signed-in user, in his home's scope, another
// password, and ends all of his sessions but the one that he does it with. It
// fails with validation_failed at body.old_password where the old one is wrong,
// with rate_limited after too many wrong ones, with weak_password, and with
// forbidden for keys.
func (s *Service) ChangePassword(ctx context.Context, old, password string, client Client) error {
	caller, known := From(ctx)
	if !known {
		return errNoPrincipal
	}
	if caller.Kind != scope.ActorUser {
		return fault.New(fault.Forbidden, fault.CodeForbidden, "Only a person changes his own password.")
	}
	present, err := s.provePassword(ctx, caller, old, "body.old_password", client)
	if err != nil {
		return err
	}
	if old == password {
		return weakPassword("must not be the present one")
	}
	if err := s.checkPassword(ctx, caller.TenantID, present.Login, present.Name, password); err != nil {
		return err
	}
	hash, err := s.cfg.Passwords.Hash(ctx, password)
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		_, row, err := s.lockTarget(ctx, caller.UserID)
		if err != nil {
			return err
		}
		if row.PasswordHash != present.PasswordHash {
			return fault.New(fault.Conflict, fault.CodeConflict, "The password was changed at the same time.")
		}
		return s.storePassword(ctx, row, newPassword{hash: hash, keep: caller.SessionID})
	})
}

// provePassword lets a signed-in user prove that it is he who sits there. It
// fails with validation_failed at location, and with rate_limited.
func (s *Service) provePassword(ctx context.Context, caller Principal, password, location string, client Client) (*ent.User, error) {
	if store.InTransaction(ctx) {
		return nil, errInTransaction
	}
	try, err := s.attempts.countAlone(ctx, atPassword, caller.UserID.String(), client.IP)
	if err != nil {
		return nil, err
	}
	var present *ent.User
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) (err error) {
		present, err = s.cfg.Store.Ent(ctx).User.Get(ctx, caller.UserID)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the caller: %w", err)
	}
	right, _, err := s.cfg.Passwords.Verify(ctx, present.PasswordHash, password)
	if err != nil {
		return nil, err
	}
	if !right {
		return nil, fault.InvalidField(fault.CodeInvalid, location, "is not the present password")
	}
	return present, s.attempts.takeBack(ctx, try, true)
}

// newPassword is a password that is to take the place of another.
type newPassword struct {
	hash       string
	mustChange bool
	until      *time.Time // unless it was changed by then
	// keep is a session that goes on.
	keep uuid.UUID
}

// storePassword ends with the old password all that it has opened: sessions,
// sign-ins that wait for a code, and links to choose another. Who was invited
// can sign in from now on.
func (s *Service) storePassword(ctx context.Context, present *ent.User, n newPassword) error {
	now := s.cfg.Store.Now()
	update := present.Update().SetPasswordHash(n.hash).SetMustChangePassword(n.mustChange).
		SetPasswordChangedAt(now).ClearInvitationHash().ClearInvitedUntil()
	if n.until != nil {
		update.SetInitialPasswordUntil(*n.until)
	} else {
		update.ClearInitialPasswordUntil()
	}
	changed := []string{"password"}
	if present.Status == user.StatusInvited {
		update.SetStatus(user.StatusActive)
		changed = append(changed, "status")
	}
	row, err := update.Save(ctx)
	if err != nil {
		return fmt.Errorf("storing a password's hash: %w", err)
	}
	if err := s.endResets(ctx, row.ID); err != nil {
		return err
	}
	if err := s.publishUser(ctx, "user.updated", present, row, changed...); err != nil {
		return err
	}
	if err := s.notify(ctx, row, mail.PasswordChanged, map[string]string{"when": mail.When(now)}); err != nil {
		return err
	}
	s.forgetPrincipals(ctx)
	return s.endSessionsBut(ctx, row.ID, n.keep, reasonPassword)
}

// neverUsed tells whether a user has a generated password that he has left
// lying for too long.
func (s *Service) neverUsed(u *ent.User) bool {
	return u.InitialPasswordUntil != nil && !s.cfg.Store.Now().Before(*u.InitialPasswordUntil)
}

// notify writes to a user about his account, in the running transaction and
// under his home's scope, if mails can be sent.
func (s *Service) notify(ctx context.Context, to *ent.User, kind mail.Kind, values map[string]string) error {
	m, err := s.mailTo(ctx, to, kind, values)
	if err != nil {
		return err
	}
	return s.cfg.Mail.Notify(ctx, m)
}

func (s *Service) mailTo(ctx context.Context, to *ent.User, kind mail.Kind, values map[string]string) (mail.Message, error) {
	home, err := s.cfg.Tenants.Get(ctx, to.TenantID)
	if err != nil {
		return mail.Message{}, err
	}
	return mail.Message{To: to.Login, ToName: to.Name, Kind: kind, Language: s.languageOf(to, home), Values: values}, nil
}

// Life of a password under the security suite (manual 004).
const (
	passwordLife    = 90 * 24 * time.Hour
	passwordWarning = 15 * 24 * time.Hour
)

// passwordChangedAt is from when on a user has his password.
func passwordChangedAt(u *ent.User) time.Time {
	if u.PasswordChangedAt != nil {
		return *u.PasswordChangedAt
	}
	return u.CreatedAt
}

// expiresInDays is how many days a password is good for, begun ones included;
// zero where it has expired.
func expiresInDays(changedAt, now time.Time) int {
	left := changedAt.Add(passwordLife).Sub(now)
	if left <= 0 {
		return 0
	}
	return int((left + 24*time.Hour - 1) / (24 * time.Hour))
}
