package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"
)

const reportHead = `# Performance

Written by ` + "`make figures`" + `: the built binary on PostgreSQL (fsync on) and Redis with simulated carriers, everything and the load
generator on one machine. Each floor was measured in the same run, in turns with its figure; machines differ, so the ratios count.
Ratios above 1 are no magic: the floors use lib/pq as it is, and the store opens a transaction with its scope in one round trip and keeps statements prepared.
For a time a smaller value is better. ` + "`FIGURES=read_one,demo_ready make figures`" + ` measures a part and leaves the other lines as they are.

| figure | value | unit | floor | ratio | how | measured |
|---|---|---|---|---|---|---|
`

// writeReport replaces the lines of what was measured and keeps the others.
func writeReport(path string, results []result) error {
	lines := map[string]string{}
	var order []string
	old, _ := os.ReadFile(path)
	for _, line := range strings.Split(string(old), "\n") {
		if name, ok := rowName(line); ok {
			lines[name] = line
			order = append(order, name)
		}
	}
	for _, r := range results {
		if _, known := lines[r.name]; !known {
			order = append(order, r.name)
		}
		lines[r.name] = r.row()
	}
	var out strings.Builder
	out.WriteString(reportHead)
	for _, name := range order {
		out.WriteString(lines[name] + "\n")
	}
	out.WriteString("\n" + reach())
	return os.WriteFile(path, []byte(out.String()), 0o644) // #nosec G306 -- a document
}

func rowName(line string) (string, bool) {
	cells := strings.Split(line, "|")
	if len(cells) < 8 || !strings.HasPrefix(strings.TrimSpace(cells[1]), "`") {
		return "", false
	}
	return strings.Trim(strings.TrimSpace(cells[1]), "`"), true
}

func (r result) row() string {
	floor, ratio := "–", "–"
	if r.floor > 0 {
		floor, ratio = number(r.floor), fmt.Sprintf("%.2f", r.value/r.floor)
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s | %s | %s | %s, %s |", r.name, number(r.value), r.unit, floor, ratio, r.notes,
		time.Now().UTC().Format("2006-01-02"), machine())
}

// reach says what is promised.
func reach() string {
	var out strings.Builder
	out.WriteString("What is promised:\n\n")
	for _, f := range figures() {
		fmt.Fprintf(&out, "- `%s` (%s): %s. Floor: %s. Reach: %s.\n", f.name, f.unit, f.what, f.floor, f.reach)
	}
	return out.String()
}

func machine() string {
	model := "unknown processor"
	if info, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for _, line := range strings.Split(string(info), "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	pg := "PostgreSQL"
	if out, err := exec.Command("postgres", "--version").Output(); err == nil {
		pg = strings.Fields(string(out))[2]
		pg = "PostgreSQL " + pg
	}
	return fmt.Sprintf("%d cores of %s, %s, %s", runtime.NumCPU(), model, runtime.Version(), pg)
}
