package agents

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent/user"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Code is an aux code: what an agent's status in a queue is called.
type Code struct {
	Code    int
	Name    string
	Version int
	// BuiltIn codes are those that every tenant begins with.
	BuiltIn bool
	// Pause tells that the code is a reason to pause or to log out of a queue;
	// the only one that is none says that somebody is available.
	Pause bool
	// DefaultPause is the reason of a pause that names none.
	DefaultPause bool
	// UpdatedAt is when somebody changed it; nil for one as it came.
	UpdatedAt *time.Time
}

const (
	// availableCode is the status of who receives work; it is no reason for
	// anything.
	availableCode = 1
	// firstPause is the reason of a pause that names none, until the tenant
	// chooses another.
	firstPause = 3
	// maxCode keeps codes short enough to be dialled.
	maxCode = 999
)

// builtIn are the codes 1 to 5, with which every tenant begins.
var builtIn = []Code{
	{Code: availableCode, Name: "Available"},
	{Code: 2, Name: "Lunch"},
	{Code: firstPause, Name: "Break"},
	{Code: 4, Name: "Meeting"},
	{Code: 5, Name: "Training"},
}

func isBuiltIn(code int) bool { return code >= 1 && code <= len(builtIn) }

// Codes lists the tenant's aux codes by their number.
func (s *Service) Codes(ctx context.Context) ([]Code, error) {
	var out []Code
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		out, err = s.codes(ctx)
		return err
	})
	return out, err
}

// codes reads them: what the program knows, overlaid by what the tenant made of
// it.
func (s *Service) codes(ctx context.Context) ([]Code, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	known := map[int]Code{}
	for _, c := range builtIn {
		c.Version = 1
		known[c.Code] = c
	}
	err = rowsOf(ctx, func(scan func(...any) error) error {
		var (
			c       Code
			at      time.Time
			deleted bool
		)
		if err := scan(&c.Code, &c.Name, &c.Version, &at, &deleted); err != nil {
			return err
		}
		if c.Version > 1 || !isBuiltIn(c.Code) {
			c.UpdatedAt = &at
		}
		if known[c.Code] = c; deleted {
			delete(known, c.Code)
		}
		return nil
	}, `SELECT code, name, version, updated_at, deleted_at IS NOT NULL FROM aux_codes WHERE tenant_id = $1`, sc.TenantID)
	if err != nil {
		return nil, err
	}
	settings, err := s.settings(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]Code, 0, len(known))
	for _, c := range known {
		c.BuiltIn, c.Pause, c.DefaultPause = isBuiltIn(c.Code), c.Code != availableCode, c.Code == settings.DefaultPause
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b Code) int { return a.Code - b.Code })
	return out, nil
}

// Code returns one aux code. Faults: CodeNotFound.
func (s *Service) Code(ctx context.Context, code int) (Code, error) {
	var out Code
	err := s.store.Read(ctx, func(ctx context.Context) (err error) {
		out, err = s.code(ctx, code)
		return err
	})
	return out, err
}

func (s *Service) code(ctx context.Context, code int) (Code, error) {
	all, err := s.codes(ctx)
	if err != nil {
		return Code{}, err
	}
	for _, c := range all {
		if c.Code == code {
			return c, nil
		}
	}
	return Code{}, fault.Missing("aux code")
}

// reason finds the reason that somebody names for a pause, and sees to it that
// its row can be pointed at and is not deleted meanwhile. nil is the default
// pause. Faults: CodeNotFound at the field for what is no reason.
func (s *Service) reason(ctx context.Context, code *int) (Code, error) {
	all, err := s.codes(ctx)
	if err != nil {
		return Code{}, err
	}
	for _, c := range all {
		if c.Pause && (code == nil && c.DefaultPause || code != nil && c.Code == *code) {
			return c, s.materialize(ctx, c, true)
		}
	}
	return Code{}, fault.InvalidField(fault.CodeNotFound, "body.aux_code", "is no aux code of the tenant that is a reason for a pause", *code)
}

// ownReason is reason for somebody who pauses himself, as far as he is given
// pauses. Faults: those of reason, CodeForbidden.
func (s *Service) ownReason(ctx context.Context, userID uuid.UUID, code *int) (Code, error) {
	reason, err := s.reason(ctx, code)
	if err != nil {
		return Code{}, err
	}
	pauses, others, err := s.givenPauses(ctx, userID)
	switch {
	case err != nil:
		return Code{}, err
	case !pauses:
		return Code{}, fault.New(fault.Forbidden, fault.CodeForbidden, "Pauses are switched off for you.")
	case !others && !reason.DefaultPause:
		return Code{}, fault.New(fault.Forbidden, fault.CodeForbidden, "Pauses other than the default one are switched off for you.")
	}
	return reason, nil
}

// givenPauses tells whether a user may pause himself, and for which reasons.
func (s *Service) givenPauses(ctx context.Context, userID uuid.UUID) (pauses, others bool, err error) {
	off, err := s.store.Ent(ctx).User.Query().Where(user.ID(userID)).Select(user.FieldDisabledFunctions).Only(ctx)
	if store.IsNotFound(err) {
		return true, true, nil // nobody's rights are narrower than what he may do at all
	}
	if err != nil {
		return false, false, err
	}
	pauses = !slices.Contains(off.DisabledFunctions, string(identity.Pause))
	return pauses, pauses && !slices.Contains(off.DisabledFunctions, string(identity.CustomPause)), nil
}

// Pauses lists the reasons for which somebody may pause himself.
func (s *Service) Pauses(ctx context.Context, userID uuid.UUID) ([]Code, error) {
	var out []Code
	err := s.store.Read(ctx, func(ctx context.Context) error {
		all, err := s.codes(ctx)
		if err != nil {
			return err
		}
		pauses, others, err := s.givenPauses(ctx, userID)
		for _, c := range all {
			if c.DefaultPause && pauses || c.Pause && others {
				out = append(out, c)
			}
		}
		return err
	})
	return out, err
}

// materialize writes a code's row where it has none, and locks it: shared with
// others who use it, or alone to change it.
func (s *Service) materialize(ctx context.Context, c Code, shared bool) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO aux_codes (tenant_id, code, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (tenant_id, code) DO NOTHING`, sc.TenantID, c.Code, c.Name, s.store.Now())
	if err != nil {
		return taken(err, c.Name)
	}
	lock := `FOR UPDATE`
	if shared {
		lock = `FOR SHARE`
	}
	var deleted bool
	err = store.QueryRow(ctx, []any{&deleted}, `
		SELECT deleted_at IS NOT NULL FROM aux_codes WHERE tenant_id = $1 AND code = $2 `+lock, sc.TenantID, c.Code)
	if err == nil && deleted {
		err = fault.Missing("aux code")
	}
	return err
}

func taken(err error, name string) error {
	if store.Violates(err, "h_aux_codes_name") {
		return fault.New(fault.Conflict, fault.CodeNameTaken, "Another aux code of the tenant has this name.").
			At("body.name", "is taken", name)
	}
	return err
}

// codeAudited is what of a code is compared before and after a change.
type codeAudited struct {
	Code         int    `json:"code"`
	Name         string `json:"name"`
	DefaultPause bool   `json:"default_pause"`
}

func (c Code) audited() *codeAudited { return &codeAudited{c.Code, c.Name, c.DefaultPause} }

// changed publishes a change of the tenant's codes, whose object is the tenant.
func (s *Service) changed(ctx context.Context, kind string, code int, before, after any) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	return s.events.Publish(ctx, kind, "aux_codes", sc.TenantID,
		events.Change{Data: map[string]any{"code": code}, Before: before, After: after})
}

// AddCode adds a reason to pause. Without a number it gets the next free one; a
// number that was deleted is free. Faults: CodeInvalid, CodeConflict for a
// number in use, CodeNameTaken.
func (s *Service) AddCode(ctx context.Context, number *int, name string) (Code, error) {
	name, err := tenants.CleanName("body.name", name)
	if err != nil {
		return Code{}, err
	}
	var out Code
	err = s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.lockCodes(ctx); err != nil {
			return err
		}
		all, err := s.codes(ctx)
		if err != nil {
			return err
		}
		code, err := freeCode(all, number)
		if err != nil {
			return err
		}
		if err := nameIsFree(all, code, name); err != nil {
			return err
		}
		if err := s.putCode(ctx, code, name); err != nil {
			return err
		}
		if out, err = s.code(ctx, code); err != nil {
			return err
		}
		return s.changed(ctx, "aux_code.created", code, nil, out.audited())
	})
	return out, err
}

// lockCodes lets one change of the tenant's codes happen at a time: names are
// compared with those of codes that have no row.
func (s *Service) lockCodes(ctx context.Context) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('aux_codes:' || $1::text, 0))`, sc.TenantID.String())
	return err
}

func freeCode(all []Code, wanted *int) (int, error) {
	used := map[int]bool{availableCode: true}
	for _, c := range all {
		used[c.Code] = true
	}
	if wanted != nil {
		if used[*wanted] {
			return 0, fault.New(fault.Conflict, fault.CodeConflict, "Another aux code of the tenant has this number.").
				At("body.code", "is taken", *wanted)
		}
		return *wanted, nil
	}
	for code := len(builtIn) + 1; code <= maxCode; code++ {
		if !used[code] {
			return code, nil
		}
	}
	return 0, fault.New(fault.Conflict, fault.CodeConflict, "All %d aux codes are in use.", maxCode)
}

func nameIsFree(all []Code, code int, name string) error {
	for _, c := range all {
		if c.Code != code && strings.EqualFold(c.Name, name) {
			return fault.New(fault.Conflict, fault.CodeNameTaken, "Another aux code of the tenant has this name.").
				At("body.name", "is taken", name)
		}
	}
	return nil
}

// putCode writes a code anew, also one that was deleted.
func (s *Service) putCode(ctx context.Context, code int, name string) error {
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	_, err = store.Exec(ctx, `
		INSERT INTO aux_codes (tenant_id, code, name, created_at, updated_at) VALUES ($1, $2, $3, $4, $4)
		ON CONFLICT (tenant_id, code) DO UPDATE SET name = excluded.name, updated_at = excluded.updated_at,
			version = aux_codes.version + 1, deleted_at = NULL`, sc.TenantID, code, name, s.store.Now())
	return taken(err, name)
}

// ChangeCode renames a code whose version passes the check, or makes it the
// default pause. What was logged under the old name keeps it. Faults: those of
// the check, CodeNotFound, CodeInvalid, CodeNameTaken.
func (s *Service) ChangeCode(ctx context.Context, code int, name *string, makeDefault bool, check func(version int64) error) (Code, error) {
	var out Code
	err := s.store.InTx(ctx, func(ctx context.Context) error {
		if err := s.lockCodes(ctx); err != nil {
			return err
		}
		before, err := s.code(ctx, code)
		if err != nil {
			return err
		}
		if err := check(int64(before.Version)); err != nil {
			return err
		}
		out = before
		if name != nil {
			if err := s.rename(ctx, before, *name); err != nil {
				return err
			}
		}
		if makeDefault && !before.DefaultPause {
			if err := s.makeDefault(ctx, before); err != nil {
				return err
			}
		}
		if out, err = s.code(ctx, code); err != nil || *out.audited() == *before.audited() {
			return err
		}
		return s.changed(ctx, "aux_code.updated", code, before.audited(), out.audited())
	})
	return out, err
}

func (s *Service) rename(ctx context.Context, c Code, name string) error {
	name, err := tenants.CleanName("body.name", name)
	if err != nil || name == c.Name {
		return err
	}
	all, err := s.codes(ctx)
	if err != nil {
		return err
	}
	if err := nameIsFree(all, c.Code, name); err != nil {
		return err
	}
	if err := s.materialize(ctx, c, false); err != nil {
		return err
	}
	return s.putCode(ctx, c.Code, name)
}

func (s *Service) makeDefault(ctx context.Context, c Code) error {
	if !c.Pause {
		return fault.InvalidField(fault.CodeInvalid, "body.default_pause", "is no reason for a pause: the code says that somebody is available")
	}
	if err := s.materialize(ctx, c, true); err != nil {
		return err
	}
	_, err := s.changeSettings(ctx, func(next *Settings) error { next.DefaultPause = c.Code; return nil })
	return err
}

// DeleteCode takes a code out of the list. It stays in what was logged. Faults:
// those of the check, CodeNotFound, CodeConflict while somebody is paused or
// logged out of a queue with it, for the default pause, and for the status of
// who is available.
func (s *Service) DeleteCode(ctx context.Context, code int, check func(version int64) error) error {
	return s.store.InTx(ctx, func(ctx context.Context) error {
		sc, err := scope.From(ctx)
		if err != nil {
			return err
		}
		if err := s.lockCodes(ctx); err != nil {
			return err
		}
		present, err := s.code(ctx, code)
		if err != nil {
			return err
		}
		if err := check(int64(present.Version)); err != nil {
			return err
		}
		if err := s.materialize(ctx, present, false); err != nil {
			return err
		}
		if err := s.notInUse(ctx, present); err != nil {
			return err
		}
		_, err = store.Exec(ctx, `UPDATE aux_codes SET deleted_at = $3, updated_at = $3, version = version + 1
			WHERE tenant_id = $1 AND code = $2`, sc.TenantID, code, s.store.Now())
		if err != nil {
			return err
		}
		return s.changed(ctx, "aux_code.deleted", code, present.audited(), nil)
	})
}

// notInUse is the guard of deleting: live data would lose its meaning.
func (s *Service) notInUse(ctx context.Context, c Code) error {
	inUse := func(why string, args ...any) error {
		return fault.New(fault.Conflict, fault.CodeConflict, "%s", fmt.Sprintf(why, args...)).Showing("in_use")
	}
	switch {
	case !c.Pause:
		return inUse("The code is the status of agents who are available.")
	case c.DefaultPause:
		return inUse("The code is the default pause; choose another one first.")
	}
	sc, err := scope.From(ctx)
	if err != nil {
		return err
	}
	var paused, loggedOut int
	err = store.QueryRow(ctx, []any{&paused, &loggedOut}, `SELECT
		(SELECT count(*) FROM agent_sessions WHERE tenant_id = $1 AND pause_code = $2 AND ended_at IS NULL),
		(SELECT count(*) FROM queue_members WHERE tenant_id = $1 AND logged_out_code = $2)`, sc.TenantID, c.Code)
	if err != nil {
		return err
	}
	if paused+loggedOut > 0 {
		return inUse("The code is in use: %d agents are paused with it, and %d logged out of a queue.", paused, loggedOut)
	}
	return nil
}
