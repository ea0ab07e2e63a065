//go:build !crashpoints

package main

import "github.com/trellishq/trellis/internal/clock"

// crashPoint is nothing in the binary that is shipped.
func crashPoint() func(string) { return nil }

// systemClock is the machine's own in the binary that is shipped.
func systemClock() clock.Clock { return clock.System{} }
