package assembly

import (
	"log/slog"
	"os"
	"time"

	"github.com/trellishq/trellis/channels/provider/providers"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/internal/clock"
	"github.com/trellishq/trellis/internal/secret"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/internal/telemetry"
)

// Version of the API, in its document.
const Version = "1.0.0"

// Document is the API's OpenAPI document. It needs no database: the surface is
// assembled as always and never called.
func Document() ([]byte, error) {
	key, err := secret.NewKey("document")
	if err != nil {
		return nil, err
	}
	keyring, err := secret.NewKeyring(key)
	if err != nil {
		return nil, err
	}
	nowhere, err := store.Open(store.Config{
		AppURL: "postgres://nobody@127.0.0.1/none", SystemURL: "postgres://nobody@127.0.0.1/none",
		MaxConns: 1, StatementTimeout: time.Second, Clock: clock.System{},
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = nowhere.Close() }()
	media, err := os.MkdirTemp("", "trellis-document-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(media) }()
	box := sandbox.New(sandbox.Config{})
	defer box.Close()
	p, err := New(Config{
		Store: nowhere, Keyring: keyring, Clock: clock.System{}, Log: slog.New(slog.DiscardHandler),
		Metrics: telemetry.NewMetrics(), Adapters: providers.All(providers.Config{Sandbox: box}),
		PublicURL: "https://api.trellis.example", MediaDir: media, RateLimit: 600, TenantRateLimit: 6000, Version: Version,
	})
	if err != nil {
		return nil, err
	}
	defer func() { _ = p.Close() }()
	return p.Surface.YAML()
}
