package main

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/trellishq/trellis/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// published are the ids of the signing keys that a process shows.
func published(t *testing.T) []string {
	t.Helper()
	c, log, err := loadConfig()
	if err != nil {
		t.Fatal(err)
	}
	i, err := install(t.Context(), c, log)
	if err != nil {
		t.Fatal(err)
	}
	n, err := newNode(i)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := n.close(); err != nil {
			t.Error(err)
		}
	}()
	w := httptest.NewRecorder()
	n.platform.Surface.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/.well-known/jwks.json", nil))
	var set struct {
		Keys []struct{ Kid string }
	}
	if err := json.Unmarshal(w.Body.Bytes(), &set); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	var ids []string
	for _, key := range set.Keys {
		ids = append(ids, key.Kid)
	}
	return ids
}

func TestSigningKeysAreRotatedByCommand(t *testing.T) {
	for name, value := range map[string]string{
		"DATABASE_URL": testkit.NewDatabase(t).OwnerURL, "DATA_DIR": t.TempDir(), "LOG_LEVEL": "error",
		"MASTER_KEYS": "k1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
	} {
		t.Setenv("TRELLIS_"+name, value)
	}
	first := published(t)
	if len(first) != 1 {
		t.Fatalf("a new installation publishes %q", first)
	}
	if err := (signingCommand{}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	both := published(t)
	if len(both) != 2 || both[0] != first[0] {
		t.Errorf("after a rotation %q are published, want %q and a new one", both, first)
	}
	if err := (signingCommand{Withdraw: true}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if last := published(t); len(last) != 1 || last[0] == both[0] || last[0] == both[1] {
		t.Errorf("after a withdrawal %q are published, and were before: %q", last, both)
	}
}
