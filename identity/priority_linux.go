package identity

import "golang.org/x/sys/unix"

// politeness is the nice value of threads that make hashes.
const politeness = 15

// yieldToOthers lets all others go before the present thread, for the rest of
// its life: a hash occupies a processor for dozens of milliseconds, and nobody
// who only reads should wait for that. On Linux the nice value belongs to a
// thread (sched(7)). Where it cannot be set, everything is as without.
func yieldToOthers() { _ = unix.Setpriority(unix.PRIO_PROCESS, unix.Gettid(), politeness) }
