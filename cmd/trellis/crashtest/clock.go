// Package crashtest proves on the real binary what the design promises about
// crashes (rules E1 and E2): its tests start PostgreSQL, Redis, simulated
// carriers and the program itself, and kill, cut and freeze them at every point
// of a message's way. The binary is built with the tag crashpoints; the one that
// is shipped has none of this.
package crashtest

import (
	"fmt"
	"strconv"
	"time"
)

// Clock runs faster than the machine's from a common base on, so that what
// takes minutes passes in seconds, and every process sees the same time.
type Clock struct {
	// Base is when the clock showed the machine's time.
	Base time.Time
	// Speed is how many seconds pass in one.
	Speed float64
}

// ClockFrom reads CLOCK_BASE (unix nanoseconds) and CLOCK_SPEED, and with
// neither returns the machine's own time.
func ClockFrom(getenv func(string) string) (Clock, error) {
	c := Clock{Base: time.Unix(0, 0), Speed: 1}
	if text := getenv("CLOCK_BASE"); text != "" {
		ns, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return c, fmt.Errorf("CLOCK_BASE: %w", err)
		}
		c.Base = time.Unix(0, ns)
	}
	if text := getenv("CLOCK_SPEED"); text != "" {
		speed, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return c, fmt.Errorf("CLOCK_SPEED: %w", err)
		}
		c.Speed = speed
	}
	return c, nil
}

// Now implements clock.Clock.
func (c Clock) Now() time.Time {
	passed := time.Since(c.Base)
	if c.Speed != 1 {
		passed = time.Duration(float64(passed) * c.Speed)
	}
	return c.Base.Add(passed).UTC().Truncate(time.Microsecond)
}

// Environment is what makes a process use this clock.
func (c Clock) Environment() []string {
	return []string{
		"CLOCK_BASE=" + strconv.FormatInt(c.Base.UnixNano(), 10),
		"CLOCK_SPEED=" + strconv.FormatFloat(c.Speed, 'f', -1, 64),
	}
}
