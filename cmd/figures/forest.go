package main

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/trellishq/trellis/authz"
	"github.com/trellishq/trellis/events"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/identity/departments"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/mail"
)

// forest is a second installation beside the first, on the same servers, with
// a tree of a given size: what does not depend on the size costs the same in
// both.
type forest struct {
	*bench
	db   *sql.DB
	stop func()
	// reseller administers a branch with all tenants but a few.
	reseller string
}

// grow starts an installation of its own and fills its tree by SQL: tenants
// below the reseller of the seed, and users in each.
func (b *bench) grow(ctx context.Context, name string, tenants, usersEach int) (*forest, error) {
	f := &forest{bench: &bench{dir: b.dir, binary: b.binary, postgres: b.postgres, carriers: b.carriers, simURL: b.simURL, masters: b.masters}}
	f.database = name
	f.redisURL = strings.TrimSuffix(b.redisURL, "/0") + "/1"
	var err error
	if f.address, err = freeAddress(); err != nil {
		return nil, err
	}
	if err := execute(ctx, b.ownerURL(), "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	if f.stop, err = f.serve(ctx); err != nil {
		return nil, err
	}
	if f.db, err = sql.Open("postgres", f.ownerURL()); err != nil {
		return nil, err
	}
	return f, errors.Join(f.plant(ctx, tenants, usersEach), f.appoint(ctx))
}

// plant fills the tree below the reseller of the seed.
func (f *forest) plant(ctx context.Context, tenants, usersEach int) error {
	_, err := f.db.ExecContext(ctx, `
		WITH branch AS (SELECT id, path FROM tenants WHERE kind = 'reseller_l1'),
		made AS (SELECT gen_random_uuid() AS id, i FROM generate_series(1, $1::int) i)
		INSERT INTO tenants (id, created_at, updated_at, parent_id, kind, name, name_key, path)
		SELECT made.id, now(), now(), branch.id, 'customer', 'Tenant ' || made.i, 'tenant ' || made.i, branch.path || made.id || '/'
		FROM made, branch`, tenants)
	if err != nil {
		return fmt.Errorf("planting tenants: %w", err)
	}
	_, err = f.db.ExecContext(ctx, `
		INSERT INTO users (id, created_at, updated_at, tenant_id, login, name, role, password_hash)
		SELECT gen_random_uuid(), now(), now(), t.id, 'user' || n || '@' || t.id || '.example', 'User ' || n, 'agent', '-'
		FROM tenants t, generate_series(1, $1::int) n WHERE t.kind = 'customer'`, usersEach)
	if err != nil {
		return fmt.Errorf("planting users: %w", err)
	}
	_, err = f.db.ExecContext(ctx, "VACUUM ANALYZE")
	return err
}

// appoint makes an administrator of the reseller.
func (f *forest) appoint(ctx context.Context) error {
	if err := f.signIn(ctx, "staff@bench.example"); err != nil {
		return err
	}
	var branch string
	if err := f.db.QueryRowContext(ctx, `SELECT id FROM tenants WHERE kind = 'reseller_l1'`).Scan(&branch); err != nil {
		return err
	}
	f.reseller = "reseller@bench.example"
	_, err := f.call(ctx, http.MethodPost, "/v1/tenants/"+branch+"/users", map[string]any{
		"login": f.reseller, "name": "Reseller", "role": "tenant_admin", "password": password,
	})
	if err != nil {
		return err
	}
	return f.signIn(ctx, f.reseller)
}

func (f *forest) fell() {
	if f.db != nil {
		_ = f.db.Close()
	}
	if f.stop != nil {
		f.stop()
	}
}

func execute(ctx context.Context, database, statement string) error {
	db, err := sql.Open("postgres", database)
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, statement)
	return err
}

// services starts what decides about callers, in this process; the function ends it.
func (f *forest) services() (*identity.Service, func(), error) {
	keys, err := secret.ParseKeys(f.masters)
	if err != nil {
		return nil, nil, err
	}
	keyring, err := secret.NewKeyring(keys...)
	if err != nil {
		return nil, nil, err
	}
	urls := map[string]string{}
	for _, role := range []string{store.RoleApp, store.RoleSystem} {
		if urls[role], err = store.RoleURL(f.ownerURL(), role, hex.EncodeToString(keyring.Derive("database password of "+role))); err != nil {
			return nil, nil, err
		}
	}
	s, err := store.Open(store.Config{AppURL: urls[store.RoleApp], SystemURL: urls[store.RoleSystem], Clock: clock.System{}})
	if err != nil {
		return nil, nil, err
	}
	policy, err := authz.New()
	if err != nil {
		return nil, nil, err
	}
	log := events.New(s)
	tree := tenants.New(s, log)
	letters, err := mail.New(mail.Config{Store: s, Keyring: keyring, Wake: func() {}, Log: slog.Default()})
	if err != nil {
		return nil, nil, err
	}
	people, err := identity.New(identity.Config{
		Store: s, Log: log, Tenants: tree, Departments: departments.New(s, log), Mail: letters,
		Policy: policy, Keyring: keyring, Issuer: "figures", Audience: "figures",
	})
	if err != nil {
		return nil, nil, err
	}
	return people, func() { people.Close(); _ = s.Close() }, nil
}

const (
	fewTenants, manyTenants = 10, 100_000
	manyUsersEach           = 10
	pageTenants             = 100
)

// measurePermission compares the check, and the resolving of a caller, in a tree
// of ten tenants and in one of a hundred thousand with a million users.
func measurePermission(ctx context.Context, b *bench) ([]result, error) {
	small, err := b.grow(ctx, "permissions_few", fewTenants, manyUsersEach)
	if err != nil {
		return nil, err
	}
	defer small.fell()
	large, err := b.large(ctx)
	if err != nil {
		return nil, err
	}
	smallProbe, err := small.probe(ctx)
	if err != nil {
		return nil, err
	}
	defer smallProbe.close()
	largeProbe, err := large.probe(ctx)
	if err != nil {
		return nil, err
	}
	defer largeProbe.close()
	check, floor, err := alternate(5, largeProbe.check, smallProbe.check)
	if err != nil {
		return nil, err
	}
	resolve, resolveFloor, err := alternate(3,
		func() (float64, error) { return largeProbe.resolve(ctx) }, func() (float64, error) { return smallProbe.resolve(ctx) })
	if err != nil {
		return nil, err
	}
	return []result{
		{
			name: "permission_check", unit: "µs", value: check, floor: floor, less: true,
			notes: "the check alone for every permission at 1,000 places; floor: the same in a tree of 10 tenants",
		},
		{
			name: "caller_resolve", unit: "ms", value: resolve, floor: resolveFloor, less: true,
			notes: "an access token that was not seen before: one query for the person with role and rights; median of 50; floor: 10 tenants",
		},
	}, nil
}

// probe is a caller with the places that he asks about.
type probe struct {
	people *identity.Service
	caller identity.Principal
	places []string
	login  string
	close  func()
}

func (f *forest) probe(ctx context.Context) (*probe, error) {
	people, closeAll, err := f.services()
	if err != nil {
		return nil, err
	}
	p := &probe{people: people, login: f.reseller, close: closeAll}
	tokens, err := people.Login(ctx, p.login, password, identity.Client{})
	if err != nil {
		return p, err
	}
	if p.caller, err = people.Authenticate(ctx, tokens.AccessToken.Reveal()); err != nil {
		return p, err
	}
	rows, err := f.db.QueryContext(ctx, `SELECT path FROM tenants ORDER BY random() LIMIT 1000`)
	if err != nil {
		return p, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var path string
		if err := rows.Scan(&path); err != nil {
			return p, err
		}
		p.places = append(p.places, path)
	}
	return p, rows.Err()
}

// check is the time of one check in microseconds.
func (p *probe) check() (float64, error) {
	const checks = 2_000_000
	permissions, allowed, done := authz.Permissions(), 0, 0
	started := time.Now()
	for done < checks {
		for _, place := range p.places {
			for _, permission := range permissions {
				if p.caller.May(permission, place) {
					allowed++
				}
				done++
			}
		}
	}
	took := time.Since(started)
	if allowed == 0 || allowed == done {
		return 0, fmt.Errorf("%d of %d checks were allowed: something is wrong", allowed, done)
	}
	return float64(took.Nanoseconds()) / float64(done) / 1000, nil
}

// resolve is the middle time in milliseconds of recognising callers whose tokens
// were not seen before.
func (p *probe) resolve(ctx context.Context) (float64, error) {
	const callers = 50
	took := make([]time.Duration, callers)
	for i := range took {
		tokens, err := p.people.Login(ctx, p.login, password, identity.Client{})
		if err != nil {
			return 0, err
		}
		token := tokens.AccessToken.Reveal()
		started := time.Now()
		if _, err := p.people.Authenticate(ctx, token); err != nil {
			return 0, err
		}
		took[i] = time.Since(started)
	}
	return percentile(took, 0.5), nil
}

// measureSubtree compares pages of a reseller's subtree in a tree of a hundred
// tenants and in one of a hundred thousand.
func measureSubtree(ctx context.Context, b *bench) ([]result, error) {
	small, err := b.grow(ctx, "subtree_small", pageTenants, 1)
	if err != nil {
		return nil, err
	}
	defer small.fell()
	large, err := b.large(ctx)
	if err != nil {
		return nil, err
	}
	value, floor, err := alternate(3,
		func() (float64, error) { return large.pages(ctx) }, func() (float64, error) { return small.pages(ctx) })
	if err != nil {
		return nil, err
	}
	return []result{{
		name: "subtree_page", unit: "ms", value: value, floor: floor, less: true,
		notes: "p95 of 300 pages of 50, one after the other; floor: the same with 100 tenants",
	}}, nil
}

// large is the forest of a hundred thousand tenants, planted once.
func (b *bench) large(ctx context.Context) (*forest, error) {
	if b.forest != nil {
		return b.forest, nil
	}
	var err error
	b.forest, err = b.grow(ctx, "forest", manyTenants, manyUsersEach)
	return b.forest, err
}

// pages reads the subtree page by page, and from the start again, and returns
// the slowest in twenty in milliseconds.
func (f *forest) pages(ctx context.Context) (float64, error) {
	const reads = 300
	var took []time.Duration
	cursor := ""
	for range reads {
		path := "/v1/tenants?limit=50"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		started := time.Now()
		page, err := f.call(ctx, http.MethodGet, path, nil)
		if err != nil {
			return 0, err
		}
		took = append(took, time.Since(started))
		cursor, _ = page["next_cursor"].(string)
	}
	return percentile(took, 0.95), nil
}
