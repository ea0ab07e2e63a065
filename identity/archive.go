package identity

import (
	"context"
	"fmt"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/fault"
)

// ArchiveUser deletes a user of the scope's tenant softly: his sessions and his
// invitation end, he is in no list but the archive, and his login stays his. It
// fails with what the check says, not_found, role_not_assignable, wrong_state,
// with forbidden for the caller himself, and with conflict for the last
// administrator.
func (s *Service) ArchiveUser(ctx context.Context, userID uuid.UUID, check func(version int64) error) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		if err := s.lockAdministrators(ctx); err != nil {
			return err
		}
		present, err := s.lockOther(ctx, userID, "Nobody deletes himself.")
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		status, err := move(present, Archive)
		if err != nil {
			return err
		}
		if present.Status == user.StatusActive {
			if err := s.keepsAdministrator(ctx, present); err != nil {
				return err
			}
		}
		row, err := present.Update().SetStatus(user.Status(status)).SetArchivedFrom(user.ArchivedFrom(present.Status)).
			SetArchivedAt(s.cfg.Store.Now()).ClearInvitationHash().ClearInvitedUntil().Save(ctx)
		if err != nil {
			return fmt.Errorf("archiving a user: %w", err)
		}
		s.forgetPrincipals(ctx)
		if err := s.publishUser(ctx, "user.archived", present, row, "status"); err != nil {
			return err
		}
		return s.endSessions(ctx, userID, reasonArchived)
	})
}

// RestoreUser takes a user of the scope's tenant out of the archive, to where
// archiving has found him. Whoever restores must be allowed to give him the role
// now, whatever was allowed then (D2-4). It fails with what the check says,
// not_found, role_not_assignable, wrong_state, and with quota_exceeded where no
// seat is left.
func (s *Service) RestoreUser(ctx context.Context, userID uuid.UUID, check func(version int64) error) (User, error) {
	var restored User
	err := s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockOther(ctx, userID, "Nobody restores himself.")
		if err != nil {
			return err
		}
		if check != nil {
			if err := check(int64(present.Version)); err != nil {
				return err
			}
		}
		status, err := move(present, Restore)
		if err != nil {
			return err
		}
		if status != UserDisabled { // who takes none
			if err := s.cfg.Tenants.TakeSeat(ctx); err != nil {
				return err
			}
		}
		row, err := present.Update().SetStatus(user.Status(status)).ClearArchivedFrom().ClearArchivedAt().Save(ctx)
		if err != nil {
			return fmt.Errorf("restoring a user: %w", err)
		}
		if err := s.publishUser(ctx, "user.restored", present, row, "status"); err != nil {
			return err
		}
		restored, err = s.withDepartment(ctx, row)
		return err
	})
	return restored, err
}

// DisconnectUser ends all sessions of another user of the scope's tenant, within
// a second. He may sign in again. It fails with not_found, role_not_assignable,
// wrong_state in the archive, and with forbidden for the caller himself, who
// signs out.
func (s *Service) DisconnectUser(ctx context.Context, userID uuid.UUID) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockOther(ctx, userID, "One signs out oneself.")
		if err != nil {
			return err
		}
		if err := notArchived(present); err != nil {
			return err
		}
		if err := s.publishUser(ctx, "user.disconnected", present, present); err != nil {
			return err
		}
		return s.endSessions(ctx, userID, reasonForced)
	})
}

// lockOther is lockTarget for what nobody does to himself, nor to who is above
// him.
func (s *Service) lockOther(ctx context.Context, userID uuid.UUID, why string) (*ent.User, error) {
	a, present, err := s.lockTarget(ctx, userID)
	if err != nil {
		return nil, err
	}
	if a.isSelf(userID) {
		return nil, fault.New(fault.Forbidden, fault.CodeForbidden, "%s", why)
	}
	return present, s.mayChange(ctx, a, present)
}
