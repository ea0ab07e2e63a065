package sim_test

import (
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

func TestCarrierAcceptsOneReferenceAndAttemptOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.submit(t, provider.Scopserv, message{ref: "r1"})
	again := b.submit(t, provider.Scopserv, message{ref: "r1"})
	if first.status != 202 || again.status != 200 || first.body != again.body {
		t.Errorf("first %+v, again %+v", first, again)
	}
	second := b.submit(t, provider.Scopserv, message{ref: "r1", attempt: 2})
	if second.status != 202 || second.body == first.body {
		t.Errorf("second attempt %+v", second)
	}
	if calls := b.settle(t); len(calls) != 4 {
		t.Errorf("%d callbacks, want 4", len(calls))
	}
	var list struct{ Messages []map[string]any }
	b.carrierGet(t, "/carrier/v1/messages?client_ref=r1", &list)
	if len(list.Messages) != 2 || list.Messages[0]["attempt"] != 1.0 || list.Messages[0]["status"] != "delivered" ||
		list.Messages[0]["created_at"] != "2026-11-20T15:04:05Z" || list.Messages[0]["error_code"] != "" {
		t.Errorf("messages = %+v", list)
	}
	var one map[string]any
	b.carrierGet(t, "/v1/messages/"+list.Messages[1]["message_id"].(string), &one)
	if one["attempt"] != 2.0 {
		t.Errorf("message = %+v", one)
	}
	if r := b.carrierGet(t, "/v1/messages?client_ref=r2", nil); r.body != `{"messages":[]}` {
		t.Errorf("unknown reference: %+v", r)
	}
	if r := b.carrierGet(t, "/v1/messages/unknown", nil); r.status != 404 {
		t.Errorf("unknown message: %+v", r)
	}
	if r := b.carrierGet(t, "/v1/account", nil); r.body != `{"account":"`+carrierName+`"}` {
		t.Errorf("account: %+v", r)
	}
}

func TestCarrierRefusesWhatTheContractSays(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, c := range []struct {
		message message
		status  int
		code    string
	}{
		{message{to: "15145550199"}, 422, "invalid_recipient"},
		{message{from: "+15145550111"}, 403, "sender_not_allowed"},
		{message{body: strings.Repeat("a", 1601)}, 422, "content_refused"},
	} {
		if r := b.submit(t, provider.Scopserv, c.message); r.status != c.status || !strings.Contains(r.body, c.code) {
			t.Errorf("%+v, want %d %s", r, c.status, c.code)
		}
	}
	late := b.signed(t, "GET", "/v1/account", "")
	b.clock.Advance(301 * time.Second)
	forged := b.signed(t, "GET", "/v1/account", "")
	forged.URL.RawQuery = "x=1"
	stranger := b.signed(t, "GET", "/v1/account", "")
	stranger.Header.Set("X-Carrier-Account", "someone")
	for name, r := range map[string]reply{"late": exchange(t, late), "forged": exchange(t, forged), "stranger": exchange(t, stranger)} {
		if r.status != 401 || !strings.Contains(r.body, `"unauthorized"`) {
			t.Errorf("%s: %+v, want 401", name, r)
		}
	}
	if n := b.sim.Counts().Unauthorized; n != 3 {
		t.Errorf("%d unauthorized, want 3", n)
	}
}

func TestCarrierListsInboundInTheFormOfTheCallback(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := sim.Inbound{Provider: provider.Scopserv, From: customer, To: ours, Body: "one"}
	if _, err := b.sim.Inject(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	callback := (<-b.calls).body
	b.clock.Advance(time.Minute)
	in.Body, in.NoCallback = "two", true
	in.Media = []sim.Picture{{ContentType: "image/png", Content: png}}
	second, err := b.sim.Inject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	r := b.carrierGet(t, "/v1/inbound?to=%2B15145550100&since=2026-11-20T15:04:05Z", nil)
	if !strings.HasPrefix(r.body, `{"messages":[`+callback+",") || strings.Count(r.body, "event_id") != 2 {
		t.Errorf("list = %s, want %s first", r.body, callback)
	}
	if r := b.carrierGet(t, "/v1/inbound?to=%2B15145550100&since=2026-11-20T15:04:06Z", nil); strings.Contains(r.body, `"one"`) || !strings.Contains(r.body, `"two"`) {
		t.Errorf("list = %s", r.body)
	}
	picture := exchange(t, b.request(t, "GET", strings.TrimPrefix(second.Media[0].URL, b.url), "", ""))
	if picture.body != string(png) || picture.header.Get("Content-Type") != "image/png" {
		t.Errorf("picture = %+v", picture)
	}
}
