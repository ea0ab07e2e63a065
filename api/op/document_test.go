package op_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const tools = "../../tools/openapi"

func TestDocumentIsDeterministic(t *testing.T) {
	t.Parallel()
	first, err := newToy(t).surface.YAML()
	if err != nil {
		t.Fatal(err)
	}
	second, err := newToy(t).surface.YAML()
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first, second) {
		t.Fatal("two surfaces with the same operations wrote different documents")
	}
}

// TestDocumentLints runs Spectral with its OpenAPI and OWASP rules. It needs
// `npm ci` in tools/openapi and is skipped without.
func TestDocumentLints(t *testing.T) {
	t.Parallel()
	spectral, err := filepath.Abs(tools + "/node_modules/.bin/spectral")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(spectral); err != nil {
		t.Skip("Spectral is not installed: run npm ci in tools/openapi")
	}
	document, err := newToy(t).surface.YAML()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "openapi.yaml")
	if err := os.WriteFile(path, document, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), spectral, "lint", "--ruleset", ".spectral.yaml", "--fail-severity", "warn", path)
	cmd.Dir = tools
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}
