package identity

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

const (
	// invitationLife is how long an invitation is good.
	invitationLife = 7 * 24 * time.Hour
	// invitationBytes of randomness are in its token.
	invitationBytes = 32
	// invitationPage and signInPage are where mails lead, in the application that
	// people use.
	invitationPage = "/invitation"
	signInPage     = "/login"
)

// newInvitation makes a token, and what is kept of it.
func newInvitation() (token string, hash []byte) {
	token = base64.RawURLEncoding.EncodeToString(random(invitationBytes))
	return token, invitationHash(token)
}

func invitationHash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}

// errInvitation is the one answer to a token that opens nothing, whatever the
// reason.
var errInvitation = fault.InvalidField(fault.CodeInvalidToken, "body.token",
	"is not that of an open invitation: it was used, has ended, or was taken back")

// Invite sends an invited user of the scope's tenant another invitation; the one
// before is void from then on. It fails with not_found, role_not_assignable,
// wrong_state for who is not invited, and mail_not_configured.
func (s *Service) Invite(ctx context.Context, userID uuid.UUID) (User, error) {
	var invited User
	err := s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, present, err := s.lockInvited(ctx, userID)
		if err != nil {
			return err
		}
		token, hash := newInvitation()
		row, err := present.Update().SetInvitationHash(hash).SetInvitedUntil(s.cfg.Store.Now().Add(invitationLife)).Save(ctx)
		if err != nil {
			return fmt.Errorf("storing an invitation: %w", err)
		}
		if err := s.publishUser(ctx, "user.invited", present, row); err != nil {
			return err
		}
		if err := s.mailInvitation(ctx, a, row, token); err != nil {
			return err
		}
		invited, err = s.withDepartment(ctx, row)
		return err
	})
	return invited, err
}

// RevokeInvitation makes the open invitation of a user of the scope's tenant
// void. He stays invited, and can be invited again. It fails with not_found,
// role_not_assignable, and wrong_state for who is not invited.
func (s *Service) RevokeInvitation(ctx context.Context, userID uuid.UUID) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		_, present, err := s.lockInvited(ctx, userID)
		if err != nil || present.InvitedUntil == nil {
			return err
		}
		row, err := present.Update().ClearInvitationHash().ClearInvitedUntil().Save(ctx)
		if err != nil {
			return fmt.Errorf("revoking an invitation: %w", err)
		}
		return s.publishUser(ctx, "user.invitation_revoked", present, row)
	})
}

func (s *Service) lockInvited(ctx context.Context, userID uuid.UUID) (authority, *ent.User, error) {
	a, present, err := s.lockTarget(ctx, userID)
	if err != nil {
		return authority{}, nil, err
	}
	if err := s.mayChange(ctx, a, present); err != nil {
		return authority{}, nil, err
	}
	if present.Status != user.StatusInvited {
		return authority{}, nil, wrongUserState(present)
	}
	return a, present, nil
}

// AcceptInvitation turns who was invited into a user with a password of his own
// choice, and with another name if he gives one. It returns him. It fails with
// invalid_token for every token that opens nothing, and with weak_password,
// validation_failed and tenant_suspended. The token is good until it succeeds.
func (s *Service) AcceptInvitation(ctx context.Context, token, password string, name *string) (User, error) {
	if store.InTransaction(ctx) {
		return User{}, errInTransaction
	}
	hash := invitationHash(token)
	found, home, err := s.invited(ctx, hash)
	if err != nil {
		return User{}, err
	}
	if err := s.checkPassword(ctx, found.TenantID, found.Login, found.Name, password); err != nil {
		return User{}, err
	}
	if name != nil {
		clean, err := tenants.CleanName("body.name", *name)
		if err != nil {
			return User{}, err
		}
		name = &clean
	}
	hashed, err := s.cfg.Passwords.Hash(ctx, password)
	if err != nil {
		return User{}, err
	}
	var accepted User
	err = s.cfg.Store.InTx(as(ctx, home, found.ID), func(ctx context.Context) error {
		// Again, and locked: of two who have the link, one is the first.
		present, err := s.cfg.Store.Ent(ctx).User.Query().
			Where(user.ID(found.ID), user.InvitationHash(hash), user.StatusEQ(user.StatusInvited)).ForUpdate().Only(ctx)
		if store.IsNotFound(err) {
			return errInvitation
		}
		if err != nil {
			return fmt.Errorf("reading who was invited: %w", err)
		}
		accepted, err = s.accept(ctx, present, hashed, name)
		return err
	})
	return accepted, err
}

// invited finds who was invited with a token, and where.
func (s *Service) invited(ctx context.Context, hash []byte) (found *ent.User, home tenants.Node, err error) {
	err = s.cfg.Store.Read(scope.System(ctx, "finding who was invited"), func(ctx context.Context) (err error) {
		found, err = s.cfg.Store.Ent(ctx).User.Query().
			Where(user.InvitationHash(hash), user.StatusEQ(user.StatusInvited)).Only(ctx)
		return err
	})
	switch {
	case store.IsNotFound(err):
		return nil, home, errInvitation
	case err != nil:
		return nil, home, err
	case found.InvitedUntil == nil || !s.cfg.Store.Now().Before(*found.InvitedUntil):
		return nil, home, errInvitation
	}
	if home, err = s.cfg.Tenants.Node(ctx, found.TenantID); err == nil && home.Suspended() {
		err = errSuspended
	}
	return found, home, err
}

func (s *Service) accept(ctx context.Context, present *ent.User, hash string, name *string) (User, error) {
	status, err := move(present, Accept)
	if err != nil {
		return User{}, err
	}
	update := present.Update().SetStatus(user.Status(status)).SetPasswordHash(hash).SetMustChangePassword(false).
		SetPasswordChangedAt(s.cfg.Store.Now()).ClearInvitationHash().ClearInvitedUntil()
	changed := []string{"status", "password"}
	if name != nil && *name != present.Name {
		update.SetName(*name).SetNameFolded(strings.ToLower(*name))
		changed = append(changed, "name")
	}
	row, err := update.Save(ctx)
	if err != nil {
		return User{}, fmt.Errorf("accepting an invitation: %w", err)
	}
	if err := s.publishUser(ctx, "user.invitation_accepted", present, row, changed...); err != nil {
		return User{}, err
	}
	return s.withDepartment(ctx, row)
}

// mailInvitation writes to who was invited, in the running transaction.
func (s *Service) mailInvitation(ctx context.Context, a authority, to *ent.User, token string) error {
	inviter := a.node.Name
	if !a.program {
		inviter = a.caller.UserName
	}
	return s.cfg.Mail.Queue(ctx, mail.Message{
		To: to.Login, ToName: to.Name, Kind: mail.Invitation, Language: s.languageOf(to, a.node),
		Values: map[string]string{
			"link": mail.Link(invitationPage, token), "inviter": inviter, "tenant": a.node.Name,
			"days": strconv.Itoa(int(invitationLife / (24 * time.Hour))),
		},
		Until: s.cfg.Store.Now().Add(invitationLife),
	})
}

// languageOf is the language that a user reads.
func (s *Service) languageOf(u *ent.User, home tenants.Tenant) string {
	if u.Language != nil {
		return *u.Language
	}
	return home.Language
}

// Welcome sends a user of the scope's tenant the mail with his login and the way
// to sign in, once more. It fails with not_found, role_not_assignable,
// wrong_state for who cannot sign in, and mail_not_configured.
func (s *Service) Welcome(ctx context.Context, userID uuid.UUID) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, present, err := s.lockTarget(ctx, userID)
		if err != nil {
			return err
		}
		if err := s.mayChange(ctx, a, present); err != nil {
			return err
		}
		if present.Status != user.StatusActive {
			return wrongUserState(present)
		}
		if err := s.cfg.Mail.Require(); err != nil {
			return err
		}
		if err := s.publishUser(ctx, "user.welcomed", present, present); err != nil {
			return err
		}
		return s.mailWelcome(ctx, a, present)
	})
}

// mailWelcome writes to a user who can sign in, in the running transaction.
// Without a mail server it does nothing. The password is never in it.
func (s *Service) mailWelcome(ctx context.Context, a authority, to *ent.User) error {
	return s.cfg.Mail.Notify(ctx, mail.Message{
		To: to.Login, ToName: to.Name, Kind: mail.Welcome, Language: s.languageOf(to, a.node),
		Values: map[string]string{"login": to.Login, "tenant": a.node.Name, "link": mail.Link(signInPage, "")},
	})
}
