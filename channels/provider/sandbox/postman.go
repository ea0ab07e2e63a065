package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/scopserv"
	"github.com/trellishq/trellis/internal/clock"
)

// tries is how often a callback is posted before it is given up.
const tries = 3

// callback is one request that the sandbox makes to us.
type callback struct {
	url  string
	body any
}

// errand is all that one message causes; its callbacks are posted in order.
type errand struct {
	secret    string
	callbacks []callback
}

// postman posts callbacks in the background, within bounds: so many at a time,
// so many waiting, and no more.
type postman struct {
	http  *http.Client
	clock clock.Clock
	pause time.Duration

	errands chan errand
	workers sync.WaitGroup
	stop    context.CancelFunc
	stopped <-chan struct{}
}

func startPostman(client *http.Client, c clock.Clock, workers, queue int, pause time.Duration) *postman {
	// The workers outlive every call, so their context is their own.
	ctx, stop := context.WithCancel(context.Background())
	p := &postman{http: client, clock: c, pause: pause, errands: make(chan errand, queue), stop: stop, stopped: ctx.Done()}
	for range workers {
		p.workers.Go(func() { p.work(ctx) })
	}
	return p
}

func (p *postman) close() {
	p.stop()
	p.workers.Wait()
}

// send hands an errand over, and drops it where too many wait.
func (p *postman) send(secret string, callbacks []callback) {
	select {
	case <-p.stopped:
	case p.errands <- errand{secret: secret, callbacks: callbacks}:
	default:
	}
}

func (p *postman) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-p.errands:
			for _, c := range e.callbacks {
				p.deliver(ctx, e.secret, c)
			}
		}
	}
}

func (p *postman) deliver(ctx context.Context, secret string, c callback) {
	body, err := json.Marshal(c.body)
	if err != nil || c.url == "" {
		return
	}
	pause := p.pause
	for try := 1; !p.post(ctx, secret, c.url, body) && try < tries; try++ {
		if wait(ctx, pause) != nil {
			return
		}
		pause *= 2
	}
}

func (p *postman) post(ctx context.Context, secret, url string, body []byte) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return true // no repetition mends it
	}
	req.Header.Set("Content-Type", "application/json")
	scopserv.SignRequest(req, account, secret, p.clock.Now(), body)
	answer, err := provider.Do(p.http, req)
	return err == nil && answer.OK()
}
