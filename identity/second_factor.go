package identity

import (
	"context"
	"encoding/base32"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/mail"
	"github.com/trellishq/trellis/tenants/scope"
)

// SealedFactors is the column of users' secrets, for a rotation of the master
// keys.
var SealedFactors = store.SealedColumn{Table: "second_factors", Column: "secret", ID: "user_id", Owner: "tenant_id"}

// SecondFactor is how a user stands with his second factor.
type SecondFactor struct {
	// Enabled is set once a code has proved that the device has the secret.
	Enabled bool
	// EnabledAt is nil unless it is enabled.
	EnabledAt *time.Time
	// RecoveryCodesLeft are the codes that have not been used.
	RecoveryCodesLeft int
	// Required is set where the platform asks for one, DueAt from when on nothing
	// works without.
	Required bool
	DueAt    *time.Time
}

// Enrolment is a secret that a device is to take over. It is shown once.
type Enrolment struct {
	Secret secret.String
	// URL is the same for a camera (otpauth://).
	URL secret.String
}

var errFactorEnabled = fault.New(fault.Conflict, fault.CodeWrongState,
	"The second factor is in use. Switch it off before another one is set up.").Showing("enabled")

var errNoFactor = fault.New(fault.Conflict, fault.CodeWrongState, "There is no second factor in use.").Showing("disabled")

// factorData is the data of the events of second factors.
type factorData struct {
	Enabled bool `json:"second_factor"`
}

// person is the caller, who must not be a key.
func personal(ctx context.Context) (Principal, error) {
	caller, known := From(ctx)
	switch {
	case !known:
		return Principal{}, errNoPrincipal
	case caller.Kind != scope.ActorUser:
		return Principal{}, fault.New(fault.Forbidden, fault.CodeForbidden, "An API key has no second factor and no sessions.")
	case caller.Acting != nil:
		return Principal{}, errActing
	}
	return caller, nil
}

// SecondFactor tells the signed-in user how he stands. It fails with forbidden
// for keys.
func (s *Service) SecondFactor(ctx context.Context) (SecondFactor, error) {
	caller, err := personal(ctx)
	if err != nil {
		return SecondFactor{}, err
	}
	var out SecondFactor
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		present, err := s.cfg.Store.Ent(ctx).User.Get(ctx, caller.UserID)
		if err != nil {
			return err
		}
		home, err := s.cfg.Tenants.Get(ctx, caller.TenantID)
		if err != nil {
			return err
		}
		if out.Required = s.asksSecondFactor(home.Kind, authz.Role(present.Role)); out.Required {
			out.DueAt = present.SecondFactorDueAt
		}
		err = store.QueryRow(ctx, []any{&out.EnabledAt, &out.RecoveryCodesLeft}, `
			SELECT f.confirmed_at, (SELECT count(*) FROM recovery_codes c
				WHERE c.tenant_id = f.tenant_id AND c.user_id = f.user_id AND c.ended_at IS NULL)
			FROM second_factors f WHERE f.tenant_id = $1 AND f.user_id = $2`, caller.TenantID, caller.UserID)
		if store.IsNotFound(err) {
			err = nil
		}
		out.Enabled = out.EnabledAt != nil
		return err
	})
	return out, err
}

// EnrolSecondFactor begins to set up the signed-in user's second factor: the
// device takes the secret over and proves it by a code. Until then signing in
// needs none, and beginning again makes another secret. It fails with
// validation_failed at body.password, rate_limited, wrong_state where one is in
// use, and forbidden for keys.
func (s *Service) EnrolSecondFactor(ctx context.Context, password string, client Client) (Enrolment, error) {
	caller, err := personal(ctx)
	if err != nil {
		return Enrolment{}, err
	}
	present, err := s.provePassword(ctx, caller, password, "body.password", client)
	if err != nil {
		return Enrolment{}, err
	}
	raw := random(factorBytes)
	sealed := s.cfg.Keyring.Seal(caller.TenantID, SealedFactors.Table, caller.UserID.String(), SealedFactors.Column, raw)
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		result, err := store.Exec(ctx, `
			INSERT INTO second_factors AS f (tenant_id, user_id, secret, created_at) VALUES ($1, $2, $3, $4)
			ON CONFLICT (tenant_id, user_id) DO UPDATE SET secret = $3, created_at = $4, last_step = 0
			WHERE f.confirmed_at IS NULL`, caller.TenantID, caller.UserID, []byte(sealed), s.cfg.Store.Now())
		if err != nil {
			return fmt.Errorf("storing a second factor: %w", err)
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return orElse(err, errFactorEnabled)
		}
		return nil
	})
	if err != nil {
		return Enrolment{}, err
	}
	return enrolment(present.Login, raw), nil
}

// ConfirmSecondFactor puts the second factor into use that the device has proved
// to have, and returns the recovery codes, once. It fails with validation_failed
// at body.code, rate_limited, wrong_state where nothing was begun or one is in
// use, and forbidden for keys.
func (s *Service) ConfirmSecondFactor(ctx context.Context, code string, client Client) ([]string, error) {
	caller, err := personal(ctx)
	if err != nil {
		return nil, err
	}
	try, err := s.attempts.countAlone(ctx, atFactor, caller.UserID.String(), client.IP)
	if err != nil {
		return nil, err
	}
	var codes []string
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockUser(ctx, caller.UserID)
		if err != nil {
			return err
		}
		f, err := s.lockFactor(ctx, caller.TenantID, caller.UserID)
		switch {
		case err != nil:
			return err
		case f == nil:
			return fault.New(fault.Conflict, fault.CodeWrongState, "Nothing was begun: ask for a secret first.").Showing("disabled")
		case f.confirmed:
			return errFactorEnabled
		}
		step, right := f.match(code, s.cfg.Store.Now())
		if !right {
			return fault.InvalidField(fault.CodeInvalid, "body.code", "is not the code of this moment")
		}
		_, err = store.Exec(ctx, `UPDATE second_factors SET confirmed_at = $3, last_step = $4 WHERE tenant_id = $1 AND user_id = $2`,
			caller.TenantID, caller.UserID, s.cfg.Store.Now(), step)
		if err != nil {
			return fmt.Errorf("confirming a second factor: %w", err)
		}
		if codes, err = s.makeRecoveryCodes(ctx, present); err != nil {
			return err
		}
		return s.factorChanged(ctx, present, "enabled", true)
	})
	if err != nil {
		return nil, err
	}
	return codes, s.attempts.takeBack(ctx, try, true)
}

// DisableSecondFactor takes the signed-in user's second factor out of use. It
// fails with validation_failed at body.password, rate_limited, wrong_state where
// there is none, and forbidden for keys.
func (s *Service) DisableSecondFactor(ctx context.Context, password string, client Client) error {
	caller, err := personal(ctx)
	if err != nil {
		return err
	}
	if _, err := s.provePassword(ctx, caller, password, "body.password", client); err != nil {
		return err
	}
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockUser(ctx, caller.UserID)
		if err != nil {
			return err
		}
		if err := s.removeFactor(ctx, present); err != nil {
			return err
		}
		return s.factorChanged(ctx, present, "disabled", false)
	})
}

// NewRecoveryCodes makes the signed-in user's recovery codes anew, and the old
// ones void. It fails like DisableSecondFactor.
func (s *Service) NewRecoveryCodes(ctx context.Context, password string, client Client) ([]string, error) {
	caller, err := personal(ctx)
	if err != nil {
		return nil, err
	}
	if _, err := s.provePassword(ctx, caller, password, "body.password", client); err != nil {
		return nil, err
	}
	var codes []string
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		present, err := s.lockUser(ctx, caller.UserID)
		if err != nil {
			return err
		}
		f, err := s.lockFactor(ctx, caller.TenantID, caller.UserID)
		if err != nil {
			return err
		}
		if f == nil || !f.confirmed {
			return errNoFactor
		}
		if codes, err = s.makeRecoveryCodes(ctx, present); err != nil {
			return err
		}
		return s.factorChanged(ctx, present, "recovery_codes", true)
	})
	return codes, err
}

// ResetSecondFactor takes another user's second factor out of use, for who has
// lost device and recovery codes, and ends his sessions. It fails with
// not_found, role_not_assignable, wrong_state where there is none, and with
// forbidden for the caller's own, which DisableSecondFactor takes out of use.
func (s *Service) ResetSecondFactor(ctx context.Context, userID uuid.UUID) error {
	return s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		a, target, err := s.lockTarget(ctx, userID)
		if err != nil {
			return err
		}
		if a.isSelf(userID) {
			return fault.New(fault.Forbidden, fault.CodeForbidden, "One's own second factor is switched off by giving the password.")
		}
		if err := s.mayChange(ctx, a, target); err != nil {
			return err
		}
		if err := s.removeFactor(ctx, target); err != nil {
			return err
		}
		if err := s.factorChanged(ctx, target, "reset", false); err != nil {
			return err
		}
		return s.endSessions(ctx, userID, reasonFactor)
	})
}

func (s *Service) lockUser(ctx context.Context, userID uuid.UUID) (*ent.User, error) {
	row, err := s.cfg.Store.Ent(ctx).User.Query().Where(user.ID(userID)).ForUpdate().Only(ctx)
	if err != nil {
		return nil, fmt.Errorf("reading the user: %w", err)
	}
	return row, nil
}

// removeFactor forgets a secret and its recovery codes.
func (s *Service) removeFactor(ctx context.Context, of *ent.User) error {
	result, err := store.Exec(ctx, `
		UPDATE second_factors SET secret = NULL, confirmed_at = NULL
		WHERE tenant_id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL`, of.TenantID, of.ID)
	if err != nil {
		return fmt.Errorf("removing a second factor: %w", err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return orElse(err, errNoFactor)
	}
	if s.cfg.SecondFactor != nil {
		// The time to set up another one begins anew.
		if err := of.Update().ClearSecondFactorDueAt().Exec(ctx); err != nil {
			return err
		}
	}
	return s.endRecoveryCodes(ctx, of)
}

func (s *Service) endRecoveryCodes(ctx context.Context, of *ent.User) error {
	_, err := store.Exec(ctx, `
		UPDATE recovery_codes SET ended_at = $3 WHERE tenant_id = $1 AND user_id = $2 AND ended_at IS NULL`,
		of.TenantID, of.ID, s.cfg.Store.Now())
	return err
}

const recoveryCodes = 10

// makeRecoveryCodes makes codes of 80 bits, in groups of four.
func (s *Service) makeRecoveryCodes(ctx context.Context, of *ent.User) ([]string, error) {
	if err := s.endRecoveryCodes(ctx, of); err != nil {
		return nil, err
	}
	var codes []string
	for range recoveryCodes {
		text := strings.ToLower(base32.StdEncoding.EncodeToString(random(10)))
		_, err := store.Exec(ctx, `INSERT INTO recovery_codes (tenant_id, user_id, hash, created_at) VALUES ($1, $2, $3, $4)`,
			of.TenantID, of.ID, tokenHash(text), s.cfg.Store.Now())
		if err != nil {
			return nil, fmt.Errorf("storing a recovery code: %w", err)
		}
		codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
	}
	return codes, nil
}

// useRecoveryCode uses a code up, if it is good.
func (s *Service) useRecoveryCode(ctx context.Context, of *ent.User, code string) (bool, error) {
	text := strings.ToLower(strings.Map(func(r rune) rune {
		if r == '-' || r == ' ' {
			return -1
		}
		return r
	}, code))
	result, err := store.Exec(ctx, `
		UPDATE recovery_codes SET ended_at = $4 WHERE tenant_id = $1 AND user_id = $2 AND hash = $3 AND ended_at IS NULL`,
		of.TenantID, of.ID, tokenHash(text), s.cfg.Store.Now())
	if err != nil {
		return false, fmt.Errorf("using a recovery code: %w", err)
	}
	n, err := result.RowsAffected()
	return n == 1, err
}

// factorChanged writes down and tells the user that his second factor changed.
func (s *Service) factorChanged(ctx context.Context, of *ent.User, change string, enabled bool) error {
	s.forgetPrincipals(ctx)
	kind := map[string]string{
		"enabled": "user.second_factor_enabled", "disabled": "user.second_factor_disabled",
		"reset": "user.second_factor_reset", "recovery_codes": "user.recovery_codes_made",
	}[change]
	before := factorData{enabled == (change == "recovery_codes")}
	err := s.cfg.Log.Publish(ctx, kind, "user", of.ID,
		events.Change{Data: factorData{enabled}, Before: before, After: factorData{enabled}})
	if err != nil {
		return err
	}
	return s.notify(ctx, of, mail.SecondFactorChanged, map[string]string{
		"change": change, "when": mail.When(s.cfg.Store.Now()),
	})
}
