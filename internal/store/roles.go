package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
)

// The two roles that Trellis runs as. They own nothing and bypass nothing.
const (
	// RoleApp sees the rows of the tenant in app.tenant_id, and on some tables
	// those of the subtree in app.path.
	RoleApp = "trellis_app"
	// RoleSystem sees the tables that have a policy for it, over all tenants.
	RoleSystem = "trellis_system"
)

// RoleURL is the connection URL of a runtime role in the owner's database.
func RoleURL(ownerURL, role, password string) (string, error) {
	u, err := url.Parse(ownerURL)
	if err != nil {
		return "", errors.New("store: the database URL cannot be read")
	}
	u.User = url.UserPassword(role, password)
	return u.String(), nil
}

// ensureRoles creates the runtime roles, or resets what makes them safe.
// Passwords are those that the servers will log in with; nil leaves them be.
func ensureRoles(ctx context.Context, db *sql.DB, passwords map[string]string) error {
	for _, role := range []string{RoleApp, RoleSystem} {
		if err := ensureRole(ctx, db, role, passwords[role]); err != nil {
			return fmt.Errorf("store: role %s: %w", role, err)
		}
	}
	return nil
}

func ensureRole(ctx context.Context, db *sql.DB, role, password string) error {
	create := "CREATE ROLE " + pq.QuoteIdentifier(role)
	if _, err := db.ExecContext(ctx, create); err != nil && pq.As(err, pqerror.DuplicateObject, pqerror.UniqueViolation) == nil {
		return err
	}
	// A new role is neither superuser nor past row level security, and taking
	// either away asks for a superuser, which the owner of a managed database
	// is not. Verify refuses a role that has become one.
	alter := "ALTER ROLE " + pq.QuoteIdentifier(role) + " LOGIN NOCREATEDB NOCREATEROLE NOINHERIT"
	if password != "" {
		alter += " PASSWORD " + pq.QuoteLiteral(password)
	}
	return whileContended(ctx, func() error {
		_, err := db.ExecContext(ctx, alter)
		return err
	})
}

// whileContended repeats a change of the catalog that somebody else is making
// at this moment: a replica, or another database of the same server, to which
// roles belong. PostgreSQL refuses the second writer instead of letting it wait.
func whileContended(ctx context.Context, change func() error) error {
	for {
		err := change()
		if refused := pq.As(err, pqerror.InternalError); refused == nil || !strings.Contains(refused.Message, "concurrently") {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(20 * time.Millisecond):
		}
	}
}
