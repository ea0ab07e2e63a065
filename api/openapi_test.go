package api_test

import (
	"bytes"
	"flag"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/api/assembly"
)

var update = flag.Bool("update", false, "write openapi.yaml instead of comparing it")

const documentFile = "../openapi.yaml"

// The document in the repository is the one that the program serves:
//
//	go test ./api -run OpenAPI -update
func TestOpenAPIDocumentIsCurrent(t *testing.T) {
	t.Parallel()
	generated, err := assembly.Document()
	if err != nil {
		t.Fatal(err)
	}
	again, err := assembly.Document()
	if err != nil || !bytes.Equal(generated, again) {
		t.Fatalf("the document is not the same twice (%v)", err)
	}
	if *update {
		if err := os.WriteFile(documentFile, generated, 0o644); err != nil { // #nosec G306 -- a public document
			t.Fatal(err)
		}
		return
	}
	kept, err := os.ReadFile(documentFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(kept, generated) {
		t.Errorf("openapi.yaml is not what the program would serve (line %d); write it with: go test ./api -run OpenAPI -update",
			firstDifference(kept, generated))
	}
}

func firstDifference(a, b []byte) int {
	left, right := bytes.Split(a, []byte("\n")), bytes.Split(b, []byte("\n"))
	for i := range min(len(left), len(right)) {
		if !bytes.Equal(left[i], right[i]) {
			return i + 1
		}
	}
	return min(len(left), len(right)) + 1
}

// verbs that ids of operations begin with. Another one is a decision.
var verbs = []string{
	"accept",
	"add",
	"archive",
	"assign",
	"cancel",
	"change",
	"check",
	"close",
	"complete",
	"confirm",
	"create",
	"delete",
	"disable",
	"dispose",
	"disconnect",
	"download",
	"end",
	"export",
	"finish",
	"generate",
	"get",
	"hide",
	"inject",
	"invite",
	"list",
	"mark",
	"move",
	"pause",
	"preview",
	"receive",
	"reclaim",
	"refresh",
	"reject",
	"release",
	"remove",
	"reopen",
	"reply",
	"reschedule",
	"resend",
	"reset",
	"link",
	"restore",
	"resume",
	"retire",
	"retrieve",
	"return",
	"revoke",
	"rotate",
	"send",
	"set",
	"solve",
	"start",
	"suggest",
	"suspend",
	"take",
	"transfer",
	"unpause",
	"unlink",
	"update",
	"upload",
	"wait",
}

var verbNoun = regexp.MustCompile(`^([a-z]+)([A-Z][A-Za-z]*)$`)

func TestOpenAPIOperationsAreNamedAndGuarded(t *testing.T) {
	t.Parallel()
	p := apitest.Start(t)
	seen := map[string]bool{}
	for _, o := range p.Contract.Operations() {
		if o.Permission == "" {
			t.Errorf("%s has no x-permission", o.ID)
		}
		if seen[o.ID] {
			t.Errorf("%s is there twice", o.ID)
		}
		seen[o.ID] = true
		m := verbNoun.FindStringSubmatch(o.ID)
		if m == nil || !contains(verbs, m[1]) {
			t.Errorf("%s is not verbNoun", o.ID)
		}
		if summary, _ := o.Node["summary"].(string); summary == "" || strings.HasSuffix(summary, ".") {
			t.Errorf("%s: summary %q", o.ID, summary)
		}
	}
	if len(seen) < 40 {
		t.Errorf("the document has %d operations only", len(seen))
	}
}

func contains(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}
