package main

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/trellishq/trellis/internal/builtin"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
)

// installation is what all commands stand on: the database, with its schema and
// its walls, and the keys.
type installation struct {
	config  config.Config
	log     *slog.Logger
	metrics *telemetry.Metrics
	clock   clock.Clock
	keyring *secret.Keyring
	store   *store.Store

	own *builtin.Postgres
}

// loadConfig reads the settings and makes the log that they ask for.
func loadConfig() (config.Config, *slog.Logger, error) {
	c, err := config.Load(os.Environ())
	return c, newLog(c), err
}

func newLog(c config.Config) *slog.Logger {
	return telemetry.NewLogger(os.Stderr, telemetry.LogConfig{Level: c.Level(), Text: c.LogFormat == "text"})
}

// install starts or reaches the database and brings it up to date.
func install(ctx context.Context, c config.Config, log *slog.Logger) (*installation, error) {
	i := &installation{config: c, log: log, metrics: telemetry.NewMetrics(), clock: systemClock()}
	if err := i.open(ctx); err != nil {
		return nil, errors.Join(err, i.close())
	}
	return i, nil
}

func (i *installation) open(ctx context.Context) error {
	var err error
	if i.keyring, err = openKeyring(i.config); err != nil {
		return err
	}
	owner := i.config.DatabaseURL.Reveal()
	if i.config.OwnDatabase() {
		i.own, err = builtin.StartPostgres(ctx, builtin.PostgresConfig{
			Dir: filepath.Join(i.config.DataDir, "postgres"), Logger: i.log, Durable: true,
		})
		if err != nil {
			return err
		}
		owner = i.own.URL()
	}
	app, system, passwords, err := i.runtimeLogins(owner)
	if err != nil {
		return err
	}
	if err := store.Migrate(ctx, owner, passwords); err != nil {
		return err
	}
	i.store, err = store.Open(store.Config{
		AppURL: app, SystemURL: system, MaxConns: i.config.DatabaseMaxConns,
		StatementTimeout: i.config.StatementTimeout, Clock: i.clock,
	})
	if err != nil {
		return err
	}
	for role, stats := range i.store.Pools() {
		i.metrics.Pool(role, stats)
	}
	return i.store.Verify(ctx)
}

// runtimeLogins are the URLs of the two runtime roles. Where they are not set,
// their passwords follow from the master key, so that every replica knows them
// and nobody has to.
func (i *installation) runtimeLogins(owner string) (app, system string, passwords map[string]string, err error) {
	if i.config.DatabaseAppURL.IsSet() {
		return i.config.DatabaseAppURL.Reveal(), i.config.DatabaseSystemURL.Reveal(), nil, nil
	}
	passwords = map[string]string{}
	for _, role := range []string{store.RoleApp, store.RoleSystem} {
		passwords[role] = hex.EncodeToString(i.keyring.Derive("database password of " + role))
	}
	if app, err = store.RoleURL(owner, store.RoleApp, passwords[store.RoleApp]); err != nil {
		return "", "", nil, err
	}
	system, err = store.RoleURL(owner, store.RoleSystem, passwords[store.RoleSystem])
	return app, system, passwords, err
}

// openKeyring reads the master keys. With the own database they live in a file
// beside it, which the first start makes.
func openKeyring(c config.Config) (*secret.Keyring, error) {
	if !c.NeedsKeyFile() {
		keys, err := secret.ParseKeys(c.MasterKeys.Reveal())
		if err != nil {
			return nil, err
		}
		return secret.NewKeyring(keys...)
	}
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return nil, fmt.Errorf("the data folder: %w", err)
	}
	path := filepath.Join(c.DataDir, "master.keys")
	keys, err := secret.CreateFile(path, "k1")
	if errors.Is(err, fs.ErrExist) {
		keys, err = secret.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	return secret.NewKeyring(keys...)
}

// stopWithin bounds how long the own database may take to stop.
const stopWithin = 10 * time.Second

func (i *installation) close() error {
	var errs []error
	if i.store != nil {
		errs = append(errs, i.store.Close())
	}
	if i.own != nil {
		ctx, cancel := context.WithTimeout(context.Background(), stopWithin)
		defer cancel()
		errs = append(errs, i.own.Stop(ctx))
	}
	return errors.Join(errs...)
}
