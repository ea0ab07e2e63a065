package providers_test

import (
	"testing"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providers"
	"github.com/trellishq/trellis/channels/provider/sandbox"
)

func TestAll(t *testing.T) {
	t.Parallel()
	box := sandbox.New(sandbox.Config{})
	defer box.Close()
	all := providers.All(providers.Config{Sandbox: box})
	for _, name := range []provider.Name{provider.Twilio, provider.Clickatell, provider.Scopserv, provider.Sandbox} {
		if all[name] == nil || all[name].Name() != name {
			t.Errorf("%s is %v", name, all[name])
		}
		if want := name == provider.Scopserv; all[name] != nil && all[name].Capabilities().Distributable != want {
			t.Errorf("numbers of %s can be distributed: %t", name, !want)
		}
	}
	if len(all) != 4 {
		t.Errorf("%d adapters", len(all))
	}
	if len(providers.All(providers.Config{})) != 3 {
		t.Error("a sandbox that nobody started")
	}
}
