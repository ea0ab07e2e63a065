package queues

import (
	"net/url"
	"strings"
	"testing"

	"github.com/trellishq/trellis/internal/fault"
)

func TestScreenPops(t *testing.T) {
	t.Parallel()
	for _, good := range []string{
		"https://crm.example",
		"https://crm.example?phone={address}",
		"https://crm.example:8443/{contact_id}/calls/{interaction_id}#{queue_id}",
	} {
		if err := checkScreenPop(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"http://crm.example", "crm.example", "//crm.example/x", "javascript:alert(1)", "data:text/html,x",
		"https://", "https:///x", "https://somebody:secret@crm.example/", "https://{address}@crm.example/",
		"https://{address}/", "https://crm{address}.example/x", "https://crm.example:{address}/",
		"https://crm.example/?x={name}", "https://crm.example/?x={", "https://crm.example/?x={{address}}",
		"https://crm.example/a b", "https://crm.example/\n", "https://crm.example/\u202e",
		"https://crm.example/" + strings.Repeat("x", maxScreenPop),
	} {
		if err := checkScreenPop(bad); !fault.Is(err, fault.CodeInvalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	got := ScreenPop("https://crm.example/?phone={address}&of={interaction_id}", map[string]string{"address": "+1 514&x=y", "interaction_id": "7"})
	if want := "https://crm.example/?phone=%2B1+514%26x%3Dy&of=7"; got != want {
		t.Errorf("filled: %s, want %s", got, want)
	}
}

// Whatever somebody sets, and whatever a customer is called: an agent's browser
// goes to the host that was set, over https.
func FuzzScreenPop(f *testing.F) {
	f.Add("https://crm.example/?phone={address}", "+15145550199")
	f.Add("https://{address}/", "evil.example")
	f.Add("https://crm.example\\@{address}", "x")
	f.Fuzz(func(t *testing.T, template, address string) {
		if checkScreenPop(template) != nil {
			return
		}
		plain, err := url.Parse(ScreenPop(template, nil))
		if err != nil {
			t.Fatalf("%q without values: %v", template, err)
		}
		filled, err := url.Parse(ScreenPop(template, map[string]string{"address": address}))
		if err != nil || filled.Scheme != "https" || filled.Host != plain.Host || filled.User != nil {
			t.Errorf("%q with %q leads to %v, %v", template, address, filled, err)
		}
	})
}
