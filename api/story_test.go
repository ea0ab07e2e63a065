package api_test

import (
	"net/http"
	"os"
	"testing"

	"github.com/trellishq/trellis/api/apitest"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/testkit"
)

func TestMain(m *testing.M) { os.Exit(testkit.Main(m)) }

// The path that everything else stands on, over each kind of line.
//
// Covers: INT-01 INT-02 INT-03 INT-05 INT-06 SMS-01 SMS-08 SMS-09 SMS-16 SMS-18 CHN-01 CHN-02 CHN-03 CHN-07 CHN-15
func TestATenantIsTextedAndTextsBack(t *testing.T) {
	t.Parallel()
	for name, connect := range map[string]func(*testing.T, *apitest.Platform, apitest.Tree) apitest.Line{
		"twilio": func(t *testing.T, p *apitest.Platform, tree apitest.Tree) apitest.Line {
			return p.TwilioLine(t, tree.Customer)
		},
		"clickatell": func(t *testing.T, p *apitest.Platform, tree apitest.Tree) apitest.Line {
			return p.ClickatellLine(t, tree.Customer)
		},
		"scopserv": func(t *testing.T, p *apitest.Platform, tree apitest.Tree) apitest.Line {
			line, _ := p.CarrierLine(t, tree)
			return line
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := apitest.Start(t)
			tree := p.Grow(t)
			line := connect(t, p, tree)
			at, manager := tree.Customer, tree.Customer.Manager

			p.Receive(t, line, sim.Inbound{Body: "Are you open today? 🙂"})

			inbox := manager.Get(t, at.Path("/interactions")).Want(t, http.StatusOK)
			if n := len(inbox.Items(t)); n != 1 {
				t.Fatalf("%d interactions: %s", n, inbox.Content)
			}
			if inbox.String(t, "items.0.status") != "waiting_agent" || inbox.Int(t, "items.0.unseen") != 1 ||
				inbox.String(t, "items.0.preview") != "Are you open today? 🙂" {
				t.Errorf("the inbox shows %s", inbox.Content)
			}
			conversation := inbox.String(t, "items.0.id")

			manager.Post(t, at.Path("/interactions/%s/read", conversation), nil).Want(t, http.StatusOK)
			sent := manager.Post(t, at.Path("/interactions/%s/messages", conversation), apitest.Body{"body": "Until six."}).
				Want(t, http.StatusCreated)
			if sent.String(t, "status") != "queued" || sent.String(t, "from") != line.Address {
				t.Errorf("created %s", sent.Content)
			}
			p.Work(t)

			message := manager.Get(t, sent.Header.Get("Location")).Want(t, http.StatusOK)
			if message.String(t, "status") != "delivered" || message.Value(t, "delivered_at") == nil {
				t.Errorf("the message is %s", message.Content)
			}
			ledger := p.Sim.Ledger(sim.Filter{To: apitest.Customer})
			if len(ledger) != 1 || ledger[0].Body != "Until six." || ledger[0].From != line.Address {
				t.Errorf("the carrier has %+v", ledger)
			}
			after := manager.Get(t, at.Path("/interactions/%s", conversation)).Want(t, http.StatusOK)
			if after.String(t, "status") != "open" || after.Int(t, "unseen") != 0 {
				t.Errorf("the interaction is %s", after.Content)
			}

			manager.Post(t, at.Path("/interactions/%s/close", conversation), apitest.Body{"reason": "answered"}).Want(t, http.StatusOK)
			if n := len(manager.Get(t, at.Path("/interactions")).Items(t)); n != 0 {
				t.Errorf("%d interactions in the active view after closing", n)
			}
			if n := len(manager.Get(t, at.Path("/interactions?view=all")).Items(t)); n != 1 {
				t.Errorf("%d interactions in the history", n)
			}
		})
	}
}
