package identity

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

// warnedAtOnce is how many users are looked for at a time.
const warnedAtOnce = 200

// changePage is where the link leads, in the application that people use.
const changePage = "/account/password"

// WarnExpiring writes once to each user whose password expires soon (SEC-07).
// Any number of processes may run it at any time.
func (s *Service) WarnExpiring(ctx context.Context) error {
	if !s.cfg.Mail.Configured() {
		return nil
	}
	for {
		due, err := s.expiring(ctx)
		if err != nil {
			return err
		}
		for _, u := range due {
			if err := s.warnExpiring(ctx, u); err != nil {
				return err
			}
		}
		if len(due) < warnedAtOnce {
			return nil
		}
	}
}

// homeOf is a user and where he is at home.
type homeOf struct{ tenantID, userID uuid.UUID }

func (s *Service) expiring(ctx context.Context) (due []homeOf, err error) {
	now := s.cfg.Store.Now()
	ctx = scope.System(ctx, "looking for passwords that expire soon")
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, `
			SELECT u.tenant_id, u.id
			FROM tenants t JOIN users u ON u.tenant_id = t.id
			WHERE t.security_suite AND t.status = 'active' AND u.status = 'active'
			  AND coalesce(u.password_changed_at, u.created_at) <= $1
			  AND coalesce(u.password_changed_at, u.created_at) > $2
			  AND (u.password_warned_at IS NULL OR u.password_warned_at < coalesce(u.password_changed_at, u.created_at))
			LIMIT $3`, now.Add(passwordWarning-passwordLife), now.Add(-passwordLife), warnedAtOnce)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }()
		for rows.Next() {
			var u homeOf
			if err := rows.Scan(&u.tenantID, &u.userID); err != nil {
				return err
			}
			due = append(due, u)
		}
		return rows.Err()
	})
	return due, err
}

func (s *Service) warnExpiring(ctx context.Context, u homeOf) error {
	sc, err := s.cfg.Tenants.ScopeFor(ctx, u.tenantID, scope.Actor{Kind: scope.ActorSystem})
	if err != nil {
		return err
	}
	return s.cfg.Store.InTx(scope.With(ctx, sc), func(ctx context.Context) error {
		now := s.cfg.Store.Now()
		row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(u.userID)).ForUpdate().Only(ctx)
		if err != nil {
			return err
		}
		changed := passwordChangedAt(row)
		if row.PasswordWarnedAt != nil && !row.PasswordWarnedAt.Before(changed) {
			return nil // another process was first
		}
		if err := row.Update().SetPasswordWarnedAt(now).Exec(ctx); err != nil {
			return err
		}
		m, err := s.mailTo(ctx, row, mail.PasswordExpiring, map[string]string{
			"days": strconv.Itoa(expiresInDays(changed, now)), "link": mail.Link(changePage, ""),
		})
		if err != nil {
			return err
		}
		m.Until = now.Add(24 * time.Hour)
		return s.cfg.Mail.Notify(ctx, m)
	})
}
