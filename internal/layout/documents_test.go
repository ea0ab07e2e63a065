package layout_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/identity"
	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/messaging/agents"
	"github.com/trellishq/trellis/messaging/interactions"
	"github.com/trellishq/trellis/messaging/routing"
	"github.com/trellishq/trellis/tenants/mail"
)

var update = flag.Bool("update", false, "write the parts of docs/ that are taken from the code")

// A part of a document that is taken from the code stands between two of these.
const (
	partBegins = "<!-- %s: taken from the code by `make docs` -->\n"
	partEnds   = "<!-- end of %s -->"
)

// part compares a part of a document with what the code says, or writes it.
func part(t *testing.T, file, name, want string) {
	t.Helper()
	path := filepath.Join(root, "docs", file)
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(raw), fmt.Sprintf(partBegins, name))
	have, after, ended := strings.Cut(rest, fmt.Sprintf(partEnds, name))
	if !found || !ended {
		t.Fatalf("docs/%s has no part called %s", file, name)
	}
	if have == want {
		return
	}
	if !*update {
		t.Errorf("the part %s of docs/%s is not what the code says: make docs\nwant:\n%s", name, file, want)
		return
	}
	text := before + fmt.Sprintf(partBegins, name) + want + fmt.Sprintf(partEnds, name) + after
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestDocumentsHaveTheSettings(t *testing.T) {
	var out strings.Builder
	out.WriteString("| Setting | Default | Form | Meaning |\n|---|---|---|---|\n")
	for _, s := range config.Describe() {
		meaning := s.Meaning
		if s.Secret {
			meaning += " (secret)"
		}
		fmt.Fprintf(&out, "| `%s` | %s | %s | %s |\n", s.Name, cell(s.Default), cell(s.Form), cell(meaning))
	}
	part(t, "operations.md", "settings", out.String())
}

func cell(text string) string {
	if text == "" {
		return "–"
	}
	return strings.ReplaceAll(text, "|", `\|`)
}

func TestDocumentsHaveTheSandboxNumbers(t *testing.T) {
	var out strings.Builder
	out.WriteString("| To | What happens |\n|---|---|\n")
	for _, n := range sandbox.Numbers() {
		fmt.Fprintf(&out, "| `%s` | %s |\n", n.Address, n.Title)
	}
	part(t, "sandbox.md", "magic", out.String())
}

func TestDocumentsHaveTheInteractionTable(t *testing.T) {
	var drawing, table strings.Builder
	drawing.WriteString("```mermaid\nstateDiagram-v2\n")
	table.WriteString("| From |")
	for _, action := range interactions.Actions() {
		fmt.Fprintf(&table, " %s |", action)
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(interactions.Actions())) + "\n")
	for _, from := range interactions.Statuses() {
		fmt.Fprintf(&table, "| `%s` |", from)
		for _, action := range interactions.Actions() {
			to, ok := interactions.Next(from, action)
			if !ok {
				table.WriteString(" refused |")
				continue
			}
			fmt.Fprintf(&table, " `%s` |", to)
			fmt.Fprintf(&drawing, "    %s --> %s: %s\n", from, to, action)
		}
		table.WriteString("\n")
	}
	part(t, "state-machines.md", "interactions", drawing.String()+"```\n\n"+table.String())
}

func TestDocumentsHaveTheOffers(t *testing.T) {
	var out strings.Builder
	out.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> open\n")
	for _, from := range routing.States() {
		for _, action := range routing.Actions() {
			if to, ok := routing.Next(from, action); ok {
				fmt.Fprintf(&out, "    %s --> %s: %s\n", from, to, action)
			}
		}
	}
	part(t, "state-machines.md", "offers", out.String()+"```\n")
}

func TestDocumentsHaveTheMails(t *testing.T) {
	var out strings.Builder
	out.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> queued\n")
	for _, from := range mail.States() {
		for _, action := range mail.Actions() {
			if to, ok := mail.Next(from, action); ok {
				fmt.Fprintf(&out, "    %s --> %s: %s\n", from, to, action)
			}
		}
	}
	part(t, "state-machines.md", "mails", out.String()+"```\n")
}

func TestDocumentsHaveTheUsers(t *testing.T) {
	var drawing, table strings.Builder
	drawing.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> active: create\n    [*] --> invited: invite\n")
	table.WriteString("| From |")
	for _, action := range identity.UserActions() {
		fmt.Fprintf(&table, " %s |", action)
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(identity.UserActions())) + "\n")
	for _, from := range identity.UserStatuses() {
		fmt.Fprintf(&table, "| `%s` |", from)
		for _, action := range identity.UserActions() {
			cell := "refused"
			for _, was := range identity.UserStatuses() {
				to, ok := identity.NextUserStatus(from, action, was)
				if !ok {
					continue
				}
				if line := fmt.Sprintf("    %s --> %s: %s\n", from, to, action); !strings.Contains(drawing.String(), line) {
					drawing.WriteString(line)
				}
				if cell = "`" + string(to) + "`"; action == identity.Restore {
					cell = "as before"
				}
			}
			fmt.Fprintf(&table, " %s |", cell)
		}
		table.WriteString("\n")
	}
	part(t, "state-machines.md", "users", drawing.String()+"```\n\n"+table.String())
}

func TestDocumentsHaveTheAgents(t *testing.T) {
	var drawing, table strings.Builder
	drawing.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> logged_off\n")
	table.WriteString("| From |")
	for _, action := range agents.Actions() {
		fmt.Fprintf(&table, " %s |", action)
	}
	table.WriteString("\n|---|" + strings.Repeat("---|", len(agents.Actions())) + "\n")
	for _, from := range agents.States() {
		fmt.Fprintf(&table, "| `%s` |", from)
		for _, action := range agents.Actions() {
			to, ok := agents.Next(from, action)
			if !ok {
				table.WriteString(" refused |")
				continue
			}
			fmt.Fprintf(&table, " `%s` |", to)
			fmt.Fprintf(&drawing, "    %s --> %s: %s\n", from, to, action)
		}
		table.WriteString("\n")
	}
	part(t, "state-machines.md", "agents", drawing.String()+"```\n\n"+table.String())
}

// reports are all that a provider can say about a message.
var reports = []provider.Status{
	provider.StatusAccepted, provider.StatusSent, provider.StatusDelivered, provider.StatusUndelivered,
	provider.StatusFailed, provider.StatusRead, provider.StatusCanceled, provider.StatusUnknown,
}

func TestDocumentsHaveTheReports(t *testing.T) {
	var out strings.Builder
	out.WriteString("| The message is |")
	for _, report := range reports {
		fmt.Fprintf(&out, " %s |", report)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(reports)) + "\n")
	for _, from := range interactions.Deliveries() {
		fmt.Fprintf(&out, "| `%s` |", from)
		for _, report := range reports {
			if to, ok := interactions.Reported(from, report); ok {
				fmt.Fprintf(&out, " `%s` |", to)
			} else {
				out.WriteString(" – |")
			}
		}
		out.WriteString("\n")
	}
	part(t, "state-machines.md", "reports", out.String())
}

func TestDocumentsHaveWhatWeDoWithMessages(t *testing.T) {
	var out strings.Builder
	out.WriteString("| The message is |")
	for _, action := range interactions.DeliveryActions() {
		fmt.Fprintf(&out, " %s |", action)
	}
	out.WriteString("\n|---|" + strings.Repeat("---|", len(interactions.DeliveryActions())) + "\n")
	for _, from := range interactions.Deliveries() {
		fmt.Fprintf(&out, "| `%s` |", from)
		for _, action := range interactions.DeliveryActions() {
			if to, ok := interactions.NextDelivery(from, action); ok {
				fmt.Fprintf(&out, " `%s` |", to)
			} else {
				out.WriteString(" refused |")
			}
		}
		out.WriteString("\n")
	}
	part(t, "state-machines.md", "deliveries", out.String())
}

func TestDocumentsHaveTheReminders(t *testing.T) {
	var out strings.Builder
	out.WriteString("```mermaid\nstateDiagram-v2\n    [*] --> pending\n")
	for _, from := range interactions.ReminderStatuses() {
		for _, action := range interactions.ReminderActions() {
			if to, ok := interactions.NextReminder(from, action); ok {
				fmt.Fprintf(&out, "    %s --> %s: %s\n", from, to, action)
			}
		}
	}
	part(t, "state-machines.md", "reminders", out.String()+"```\n")
}

var arrow = regexp.MustCompile(`(?m)^\s+(\S+) --> (\S+?)(?:: (.*))?$`)

// The drawing of a message's life is made by hand. It names every status, no
// other, and no report that does something else.
func TestDocumentsDrawMessagesRight(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join(root, "docs", "state-machines.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, drawing, _ := strings.Cut(string(raw), "## Messages")
	_, drawing, _ = strings.Cut(drawing, "```mermaid")
	drawing, _, _ = strings.Cut(drawing, "```")
	arrows := arrow.FindAllStringSubmatch(drawing, -1)
	drawn := map[string]bool{"[*]": true}
	for _, a := range arrows {
		drawn[a[1]], drawn[a[2]] = true, true
		report, isReport := strings.CutPrefix(a[3], "report ")
		if !isReport {
			continue
		}
		if to, ok := interactions.Reported(interactions.Delivery(a[1]), provider.Status(report)); !ok || string(to) != a[2] {
			t.Errorf("drawn is %s, and the table leads to %s (%t)", strings.TrimSpace(a[0]), to, ok)
		}
	}
	for _, status := range interactions.Deliveries() {
		if !drawn[string(status)] {
			t.Errorf("%s is not drawn", status)
		}
		delete(drawn, string(status))
	}
	if len(drawn) != 1 {
		t.Errorf("drawn is what is no status: %v", drawn)
	}
}

// link is a link in Markdown that stays inside the repository.
var link = regexp.MustCompile(`\]\(([^)#:\s]+)(?:#[^)]*)?\)`)

func TestDocumentsLinkToWhatExists(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	top, err := filepath.Glob(filepath.Join(root, "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	links := 0
	for _, file := range slices.Concat(files, top) {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range link.FindAllStringSubmatch(string(text), -1) {
			links++
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), found[1])); err != nil {
				t.Errorf("%s links to %s: %v", file, found[1], err)
			}
		}
	}
	if links < 20 {
		t.Errorf("only %d links were found", links)
	}
}
