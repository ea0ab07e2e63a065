package sim_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

const messages = "/2010-04-01/Accounts/" + twilioSID + "/Messages"

func TestTwilioMessageIsShapedAsTwiliosOwn(t *testing.T) {
	t.Parallel()
	b := setup(t)
	created := b.submit(t, provider.Twilio, message{body: "Où êtes-vous ?"})
	var got map[string]any
	created.decode(t, &got)
	sid := got["sid"].(string)
	want := map[string]any{
		"account_sid": twilioSID, "api_version": "2010-04-01", "body": "Où êtes-vous ?",
		"date_created": "Fri, 20 Nov 2026 15:04:05 +0000", "date_sent": nil, "date_updated": "Fri, 20 Nov 2026 15:04:05 +0000",
		"direction": "outbound-api", "error_code": nil, "error_message": nil, "from": ours, "to": customer,
		"messaging_service_sid": nil, "num_media": "0", "num_segments": "1", "price": nil, "price_unit": "USD",
		"sid": sid, "status": "queued", "uri": messages + "/" + sid + ".json",
		"subresource_uris": map[string]any{"media": messages + "/" + sid + "/Media.json"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("created message (-want +got):\n%s", diff)
	}
	if !strings.HasPrefix(sid, "SM") || len(sid) != 34 {
		t.Errorf("sid = %s", sid)
	}
	calls := b.settle(t)
	if len(calls) != 2 || calls[0].header.Get("I-Twilio-Idempotency-Token") == "" || calls[0].form(t).Get("MessageSid") != sid {
		t.Errorf("callbacks = %+v", calls)
	}
	for _, prefix := range []string{"", "/api", "/twilio", "/twilio/api"} {
		var fetched api.ApiV2010Message
		b.twilioGet(t, prefix+messages+"/"+sid+".json", &fetched)
		if *fetched.Status != "delivered" || fetched.DateSent == nil || *fetched.Body != "Où êtes-vous ?" {
			t.Errorf("below %q: %+v", prefix, fetched)
		}
	}
}

func TestTwilioRefusesAsTwilioDoes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	good := url.Values{"From": {ours}, "To": {customer}, "Body": {"Hi"}}
	for _, c := range []struct {
		change url.Values
		code   int
	}{
		{url.Values{"To": {""}}, 21604},
		{url.Values{"From": {""}}, 21603},
		{url.Values{"Body": {""}}, 21602},
		{url.Values{"To": {"5145550199"}}, 21211},
		{url.Values{"From": {"+15145550111"}}, 21606},
		{url.Values{"Body": {strings.Repeat("é", 1601)}}, 21617},
		{url.Values{"MediaUrl": make([]string, 11)}, 21623},
		{url.Values{"StatusCallback": {"https://my_host.example/"}}, 21609},
	} {
		form := url.Values{}
		for _, values := range []url.Values{good, c.change} {
			for name, list := range values {
				form[name] = list
			}
		}
		r := b.request(t, "POST", messages+".json", "application/x-www-form-urlencoded", form.Encode())
		r.SetBasicAuth(twilioSID, twilioToken)
		var got struct {
			Code, Status       int
			Message, More_info string
		}
		answer := exchange(t, r)
		answer.decode(t, &got)
		if got.Code != c.code || got.Status != answer.status || answer.status != 400 || got.Message == "" ||
			got.More_info != fmt.Sprintf("https://www.twilio.com/docs/errors/%d", c.code) {
			t.Errorf("%v: %+v, want %d", c.change, answer, c.code)
		}
	}
	if n := b.sim.Counts(); n.Outcomes["refused"] != 8 || n.Accepted != 0 {
		t.Errorf("counts = %+v", n)
	}
}

func TestTwilioCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	account := "/api/2010-04-01/Accounts/" + twilioSID + ".json"
	var got map[string]any
	if r := b.twilioGet(t, account, &got); r.status != 200 || got["sid"] != twilioSID || got["status"] != "active" {
		t.Errorf("account = %+v", r)
	}
	for _, c := range [][2]string{{twilioSID, "wrong"}, {"AC2", twilioToken}, {"", ""}} {
		r := b.request(t, "GET", account, "", "")
		r.SetBasicAuth(c[0], c[1])
		if answer := exchange(t, r); answer.status != 401 || !strings.Contains(answer.body, `"code":20003`) {
			t.Errorf("%v: %+v, want 20003", c, answer)
		}
	}
	if n := b.sim.Counts().Unauthorized; n != 3 {
		t.Errorf("%d unauthorized, want 3", n)
	}
	if r := b.twilioGet(t, messages+"/SM00000000000000000000000000000000.json", nil); r.status != 404 || !strings.Contains(r.body, "20404") {
		t.Errorf("unknown message: %+v", r)
	}
}

func TestTwilioListsBothDirectionsNewestFirstInPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	want := []string{}
	for i := range 7 {
		body := fmt.Sprintf("message %d", i)
		if i%3 == 1 {
			if _, err := b.sim.Inject(t.Context(), sim.Inbound{From: customer, To: ours, Body: body, NoCallback: true, Provider: provider.Twilio}); err != nil {
				t.Fatal(err)
			}
		} else {
			b.submit(t, provider.Twilio, message{body: body})
		}
		want = append([]string{body}, want...)
		b.clock.Advance(time.Hour)
	}
	b.submit(t, provider.Scopserv, message{body: "another carrier's"})
	b.settle(t)
	if got := b.list(t, url.Values{"PageSize": {"3"}}); !cmp.Equal(got, want) {
		t.Errorf("list = %v, want %v", got, want)
	}
	noon := start.Add(2 * time.Hour).Format(time.RFC3339)
	for _, c := range []struct {
		query url.Values
		want  []string
	}{
		{url.Values{"To": {ours}}, []string{"message 4", "message 1"}},
		{url.Values{"From": {ours}, "DateSent>": {noon}}, []string{"message 6", "message 5", "message 3", "message 2"}},
		{url.Values{"DateSent>=": {noon}, "DateSent<=": {noon}}, []string{"message 2"}},
		{url.Values{"DateSent": {"2026-11-20"}}, want},
		{url.Values{"DateSent": {"2026-11-19"}}, []string{}},
		{url.Values{"DateSent>": {"2026-11-20"}}, want},
		{url.Values{"DateSent<": {"2026-11-19"}}, []string{}},
	} {
		if got := b.list(t, c.query); !cmp.Equal(got, c.want) {
			t.Errorf("%v = %v, want %v", c.query, got, c.want)
		}
	}
	if r := b.twilioGet(t, messages+".json?DateSent=yesterday", nil); r.status != 400 {
		t.Errorf("a wrong date is answered %d", r.status)
	}
}

func TestTwilioMessagesStillInTheQueueHaveNoDateSent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mustScript(t, b, sim.Target{}, sim.Script{Callbacks: &sim.Callbacks{Order: []string{}}})
	b.submit(t, provider.Twilio, message{})
	if got := b.list(t, url.Values{"DateSent>": {"2026-11-20"}}); len(got) != 0 {
		t.Errorf("by date: %v, want none", got)
	}
	if got := b.list(t, url.Values{"To": {customer}}); len(got) != 1 {
		t.Errorf("by number: %v, want one", got)
	}
}

// list reads every page of a question and returns the bodies.
func (b *bundle) list(t *testing.T, query url.Values) []string {
	t.Helper()
	bodies := []string{}
	next := messages + ".json?" + query.Encode()
	for next != "" {
		var page struct {
			Messages []struct{ Body string }
			Next     string `json:"next_page_uri"`
			Size     int    `json:"page_size"`
		}
		b.twilioGet(t, "/api"+next, &page)
		if len(page.Messages) > page.Size {
			t.Errorf("a page of %d has %d messages", page.Size, len(page.Messages))
		}
		for _, m := range page.Messages {
			bodies = append(bodies, m.Body)
		}
		next = page.Next
	}
	return bodies
}

func TestTwilioServesThePicturesOfAnInboundMessage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	m, err := b.sim.Inject(t.Context(), sim.Inbound{
		Provider: provider.Twilio, From: customer, To: ours, Media: []sim.Picture{{ContentType: "image/png", Content: png}},
	})
	if err != nil {
		t.Fatal(err)
	}
	form := (<-b.calls).form(t)
	if form.Get("NumMedia") != "1" || form.Get("MediaContentType0") != "image/png" || form.Get("Body") != "" || !strings.HasPrefix(m.SID, "MM") {
		t.Errorf("callback = %v", form)
	}
	path := strings.TrimPrefix(form.Get("MediaUrl0"), b.url)
	if r := b.twilioGet(t, path, nil); r.body != string(png) || r.header.Get("Content-Type") != "image/png" {
		t.Errorf("picture = %+v", r)
	}
	if r := exchange(t, b.request(t, "GET", path, "", "")); r.status != http.StatusUnauthorized {
		t.Errorf("without credentials: %d, want 401", r.status)
	}
	var list struct {
		MediaList []map[string]string `json:"media_list"`
	}
	b.twilioGet(t, messages+"/"+m.SID+"/Media.json", &list)
	if len(list.MediaList) != 1 || list.MediaList[0]["parent_sid"] != m.SID || list.MediaList[0]["content_type"] != "image/png" {
		t.Errorf("media list = %+v", list)
	}
	if r := b.twilioGet(t, messages+"/"+m.SID+"/Media/ME0", nil); r.status != 404 {
		t.Errorf("unknown picture: %d", r.status)
	}
}
