package providertest

import (
	"regexp"
	"strings"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
)

var snakeCase = regexp.MustCompile(`^[a-z][a-z0-9]*(_[a-z0-9]+)*$`)

// describes: what the adapter says of itself holds together.
func (s Suite) describes(t *testing.T) {
	a := s.New(t, "http://carrier.invalid", nil)
	if !snakeCase.MatchString(string(a.Name())) {
		t.Errorf("name %q", a.Name())
	}
	c := a.Capabilities()
	if c.MaxBodyRunes <= 0 {
		t.Errorf("longest text is %d", c.MaxBodyRunes)
	}
	if (c.MaxMedia > 0) != (c.MaxMediaBytes > 0) || (c.MaxMedia > 0) != (len(c.MediaTypes) > 0) {
		t.Errorf("%d pictures of %d bytes of %v", c.MaxMedia, c.MaxMediaBytes, c.MediaTypes)
	}
	if _, can := a.(provider.Finder); can != c.SubmissionLookup {
		t.Errorf("SubmissionLookup is %t, and Finder %t", c.SubmissionLookup, can)
	}
	if _, can := a.(provider.InboundLister); can != c.InboundLookup {
		t.Errorf("InboundLookup is %t, and InboundLister %t", c.InboundLookup, can)
	}
	if ack := a.Acknowledgement(); ack.ContentType == "" || ack.Body == "" {
		t.Errorf("acknowledgement %+v", ack)
	}
	s.describesCredentials(t, a)
}

func (s Suite) describesCredentials(t *testing.T, a provider.Adapter) {
	secrets, known := 0, map[string]bool{}
	for _, f := range a.CredentialFields() {
		known[f.Name] = true
		if f.Secret {
			secrets++
		}
		if !snakeCase.MatchString(f.Name) || f.Title == "" {
			t.Errorf("field %+v", f)
		}
		if f.Pattern == "" {
			continue
		}
		if !strings.HasPrefix(f.Pattern, "^") || !strings.HasSuffix(f.Pattern, "$") {
			t.Errorf("pattern of %s is not anchored: %s", f.Name, f.Pattern)
		}
		pattern, err := regexp.Compile(f.Pattern)
		if err != nil {
			t.Fatalf("pattern of %s: %v", f.Name, err)
		}
		if value := s.Account.Credentials[f.Name]; (value != "" || f.Required) && !pattern.MatchString(value) {
			t.Errorf("the suite's %s does not fit its pattern", f.Name)
		}
		if pattern.MatchString("") || pattern.MatchString("two\r\nlines") {
			t.Errorf("pattern of %s accepts nothing or a line end: %s", f.Name, f.Pattern)
		}
	}
	if secrets == 0 {
		t.Error("no credential is secret")
	}
	for name := range s.Account.Credentials {
		if !known[name] {
			t.Errorf("the suite's credential %s is not declared", name)
		}
	}
}
