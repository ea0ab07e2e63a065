package interactions_test

import (
	"strings"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/messaging/interactions"
)

// Every pair of status and action, one line for each action; a dash refuses.
// The columns are in the order of Statuses.
const conversations = `
	         waiting_agent  open           waiting_customer  solved  closed
	receive  waiting_agent  waiting_agent  waiting_agent     -       -
	reply    open           open           waiting_customer  -       -
	assign   open           open           waiting_customer  -       -
	release  waiting_agent  waiting_agent  waiting_customer  -       -
	wait     waiting_customer  waiting_customer  -           -       -
	resume   open           -              open              -       -
	pause    waiting_agent  open           waiting_customer  -       -
	unpause  waiting_agent  open           waiting_customer  -       -
	solve    solved         solved         solved            -       -
	close    closed         closed         closed            closed  -
	reopen   -              -              -                 -       open
`

// Covers: INT-01 INT-02 INT-13 INT-17
func TestEveryPairOfStatusAndAction(t *testing.T) {
	t.Parallel()
	table := read(t, conversations)
	if len(table) != len(interactions.Actions()) {
		t.Fatalf("the table has %d actions, the program %d", len(table), len(interactions.Actions()))
	}
	for _, action := range interactions.Actions() {
		line := table[string(action)]
		if len(line) != len(interactions.Statuses()) {
			t.Fatalf("%s: the table has %d statuses, the program %d", action, len(line), len(interactions.Statuses()))
		}
		for _, from := range interactions.Statuses() {
			to, ok := interactions.Next(from, action)
			if got := cell(string(to), ok); got != line[string(from)] {
				t.Errorf("%s of %s leads to %s, want %s", action, from, got, line[string(from)])
			}
		}
	}
}

// Every pair of a message's status and a provider's report (rules A7); a dash
// changes nothing.
const deliveries = `
	             received  scheduled  queued       submitting   unknown      accepted     sent         delivered  undelivered  failed     read  canceled  expired
	accepted     -         -          accepted     accepted     accepted     -            -            -          -            -          -     -         -
	sent         -         -          sent         sent         sent         sent         -            -          -            -          -     -         -
	undelivered  -         -          undelivered  undelivered  undelivered  undelivered  undelivered  -          -            -          -     -         -
	failed       -         -          failed       failed       failed       failed       failed       -          -            -          -     -         -
	canceled     -         -          canceled     canceled     canceled     canceled     canceled     -          -            -          -     -         -
	delivered    -         -          delivered    delivered    delivered    delivered    delivered    -          delivered    delivered  -     -         -
	read         -         -          read         read         read         read         read         read       read         read       -     -         -
	unknown      -         -          -            -            -            -            -            -          -            -          -     -         -
`

func TestEveryPairOfDeliveryAndReport(t *testing.T) {
	t.Parallel()
	table := read(t, deliveries)
	reports := []provider.Status{
		provider.StatusAccepted, provider.StatusSent, provider.StatusUndelivered, provider.StatusFailed,
		provider.StatusCanceled, provider.StatusDelivered, provider.StatusRead, provider.StatusUnknown,
	}
	if len(table) != len(reports) {
		t.Fatalf("the table has %d reports, the test %d", len(table), len(reports))
	}
	for _, report := range reports {
		line := table[string(report)]
		if len(line) != len(interactions.Deliveries()) {
			t.Fatalf("%s: the table has %d statuses, the program %d", report, len(line), len(interactions.Deliveries()))
		}
		for _, from := range interactions.Deliveries() {
			to, ok := interactions.Reported(from, report)
			if got := cell(string(to), ok); got != line[string(from)] {
				t.Errorf("the report %s on %s leads to %s, want %s", report, from, got, line[string(from)])
			}
			if !ok && to != from {
				t.Errorf("the report %s on %s changes nothing and leads to %s", report, from, to)
			}
		}
	}
}

// Every pair of a message's status and what we do with it; a dash refuses.
const ownActions = `
	            received  scheduled  queued    submitting  unknown  accepted  sent  delivered  undelivered  failed  read  canceled  expired
	fall_due    -         queued     -         -           -        -         -     -          -            -       -     -         -
	reschedule  -         scheduled  -         -           -        -         -     -          -            -       -     -         -
	take_back   -         canceled   canceled  -           -        -         -     -          -            -       -     -         -
	run_out     -         expired    expired   -           -        -         -     -          -            -       -     -         -
`

func TestEveryPairOfDeliveryAndAction(t *testing.T) {
	t.Parallel()
	table := read(t, ownActions)
	if len(table) != len(interactions.DeliveryActions()) {
		t.Fatalf("the table has %d actions, the program %d", len(table), len(interactions.DeliveryActions()))
	}
	for _, action := range interactions.DeliveryActions() {
		line := table[string(action)]
		if len(line) != len(interactions.Deliveries()) {
			t.Fatalf("%s: the table has %d statuses, the program %d", action, len(line), len(interactions.Deliveries()))
		}
		for _, from := range interactions.Deliveries() {
			to, ok := interactions.NextDelivery(from, action)
			if got := cell(string(to), ok); got != line[string(from)] {
				t.Errorf("%s of %s leads to %s, want %s", action, from, got, line[string(from)])
			}
		}
	}
}

// Every pair of a reminder's status and an action; a dash refuses.
const reminders = `
	        pending  due      done
	fire    due      -        -
	move    pending  pending  -
	finish  done     done     -
`

func TestEveryPairOfReminderAndAction(t *testing.T) {
	t.Parallel()
	table := read(t, reminders)
	if len(table) != len(interactions.ReminderActions()) {
		t.Fatalf("the table has %d actions, the program %d", len(table), len(interactions.ReminderActions()))
	}
	for _, action := range interactions.ReminderActions() {
		for _, from := range interactions.ReminderStatuses() {
			to, ok := interactions.NextReminder(from, action)
			if got := cell(string(to), ok); got != table[string(action)][string(from)] {
				t.Errorf("%s of %s leads to %s, want %s", action, from, got, table[string(action)][string(from)])
			}
		}
	}
}

// rank orders a message's life; reports never lead down (rules A7-1).
var rank = map[interactions.Delivery]int{
	interactions.Scheduled: 5, interactions.Queued: 10, interactions.Submitting: 20, interactions.Unknown: 25, interactions.Accepted: 30,
	interactions.Sent: 40, interactions.Undelivered: 50, interactions.Failed: 50, interactions.Canceled: 50,
	interactions.Delivered: 60, interactions.Read: 70, interactions.Expired: 80, interactions.MessageReceived: 80,
}

func TestReportsOnlyLeadForward(t *testing.T) {
	t.Parallel()
	for _, from := range interactions.Deliveries() {
		for report := range read(t, deliveries) {
			if to, ok := interactions.Reported(from, provider.Status(report)); ok && rank[to] <= rank[from] {
				t.Errorf("the report %s leads from %s back to %s", report, from, to)
			}
		}
	}
}

func cell(to string, ok bool) string {
	if !ok {
		return "-"
	}
	return to
}

// read turns a table into line, column, cell.
func read(t *testing.T, text string) map[string]map[string]string {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(text), "\n")
	columns := strings.Fields(lines[0])
	out := map[string]map[string]string{}
	for _, line := range lines[1:] {
		words := strings.Fields(line)
		if len(words) != len(columns)+1 {
			t.Fatalf("the line %q has %d cells, want %d", line, len(words)-1, len(columns))
		}
		out[words[0]] = map[string]string{}
		for i, column := range columns {
			out[words[0]][column] = words[i+1]
		}
	}
	return out
}
