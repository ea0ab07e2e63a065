package builtin

import (
	"bytes"
	"os"
	"strconv"
	"syscall"
)

const haveNamespaces = true

// dieWithParent makes the kernel ask the child for a fast shutdown when the
// thread that started it ends, be it by SIGKILL.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGINT }

// enterNamespace shows the child its user and group under other numbers. A
// single mapping of one's own numbers is allowed to everybody, provided that
// the child cannot drop groups.
func enterNamespace(attr *syscall.SysProcAttr, shown account) {
	attr.Cloneflags |= syscall.CLONE_NEWUSER
	attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: shown.uid, HostID: os.Geteuid(), Size: 1}}
	attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: shown.gid, HostID: os.Getegid(), Size: 1}}
	attr.GidMappingsEnableSetgroups = false
}

// arguments are those a running process was started with. They are empty for
// a process that ended and was not yet collected by its parent.
func arguments(pid int) []string {
	line, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	if err != nil {
		return nil
	}
	var args []string
	for _, arg := range bytes.Split(bytes.TrimRight(line, "\x00"), []byte{0}) {
		args = append(args, string(arg))
	}
	return args
}
