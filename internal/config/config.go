// Package config owns the settings of the program. It is the only package that
// knows the environment's names; everything else is handed a Config. It opens
// no file and no connection.
package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/trellishq/trellis/internal/secret"
)

// Prefix begins the name of every setting in the environment.
const Prefix = "TRELLIS_"

// Off is the value of MetricsAddr that opens no second listener.
const Off = "off"

// Config holds every setting, checked. Tags carry the name, the default, the
// bounds, the form that is accepted and the meaning; Describe prints them.
type Config struct {
	HTTPAddr    string `env:"HTTP_ADDR" envDefault:"127.0.0.1:8080" check:"address" form:"host:port, such as 127.0.0.1:8080 or :8080" meaning:"where the API listens"`
	MetricsAddr string `env:"METRICS_ADDR" envDefault:"127.0.0.1:9090" check:"address-or-off" form:"host:port or off" meaning:"where metrics and profiles are served; keep it private"`
	// PublicURL has no slash at its end.
	PublicURL string `env:"PUBLIC_URL" defaultText:"http://{TRELLIS_HTTP_ADDR}" check:"public-url" form:"http or https, a host and nothing behind it, such as https://api.example.com" meaning:"how providers and clients reach the API; callback and media URLs are built on it"`

	DatabaseURL       secret.String `env:"DATABASE_URL" defaultText:"empty: an own PostgreSQL" check:"postgres" form:"postgres://user:password@host:5432/database" meaning:"the PostgreSQL database, as its owner"`
	DatabaseAppURL    secret.String `env:"DATABASE_APP_URL" defaultText:"made by the owner" check:"postgres" form:"postgres://trellis_app:password@host:5432/database" meaning:"the runtime login that sees one tenant"`
	DatabaseSystemURL secret.String `env:"DATABASE_SYSTEM_URL" defaultText:"made by the owner" check:"postgres" form:"postgres://trellis_system:password@host:5432/database" meaning:"the runtime login of what starts without a tenant"`
	DatabaseMaxConns  int           `env:"DATABASE_MAX_CONNS" envDefault:"16" min:"2" max:"200" meaning:"greatest number of connections of each pool"`
	StatementTimeout  time.Duration `env:"STATEMENT_TIMEOUT" envDefault:"10s" min:"100ms" max:"10m" meaning:"how long one database statement may take"`
	RedisURL          secret.String `env:"REDIS_URL" defaultText:"empty: in process" check:"redis" form:"redis://:password@host:6379/0, rediss://… (TLS), redis-socket:///path or redis-sentinel://host:26379,host:26379?master=name" meaning:"the Redis that carries work between processes and counts requests for all of them"`
	DataDir           string        `env:"DATA_DIR" envDefault:"./trellis-data" meaning:"folder of the own database, its key file and media"`

	// SMTPURL is for smtp.ParseServer and MailFrom for smtp.ParseAddress, already
	// checked. AppURL has no slash at its end.
	SMTPURL  secret.String `env:"SMTP_URL" defaultText:"empty: no mail is sent" check:"smtp" form:"smtp://user:password@host:port?tls=starttls, or tls=implicit, or tls=none for a server nearby" meaning:"the server that outgoing mail is handed to"`
	MailFrom string        `env:"MAIL_FROM" check:"mail-address" form:"a mail address with or without a name, such as Trellis <no-reply@example.com>" meaning:"whom mail comes from, unless a tenant's brand says otherwise; required with TRELLIS_SMTP_URL"`
	AppURL   string        `env:"APP_URL" defaultText:"TRELLIS_PUBLIC_URL" check:"base-url" form:"http or https, a host and perhaps a path, such as https://app.example.com" meaning:"the application that people use; links in mails lead there"`

	// MasterKeys is a list for secret.ParseKeys, already checked. When it is
	// not set, the key file in DataDir is used: see NeedsKeyFile.
	MasterKeys secret.String `env:"MASTER_KEYS" defaultText:"a key file in TRELLIS_DATA_DIR" check:"keys" form:"id:base64 of 32 bytes, comma separated, the current key first; make one with: echo \"k1:$(openssl rand -base64 32)\"" meaning:"the keys that seal secrets; required with TRELLIS_DATABASE_URL"`

	LogLevel  string `env:"LOG_LEVEL" envDefault:"info" check:"log-level" form:"debug, info, warn or error" meaning:"the least important level that is logged"`
	LogFormat string `env:"LOG_FORMAT" envDefault:"json" check:"log-format" form:"json or text" meaning:"how log lines are written"`

	RateLimit       int            `env:"RATE_LIMIT" envDefault:"600" min:"1" max:"10000000" meaning:"requests per minute of one user or API key"`
	TenantRateLimit int            `env:"TENANT_RATE_LIMIT" envDefault:"6000" min:"1" max:"10000000" meaning:"requests per minute of one tenant, all its users and keys together, unless its quota says otherwise"`
	TrustedProxies  []netip.Prefix `env:"TRUSTED_PROXIES" form:"addresses and networks, comma separated, such as 10.0.0.0/8,192.0.2.7" meaning:"proxies whose X-Forwarded-For is believed"`
	EgressAllow     []netip.Prefix `env:"EGRESS_ALLOW" form:"addresses and networks, comma separated, such as 127.0.0.0/8" meaning:"loopback and private networks that outgoing requests may reach, for simulators"`

	// The base URLs of the providers have no slash at their end.
	TwilioBaseURL     string `env:"TWILIO_BASE_URL" defaultText:"the provider's own" check:"base-url" form:"http or https, a host and perhaps a path, such as http://127.0.0.1:4010/twilio" meaning:"where Twilio's API is; for a simulator"`
	ClickatellBaseURL string `env:"CLICKATELL_BASE_URL" defaultText:"the provider's own" check:"base-url" form:"http or https, a host and perhaps a path, such as http://127.0.0.1:4010/clickatell" meaning:"where Clickatell's API is; for a simulator"`
	ScopservBaseURL   string `env:"SCOPSERV_BASE_URL" defaultText:"empty: SCOPSERV channels are off" check:"base-url" form:"http or https, a host and perhaps a path, such as https://carrier.example.com/api" meaning:"where the SCOPSERV carrier's API is"`

	Workers         int           `env:"WORKERS" envDefault:"16" min:"1" max:"1000" meaning:"jobs that one process runs at a time"`
	ShutdownTimeout time.Duration `env:"SHUTDOWN_TIMEOUT" envDefault:"25s" min:"1s" max:"25s" meaning:"how long a stop may take before what runs is cut off"` // rules.md E6-1
	// SecondFactor is the grace in days, or Off; see SecondFactorGrace.
	SecondFactor   string        `env:"REQUIRE_SECOND_FACTOR" envDefault:"off" check:"off-or-days" form:"off, or days from 0 to 90" meaning:"whether the operator's staff and the admins of resellers need a second factor, and how many days they have to set one up"`
	DeleteGrace    time.Duration `env:"DELETE_GRACE" envDefault:"720h" min:"1h" max:"8784h" meaning:"how long a deleted tenant can be restored before its data go for good"`
	AccessTokenTTL time.Duration `env:"ACCESS_TOKEN_TTL" envDefault:"15m" min:"1m" max:"24h" meaning:"how long an access token is valid"`
}

// OwnDatabase tells whether the program runs its own PostgreSQL.
func (c Config) OwnDatabase() bool { return !c.DatabaseURL.IsSet() }

// NeedsKeyFile tells whether the master keys come from a file in DataDir, which
// is made on the first start. That is so only with the own database: with
// another one a lost folder would mean lost secrets.
func (c Config) NeedsKeyFile() bool { return c.OwnDatabase() && !c.MasterKeys.IsSet() }

// SecondFactorGrace is how long those who need a second factor have to set it
// up; nil where nobody needs one.
func (c Config) SecondFactorGrace() *time.Duration {
	days, err := strconv.Atoi(c.SecondFactor)
	if err != nil {
		return nil
	}
	grace := time.Duration(days) * 24 * time.Hour
	return &grace
}

// withDefaults fills in what depends on other settings and normalises URLs.
func (c Config) withDefaults() Config {
	if c.PublicURL == "" {
		c.PublicURL = LocalURL(c.HTTPAddr)
	}
	if c.AppURL == "" {
		c.AppURL = c.PublicURL
	}
	for _, url := range []*string{&c.PublicURL, &c.AppURL, &c.TwilioBaseURL, &c.ClickatellBaseURL, &c.ScopservBaseURL} {
		*url = strings.TrimRight(*url, "/")
	}
	return c
}

// LocalURL returns the URL of a listener's address on this machine. An address
// without a host, or with that of every interface, becomes loopback.
func LocalURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip, err := netip.ParseAddr(host); host == "" || (err == nil && ip.IsUnspecified()) {
		host = "127.0.0.1"
	}
	return "http://" + net.JoinHostPort(host, port)
}
