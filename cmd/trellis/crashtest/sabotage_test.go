package crashtest

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sabotages take one safeguard out of the program each, and name the tests that
// must then fail.
var sabotages = []struct{ name, file, old, new, tests string }{
	{
		"the claim takes what is claimed already", "messaging/interactions/due.go",
		`WHERE m.id = $1 AND m.status = 'queued' AND`, `WHERE m.id = $1 AND m.status IN ('queued', 'submitting') AND`,
		"TestC10TheSameTaskTwice$",
	},
	{
		"a worker submits whatever time it is", "messaging/interactions/due.go",
		`if now.Add(provider.Timeout).After(*c.row.ClaimUntil) {`, `if false {`,
		"TestC10AWorkerWakesUpAfterItsClaim$",
	},
	{
		"an unknown outcome is sent again", "messaging/interactions/due.go",
		`return s.lose(ctx, row, cause)`, `return s.postpone(ctx, row, cause)`,
		"TestC8",
	},
	{
		"a lost claim goes back to the queue", "messaging/interactions/due.go",
		`return s.lose(ctx, row, &provider.Error{`, `return s.postpone(ctx, row, &provider.Error{`,
		"TestC5TheWorkerDiesAfterTheCarrierAccepted/adopted_by_a_lookup$",
	},
	{
		"an outcome is recorded once or never", "messaging/interactions/due.go",
		`case <-time.After(pause):`, `case <-time.After(pause):
			return err`,
		"TestC6TheResultCannotBeRecorded$",
	},
	{
		"answers are not kept under their key", "internal/idempotency/ledger.go",
		`return l.keep(ctx, k, answer)`, `return nil`,
		"TestC1TheAPIDiesBeforeItAnswers/serve_and_worker$",
	},
	{
		"a lost task is never handed out again", "jobs/claim.go",
		`UPDATE %[1]s SET due_at = $3 FROM`, `UPDATE %[1]s SET due_at = $3::timestamptz + interval '1 hour' FROM`,
		"TestC3RedisForgets/in_process_is_false$",
	},
	{
		"a callback is answered before it is stored", "messaging/intake/accept.go",
		`if err := s.keep(ctx, owner, e, c.Body, false); err != nil {
				return err
			}`, `go func() { _ = s.store.InTx(scope.System(context.Background(), "late"), func(ctx context.Context) error {
				_, _ = store.Exec(ctx, "SELECT pg_sleep(0.3)")
				return s.keep(ctx, owner, e, c.Body, false)
			}) }()`,
		"TestAcknowledgedInboundMessagesAreThereOnce$",
	},
}

// The tests can fail (rules E8-1): without a safeguard, those that guard it are
// red. It builds the program once for each and takes minutes, so it runs with
// CRASH_SABOTAGE=1.
func TestTheTestsCanFail(t *testing.T) {
	if os.Getenv("CRASH_SABOTAGE") == "" {
		t.Skip("runs with CRASH_SABOTAGE=1")
	}
	root, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range sabotages {
		t.Run(s.name, func(t *testing.T) {
			binary := sabotaged(t, root, s.file, s.old, s.new)
			command := exec.Command(os.Args[0], "-test.run", s.tests, "-test.count=1", "-test.v")
			command.Env = append(os.Environ(), "CRASH_BINARY="+binary, "CRASH_SABOTAGE=")
			out, err := command.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "--- FAIL") {
				t.Errorf("%s passes (%v):\n%s", s.tests, err, tail(string(out)))
			}
		})
	}
}

// sabotaged builds the program with one text of a file replaced. The file
// itself stays as it is.
func sabotaged(t *testing.T, root, file, old, replacement string) string {
	t.Helper()
	path := filepath.Join(root, file)
	source, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(source), old) != 1 {
		t.Fatalf("%s has %q %d times: the sabotage is out of date", file, old, strings.Count(string(source), old))
	}
	dir := t.TempDir()
	changed := filepath.Join(dir, "changed.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{path: changed}})
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		changed: strings.Replace(string(source), old, replacement, 1), filepath.Join(dir, "overlay.json"): string(overlay),
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	binary := filepath.Join(dir, "trellis")
	build := exec.Command("go", "build", "-tags", "crashpoints", "-overlay", filepath.Join(dir, "overlay.json"), "-o", binary, "./cmd/trellis")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building: %v\n%s", err, out)
	}
	return binary
}
