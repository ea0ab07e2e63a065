package jobs

import (
	"context"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/trellishq/trellis/internal/store"
)

// Dispatcher moves rows that are due from the database to Redis. Any number of
// them may run at once.
type Dispatcher struct {
	claimer *Claimer
	queues  *Queues
	log     *slog.Logger
	// depth is how many tasks may wait in Redis: enough to keep the workers
	// busy, few enough that the database decides about turns.
	depth int
}

// NewDispatcher returns a dispatcher for a number of workers.
func NewDispatcher(s *store.Store, q *Queues, workers int, log *slog.Logger) *Dispatcher {
	return &Dispatcher{claimer: NewClaimer(s), queues: q, depth: 2 * workers, log: log}
}

const (
	// lookEvery bounds how late a row is handed out whose wake was lost.
	lookEvery = 250 * time.Millisecond
	// fullPause is how long a full Redis is left to the workers.
	fullPause = 5 * time.Millisecond
	// troublePause keeps a dispatcher calm while Redis or the database is away.
	troublePause = time.Second
)

// Run hands out rows until the context ends.
func (d *Dispatcher) Run(ctx context.Context) {
	wakes := d.queues.wakes(ctx)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if !d.drain(ctx) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-wakes:
		case <-tick.C:
		}
	}
}

// drain hands out rows until none is due. It returns false when the context
// has ended.
func (d *Dispatcher) drain(ctx context.Context) bool {
	for {
		room, err := d.room(ctx)
		if err == nil && room <= 0 {
			if !pause(ctx, fullPause) {
				return false
			}
			continue
		}
		var moved int
		if err == nil {
			moved, err = d.round(ctx, room)
		}
		if err != nil {
			if ctx.Err() == nil {
				d.log.WarnContext(ctx, "rows that are due cannot be handed out; trying again", "error", err)
			}
			return pause(ctx, troublePause)
		}
		if moved == 0 {
			return ctx.Err() == nil
		}
	}
}

func (d *Dispatcher) room(ctx context.Context) (int, error) {
	waiting, err := d.queues.backlog(ctx)
	return d.depth - waiting, err
}

// round hands out up to room rows of each kind.
func (d *Dispatcher) round(ctx context.Context, room int) (int, error) {
	moved := 0
	for _, kind := range Kinds() {
		tasks, err := d.claimer.Claim(ctx, kind, room)
		if err != nil {
			return moved, err
		}
		if err := d.put(ctx, tasks); err != nil {
			return moved, err
		}
		moved += len(tasks)
	}
	return moved, nil
}

// put hands tasks to Redis. Where Redis fails, the rows become due again at
// once instead of after their lease.
func (d *Dispatcher) put(ctx context.Context, tasks []Task) error {
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(8)
	for _, t := range tasks {
		group.Go(func() error { return d.queues.put(groupCtx, t) })
	}
	err := group.Wait()
	if err == nil {
		return nil
	}
	if releaseErr := d.claimer.release(ctx, tasks); releaseErr != nil {
		d.log.WarnContext(ctx, "rows stay handed out until their lease ends", "error", releaseErr)
	}
	return err
}
