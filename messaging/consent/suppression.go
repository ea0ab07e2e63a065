package consent

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/optout"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
)

// addressHash is how an address stands in number_suppressions: found by whoever
// has the address, and told to nobody. $1 is the address, c its channel.
const addressHash = `sha256(convert_to(c.number_id::text || ' ' || $1, 'UTF8'))`

// suppress notes with the operator's number behind a channel what the channel
// has heard, so that it holds whoever has the number next (rules A4-7).
func (s *Service) suppress(ctx context.Context, tenantID, channelID uuid.UUID, address string, source optout.Source) error {
	_, err := store.Exec(ctx, `
		INSERT INTO number_suppressions (id, number_id, address_hash, source, started_at)
		SELECT $2, c.number_id, `+addressHash+`, $3, $4
		FROM channels c
		WHERE c.tenant_id = $5 AND c.id = $6 AND c.number_id IS NOT NULL AND c.status <> 'released'
		ON CONFLICT (number_id, address_hash) WHERE ended_at IS NULL DO NOTHING`,
		address, id.New(), string(source), s.store.Now(), tenantID, channelID)
	return err
}

// unsuppress ends what suppress began, under whichever holder.
func (s *Service) unsuppress(ctx context.Context, tenantID, channelID uuid.UUID, address string) error {
	_, err := store.Exec(ctx, `
		UPDATE number_suppressions q SET ended_at = $2
		FROM channels c
		WHERE c.tenant_id = $3 AND c.id = $4 AND c.status <> 'released'
		  AND q.number_id = c.number_id AND q.address_hash = `+addressHash+` AND q.ended_at IS NULL`,
		address, s.store.Now(), tenantID, channelID)
	return err
}

// Verdict says whether bulk messages may go to an address.
type Verdict string

// The verdicts.
const (
	Allowed Verdict = "allowed"
	// OptedOut: the person asked this channel to be left alone.
	OptedOut Verdict = "opted_out"
	// Suppressed: the person asked the number to be left alone when somebody
	// else held it. Who that was, and when, is not told.
	Suppressed Verdict = "suppressed"
)

// Bulk says to which of some addresses a channel may send bulk messages. Live
// answers to one person are not its business (decisions C-25). Faults:
// CodeNotFound for the channel.
func (s *Service) Bulk(ctx context.Context, channelID uuid.UUID, addresses []string) (map[string]Verdict, error) {
	var out map[string]Verdict
	err := s.store.Read(ctx, func(ctx context.Context) error {
		through, err := s.store.Ent(ctx).Channel.Get(ctx, channelID)
		if ent.IsNotFound(err) {
			return fault.Missing("channel").At("body.channel_id", "is no channel of this tenant")
		}
		if err != nil {
			return err
		}
		out, err = verdicts(ctx, through, addresses)
		return err
	})
	return out, err
}

func verdicts(ctx context.Context, through *ent.Channel, addresses []string) (map[string]Verdict, error) {
	list, err := json.Marshal(addresses)
	if err != nil {
		return nil, err
	}
	rows, err := store.Query(ctx, `
		SELECT a.address,
			EXISTS (SELECT FROM opt_outs o WHERE o.tenant_id = $2 AND o.channel_id = $3
				AND o.address = a.address AND o.ended_at IS NULL),
			EXISTS (SELECT FROM number_suppressions q WHERE q.number_id = $4 AND q.ended_at IS NULL
				AND q.address_hash = sha256(convert_to($4::text || ' ' || a.address, 'UTF8')))
		FROM jsonb_array_elements_text($1::jsonb) a (address)`,
		string(list), through.TenantID, through.ID, through.NumberID)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	out := make(map[string]Verdict, len(addresses))
	for rows.Next() {
		var address string
		var optedOut, suppressed bool
		if err := rows.Scan(&address, &optedOut, &suppressed); err != nil {
			return nil, err
		}
		out[address] = verdict(optedOut, suppressed)
	}
	return out, rows.Err()
}

func verdict(optedOut, suppressed bool) Verdict {
	switch {
	case optedOut:
		return OptedOut
	case suppressed:
		return Suppressed
	}
	return Allowed
}
