package main

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" // #nosec G505 -- Twilio's signature is HMAC-SHA1
	"database/sql"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sort"
	"strings"
	"time"

	_ "github.com/lib/pq"

	"github.com/google/uuid"
)

const clients = 16

// client keeps its connections, as a provider's does.
var client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 256, MaxConnsPerHost: 0}}

func measureInbound(ctx context.Context, b *bench) ([]result, error) {
	stop, err := b.serve(ctx, "--api-only")
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("postgres", b.ownerURL())
	if err != nil {
		return nil, err
	}
	defer func() { _ = db.Close() }()
	db.SetMaxOpenConns(clients)
	db.SetMaxIdleConns(clients)
	rate, floor, err := alternate(3,
		func() (float64, error) { return closedLoop(ctx, b.sendInbound) },
		func() (float64, error) { return closedLoop(ctx, b.floorInbound(db)) })
	stop()
	if err != nil {
		return nil, err
	}
	// The backlog is not what the second figure is about.
	if _, err := db.ExecContext(ctx, `UPDATE provider_events SET state = 'done', due_at = NULL WHERE due_at IS NOT NULL`); err != nil {
		return nil, err
	}
	if stop, err = b.serve(ctx); err != nil {
		return nil, err
	}
	defer stop()
	took, err := openLoop(ctx, 200, 30*time.Second, func(ctx context.Context, _ int) error { return b.sendInbound(ctx) })
	if err != nil {
		return nil, err
	}
	return []result{
		{name: "inbound_accept", unit: "1/s", value: rate, floor: floor, notes: "16 clients, 3 × 8 s each in turns, API without workers"},
		{name: "inbound_accept_p99", unit: "ms", value: percentile(took, 0.99), less: true, notes: "200/s for 30 s, workers at work in the same process"},
	}, nil
}

// sendInbound posts one message as Twilio does, truly signed.
func (b *bench) sendInbound(ctx context.Context) error {
	id := uuid.New()
	form := url.Values{
		"MessageSid": {"SM" + strings.ReplaceAll(id.String(), "-", "")}, "AccountSid": {b.seeded.account["account_sid"]},
		"From": {fmt.Sprintf("+1514%07d", 5000000+int(id[0])*256+int(id[1]))}, "To": {b.seeded.number},
		"Body": {"Hello, are you open today?"}, "NumMedia": {"0"}, "NumSegments": {"1"},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, b.seeded.hookURL, strings.NewReader(form.Encode()))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Twilio-Signature", sign(b.seeded.account["auth_token"], b.seeded.hookURL, form))
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("the callback was answered %d", response.StatusCode)
	}
	return nil
}

func sign(token, address string, form url.Values) string {
	names := make([]string, 0, len(form))
	for name := range form {
		names = append(names, name)
	}
	sort.Strings(names)
	mac := hmac.New(sha1.New, []byte(token))
	_, _ = io.WriteString(mac, address)
	for _, name := range names {
		_, _ = io.WriteString(mac, name+form.Get(name))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

// floorInbound makes the statements of an accepted callback with bare lib/pq.
func (b *bench) floorInbound(db *sql.DB) func(context.Context) error {
	token := b.seeded.hookURL[strings.Index(b.seeded.hookURL, "/twilio/")+len("/twilio/"):]
	token = strings.TrimSuffix(token, "/inbound")
	return func(ctx context.Context) error {
		tx, err := db.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		var (
			channelID, tenantID uuid.UUID
			address             string
			credentials         []byte
			numberID, ownerID   uuid.NullUUID
		)
		err = tx.QueryRowContext(ctx, `
			SELECT c.id, c.tenant_id, c.address, c.credentials, NULL::uuid, NULL::uuid
			FROM channels c
			WHERE c.hook_token = $1 AND c.provider = $2 AND c.status <> 'released'
			UNION ALL
			SELECT c.id, c.tenant_id, c.address, n.credentials, n.id, n.owner_id
			FROM numbers n JOIN channels c ON c.number_id = n.id AND c.status <> 'released'
			WHERE n.hook_token = $1 AND n.provider = $2`, token, "twilio").
			Scan(&channelID, &tenantID, &address, &credentials, &numberID, &ownerID)
		if err != nil {
			return err
		}
		id, now := uuid.New(), time.Now().UTC()
		payload := `{"EventKey":"` + id.String() + `","ProviderID":"` + id.String() + `","From":"+15145550199","To":"` + address + `","Body":"Hello, are you open today?","Media":null,"Segments":1,"OptOutType":"","SentAt":"0001-01-01T00:00:00Z"}`
		_, err = tx.ExecContext(ctx, `
			INSERT INTO provider_events (id, tenant_id, channel_id, kind, event_key, payload, raw, recovered, state, due_at, received_at)
			VALUES ($1, $2, $3, 'inbound', $4, $5, $6, false, 'pending', $7, $7)
			ON CONFLICT (tenant_id, channel_id, kind, event_key) DO NOTHING`,
			uuid.Must(uuid.NewV7()), tenantID, channelID, id.String(), payload, []byte(payload), now)
		if err != nil {
			return err
		}
		return tx.Commit()
	}
}
