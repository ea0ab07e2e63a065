package main

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider/sim"
)

func measureSend(ctx context.Context, b *bench) ([]result, error) {
	stop, err := b.serve(ctx)
	if err != nil {
		return nil, err
	}
	defer stop()
	b.carriers.Reset()
	const perSecond, length = 100, 30 * time.Second
	var (
		lock sync.Mutex
		sent = map[string]time.Time{}
	)
	_, err = openLoop(ctx, perSecond, length, func(ctx context.Context, i int) error {
		begun := time.Now()
		made, err := b.call(ctx, http.MethodPost, b.tenantPath("/messages"), map[string]any{
			"channel_id": b.seeded.channelID, "to": fmt.Sprintf("+1438%07d", 5000000+i), "body": "Your order is ready.",
		})
		if err != nil {
			return err
		}
		lock.Lock()
		defer lock.Unlock()
		sent[made["id"].(string)] = begun
		return nil
	})
	if err != nil {
		return nil, err
	}
	arrived, err := b.carriers.AwaitLedger(ctx, sim.Filter{}, len(sent))
	if err != nil {
		return nil, fmt.Errorf("the carrier has %d of %d: %w", b.carriers.LedgerSize(), len(sent), err)
	}
	var took []time.Duration
	for _, e := range arrived {
		took = append(took, e.ArrivedAt.Sub(sent[e.ClientRef]))
	}
	if n := len(b.carriers.Duplicates()); n > 0 {
		return nil, fmt.Errorf("%d messages were submitted twice", n)
	}
	return []result{{
		name: "send_latency", unit: "ms", value: percentile(took, 0.95), less: true,
		notes: fmt.Sprintf("p50 %.0f ms, p99 %.0f ms; 100/s for 30 s to as many recipients", percentile(took, 0.5), percentile(took, 0.99)),
	}}, nil
}
