//go:build unix && !linux

package builtin

import (
	"os/exec"
	"strconv"
	"strings"
	"syscall"
)

const haveNamespaces = false

// dieWithParent can do nothing here. After a crash of the program the server
// goes on, and the next start on its directory ends it.
func dieWithParent(*syscall.SysProcAttr) {}

func enterNamespace(*syscall.SysProcAttr, account) {}

// arguments are those a running process was started with, cut at spaces.
func arguments(pid int) []string {
	out, err := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	if err != nil {
		return nil
	}
	return strings.Split(strings.TrimSpace(string(out)), " ")
}
