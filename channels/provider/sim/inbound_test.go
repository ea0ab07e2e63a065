package sim_test

import (
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

var png = []byte("\x89PNG\r\n\x1a\nnot much of a picture")

func TestInjectSendsSignedCopiesAndRecordsOurAnswers(t *testing.T) {
	t.Parallel()
	b := setup(t, func(_ *sim.Config, b *bundle) {
		b.answer = func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/xml")
			_, _ = w.Write([]byte("<Response/>"))
		}
	})
	for _, p := range carriers {
		for _, bad := range []bool{false, true} {
			m, err := b.sim.Inject(t.Context(), sim.Inbound{
				Provider: p, From: customer, To: ours, Body: "Arrêt", Copies: 3, Concurrent: true, BadSignature: bad,
			})
			if err != nil {
				t.Fatal(err)
			}
			calls := b.settle(t)
			if len(calls) != 3 || len(m.Answers) != 3 {
				t.Fatalf("%s: %d callbacks, %d answers, want 3", p, len(calls), len(m.Answers))
			}
			for i, c := range calls {
				if signedBy(t, p, c) == bad || c.body != calls[0].body || c.path != "/"+string(p)+"/inbound" || !strings.Contains(c.body, m.SID) {
					t.Errorf("%s, bad signature %v: %+v", p, bad, c)
				}
				if a := m.Answers[i]; a.Status != 200 || a.Body != "<Response/>" || a.ContentType != "text/xml" || a.Latency <= 0 {
					t.Errorf("%s: answer = %+v", p, a)
				}
			}
		}
	}
}

func TestInboundThatFailsIsDroppedByTwilioOnly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		p    provider.Name
		want int
	}{{provider.Twilio, 1}, {provider.Clickatell, 2}, {provider.Scopserv, 2}} {
		var calls atomic.Int32
		b := setup(t, func(_ *sim.Config, b *bundle) {
			b.answer = func(w http.ResponseWriter, _ *http.Request) {
				if calls.Add(1) == 1 {
					w.WriteHeader(http.StatusInternalServerError)
				}
			}
		})
		if _, err := b.sim.Inject(t.Context(), sim.Inbound{Provider: c.p, From: customer, To: ours, Body: "Hi"}); err != nil {
			t.Fatal(err)
		}
		b.settle(t)
		kept := b.sim.Received(sim.Filter{To: ours})
		if len(kept) != 1 || len(kept[0].Answers) != c.want || kept[0].Answers[0].Status != 500 {
			t.Errorf("%s: %+v, want %d answers", c.p, kept, c.want)
		}
	}
}

func TestACallbackThatIsNotAnsweredInTimeIsAFailure(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *sim.Config, b *bundle) {
		cfg.CallbackTimeout = 20 * time.Millisecond
		b.answer = func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
	})
	m, err := b.sim.Inject(t.Context(), sim.Inbound{Provider: provider.Twilio, From: customer, To: ours, Body: "Hi"})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Answers) != 1 || m.Answers[0].Status != 0 || m.Answers[0].Error == "" {
		t.Errorf("answers = %+v, want one failure", m.Answers)
	}
	var list struct {
		Messages []struct{ Sid, Status string }
	}
	b.twilioGet(t, messages+".json?To="+url.QueryEscape(ours), &list)
	if len(list.Messages) != 1 || list.Messages[0].Sid != m.SID || list.Messages[0].Status != "received" {
		t.Errorf("list = %+v, want the lost message", list)
	}
}

func TestTheSameSIDIsTheSameMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	in := sim.Inbound{
		Provider: provider.Twilio, From: customer, To: ours, Body: "STOP", SID: "SM0000000000000000000000000000000a",
		OptOutType: "STOP", Extra: map[string]string{"BrandNew": "1"},
	}
	for range 2 {
		if _, err := b.sim.Inject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	kept := b.sim.Received(sim.Filter{})
	if len(kept) != 1 || len(kept[0].Answers) != 2 {
		t.Errorf("kept %+v, want one message with two answers", kept)
	}
	form := (<-b.calls).form(t)
	if form.Get("OptOutType") != "STOP" || form.Get("BrandNew") != "1" || form.Get("MessageSid") != in.SID {
		t.Errorf("callback = %v", form)
	}
	b.sim.ClearReceived()
	if n := len(b.sim.Received(sim.Filter{})); n != 0 {
		t.Errorf("%d messages after clearing", n)
	}
}

func TestInjectNeedsOneAccountThatHoldsTheNumber(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, in := range []sim.Inbound{
		{From: customer, To: ours},
		{Provider: provider.Twilio, From: customer, To: "+15145550111"},
		{Provider: provider.Clickatell, From: customer, To: ours, Media: []sim.Picture{{}}},
	} {
		if _, err := b.sim.Inject(t.Context(), in); err == nil {
			t.Errorf("%+v is accepted", in)
		}
	}
	if _, err := b.sim.Inject(t.Context(), sim.Inbound{Account: "integration", From: customer, To: ours, Body: "x"}); err != nil {
		t.Errorf("by account: %v", err)
	}
	if c := <-b.calls; !strings.Contains(c.body, `"moText":[{`) || !strings.Contains(c.body, `"from":"15145550199"`) {
		t.Errorf("callback = %+v", c)
	}
}

func TestInjectByHTTP(t *testing.T) {
	t.Parallel()
	b := setup(t)
	r := b.control(t, "POST", "/_mo", `{"provider":"scopserv","from":"`+customer+`","to":"`+ours+`","body":"Look","copies":2,
		"media":[{"content_type":"image/png","content":"`+base64.StdEncoding.EncodeToString(png)+`"}]}`)
	var m sim.Received
	r.decode(t, &m)
	if r.status != 200 || len(m.Answers) != 2 || m.Media[0].Size != len(png) {
		t.Errorf("answer = %+v", r)
	}
	var list []sim.Received
	b.control(t, "GET", "/_mo?to="+ours, "").decode(t, &list)
	if len(list) != 1 || list[0].SID != m.SID || list[0].Answers[0].LatencyMS <= 0 {
		t.Errorf("list = %+v", list)
	}
	if r := b.control(t, "POST", "/_mo", `{"to":"+15145550111"}`); r.status != 422 {
		t.Errorf("unknown number: %+v", r)
	}
	if r := b.control(t, "DELETE", "/_mo", ""); r.status != 204 || len(b.sim.Received(sim.Filter{})) != 0 {
		t.Errorf("clearing: %+v", r)
	}
}

func TestTheOldestInboundIsForgotten(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *sim.Config, _ *bundle) { cfg.InboundCap = 2 })
	in := sim.Inbound{Provider: provider.Scopserv, From: customer, To: ours, NoCallback: true, Media: []sim.Picture{{ContentType: "image/png", Content: png}}}
	first, err := b.sim.Inject(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if _, err := b.sim.Inject(t.Context(), in); err != nil {
			t.Fatal(err)
		}
	}
	if kept := b.sim.Received(sim.Filter{}); len(kept) != 2 || kept[0].Sequence != 2 {
		t.Errorf("kept %+v, want the last two", kept)
	}
	if r := exchange(t, b.request(t, "GET", strings.TrimPrefix(first.Media[0].URL, b.url), "", "")); r.status != 404 {
		t.Errorf("the first picture is answered %d, want 404", r.status)
	}
}

func TestRegisteringAgainAddsAChannelAndRotatesTheToken(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m, err := b.sim.Inject(t.Context(), sim.Inbound{Provider: provider.Twilio, From: customer, To: ours, Body: "before"})
	if err != nil {
		t.Fatal(err)
	}
	<-b.calls
	const second = "+15145550111"
	if err := b.sim.AddAccount(sim.Account{
		Provider: provider.Twilio, Addresses: []string{second}, InboundURL: b.hooks.URL + "/second/inbound",
		Credentials: provider.Credentials{"account_sid": twilioSID, "auth_token": "rotated", "auth_token_next": twilioToken},
	}); err != nil {
		t.Fatal(err)
	}
	for to, path := range map[string]string{ours: "/twilio/inbound", second: "/second/inbound"} {
		if _, err := b.sim.Inject(t.Context(), sim.Inbound{Provider: provider.Twilio, From: customer, To: to, Body: "after"}); err != nil {
			t.Fatal(err)
		}
		if c := <-b.calls; c.path != path || signedBy(t, provider.Twilio, c) {
			t.Errorf("callback for %s: %+v, want %s signed with the new token", to, c, path)
		}
	}
	if r := b.twilioGet(t, messages+"/"+m.SID+".json", nil); r.status != 200 {
		t.Errorf("the message from before is answered %d", r.status)
	}
}
