// Package providers puts the adapters together. It is the one place that
// knows them all.
package providers

import (
	"net/http"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/clickatell"
	"github.com/trellishq/trellis/channels/provider/sandbox"
	"github.com/trellishq/trellis/channels/provider/scopserv"
	"github.com/trellishq/trellis/channels/provider/twilio"
	"github.com/trellishq/trellis/internal/clock"
)

// Config is what the installation decides about its providers.
type Config struct {
	// HTTP sends all calls; provider.NewHTTPClient where it is nil.
	HTTP *http.Client
	// Clock dates signatures; the system's where it is nil.
	Clock clock.Clock
	// TwilioURL and ClickatellURL point at simulators; empty for the real ones.
	TwilioURL     string
	ClickatellURL string
	// ScopservURL is the operator's platform. Without it the provider is known,
	// so that its channels can be read, and every call is refused.
	ScopservURL string
	// Sandbox is the running sandbox; without it there is none. Whoever started
	// it closes it.
	Sandbox *sandbox.Adapter
}

// All returns the adapters by name. They share one HTTP client, whose pool
// keeps the connections of each provider apart by host.
func All(c Config) map[provider.Name]provider.Adapter {
	if c.HTTP == nil {
		c.HTTP = provider.NewHTTPClient()
	}
	adapters := []provider.Adapter{
		twilio.New(twilio.Config{BaseURL: c.TwilioURL, HTTP: c.HTTP}),
		clickatell.New(clickatell.Config{BaseURL: c.ClickatellURL, HTTP: c.HTTP}),
		scopserv.New(scopserv.Config{BaseURL: c.ScopservURL, HTTP: c.HTTP, Clock: c.Clock}),
	}
	if c.Sandbox != nil {
		adapters = append(adapters, c.Sandbox)
	}
	all := make(map[provider.Name]provider.Adapter, len(adapters))
	for _, a := range adapters {
		all[a.Name()] = a
	}
	return all
}
