package providertest

import (
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/channels/provider"
)

// callbacks: only what the provider sent to this account and address is read,
// and it is read whatever else it carries.
func (s Suite) callbacks(t *testing.T) {
	a := s.New(t, "http://carrier.invalid", nil)
	verify := func(t *testing.T, account provider.Account, c provider.Callback, want error) {
		t.Helper()
		err := a.Verify(account, c)
		if !errors.Is(err, want) {
			t.Errorf("Verify = %v, want %v", err, want)
		}
		s.discreet(t, err)
	}
	kinds := map[string]func(provider.Account) provider.Callback{
		"Inbound": func(by provider.Account) provider.Callback { return s.Inbound(t, by, s.inbound(), true) },
		"Status":  func(by provider.Account) provider.Callback { return s.Status(t, by, s.event(s.Sequence[0]), true) },
	}
	for kind, signed := range kinds {
		t.Run(kind, func(t *testing.T) {
			verify(t, s.Account, signed(s.Account), nil)

			bare := signed(s.Account)
			bare.Header = http.Header{"Content-Type": bare.Header["Content-Type"]}
			verify(t, s.Account, bare, provider.ErrSignature)

			other := s.withSecrets(a, func(string) string { return "AnotherSecret0000000000000000000" })
			verify(t, other, signed(s.Account), provider.ErrSignature)
			none := s.withSecrets(a, func(string) string { return "" })
			verify(t, none, signed(none), provider.ErrSignature)
			verify(t, none, bare, provider.ErrSignature)

			if !s.BodyUnsigned {
				changed := signed(s.Account)
				changed.Body = []byte(strings.Replace(string(changed.Body), "SM0", "SM1", 1))
				verify(t, s.Account, changed, provider.ErrSignature)
				moved := signed(s.Account)
				moved.URL += "1"
				verify(t, s.Account, moved, provider.ErrSignature)
			}
			for _, field := range a.CredentialFields() {
				if value := s.Account.Credentials[field.Name]; !field.Secret && value != "" {
					foreign := s.with(func(ac *provider.Account) { ac.Credentials[field.Name] = value[:len(value)-1] + "z" })
					verify(t, foreign, signed(s.Account), provider.ErrForeign)
				}
			}
			if kind == "Inbound" || s.StatusNamesAddress {
				foreign := s.with(func(ac *provider.Account) { ac.Address = stranger })
				verify(t, foreign, signed(s.Account), provider.ErrForeign)
			}
		})
	}
	t.Run("ReadsInbound", func(t *testing.T) { s.readsInbound(t, a) })
	t.Run("Malformed", func(t *testing.T) { s.malformed(t, a) })
}

func (s Suite) withSecrets(a provider.Adapter, secret func(string) string) provider.Account {
	return s.with(func(account *provider.Account) {
		for _, field := range a.CredentialFields() {
			if value := account.Credentials[field.Name]; field.Secret && value != "" {
				account.Credentials[field.Name] = secret(value)
			}
		}
	})
}

func (s Suite) readsInbound(t *testing.T, a provider.Adapter) {
	read := func(in provider.Inbound, extra bool) provider.Inbound {
		t.Helper()
		got, err := a.ParseInbound(s.Inbound(t, s.Account, in, extra))
		if err != nil || len(got) != 1 {
			t.Fatalf("ParseInbound = %v, %v", got, err)
		}
		return got[0]
	}
	want := s.inbound()
	got := read(want, false)
	if got.EventKey == "" {
		t.Error("no event key")
	}
	if got.ProviderID != want.ProviderID || got.From != want.From || got.To != want.To || got.Body != want.Body {
		t.Errorf("read %+v, want %+v", got, want)
	}
	if !got.SentAt.IsZero() && !got.SentAt.Equal(want.SentAt) {
		t.Errorf("sent at %s, want %s", got.SentAt, want.SentAt)
	}
	if diff := cmp.Diff(got, read(want, true)); diff != "" {
		t.Errorf("unknown fields change the message:\n%s", diff)
	}
	want.EventKey, want.ProviderID = "SM00000000000000000000000000000003", "SM00000000000000000000000000000003"
	if again := read(want, false); again.EventKey == got.EventKey {
		t.Errorf("two messages share the key %s", got.EventKey)
	}
}

// malformed: nonsense is an error or nothing, and never half a message.
func (s Suite) malformed(t *testing.T, a provider.Adapter) {
	bodies := []string{
		"", "{", "null", "[]", "{}", "0", `"x"`, `{"event":null}`, `{"event":[]}`, `{"event":{"moText":null}}`, "%zz", "a=b", "\x00\xff",
		`{"event":{"moText":[{}],"messageStatusUpdate":[{}]}}`, "MessageSid=SM1", "MessageStatus=sent", strings.Repeat("[", 20_000),
		`{"event_id":1}`, `{"event_id":"1","message_id":2}`, "NumMedia=99999999999999999999&MessageSid=SM1&From=+1&To=+2",
	}
	for _, body := range bodies {
		for _, contentType := range []string{"application/json", "application/x-www-form-urlencoded", ""} {
			c := provider.Callback{Method: http.MethodPost, URL: "https://hooks.example.test/x", Header: http.Header{"Content-Type": {contentType}}, Body: []byte(body), ReceivedAt: noon}
			checkParsers(t, a, c)
			if err := a.Verify(s.Account, c); err == nil {
				t.Errorf("%q is taken for the provider's", body)
			}
		}
	}
}

// checkParsers fails where a parser returns a message without what makes it one.
func checkParsers(t testing.TB, a provider.Adapter, c provider.Callback) {
	t.Helper()
	messages, err := a.ParseInbound(c)
	if err != nil && !errors.Is(err, provider.ErrMalformed) {
		t.Errorf("ParseInbound: %v", err)
	}
	for _, m := range messages {
		if m.EventKey == "" || m.ProviderID == "" || m.From == "" || m.To == "" {
			t.Errorf("half a message: %+v", m)
		}
	}
	reports, err := a.ParseStatus(c)
	if err != nil && !errors.Is(err, provider.ErrMalformed) {
		t.Errorf("ParseStatus: %v", err)
	}
	for _, r := range reports {
		checkReport(t, r)
	}
}

func checkReport(t testing.TB, r provider.Report) {
	t.Helper()
	failed := r.Status == provider.StatusFailed || r.Status == provider.StatusUndelivered
	if r.EventKey == "" || r.ProviderID == "" || r.Status == "" || r.RawStatus == "" {
		t.Errorf("half a report: %+v", r)
	}
	if failed != (r.Class != "") {
		t.Errorf("class %q of status %s", r.Class, r.Status)
	}
	if r.Class == provider.ClassTransient || r.Class == provider.ClassAmbiguous {
		t.Errorf("class %s of a message that was accepted", r.Class)
	}
}

// statuses: every word of the provider has its meaning, in every order.
func (s Suite) statuses(t *testing.T) {
	a := s.New(t, "http://carrier.invalid", nil)
	read := func(t *testing.T, e Event, extra bool) provider.Report {
		t.Helper()
		reports, err := a.ParseStatus(s.Status(t, s.Account, e, extra))
		if err != nil || len(reports) != 1 {
			t.Fatalf("ParseStatus = %v, %v", reports, err)
		}
		return reports[0]
	}
	keys := map[string]string{}
	for word, want := range s.Statuses {
		e := s.event(word)
		got := read(t, e, false)
		checkReport(t, got)
		if got.Status != want {
			t.Errorf("%s is %s, want %s", word, got.Status, want)
		}
		if got.ProviderID != e.ProviderID || got.ClientRef != e.ClientRef {
			t.Errorf("report %+v of event %+v", got, e)
		}
		if got.Attempt != 0 && got.Attempt != e.Attempt {
			t.Errorf("attempt %d, want %d", got.Attempt, e.Attempt)
		}
		if diff := cmp.Diff(got, read(t, e, true)); diff != "" {
			t.Errorf("unknown fields change the report:\n%s", diff)
		}
		if before, taken := keys[got.EventKey]; taken {
			t.Errorf("%s and %s share the key %s", before, word, got.EventKey)
		}
		keys[got.EventKey] = word
	}
	if got := read(t, s.event(s.UnknownStatus), false); got.Status != provider.StatusUnknown {
		t.Errorf("%s is %s, want unknown", s.UnknownStatus, got.Status)
	}
	t.Run("AnyOrder", func(t *testing.T) {
		for _, order := range permutations(s.Sequence) {
			seen := map[string]provider.Status{}
			for _, word := range order {
				for range 2 {
					r := read(t, s.event(word), false)
					seen[r.EventKey] = r.Status
				}
			}
			if len(seen) != len(s.Sequence) {
				t.Fatalf("%v twice are %d facts, want %d", order, len(seen), len(s.Sequence))
			}
		}
	})
}

func permutations(words []string) [][]string {
	if len(words) == 0 {
		return [][]string{nil}
	}
	var all [][]string
	for i, first := range words {
		rest := append(append([]string{}, words[:i]...), words[i+1:]...)
		for _, tail := range permutations(rest) {
			all = append(all, append([]string{first}, tail...))
		}
	}
	return all
}
