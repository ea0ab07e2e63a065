package builtin

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
)

const (
	tailLines = 20   // kept for the error when the server ends
	lineBytes = 4096 // a longer line is taken for several
)

// tail keeps the last lines that the server wrote. It is safe for concurrent
// use.
type tail struct {
	mu    sync.Mutex
	lines []string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.lines = append(t.lines, line)
	if len(t.lines) > tailLines {
		t.lines = t.lines[1:]
	}
}

func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.Join(t.lines, "\n")
}

func (t *tail) err() error {
	if text := t.text(); text != "" {
		return errors.New(text)
	}
	return nil
}

// drain reads to the end, whatever comes: a server whose pipe is full stands
// still.
func drain(r io.Reader, each func(line string)) {
	buffered := bufio.NewReaderSize(r, lineBytes)
	for {
		line, _, err := buffered.ReadLine()
		if text := strings.TrimSpace(string(line)); text != "" {
			each(text)
		}
		if err != nil {
			return
		}
	}
}

// record passes one line of the server on, in our terms of severity. What it
// says before it is ready is routine, or ends up in the error of the start.
func record(logger *slog.Logger, ready bool, line string) {
	level := slog.LevelDebug
	severity, _, _ := strings.Cut(line, ":")
	switch severity {
	case "WARNING", "ERROR", "FATAL":
		level = slog.LevelWarn
	case "PANIC":
		level = slog.LevelError
	}
	if !ready {
		level = slog.LevelDebug
	}
	logger.Log(context.Background(), level, "built-in PostgreSQL", "line", line)
}
