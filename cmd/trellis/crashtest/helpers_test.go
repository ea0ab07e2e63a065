package crashtest

import (
	"net/url"

	"github.com/trellishq/trellis/channels/provider/sim"
)

// sim0 matches everything.
var sim0 sim.Filter

func mustHost(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil {
		panic(err)
	}
	return u.Host
}
