package config_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/internal/secret"
)

var (
	goodKey = "k1:" + base64.StdEncoding.EncodeToString([]byte("0123456789abcdef0123456789abcdef"))
	ownerDB = "TRELLIS_DATABASE_URL=postgres://owner:hunter2@db:5432/trellis"
	keysSet = "TRELLIS_MASTER_KEYS=" + goodKey
)

func TestDefaults(t *testing.T) {
	t.Setenv("TRELLIS_WORKERS", "99") // the process's own environment is not looked at
	for name, environ := range map[string][]string{
		"none":   nil,
		"others": {"HOME=/root", "PATH=/bin"},
		"blank":  {"TRELLIS_WORKERS=", "TRELLIS_DATABASE_URL=  "},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := config.Load(environ)
			if err != nil {
				t.Fatal(err)
			}
			want := config.Config{
				HTTPAddr: "127.0.0.1:8080", MetricsAddr: "127.0.0.1:9090", PublicURL: "http://127.0.0.1:8080",
				AppURL:           "http://127.0.0.1:8080",
				DatabaseMaxConns: 16, StatementTimeout: 10 * time.Second, DataDir: "./trellis-data",
				LogLevel: "info", LogFormat: "json", RateLimit: 600, TenantRateLimit: 6000, Workers: 16, SecondFactor: "off",
				ShutdownTimeout: 25 * time.Second, DeleteGrace: 30 * 24 * time.Hour, AccessTokenTTL: 15 * time.Minute,
			}
			if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
				t.Error(diff)
			}
			if !got.OwnDatabase() || !got.NeedsKeyFile() {
				t.Error("the own database or its key file is not used")
			}
		})
	}
}

func TestEverythingSet(t *testing.T) {
	got, err := config.Load([]string{
		"TRELLIS_HTTP_ADDR=:80", "TRELLIS_METRICS_ADDR=off", "TRELLIS_PUBLIC_URL=https://api.example.com/",
		ownerDB, keysSet,
		"TRELLIS_DATABASE_APP_URL=postgres://app:p@db/trellis", "TRELLIS_DATABASE_SYSTEM_URL=postgresql://sys:p@db/trellis",
		"TRELLIS_DATABASE_MAX_CONNS=200", "TRELLIS_STATEMENT_TIMEOUT=1m30s",
		"TRELLIS_REDIS_URL=redis-sentinel://a:1,b:2?master=m", "TRELLIS_DATA_DIR=/data",
		"TRELLIS_LOG_LEVEL=debug", "TRELLIS_LOG_FORMAT=text", "TRELLIS_RATE_LIMIT=10000000",
		"TRELLIS_TRUSTED_PROXIES=10.0.0.0/8, 192.0.2.7,fd00::/8", "TRELLIS_EGRESS_ALLOW=127.0.0.0/8,::1",
		"TRELLIS_TWILIO_BASE_URL=http://127.0.0.1:4010/twilio/", "TRELLIS_CLICKATELL_BASE_URL=http://[::1]:4010",
		"TRELLIS_SCOPSERV_BASE_URL=https://carrier.example.com", "TRELLIS_WORKERS=4",
		"TRELLIS_SHUTDOWN_TIMEOUT=5s", "TRELLIS_ACCESS_TOKEN_TTL=5m", "TRELLIS_DELETE_GRACE=48h",
		"TRELLIS_REQUIRE_SECOND_FACTOR=14", "TRELLIS_SMTP_URL=smtp://me:hunter2@mail.example.com?tls=implicit",
		"TRELLIS_MAIL_FROM=Trellis <no-reply@example.com>", "TRELLIS_APP_URL=https://app.example.com/",
	})
	if err != nil {
		t.Fatal(err)
	}
	want := config.Config{
		HTTPAddr: ":80", MetricsAddr: config.Off, PublicURL: "https://api.example.com",
		SecondFactor: "14", AppURL: "https://app.example.com", MailFrom: "Trellis <no-reply@example.com>",
		SMTPURL:           secret.NewString("smtp://me:hunter2@mail.example.com?tls=implicit"),
		DatabaseURL:       secret.NewString("postgres://owner:hunter2@db:5432/trellis"),
		DatabaseAppURL:    secret.NewString("postgres://app:p@db/trellis"),
		DatabaseSystemURL: secret.NewString("postgresql://sys:p@db/trellis"),
		DatabaseMaxConns:  200, StatementTimeout: 90 * time.Second,
		RedisURL: secret.NewString("redis-sentinel://a:1,b:2?master=m"), DataDir: "/data",
		MasterKeys: secret.NewString(goodKey), LogLevel: "debug", LogFormat: "text", RateLimit: 10_000_000, TenantRateLimit: 6000,
		TrustedProxies: []netip.Prefix{
			netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("192.0.2.7/32"), netip.MustParsePrefix("fd00::/8"),
		},
		EgressAllow:   []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")},
		TwilioBaseURL: "http://127.0.0.1:4010/twilio", ClickatellBaseURL: "http://[::1]:4010",
		ScopservBaseURL: "https://carrier.example.com", Workers: 4,
		ShutdownTimeout: 5 * time.Second, DeleteGrace: 48 * time.Hour, AccessTokenTTL: 5 * time.Minute,
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); diff != "" {
		t.Error(diff)
	}
	if got.OwnDatabase() || got.NeedsKeyFile() {
		t.Error("the own database or its key file is used")
	}
	if got.Level() != slog.LevelDebug {
		t.Errorf("Level = %v", got.Level())
	}
}

func TestWrongValues(t *testing.T) {
	for _, c := range []struct{ given, want string }{
		{"HTTP_ADDR=8080", "not host:port"},
		{"HTTP_ADDR=127.0.0.1:http", "not a port"},
		{"HTTP_ADDR=127.0.0.1:65536", "not a port"},
		{"HTTP_ADDR=off", "not host:port"},
		{"METRICS_ADDR=none", "not host:port"},
		{"PUBLIC_URL=api.example.com", "does not begin with http"},
		{"PUBLIC_URL=ftp://api.example.com", "does not begin with http"},
		{"PUBLIC_URL=https://api.example.com/v1", "it has a path"},
		{"PUBLIC_URL=https://api.example.com?", "a query"},
		{"PUBLIC_URL=https://api.example.com#", "a query or fragment"},
		{"PUBLIC_URL=https://u:hunter2@api.example.com", "user name or password"},
		{"PUBLIC_URL=https://my_api.example.com", "underscore"},
		{"PUBLIC_URL=https://", "no host"},
		{"PUBLIC_URL=https://api.example.com:99999", "port"},
		{"DATABASE_URL=host=db user=me password=hunter2", "does not begin with postgres://"},
		{"DATABASE_URL=postgres://u:hunter2%zz@db/x", "is not a URL"},
		{"DATABASE_URL=postgres://u:hunter2@db", "no database"},
		{"DATABASE_URL=postgres://db/x", "no user"},
		{"DATABASE_URL=postgres://u:hunter2@/x", "no host"},
		{"DATABASE_APP_URL=mysql://u:hunter2@db/x", "does not begin with postgres://"},
		{"DATABASE_MAX_CONNS=1", "1 is too small"},
		{"DATABASE_MAX_CONNS=201", "set it to 2 to 200"},
		{"DATABASE_MAX_CONNS=many", `"many" is not a whole number`},
		{"STATEMENT_TIMEOUT=10", `"10" is not a duration`},
		{"STATEMENT_TIMEOUT=1ms", "too small"},
		{"REDIS_URL=localhost:6379", "does not begin with redis://"},
		{"REDIS_URL=redis://:hunter2@a:1,b:2", "several hosts"},
		{"REDIS_URL=redis://localhost", "no port"},
		{"REDIS_URL=redis://localhost:6379/main", "database number"},
		{"REDIS_URL=redis-sentinel://a:1", "master"},
		{"REDIS_URL=redis-socket://", "no path"},
		{"REDIS_URL=redis://:hunter2 @h:1", "is not a URL"},
		{"MASTER_KEYS=k1:hunter2", "key 1:"},
		{"SMTP_URL=https://u:hunter2@mail.example.com", "does not begin with smtp://"},
		{"SMTP_URL=smtp://u:hunter2@mail.example.com?tls=none", "unprotected connection"},
		{"SMTP_URL=smtp://u@mail.example.com", "user without a password"},
		{"SMTP_URL=smtp://u:hunter2@mail.example.com?tls=maybe", "starttls, implicit or none"},
		{"SMTP_URL=smtp://u:hunter2@mail.example.com?ssl=1", "other than tls"},
		{"REQUIRE_SECOND_FACTOR=soon", "is neither"},
		{"REQUIRE_SECOND_FACTOR=91", "is neither"},
		{"MAIL_FROM=nobody", "not a mail address"},
		{"APP_URL=app.example.com", "does not begin with http"},
		{"LOG_LEVEL=verbose", "none of them"},
		{"LOG_FORMAT=xml", "set it to json or text"},
		{"RATE_LIMIT=0", "0 is too small"},
		{"RATE_LIMIT=10000001", "too large"},
		{"RATE_LIMIT=99999999999999999999", "not a whole number"},
		{"TRUSTED_PROXIES=10.0.0.1/8", "10.0.0.0/8 is meant"},
		{"TRUSTED_PROXIES=0.0.0.0/0", "everyone"},
		{"TRUSTED_PROXIES=proxy", "not an address"},
		{"TRUSTED_PROXIES=10.0.0.1,", "not an address"},
		{"EGRESS_ALLOW=::/0", "everyone"},
		{"EGRESS_ALLOW=::ffff:10.0.0.0/104", "written as IPv4"},
		{"EGRESS_ALLOW=fe80::1%eth0", "not an address"},
		{"TWILIO_BASE_URL=https://u:hunter2@x", "user name or password"},
		{"SCOPSERV_BASE_URL=//carrier", "does not begin with http"},
		{"WORKERS=0", "too small"},
		{"SHUTDOWN_TIMEOUT=26s", "set it to 1s to 25s"},
		{"ACCESS_TOKEN_TTL=25h", "too large"},
	} {
		t.Run(c.given, func(t *testing.T) {
			_, err := config.Load([]string{"TRELLIS_" + c.given, keysOrNothing(c.given)})
			var mistakes config.Mistakes
			if !errors.As(err, &mistakes) || len(mistakes) != 1 {
				t.Fatalf("Load = %v, want one mistake", err)
			}
			name, _, _ := strings.Cut(c.given, "=")
			if mistakes[0].Name != "TRELLIS_"+name || mistakes[0].Remedy == "" {
				t.Errorf("the mistake is %+v", mistakes[0])
			}
			if !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("a password is shown: %v", err)
			}
		})
	}
}

// keysOrNothing gives keys unless the case is about them.
func keysOrNothing(given string) string {
	if strings.HasPrefix(given, "MASTER_KEYS") {
		return "X=1"
	}
	return keysSet
}

func TestSettingsThatBelongTogether(t *testing.T) {
	app := "TRELLIS_DATABASE_APP_URL=postgres://app:p@db/trellis"
	system := "TRELLIS_DATABASE_SYSTEM_URL=postgres://sys:p@db/trellis"
	for name, c := range map[string]struct {
		environ []string
		want    []string
	}{
		"no keys":     {[]string{ownerDB}, []string{"TRELLIS_MASTER_KEYS"}},
		"only app":    {[]string{ownerDB, keysSet, app}, []string{"TRELLIS_DATABASE_SYSTEM_URL"}},
		"only system": {[]string{ownerDB, keysSet, system}, []string{"TRELLIS_DATABASE_APP_URL"}},
		"no owner":    {[]string{app, system}, []string{"TRELLIS_DATABASE_URL"}},
		"several":     {[]string{ownerDB, app}, []string{"TRELLIS_DATABASE_SYSTEM_URL", "TRELLIS_MASTER_KEYS"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Load(c.environ)
			if diff := cmp.Diff(c.want, names(t, err)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAllMistakesAtOnceInOrder(t *testing.T) {
	_, err := config.Load([]string{
		"TRELLIS_ZZZ=1", "TRELLIS_WORKERS=x", "TRELLIS_RATE_LIMIT=0", "TRELLIS_EGRESS_ALLOW=x", "TRELLIS_HTTP_ADDR=x",
	})
	want := []string{"TRELLIS_HTTP_ADDR", "TRELLIS_RATE_LIMIT", "TRELLIS_EGRESS_ALLOW", "TRELLIS_WORKERS", "TRELLIS_ZZZ"}
	if diff := cmp.Diff(want, names(t, err)); diff != "" {
		t.Error(diff)
	}
	if lines := strings.Count(err.Error(), "\n"); lines != len(want) {
		t.Errorf("%d lines, want %d:\n%v", lines, len(want), err)
	}
}

func names(t *testing.T, err error) []string {
	t.Helper()
	var mistakes config.Mistakes
	if !errors.As(err, &mistakes) {
		t.Fatalf("Load = %v, want mistakes", err)
	}
	var all []string
	for _, m := range mistakes {
		all = append(all, m.Name)
	}
	return all
}

func TestUnknownNames(t *testing.T) {
	for given, want := range map[string]string{
		"TRELLIS_HTTP_ADR":      "did you mean TRELLIS_HTTP_ADDR?",
		"TRELLIS_http_addr":     "did you mean TRELLIS_HTTP_ADDR?",
		"TRELLIS_DATABASEURL":   "did you mean TRELLIS_DATABASE_URL?",
		"TRELLIS_WORKER":        "did you mean TRELLIS_WORKERS?",
		"TRELLIS_MASTER_KEY":    "did you mean TRELLIS_MASTER_KEYS?",
		"TRELLIS_FAVOURITE_TEA": "remove it",
		"TRELLIS_":              "remove it",
	} {
		_, err := config.Load([]string{given + "=hunter2"})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v, want %q", given, err, want)
		}
	}
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	c, err := config.Load([]string{ownerDB, keysSet, "TRELLIS_REDIS_URL=redis://:hunter2@r:6379"})
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf("%v %+v %#v %s", c, c, c, encoded)
	if strings.Contains(text, "hunter2") || strings.Contains(text, goodKey[3:]) {
		t.Errorf("a secret is printed: %s", text)
	}
}

func TestLocalURL(t *testing.T) {
	for addr, want := range map[string]string{
		":8080": "http://127.0.0.1:8080", "0.0.0.0:80": "http://127.0.0.1:80", "[::]:80": "http://127.0.0.1:80",
		"localhost:1": "http://localhost:1", "[::1]:1": "http://[::1]:1",
	} {
		if got := config.LocalURL(addr); got != want {
			t.Errorf("LocalURL(%q) = %q, want %q", addr, got, want)
		}
	}
}

func TestEverySettingIsDescribed(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range config.Describe() {
		if !strings.HasPrefix(s.Name, "TRELLIS_") || s.Name == "TRELLIS_" || seen[s.Name] {
			t.Errorf("the name %q is wrong or taken", s.Name)
		}
		seen[s.Name] = true
		if s.Meaning == "" || s.Form == "" {
			t.Errorf("%s has no meaning or form", s.Name)
		}
	}
	if len(seen) != 28 {
		t.Errorf("%d settings, want 28: update the documentation", len(seen))
	}
}
