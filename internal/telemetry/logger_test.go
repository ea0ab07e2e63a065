package telemetry_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/telemetry"
)

func TestMaskPhone(t *testing.T) {
	for text, want := range map[string]string{
		"":                                     "",
		"no number":                            "no number",
		"+15145551234":                         "+1514•••1234",
		"to +15145551234, +442071838750!":      "to +1514•••1234, +4420•••8750!",
		"+1 (514) 555-1234":                    "+1514•••1234",
		"+15145551234 15145551235":             "+1514•••1234 1514•••1235",
		"+1 514 555 1234 12345678":             "+1514•••5678",
		"whatsapp:+15145551234":                "whatsapp:+1514•••1234",
		"15145551234":                          "1514•••1234",
		"5145551234":                           "514•••1234",
		"+2901234":                             "+29•••34",
		"+290123":                              "+290123",
		"/Lookups/+15145551234.json":           "/Lookups/+1514•••1234.json",
		"/send?to=15145551234&x=1":             "/send?to=1514•••1234&x=1",
		"/send?to=%2B15145551234&x=1":          "/send?to=%2B1514•••1234&x=1",
		"/send?to=%2b15145551234":              "/send?to=%2b1514•••1234",
		"to%3D15145551234":                     "to%3D1514•••1234",
		"sms_15145551234":                      "sms_1514•••1234",
		"+123456789012345":                     "+1234•••2345",
		"took 123456789 ns":                    "took 123456789 ns",
		"0.12345678901234":                     "0.12345678901234",
		"12345678901234567890":                 "12345678901234567890",
		"01890000-0000-7000-8000-0000000000":   "01890000-0000-7000-8000-0000000000",
		"01890000-0000-7000-8000-00000000000a": "01890000-0000-7000-8000-00000000000a",
		"SM12345678901234567890123456789012":   "SM12345678901234567890123456789012",
		"1+1=2":                                "1+1=2",
		"+":                                    "+",
		"%2B":                                  "%2B",
		"++15145551234":                        "++1514•••1234",
		"“+15145551234”":                       "“+1514•••1234”",
	} {
		if got := telemetry.MaskPhone(text); got != want {
			t.Errorf("MaskPhone(%q) = %q, want %q", text, got, want)
		}
	}
}

func FuzzMaskPhone(f *testing.F) {
	for _, seed := range []string{"+15145551234", "%2B1", "+1 (514) 555-1234 x", "1-2", "++"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		once := telemetry.MaskPhone(text)
		if strings.Contains(telemetry.MaskPhone(" +15145551234 "+text), "15145551234") && !strings.Contains(text, "15145551234") {
			t.Errorf("a number before %q was not masked", text)
		}
		if !strings.Contains(text, "•") && strings.Contains(once, "•") && len(once) > 2*len(text)+9 {
			t.Errorf("%q grew to %q", text, once)
		}
	})
}

// logged writes one record in both formats.
func logged(t *testing.T, write func(*slog.Logger)) (line map[string]any, text string) {
	t.Helper()
	var jsonOut, textOut bytes.Buffer
	write(telemetry.NewLogger(&jsonOut, telemetry.LogConfig{}))
	write(telemetry.NewLogger(&textOut, telemetry.LogConfig{Text: true}))
	if err := json.Unmarshal(jsonOut.Bytes(), &line); err != nil {
		t.Fatalf("%v in %s", err, jsonOut.String())
	}
	if n := strings.Count(strings.TrimRight(textOut.String(), "\n"), "\n"); n != 0 {
		t.Errorf("the text has %d lines too many: %s", n, textOut.String())
	}
	delete(line, "time")
	return line, jsonOut.String() + textOut.String()
}

type login struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Phone    string `json:"phone"`
}

type broken struct{}

func (*broken) MarshalJSON() ([]byte, error) { panic("nil") }
func (*broken) Error() string                { panic("nil") }

func TestNothingSensitiveIsLogged(t *testing.T) {
	const leak = "sentinel"
	line, text := logged(t, func(l *slog.Logger) {
		l.With("api_key", leak).Info("to +15145551234",
			"authorization", leak, "Password", leak, "X-Auth-Token", leak, "client_secret", leak,
			"body", leak, "message_text", leak, "set-cookie", []string{leak},
			"context", "kept",
			"login", login{"ann", leak, "+15145551234"},
			"map", map[string]any{"token": leak, "list": []any{"+15145551234", map[string]string{"secret": leak}}},
			"err", fmt.Errorf("dial postgres://u:%s@db/x?to=%%2B15145551234", leak),
			"header", "Bearer "+leak+"1234",
			"string", secret.NewString(leak),
			slog.Group("http", "body", leak, "path", "/x/+15145551234"),
			slog.Group("credentials", "user", leak),
			"count", 15145551234,
		)
	})
	if strings.Contains(text, leak) {
		t.Errorf("a secret is logged: %s", text)
	}
	want := map[string]any{
		"level": "INFO", "msg": "to +1514•••1234", "api_key": "•••",
		"authorization": "•••", "Password": "•••", "X-Auth-Token": "•••", "client_secret": "•••",
		"body": "•••", "message_text": "•••", "set-cookie": "•••", "context": "kept",
		"login":  map[string]any{"user": "ann", "password": "•••", "phone": "+1514•••1234"},
		"map":    map[string]any{"token": "•••", "list": []any{"+1514•••1234", map[string]any{"secret": "•••"}}},
		"err":    "dial postgres://•••@db/x?to=%2B1514•••1234",
		"header": "Bearer •••", "string": "•••",
		"http":        map[string]any{"body": "•••", "path": "/x/+1514•••1234"},
		"credentials": "•••", "count": 15145551234.0,
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
}

func TestOddValuesDoNotStopTheLog(t *testing.T) {
	line, _ := logged(t, func(l *slog.Logger) {
		l.Info("m", "func", func() {}, "nil", nil, "panics", (*broken)(nil), "error", error((*broken)(nil)),
			"joined", errors.Join(errors.New("a"), errors.New("b")), "chan", make(chan int))
	})
	if line["joined"] != "a\nb" || line["nil"] != nil {
		t.Errorf("logged %v", line)
	}
}

func TestLineBreaksStartNoLine(t *testing.T) {
	for _, breakers := range []string{"\n", "\r\n", "\r", "\u2028", "\u2029", "\x0b"} {
		evil := "ok" + breakers + `{"level":"ERROR","msg":"forged"}`
		_, text := logged(t, func(l *slog.Logger) {
			l.With(evil, evil).WithGroup(evil).Info(evil, evil, evil, "err", errors.New(evil))
		})
		if strings.Count(text, "\n") != 2 || strings.ContainsAny(text, "\r\u2028\u2029\x0b") {
			t.Errorf("%q breaks the line: %s", breakers, text)
		}
	}
}

func TestRequestIDStandsAtTheTop(t *testing.T) {
	ctx := telemetry.WithRequestID(context.Background(), "req-12345678")
	line, _ := logged(t, func(l *slog.Logger) {
		l.With("a", 1).WithGroup("g").With("b", 2).WithGroup("").WithGroup("h").InfoContext(ctx, "m", "c", 3)
	})
	want := map[string]any{
		"level": "INFO", "msg": "m", "request_id": "req-12345678", "a": 1.0,
		"g": map[string]any{"b": 2.0, "h": map[string]any{"c": 3.0}},
	}
	if diff := cmp.Diff(want, line); diff != "" {
		t.Error(diff)
	}
	if telemetry.RequestID(context.Background()) != "" {
		t.Error("an empty context has a request id")
	}
}

func TestDerivedLoggersDoNotShareAttributes(t *testing.T) {
	var out bytes.Buffer
	base := telemetry.NewLogger(&out, telemetry.LogConfig{}).WithGroup("g").With("a", 1)
	one, two := base.With("b", 2), base.With("c", 3)
	one.Info("one")
	two.Info("two")
	if lines := strings.Split(out.String(), "\n"); strings.Contains(lines[0], `"c"`) || strings.Contains(lines[1], `"b"`) {
		t.Errorf("attributes are mixed: %s", out.String())
	}
}

func TestLevels(t *testing.T) {
	var out bytes.Buffer
	telemetry.NewLogger(&out, telemetry.LogConfig{Level: slog.LevelWarn}).Info("quiet")
	if out.Len() != 0 {
		t.Errorf("logged %s", out.String())
	}
}

func BenchmarkInfo(b *testing.B) {
	l := telemetry.NewLogger(&bytes.Buffer{}, telemetry.LogConfig{})
	b.ReportAllocs()
	for b.Loop() {
		l.Info("request", "operation", "listContacts", "status", 200, "path", "/v1/contacts?phone=%2B15145551234")
	}
}
