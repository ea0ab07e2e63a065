//go:build crashpoints

package main

import (
	"os"
	"syscall"
)

// crashPoint ends the process at the point that CRASH_AT names, as a power cut
// would: the crash tests prove with it what becomes of a message.
func crashPoint() func(string) {
	at := os.Getenv("CRASH_AT")
	return func(point string) {
		if point == at {
			_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
			select {} // the signal ends the process
		}
	}
}
