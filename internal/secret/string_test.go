package secret_test

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/internal/secret"
)

const sentinel = "sentinel-7f3a"

func TestSecretsNeverPrint(t *testing.T) {
	s := secret.NewString(sentinel)
	outer := struct {
		Shown  secret.String
		hidden secret.String
	}{s, s}
	keys, err := secret.ParseKeys(fixedKey("k1", 's'))
	if err != nil {
		t.Fatal(err)
	}

	var out strings.Builder
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%d", "%p", "%t", "%T"} {
		for _, value := range []any{s, &s, outer, &outer, []secret.String{s}, map[string]secret.String{"k": s}, keys} {
			fmt.Fprintf(&out, verb+"\n", value)
		}
	}
	fmt.Fprint(&out, fmt.Errorf("wrapped: %v", s))
	for _, encode := range []func(any) ([]byte, error){json.Marshal, xml.Marshal} {
		text, err := encode(outer.Shown)
		if err != nil {
			t.Fatal(err)
		}
		out.Write(text)
	}
	var log bytes.Buffer
	for _, h := range []slog.Handler{slog.NewTextHandler(&log, nil), slog.NewJSONHandler(&log, nil)} {
		slog.New(h).Info("m", "secret", s, "pointer", &s, "struct", outer, "keys", keys)
	}
	out.Write(log.Bytes())

	for _, leak := range []string{sentinel, fmt.Sprintf("%x", sentinel), fmt.Sprintf("%X", sentinel), "ssss", "115 115", "7373", "c3Nz"} {
		if strings.Contains(out.String(), leak) {
			t.Errorf("%q leaked:\n%s", leak, out.String())
		}
	}
	if got := fmt.Sprintf("%s %#v", s, s); got != "••• •••" {
		t.Errorf("a secret prints as %q", got)
	}
}

func TestSecretsAreReadAndCompared(t *testing.T) {
	var in struct{ Token secret.String }
	if err := json.Unmarshal([]byte(`{"Token":"abc"}`), &in); err != nil {
		t.Fatal(err)
	}
	if in.Token.Reveal() != "abc" || !in.Token.IsSet() {
		t.Errorf("read %q", in.Token.Reveal())
	}
	if !in.Token.Equal(secret.NewString("abc")) || in.Token.Equal(secret.NewString("abd")) {
		t.Error("Equal is wrong")
	}
	if diff := cmp.Diff(secret.NewString("abc"), in.Token); diff != "" {
		t.Error(diff)
	}
	var unset secret.String
	if unset.IsSet() || unset.Reveal() != "" || secret.NewString("").IsSet() {
		t.Error("an unset secret is set")
	}
}
