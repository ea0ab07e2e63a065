package builtin

import (
	"bytes"
	"errors"
	"os/exec"
	"runtime"
	"strings"
)

// runTied runs a command to its end and returns what it printed. On Linux the
// command dies with the thread that started it, so the thread must not go away
// before: that is what LockOSThread is for.
func runTied(cmd *exec.Cmd) ([]byte, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.CombinedOutput()
}

// outputError makes an error of the last lines of an output, nil of none.
func outputError(out []byte) error {
	lines := strings.Split(string(bytes.TrimSpace(out)), "\n")
	text := strings.Join(lines[max(0, len(lines)-tailLines):], "\n")
	if text == "" {
		return nil
	}
	return errors.New(text)
}
