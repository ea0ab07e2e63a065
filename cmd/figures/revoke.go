package main

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// revocations is how often each change is made, with Redis and without.
const revocations = 50

// measureRevoke changes rights at one process and looks at another when they
// have changed there.
func measureRevoke(ctx context.Context, b *bench) ([]result, error) {
	stop, err := b.serve(ctx, "--api-only")
	if err != nil {
		return nil, err
	}
	defer stop()
	other, stopOther, err := b.second(ctx)
	if err != nil {
		return nil, err
	}
	defer stopOther()
	with, err := b.revokeAll(ctx, other)
	if err != nil {
		return nil, err
	}
	_ = b.redis.Process.Signal(syscall.SIGTERM)
	_ = b.redis.Wait()
	without, err := b.revokeAll(ctx, other)
	if err != nil {
		return nil, err
	}
	if err := b.startRedis(ctx); err != nil {
		return nil, err
	}
	report := func(name, how string, took []float64) result {
		slices.Sort(took)
		return result{
			name: name, unit: "ms", value: took[len(took)*99/100], less: true,
			notes: fmt.Sprintf("%s; two processes, %d changes (a key's creator demoted, a key revoked), p50 %s ms", how, len(took), number(took[len(took)/2])),
		}
	}
	return []result{report("revoke_latency", "with Redis", with), report("revoke_latency_without_redis", "Redis stopped", without)}, nil
}

// second is another process of the installation.
func (b *bench) second(ctx context.Context) (address string, stop func(), err error) {
	if address, err = freeAddress(); err != nil {
		return "", nil, err
	}
	cmd := exec.Command(b.binary, "serve", "--api-only")
	cmd.Env = append(b.environment(), "TRELLIS_HTTP_ADDR="+address, "TRELLIS_PUBLIC_URL=http://"+b.address)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait()
	}
	if err := await(ctx, func() bool { return answers("http://" + address + "/readyz") }); err != nil {
		stop()
		return "", nil, err
	}
	return address, stop, nil
}

// revokeAll returns how long each change took to have its effect, in
// milliseconds.
func (b *bench) revokeAll(ctx context.Context, other string) ([]float64, error) {
	admin := b.seeded.token
	login := fmt.Sprintf("maker-%d@bench.example", time.Now().UnixNano())
	maker, err := b.call(ctx, http.MethodPost, b.tenantPath("/users"), map[string]any{
		"login": login, "name": "Maker", "role": "tenant_admin", "password": password,
	})
	if err != nil {
		return nil, err
	}
	if err := b.signIn(ctx, login); err != nil {
		return nil, err
	}
	made, err := b.makeKey(ctx)
	if err != nil {
		return nil, err
	}
	b.seeded.token = admin
	users := "http://" + other + b.tenantPath("/users")
	var took []float64
	for n := range revocations {
		role, want := "agent", http.StatusForbidden
		if n%2 == 1 {
			role, want = "tenant_admin", http.StatusOK
		}
		t, err := b.effect(ctx, users, made["key"].(string), want, http.MethodPatch, "/users/"+maker["id"].(string), map[string]any{"role": role})
		if err != nil {
			return nil, err
		}
		took = append(took, t)
		fresh, err := b.makeKey(ctx)
		if err != nil {
			return nil, err
		}
		t, err = b.effect(ctx, users, fresh["key"].(string), http.StatusUnauthorized, http.MethodPost, "/api-keys/"+fresh["id"].(string)+"/revoke", nil)
		if err != nil {
			return nil, err
		}
		took = append(took, t)
	}
	return took, nil
}

func (b *bench) makeKey(ctx context.Context) (map[string]any, error) {
	return b.call(ctx, http.MethodPost, b.tenantPath("/api-keys"), map[string]any{"name": "Revoked", "permissions": []string{"users:read"}})
}

// effect makes a change at the first process while a key is used at the second,
// and returns how long after the change's answer the key is answered otherwise.
func (b *bench) effect(ctx context.Context, url, key string, want int, method, path string, body any) (float64, error) {
	for range 20 { // in everybody's memory
		if _, err := statusOf(ctx, url, key); err != nil {
			return 0, err
		}
	}
	if _, err := b.call(ctx, method, b.tenantPath(path), body); err != nil {
		return 0, err
	}
	began := time.Now()
	for {
		status, err := statusOf(ctx, url, key)
		if err != nil {
			return 0, err
		}
		if status == want {
			return float64(time.Since(began).Microseconds()) / 1000, nil
		}
	}
}

func statusOf(ctx context.Context, url, bearer string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return 0, err
	}
	request.Header.Set("Authorization", "Bearer "+bearer)
	response, err := client.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}
