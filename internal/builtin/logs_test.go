package builtin

import (
	"bytes"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"
)

func TestDrainReadsEverything(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", lineBytes+10)
	var lines []string
	drain(strings.NewReader("one\r\n\n"+long+"\nwithout end"), func(line string) { lines = append(lines, line) })
	want := []string{"one", long[:lineBytes], long[lineBytes:], "without end"}
	if !slices.Equal(lines, want) {
		t.Errorf("%d lines, want %d", len(lines), len(want))
	}
}

func TestTailKeepsTheLastLines(t *testing.T) {
	t.Parallel()
	var kept tail
	if kept.err() != nil {
		t.Error("an empty tail is no error")
	}
	for i := range tailLines + 5 {
		kept.add(strconv.Itoa(i))
	}
	if lines := strings.Split(kept.text(), "\n"); len(lines) != tailLines || lines[0] != "5" {
		t.Errorf("kept %v", lines)
	}
}

func TestRecordTranslatesSeverity(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"LOG:  started":       "DEBUG",
		"WARNING:  low":       "WARN",
		"FATAL:  no such":     "WARN",
		"PANIC:  disk":        "ERROR",
		"\tcontinued: PANIC:": "DEBUG",
	} {
		var out bytes.Buffer
		logger := slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		record(logger, true, line)
		if !strings.Contains(out.String(), "level="+want) {
			t.Errorf("%q is logged as %s", line, out.String())
		}
		out.Reset()
		record(logger, false, line)
		if !strings.Contains(out.String(), "level=DEBUG") {
			t.Errorf("%q is logged while starting as %s", line, out.String())
		}
	}
}
