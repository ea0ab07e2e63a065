package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"errors"
	"net/netip"
	"time"

	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/tenants/scope"
)

// Guessing is slowed down and never locked out (D4-4). Each attempt is counted
// before it is looked at, so that many at once are no way around; who turns out
// to be right has his attempt taken back. From the fifth failure on the next
// attempt has to wait, twice as long each time.
//
// Two counts are kept: of one network at one account, and of all networks
// together that have never succeeded at that account. So nobody keeps an owner
// out from elsewhere: where he has signed in before, only his own failures
// count.
const (
	freeFailures = 5
	maxDelay     = 15 * time.Minute
	// trustedFailures is how often a network may fail, at whatever accounts,
	// before its attempts at accounts that do not know it are only worth what the
	// lane for suspects has left.
	trustedFailures = 3
	// ForgetFailures is after how long a failure counts no more.
	ForgetFailures = time.Hour
	// ForgetNetworks is after how long a network is unknown to an account again.
	ForgetNetworks = 90 * 24 * time.Hour
	attemptsLabel  = "sign-in attempts"
)

// occasion is what is guessed.
type occasion string

const (
	atLogin    occasion = "login"
	atPassword occasion = "password" // the present one, by who is signed in
	atFactor   occasion = "factor"
)

// attempts counts, in the database: the counts survive restarts, and all
// replicas have the same.
type attempts struct {
	store   *store.Store
	keyring *secret.Keyring
}

// attempt is one that was counted.
type attempt struct {
	pair, account, network []byte
	// known is set for a network that has succeeded at the account before.
	known bool
	// suspect is set for a network that the account does not know, and that has
	// failed at some accounts lately.
	suspect bool
}

// errDelayed undoes the count of an attempt that comes too early.
var errDelayed = errors.New("identity: too early for another attempt")

func (a attempts) key(parts ...string) []byte {
	mac := hmac.New(sha256.New, a.keyring.Derive(attemptsLabel))
	for _, part := range parts {
		mac.Write([]byte(part))
		mac.Write([]byte{0})
	}
	return mac.Sum(nil)[:16]
}

// count counts an attempt, in a transaction of the system's. It fails with
// errDelayed, and leaves no trace, where it is too early.
func (a attempts) count(ctx context.Context, at occasion, subject, ip string) (attempt, error) {
	try := attempt{
		pair: a.key(string(at), subject, networkOf(ip)), account: a.key(string(at), subject),
		network: a.key("network", networkOf(ip)),
	}
	now := a.store.Now()
	pair, err := readAttempts(ctx, try.pair)
	if err != nil {
		return attempt{}, err
	}
	account, err := readAttempts(ctx, try.account)
	if err != nil {
		return attempt{}, err
	}
	try.known = pair.succeeded
	// Looking first costs a flood of attempts nothing but reading.
	if pair.delayed(now) || !try.known && account.delayed(now) {
		return attempt{}, errDelayed
	}
	if err := a.add(ctx, try.pair, now); err != nil || try.known {
		return try, err
	}
	if err := a.add(ctx, try.account, now); err != nil {
		return try, err
	}
	try.suspect, err = a.suspect(ctx, try.network, now)
	return try, err
}

// suspect counts one more at a network, which nobody is delayed for: many people
// may share it.
func (a attempts) suspect(ctx context.Context, network []byte, now time.Time) (bool, error) {
	var failures int
	err := store.QueryRow(ctx, []any{&failures}, `
		INSERT INTO sign_in_attempts AS a (key, failures, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (key) DO UPDATE
		SET failures = CASE WHEN a.last_at < $3 THEN 1 ELSE a.failures + 1 END, last_at = $2
		RETURNING failures`, network, now, now.Add(-ForgetFailures))
	return failures > trustedFailures, err
}

// counted is what is known of a key.
type counted struct {
	delayedUntil *time.Time
	succeeded    bool
}

func (c counted) delayed(now time.Time) bool {
	return c.delayedUntil != nil && now.Before(*c.delayedUntil)
}

func readAttempts(ctx context.Context, key []byte) (c counted, err error) {
	err = store.QueryRow(ctx, []any{&c.delayedUntil, &c.succeeded},
		`SELECT delayed_until, succeeded_at IS NOT NULL FROM sign_in_attempts WHERE key = $1`, key)
	if store.IsNotFound(err) {
		err = nil
	}
	return c, err
}

// add counts one more at a key, and looks again: another attempt may have been
// counted since.
func (a attempts) add(ctx context.Context, key []byte, now time.Time) error {
	var failures int
	err := store.QueryRow(ctx, []any{&failures}, `
		INSERT INTO sign_in_attempts AS a (key, failures, last_at) VALUES ($1, 1, $2)
		ON CONFLICT (key) DO UPDATE
		SET failures = CASE WHEN a.last_at < $3 THEN 1 ELSE a.failures + 1 END, last_at = $2
		WHERE a.delayed_until IS NULL OR a.delayed_until <= $2
		RETURNING failures`, key, now, now.Add(-ForgetFailures))
	if store.IsNotFound(err) {
		return errDelayed
	}
	if err != nil || failures < freeFailures {
		return err
	}
	_, err = store.Exec(ctx, `UPDATE sign_in_attempts SET delayed_until = $2 WHERE key = $1`, key, now.Add(delayAfter(failures)))
	return err
}

// delayAfter is how long the next attempt has to wait.
func delayAfter(failures int) time.Duration {
	over := failures - freeFailures
	switch {
	case over < 0:
		return 0
	case over > 10:
		return maxDelay
	}
	return min(time.Second<<over, maxDelay)
}

// takeBack takes an attempt back that was no failure: the count of the network
// begins anew, that of all others goes back by the one. Only a sign-in that was
// completed makes a network known.
func (a attempts) takeBack(ctx context.Context, try attempt, completed bool) error {
	if try.pair == nil {
		return nil
	}
	ctx = scope.System(ctx, "taking back a counted attempt to sign in")
	now := a.store.Now()
	return a.store.InTx(ctx, func(ctx context.Context) error {
		_, err := store.Exec(ctx, `
			UPDATE sign_in_attempts SET failures = 0, delayed_until = NULL, last_at = $2,
			       succeeded_at = CASE WHEN $3 THEN $2 ELSE succeeded_at END
			WHERE key = $1`, try.pair, now, completed)
		if err != nil || try.known {
			return err
		}
		_, err = store.Exec(ctx, `
			UPDATE sign_in_attempts SET failures = greatest(failures - 1, 0),
			       delayed_until = CASE WHEN failures > $2 THEN delayed_until END
			WHERE key = $1`, try.account, freeFailures)
		if err != nil {
			return err
		}
		_, err = store.Exec(ctx, `UPDATE sign_in_attempts SET failures = greatest(failures - 1, 0) WHERE key = $1`, try.network)
		return err
	})
}

// countAlone is count in a transaction of its own, for who is known already: it
// fails with rate_limited where it is too early.
func (a attempts) countAlone(ctx context.Context, at occasion, subject, ip string) (try attempt, err error) {
	ctx = scope.System(ctx, "counting an attempt to guess")
	err = a.store.InTx(ctx, func(ctx context.Context) (err error) {
		try, err = a.count(ctx, at, subject, ip)
		return err
	})
	if errors.Is(err, errDelayed) {
		return attempt{}, fault.New(fault.Exhausted, fault.CodeRateLimited,
			"Too many wrong attempts. Wait before the next one, longer each time.").After(time.Minute)
	}
	return try, err
}

// networkOf is what is taken for one place: an IPv4 address, or the half of an
// IPv6 address that a provider hands out.
func networkOf(ip string) string {
	address, err := netip.ParseAddr(ip)
	if err != nil {
		return ""
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return ""
	}
	return prefix.String()
}
