package identity

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// Bounds of an act-as session.
const (
	// MaxActing is the longest that one lasts, and DefaultActing how long it
	// lasts if nobody says. There is no refresh.
	MaxActing     = time.Hour
	DefaultActing = 30 * time.Minute

	minActingReason, maxActingReason = 5, 500
)

// ActingSession is the time in which somebody from above works inside a tenant.
type ActingSession struct {
	ID       uuid.UUID
	TenantID uuid.UUID
	// UserID and UserName are the real person's.
	UserID   uuid.UUID
	UserName string
	Reason   string
	// StartedAt and ExpiresAt bound it; EndedAt is set where it ended earlier.
	StartedAt, ExpiresAt time.Time
	EndedAt              *time.Time
	// EndedByID is nil where it ended by itself, or with the person's own session.
	EndedByID   *uuid.UUID
	EndedReason string

	homeID, sessionID uuid.UUID
}

// Acting is what is known of a caller who acts in another's tenant.
type Acting struct {
	ID        uuid.UUID
	Reason    string
	ExpiresAt time.Time
	// HomeID and HomePath are where the real person is at home.
	HomeID   uuid.UUID
	HomePath string
}

// StartedActing is a session with the token for it, which nobody can tell again.
type StartedActing struct {
	ActingSession
	AccessToken secret.String
}

// neverActing is what an act-as session cannot do, whatever the person may do
// by himself: it could make a way in that outlives it, or open what the tenant
// keeps closed (rules D2-7).
var neverActing = authz.SetOf(
	authz.UsersWrite, authz.RolesWrite, authz.APIKeysWrite, authz.SettingsWrite, authz.TenantsWrite, authz.ActAsStart,
)

// StartActing lets the calling person work inside the scope's tenant, which has
// to be below his own. It fails with forbidden for keys, for those who act
// already and for the own tenant, and with validation_failed.
func (s *Service) StartActing(ctx context.Context, reason string, lasts time.Duration) (StartedActing, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return StartedActing{}, err
	}
	caller, known := From(ctx)
	if !known || caller.Actor() != sc.Actor {
		return StartedActing{}, errNoPrincipal
	}
	if err := mayStartActing(caller, sc.Path); err != nil {
		return StartedActing{}, err
	}
	if reason, err = cleanActing(reason, lasts); err != nil {
		return StartedActing{}, err
	}
	now := s.cfg.Store.Now().Truncate(time.Microsecond)
	started := StartedActing{ActingSession: ActingSession{
		ID: id.New(), TenantID: sc.TenantID, UserID: caller.UserID, UserName: caller.UserName, Reason: reason,
		StartedAt: now, ExpiresAt: now.Add(lasts), homeID: caller.TenantID, sessionID: caller.SessionID,
	}}
	token, err := s.issueActing(ctx, started.ActingSession)
	if err != nil {
		return StartedActing{}, err // before there is a session without a token
	}
	started.AccessToken = secret.NewString(token)
	return started, s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		return s.insertActing(ctx, started.ActingSession)
	})
}

func mayStartActing(caller Principal, path string) error {
	switch {
	case caller.Kind != scope.ActorUser:
		return fault.New(fault.Forbidden, fault.CodeForbidden, "A key acts for itself only: a person starts an act-as session.")
	case caller.Acting != nil:
		return fault.New(fault.Forbidden, fault.CodeForbidden, "This is an act-as session already.")
	case path == caller.Path:
		return fault.New(fault.Forbidden, fault.CodeForbidden, "An act-as session is for a tenant below one's own.")
	}
	return nil
}

func cleanActing(reason string, lasts time.Duration) (string, error) {
	reason = strings.TrimSpace(reason)
	if n := utf8.RuneCountInString(reason); n < minActingReason || n > maxActingReason {
		return "", fault.InvalidField(fault.CodeInvalid, "body.reason", "must have 5 to 500 characters")
	}
	if lasts < time.Minute || lasts > MaxActing {
		return "", fault.InvalidField(fault.CodeInvalid, "body.minutes", "must be 1 to 60")
	}
	return reason, nil
}

func (s *Service) insertActing(ctx context.Context, a ActingSession) error {
	_, err := store.Exec(ctx, `
		INSERT INTO act_as_sessions (id, tenant_id, user_id, user_name, home_id, session_id, reason, started_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		a.ID, a.TenantID, a.UserID, a.UserName, a.homeID, a.sessionID, a.Reason, a.StartedAt, a.ExpiresAt)
	if err != nil {
		return fmt.Errorf("starting an act-as session: %w", err)
	}
	return s.cfg.Log.Publish(ctx, "act_as.started", "act_as", a.ID, actingData{UserID: a.UserID, Reason: a.Reason, ExpiresAt: &a.ExpiresAt})
}

// actingData is the data of the events of act-as sessions.
type actingData struct {
	UserID    uuid.UUID  `json:"user_id"`
	Reason    string     `json:"reason"`
	ExpiresAt *time.Time `json:"expires_at,omitempty"`
}

const actingColumns = `a.id, a.tenant_id, a.user_id, a.user_name, a.reason, a.started_at, a.expires_at,
	a.ended_at, a.ended_by_id, a.ended_reason, a.home_id, a.session_id`

func (a *ActingSession) fields() []any {
	return []any{
		&a.ID, &a.TenantID, &a.UserID, &a.UserName, &a.Reason, &a.StartedAt, &a.ExpiresAt,
		&a.EndedAt, &a.EndedByID, &a.EndedReason, &a.homeID, &a.sessionID,
	}
}

// ListActing returns the act-as sessions of the scope's tenant, the newest
// first, behind the id that the page before ended with.
func (s *Service) ListActing(ctx context.Context, after *uuid.UUID, limit int) ([]ActingSession, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return nil, err
	}
	var found []ActingSession
	err = s.cfg.Store.Read(ctx, func(ctx context.Context) error {
		rows, err := store.Query(ctx, `SELECT `+actingColumns+` FROM act_as_sessions a
			WHERE a.tenant_id = $1 AND ($2::uuid IS NULL OR a.id < $2) ORDER BY a.id DESC LIMIT $3`, sc.TenantID, after, max(limit, 1))
		found = nil
		return eachActing(rows, err, func(a ActingSession) { found = append(found, s.overdue(a)) })
	})
	if err != nil {
		return nil, fmt.Errorf("listing act-as sessions: %w", err)
	}
	return found, nil
}

// overdue shows a session whose time is up as ended.
func (s *Service) overdue(a ActingSession) ActingSession {
	if a.EndedAt == nil && !s.cfg.Store.Now().Before(a.ExpiresAt) {
		a.EndedAt, a.EndedReason = &a.ExpiresAt, string(reasonExpired)
	}
	return a
}

func eachActing(rows *sql.Rows, err error, with func(ActingSession)) error {
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var a ActingSession
		if err := rows.Scan(a.fields()...); err != nil {
			return err
		}
		with(a)
	}
	return rows.Err()
}

// EndActing ends an act-as session of the scope's tenant, within a second on
// every replica; one that has ended stays as it is. It fails with not_found.
func (s *Service) EndActing(ctx context.Context, sessionID uuid.UUID) (ActingSession, error) {
	sc, err := scope.From(ctx)
	if err != nil {
		return ActingSession{}, err
	}
	var ended ActingSession
	err = s.cfg.Store.InTx(ctx, func(ctx context.Context) error {
		var a ActingSession
		err := store.QueryRow(ctx, a.fields(), `SELECT `+actingColumns+` FROM act_as_sessions a
			WHERE a.tenant_id = $1 AND a.id = $2`, sc.TenantID, sessionID)
		if store.IsNotFound(err) {
			return fault.Missing("act-as session")
		}
		if err != nil {
			return fmt.Errorf("reading an act-as session: %w", err)
		}
		if ended = s.overdue(a); ended.EndedAt != nil {
			return nil
		}
		ended, err = s.markEnded(ctx, a, reasonEnded, &sc.Actor.ID)
		return err
	})
	return ended, err
}

// markEnded ends a session in the scope of its tenant.
func (s *Service) markEnded(ctx context.Context, a ActingSession, why reason, by *uuid.UUID) (ActingSession, error) {
	now := s.cfg.Store.Now()
	done, err := store.Exec(ctx, `UPDATE act_as_sessions SET ended_at = $3, ended_by_id = $4, ended_reason = $5
		WHERE tenant_id = $1 AND id = $2 AND ended_at IS NULL`, a.TenantID, a.ID, now, by, string(why))
	if err != nil {
		return a, fmt.Errorf("ending an act-as session: %w", err)
	}
	if n, err := done.RowsAffected(); err != nil || n == 0 {
		return a, err // somebody else did at this moment
	}
	a.EndedAt, a.EndedByID, a.EndedReason = &now, by, string(why)
	s.forgetPrincipals(ctx)
	return a, s.cfg.Log.Publish(ctx, "act_as.ended", "act_as", a.ID, actingData{UserID: a.UserID, Reason: string(why)})
}

// endActing ends what a user of the scope's tenant has open in the tenants
// below: with one session of his own, or with all (uuid.Nil) but the one that he
// keeps. That the tokens are worth nothing follows from those; this is for the
// tenants to see.
func (s *Service) endActing(ctx context.Context, userID, with, keep uuid.UUID, why reason) error {
	sc, err := scope.From(ctx)
	if err != nil || sc.IsSystem() {
		return err
	}
	open, err := s.openActing(ctx, userID, with, keep)
	if err != nil {
		return fmt.Errorf("looking for act-as sessions: %w", err)
	}
	for _, p := range open {
		below := scope.Scope{TenantID: p.session.TenantID, Path: p.path, Actor: sc.Actor}
		err := s.cfg.Store.Below(ctx, below, func(ctx context.Context) error {
			_, err := s.markEnded(ctx, p.session, why, nil)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// placedActing is an act-as session with the path of its tenant.
type placedActing struct {
	session ActingSession
	path    string
}

func (s *Service) openActing(ctx context.Context, userID, with, keep uuid.UUID) ([]placedActing, error) {
	rows, err := store.Query(ctx, `SELECT `+actingColumns+`, t.path FROM act_as_sessions a JOIN tenants t ON t.id = a.tenant_id
		WHERE a.user_id = $1 AND a.ended_at IS NULL AND a.expires_at > $2 AND ($3 = $4::uuid OR a.session_id = $3) AND a.session_id <> $5`,
		userID, s.cfg.Store.Now(), with, uuid.Nil, keep)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var open []placedActing
	for rows.Next() {
		var p placedActing
		if err := rows.Scan(append(p.session.fields(), &p.path)...); err != nil {
			return nil, err
		}
		open = append(open, p)
	}
	return open, rows.Err()
}

// proveActing recognises somebody who acts in another's tenant. The session has
// to be open, the person's own session as well, he has to have kept the right to
// act, and the tenant has to stand below him still.
func (s *Service) proveActing(ctx context.Context, proved proof) (Principal, error) {
	var a ActingSession
	err := s.authenticating(ctx, func(ctx context.Context) error {
		return store.QueryRow(ctx, a.fields(), `SELECT `+actingColumns+` FROM act_as_sessions a
			WHERE a.id = $1 AND a.user_id = $2`, proved.actAsID, proved.userID)
	})
	if err != nil {
		return Principal{}, err
	}
	if a = s.overdue(a); a.EndedAt != nil || a.TenantID != proved.tenantID || a.sessionID != proved.sessionID {
		return Principal{}, errInvalidToken
	}
	proved.tenantID = a.homeID
	own, who, err := s.personOf(ctx, proved)
	if err != nil {
		return Principal{}, err
	}
	node, err := s.cfg.Tenants.Node(ctx, a.TenantID)
	if err != nil {
		return Principal{}, err
	}
	if node.Path == own.Path || !strings.HasPrefix(node.Path, own.Path) || !own.Rights.Below.Has(authz.ActAsStart) {
		return Principal{}, errInvalidToken
	}
	rights, err := s.rightsActing(who, own.Rights, node)
	acting := own
	acting.Acting = &Acting{ID: a.ID, Reason: a.Reason, ExpiresAt: a.ExpiresAt, HomeID: own.TenantID, HomePath: own.Path}
	acting.TenantID, acting.Path, acting.Role, acting.Rights = node.ID, node.Path, authz.TenantAdmin, rights
	acting.ExpiresAt = a.ExpiresAt
	return acting, err
}

// rightsActing is what a tenant admin may do there, as far as the person has it:
// administration as he has it below his node, content as he has it at home and
// only where the tenant opens it. The operator's staff has no content anywhere
// else, so what the tenant opens is what counts.
func (s *Service) rightsActing(who person, own authz.Rights, node tenants.Node) (authz.Rights, error) {
	admin := s.cfg.Policy.Of(authz.TenantAdmin)
	may := admin.Administrative().And(own.Below).Without(neverActing)
	if node.ContentAccess == tenants.ContentOpen {
		h, err := who.holding()
		if err != nil {
			return authz.Rights{}, err
		}
		content := admin.Without(admin.Administrative()).Without(h.denied)
		if who.role != authz.Operator {
			content = content.And(own.Here)
		}
		may = may.Or(content)
	}
	return authz.Rights{Path: node.Path, Here: may}, nil
}
