//go:build crashpoints

package main

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/trellishq/trellis/cmd/trellis/crashtest"
	"github.com/trellishq/trellis/internal/clock"
)

// crashPoint ends the process at the point that CRASH_AT names, as a power cut
// would, and freezes it at the point that PAUSE_AT names until it is told to go
// on, as a paused machine would be. C4 is the first time that C4 is reached,
// C4#3 the third.
func crashPoint() func(string) {
	crash, pause := newTrigger("CRASH_AT"), newTrigger("PAUSE_AT")
	return func(point string) {
		if crash.hit(point) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal ends the process
		}
		if pause.hit(point) {
			_ = syscall.Kill(os.Getpid(), syscall.SIGSTOP)
			<-time.After(50 * time.Millisecond) // the signal may reach another thread first
		}
	}
}

// trigger goes off once, at the nth hit of a point.
type trigger struct {
	point string
	left  atomic.Int64
}

func newTrigger(variable string) *trigger {
	point, nth, counted := strings.Cut(os.Getenv(variable), "#")
	t := &trigger{point: point}
	t.left.Store(1)
	if counted {
		n, err := strconv.ParseInt(nth, 10, 64)
		if err != nil {
			panic(variable + ": " + err.Error())
		}
		t.left.Store(n)
	}
	return t
}

func (t *trigger) hit(point string) bool { return t.point == point && t.left.Add(-1) == 0 }

// systemClock runs as CLOCK_BASE and CLOCK_SPEED say.
func systemClock() clock.Clock {
	c, err := crashtest.ClockFrom(os.Getenv)
	if err != nil {
		panic(err)
	}
	return c
}
