package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"
)

const (
	floodPerSecond = 200
	floodAddresses = 20
	floodAccounts  = 50
	floodLength    = 15 * time.Second
	besideAFlood   = 100 // requests a second of others
)

// measureFlood compares the API alone with the API beside wrong logins.
func measureFlood(ctx context.Context, b *bench) ([]result, error) {
	stop, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	path, err := b.anInteraction(ctx)
	if err != nil {
		return nil, err
	}
	if err := b.enrol(ctx, floodAccounts); err != nil {
		return nil, err
	}
	read := get("http://"+b.address+path, b.seeded.token)
	alone := func() (float64, error) {
		took, err := openLoop(ctx, besideAFlood, floodLength, func(ctx context.Context, _ int) error { return read(ctx) })
		return percentile(took, 0.95), err
	}
	var tried, limited atomic.Int64
	beside := func() (float64, error) {
		flooding, end := context.WithCancel(ctx)
		done := make(chan error, 1)
		go func() { done <- b.flood(flooding, &tried, &limited) }()
		p95, err := alone()
		end()
		if floodErr := <-done; err == nil {
			err = floodErr
		}
		return p95, err
	}
	value, floor, err := alternate(2, beside, alone)
	if err != nil {
		return nil, err
	}
	return []result{{
		name: "login_flood", unit: "ms", value: value, floor: floor, less: true,
		notes: fmt.Sprintf("p95 of %d reads a second beside %d wrong logins a second from %d addresses on %d accounts (%d of %d were turned away unhashed); floor: the reads alone",
			besideAFlood, floodPerSecond, floodAddresses, floodAccounts, limited.Load(), tried.Load()),
	}}, nil
}

// enrol makes accounts that have the administrator's password.
func (b *bench) enrol(ctx context.Context, accounts int) error {
	db, err := sql.Open("postgres", b.ownerURL())
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }()
	_, err = db.ExecContext(ctx, `
		INSERT INTO users (id, created_at, updated_at, tenant_id, login, name, role, password_hash)
		SELECT gen_random_uuid(), now(), now(), tenant_id, 'victim' || n || '@bench.example', 'Victim', 'agent', password_hash
		FROM users, generate_series(0, $1::int - 1) n WHERE login = 'admin@bench.example'
		ON CONFLICT DO NOTHING`, accounts)
	return err
}

// flood sends wrong logins at a constant rate until the context ends.
func (b *bench) flood(ctx context.Context, tried, limited *atomic.Int64) error {
	attackers := make([]*http.Client, floodAddresses)
	for i := range attackers {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 1, byte(i+1))}}
		attackers[i] = &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: 20}, Timeout: 30 * time.Second}
	}
	_, err := openLoop(ctx, floodPerSecond, 10*floodLength, func(_ context.Context, i int) error {
		body := fmt.Sprintf(`{"login":"victim%d@bench.example","password":"wrong-%d"}`, i%floodAccounts, i)
		response, err := attackers[i%floodAddresses].Post("http://"+b.address+"/v1/auth/login", "application/json", strings.NewReader(body))
		if err != nil {
			return err
		}
		_ = response.Body.Close()
		tried.Add(1)
		switch response.StatusCode {
		case http.StatusTooManyRequests:
			limited.Add(1)
		case http.StatusUnauthorized, http.StatusServiceUnavailable:
		default:
			return fmt.Errorf("a wrong login was answered %d", response.StatusCode)
		}
		return nil
	})
	if errors.Is(err, context.Canceled) {
		return nil // the end of the flood
	}
	return err
}
