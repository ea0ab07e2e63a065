package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/lib/pq"

	"github.com/trellishq/trellis/internal/clock"
)

// Config says where the database is and how it is used.
type Config struct {
	// AppURL and SystemURL are the connection URLs of the two runtime roles.
	AppURL    string
	SystemURL string
	// MaxConns bounds each role's pool.
	MaxConns int
	// StatementTimeout ends a statement on the server; the connection is given
	// up a little later when the server does not answer at all.
	StatementTimeout time.Duration
	Clock            clock.Clock
}

// Store holds one pool for each of the two runtime roles.
type Store struct {
	app    *sql.DB
	system *sql.DB
	clock  clock.Clock
}

// Open connects lazily; Verify proves that the database is fit for use.
func Open(c Config) (*Store, error) {
	app, err := openPool(c.AppURL, c)
	if err != nil {
		return nil, err
	}
	system, err := openPool(c.SystemURL, c)
	if err != nil {
		return nil, errors.Join(err, app.Close())
	}
	return &Store{app: app, system: system, clock: c.Clock}, nil
}

// Close ends both pools.
func (s *Store) Close() error { return errors.Join(s.app.Close(), s.system.Close()) }

// Ping tells whether the database answers.
func (s *Store) Ping(ctx context.Context) error {
	return errors.Join(s.app.PingContext(ctx), s.system.PingContext(ctx))
}

// Pools returns the counters of each role's pool.
func (s *Store) Pools() map[string]func() sql.DBStats {
	return map[string]func() sql.DBStats{RoleApp: s.app.Stats, RoleSystem: s.system.Stats}
}

// Now is the store's clock: the time that it stamps on rows.
func (s *Store) Now() time.Time { return s.clock.Now() }

// answerGrace is how long after the statement timeout a silent server is
// given up.
const answerGrace = 2 * time.Second

func openPool(rawURL string, c Config) (*sql.DB, error) {
	dsn, err := withSettings(rawURL, map[string]string{
		"application_name":                    "trellis",
		"connect_timeout":                     "5",
		"statement_timeout":                   milliseconds(c.StatementTimeout),
		"lock_timeout":                        milliseconds(c.StatementTimeout / 2),
		"idle_in_transaction_session_timeout": milliseconds(3 * c.StatementTimeout),
		"timezone":                            "UTC",
	})
	if err != nil {
		return nil, err
	}
	inner, err := pq.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: the database URL: %w", hideURL(err))
	}
	inner.Dialer(deadlineDialer{answerWithin: c.StatementTimeout + answerGrace})
	pool := sql.OpenDB(connector{inner})
	pool.SetMaxOpenConns(c.MaxConns)
	pool.SetMaxIdleConns(c.MaxConns)
	pool.SetConnMaxLifetime(30 * time.Minute)
	return pool, nil
}

// withSettings adds connection settings that the URL does not set itself.
func withSettings(rawURL string, settings map[string]string) (string, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return "", errors.New("store: the database URL is not of the form postgres://user@host/database")
	}
	q := u.Query()
	for name, value := range settings {
		if !q.Has(name) {
			q.Set(name, value)
		}
	}
	if !q.Has("sslmode") {
		q.Set("sslmode", "prefer")
	}
	u.RawQuery = q.Encode()
	return u.String(), nil
}

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }

// hideURL keeps a password out of the errors of URL parsing.
func hideURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}
