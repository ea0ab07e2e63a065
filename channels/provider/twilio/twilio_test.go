package twilio_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/providertest"
	"github.com/trellishq/trellis/channels/provider/twilio"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	accountSID = "AC0123456789abcdef0123456789abcdef"
	authToken  = "q7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj9Ge"
	nextToken  = "n0Wq7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj"
	address    = "+15145550100"
)

func account() provider.Account {
	return provider.Account{Credentials: provider.Credentials{"account_sid": accountSID, "auth_token": authToken}, Address: address}
}

// sign is Twilio's signature, written here a second time.
func sign(token, url string, form url.Values) string {
	mac := hmac.New(sha1.New, []byte(token))
	mac.Write([]byte(url))
	for _, name := range slices.Sorted(maps.Keys(form)) {
		mac.Write([]byte(name + form.Get(name)))
	}
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func callback(token, link string, form url.Values) provider.Callback {
	return provider.Callback{
		Method: http.MethodPost, URL: link, Body: []byte(form.Encode()),
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}, "X-Twilio-Signature": {sign(token, link, form)}},
	}
}

func inbound(_ testing.TB, a provider.Account, in provider.Inbound, extra bool) provider.Callback {
	form := url.Values{
		"MessageSid": {in.ProviderID}, "SmsMessageSid": {in.ProviderID}, "SmsStatus": {"received"}, "AccountSid": {a.Credentials["account_sid"]},
		"From": {in.From}, "To": {in.To}, "Body": {in.Body}, "NumMedia": {strconv.Itoa(len(in.Media))}, "NumSegments": {"1"},
	}
	if extra {
		form.Set("FromCity", "MONTRÉAL")
		form.Set("NewParameter", "yes")
	}
	return callback(a.Credentials["auth_token"], "https://hooks.example.test/hooks/twilio/t0ken/inbound", form)
}

func status(_ testing.TB, a provider.Account, e providertest.Event, extra bool) provider.Callback {
	form := url.Values{
		"MessageSid": {e.ProviderID}, "SmsSid": {e.ProviderID}, "MessageStatus": {e.Status}, "SmsStatus": {e.Status},
		"AccountSid": {a.Credentials["account_sid"]}, "From": {a.Address}, "To": {"+15145550199"}, "ApiVersion": {"2010-04-01"},
	}
	if e.ErrorCode != "" {
		form.Set("ErrorCode", e.ErrorCode)
	}
	if extra {
		form.Set("RawDlrDoneDate", "2611211200")
	}
	link := fmt.Sprintf("https://hooks.example.test/hooks/twilio/t0ken/status?m=%s&a=%d", e.ClientRef, e.Attempt)
	return callback(a.Credentials["auth_token"], link, form)
}

func suite(c *carrier) providertest.Suite {
	return providertest.Suite{
		New: func(_ testing.TB, base string, client *http.Client) provider.Adapter {
			return twilio.New(twilio.Config{BaseURL: base, HTTP: client})
		},
		Account:            account(),
		WrongCredentials:   provider.Credentials{"account_sid": accountSID, "auth_token": "AnotherToken00000000000000000000"},
		Carrier:            c,
		Refusals:           refusals(),
		Inbound:            inbound,
		Status:             status,
		StatusNamesAddress: true,
		Statuses: map[string]provider.Status{
			"accepted": provider.StatusAccepted, "scheduled": provider.StatusAccepted, "queued": provider.StatusAccepted,
			"sending": provider.StatusAccepted, "sent": provider.StatusSent, "partially_delivered": provider.StatusSent,
			"delivered": provider.StatusDelivered, "read": provider.StatusRead, "undelivered": provider.StatusUndelivered,
			"failed": provider.StatusFailed, "canceled": provider.StatusCanceled,
		},
		UnknownStatus: "teleported",
		Sequence:      []string{"sending", "sent", "delivered", "read"},
		Receive: func(_ testing.TB, in provider.Inbound) {
			c.receive(in.ProviderID, in.From, in.To, in.Body, in.SentAt)
		},
		OwnMedia: "/2010-04-01/Accounts/" + accountSID + "/Messages/MM1/Media/ME1",
	}
}

// refusals are rules A13's examples and the limits of the rule, each at a
// destination of its own.
func refusals() []providertest.Refusal {
	var list []providertest.Refusal
	add := func(status, code int, class provider.ErrorClass) {
		to := fmt.Sprintf("+1514556%04d", len(list))
		refused[to] = [2]int{status, code}
		r := providertest.Refusal{Name: fmt.Sprintf("%d-%d", status, code), To: to, Class: class, Code: strconv.Itoa(code)}
		if status == http.StatusTooManyRequests {
			r.RetryAfter = 3 * time.Second
		}
		list = append(list, r)
	}
	for _, code := range []int{21211, 21614, 21635, 21408, 21612, 30005, 30006} {
		add(400, code, provider.ClassRecipient)
	}
	add(400, 21610, provider.ClassOptedOut)
	add(401, 20003, provider.ClassSender)
	for _, code := range []int{21212, 21606, 21659, 30034} {
		add(400, code, provider.ClassSender)
	}
	for _, code := range []int{11751, 21617, 30007, 63034} {
		add(400, code, provider.ClassContent)
	}
	for _, code := range []int{21611, 63017, 63018, 20429} {
		add(400, code, provider.ClassTransient)
	}
	add(429, 20429, provider.ClassTransient)
	add(429, 21610, provider.ClassTransient) // 429 is never final
	add(400, 30003, provider.ClassContent)   // a reported failure cannot be a refusal: as unlisted
	add(400, 29999, provider.ClassContent)
	add(404, 29998, provider.ClassSender)
	for i, server := range []int{500, 503} { // the number does not matter: nobody knows
		add(server, 21610+i, provider.ClassAmbiguous)
		list[len(list)-1].Code = strconv.Itoa(server)
	}
	return list
}

func TestConformance(t *testing.T) {
	providertest.Run(t, suite(newCarrier(accountSID, authToken)))
}

func FuzzCallbacks(f *testing.F) {
	providertest.FuzzCallbacks(f, suite(newCarrier(accountSID, authToken)))
}

func FuzzAnswers(f *testing.F) {
	providertest.FuzzAnswers(f, suite(newCarrier(accountSID, authToken)),
		`{"sid":"SM1","status":"queued","num_segments":"1"}`, `{"sid":"`+accountSID+`","status":"active"}`,
		`{"messages":[{"sid":"SM1","direction":"inbound","num_media":"1"}],"next_page_uri":"/x?Page=1"}`)
}

func start(t *testing.T) (*carrier, *twilio.Adapter) {
	t.Helper()
	c := newCarrier(accountSID, authToken)
	server := httptest.NewServer(c)
	client := provider.NewHTTPClient()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	return c, twilio.New(twilio.Config{BaseURL: server.URL + "/", HTTP: client})
}

// What Twilio gets, and where: the environment must not choose the host.
func TestSubmitOnTheWire(t *testing.T) {
	t.Setenv("TWILIO_EDGE", "sydney")
	t.Setenv("TWILIO_REGION", "au1")
	c, a := start(t)
	receipt, err := a.Submit(t.Context(), account(), provider.Submission{
		ClientRef: "ref", Attempt: 1, From: address, To: "+15145550199", Body: "été",
		MediaURLs: []string{"https://m.example.test/1.jpg", "https://m.example.test/2.png"},
		StatusURL: "https://hooks.example.test/s?m=ref&a=1", ValidFor: 90 * time.Hour,
	})
	if err != nil {
		t.Fatal(err)
	}
	want := url.Values{
		"From": {address}, "To": {"+15145550199"}, "Body": {"été"}, "ValidityPeriod": {"36000"},
		"MediaUrl":       {"https://m.example.test/1.jpg", "https://m.example.test/2.png"},
		"StatusCallback": {"https://hooks.example.test/s?m=ref&a=1"},
	}
	if diff := cmp.Diff(want, c.last); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
	if receipt.Status != provider.StatusAccepted || receipt.Segments != 1 {
		t.Errorf("receipt %+v", receipt)
	}
}

// The secondary token verifies too, while tokens are rotated.
func TestVerifyBothTokens(t *testing.T) {
	t.Parallel()
	a := twilio.New(twilio.Config{})
	rotating := account()
	rotating.Credentials["auth_token_next"] = nextToken
	in := provider.Inbound{ProviderID: "SM1", From: "+15145550199", To: address}
	for _, token := range []string{authToken, nextToken} {
		signer := account()
		signer.Credentials["auth_token"] = token
		if err := a.Verify(rotating, inbound(t, signer, in, false)); err != nil {
			t.Errorf("Verify: %v", err)
		}
	}
	signer := account()
	signer.Credentials["auth_token"] = nextToken
	if err := a.Verify(account(), inbound(t, signer, in, false)); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("a token that the channel does not have: %v", err)
	}
}

// A JSON body is signed by its hash in the URL, which the signature covers.
func TestVerifyJSON(t *testing.T) {
	t.Parallel()
	a := twilio.New(twilio.Config{})
	signed := func(body string) provider.Callback {
		sum := sha256.Sum256([]byte(body))
		link := "https://hooks.example.test/hooks/twilio/t0ken/inbound?bodySHA256=" + hex.EncodeToString(sum[:])
		return provider.Callback{
			Method: http.MethodPost, URL: link, Body: []byte(body),
			Header: http.Header{"Content-Type": {"application/json"}, "X-Twilio-Signature": {sign(authToken, link, nil)}},
		}
	}
	good := signed(`{"AccountSid":"` + accountSID + `","MessageSid":"SM1","From":"+15145550199","To":"` + address + `","Body":"hi","NumSegments":1,"Nested":{"a":1}}`)
	if err := a.Verify(account(), good); err != nil {
		t.Errorf("Verify: %v", err)
	}
	got, err := a.ParseInbound(good)
	if err != nil || len(got) != 1 || got[0].Body != "hi" || got[0].Segments != 1 {
		t.Errorf("ParseInbound = %+v, %v", got, err)
	}
	good.Body = []byte(strings.Replace(string(good.Body), "hi", "ho", 1))
	if err := a.Verify(account(), good); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("another body: %v", err)
	}
	if err := a.Verify(account(), signed(`{}`)); !errors.Is(err, provider.ErrForeign) {
		t.Errorf("no account: %v", err)
	}
}

// Twilio signs with or without the port of the URL.
func TestVerifyPort(t *testing.T) {
	t.Parallel()
	a := twilio.New(twilio.Config{})
	c := inbound(t, account(), provider.Inbound{ProviderID: "SM1", From: "+15145550199", To: address}, false)
	c.URL = strings.Replace(c.URL, ".test/", ".test:443/", 1)
	if err := a.Verify(account(), c); err != nil {
		t.Errorf("Verify: %v", err)
	}
}

func TestParseInbound(t *testing.T) {
	t.Parallel()
	const long = "This text is longer than one message and came in pieces, été."
	form := func(fields ...string) provider.Callback {
		f := url.Values{"MessageSid": {"MM1"}, "From": {"+15145550199"}, "To": {address}}
		for i := 0; i < len(fields); i += 2 {
			f.Add(fields[i], fields[i+1])
		}
		return callback(authToken, "https://hooks.example.test/x", f)
	}
	base := provider.Inbound{EventKey: "MM1", ProviderID: "MM1", From: "+15145550199", To: address}
	with := func(change func(*provider.Inbound)) provider.Inbound {
		in := base
		change(&in)
		return in
	}
	tests := []struct {
		name     string
		callback provider.Callback
		want     provider.Inbound
	}{
		{
			"Base64Text", form("Body", base64.StdEncoding.EncodeToString([]byte(long)), "NumMedia", "1", "MediaUrl0", "https://api.twilio.com/m", "MediaContentType0", "text/plain; charset=utf-8"),
			with(func(in *provider.Inbound) {
				in.Body = long
				in.Media = []provider.Media{{URL: "https://api.twilio.com/m", ContentType: "text/plain; charset=utf-8"}}
			}),
		},
		{
			"Base64WithPicture", form("Body", base64.StdEncoding.EncodeToString([]byte(long)), "NumMedia", "1", "MediaUrl0", "https://api.twilio.com/m", "MediaContentType0", "image/png"),
			with(func(in *provider.Inbound) {
				in.Body = base64.StdEncoding.EncodeToString([]byte(long))
				in.Media = []provider.Media{{URL: "https://api.twilio.com/m", ContentType: "image/png"}}
			}),
		},
		{"FirstOfTwo", form("Body", "first", "Body", "second"), with(func(in *provider.Inbound) { in.Body = "first" })},
		{
			"NoTextTwoPictures", form("NumMedia", "2", "MediaUrl0", "https://a/0", "MediaContentType0", "image/jpeg", "MediaUrl1", "https://a/1", "MediaContentType1", "image/png"),
			with(func(in *provider.Inbound) {
				in.Media = []provider.Media{{URL: "https://a/0", ContentType: "image/jpeg"}, {URL: "https://a/1", ContentType: "image/png"}}
			}),
		},
		{
			"OptOut", form("Body", "stop", "OptOutType", "STOP", "NumSegments", "1"),
			with(func(in *provider.Inbound) { in.Body, in.OptOutType, in.Segments = "stop", "STOP", 1 }),
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := twilio.New(twilio.Config{}).ParseInbound(test.callback)
			if err != nil || len(got) != 1 {
				t.Fatalf("ParseInbound = %v, %v", got, err)
			}
			if diff := cmp.Diff(test.want, got[0]); diff != "" {
				t.Errorf("read (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseStatusFailure(t *testing.T) {
	t.Parallel()
	classes := map[string]provider.ErrorClass{
		"30003": provider.ClassDelivery, "30005": provider.ClassRecipient, "30007": provider.ClassContent, "21610": provider.ClassOptedOut,
		"30034": provider.ClassSender, "21611": provider.ClassDelivery, "39999": provider.ClassDelivery, "": provider.ClassDelivery, "0": provider.ClassDelivery,
	}
	for code, want := range classes {
		c := status(t, account(), providertest.Event{ProviderID: "SM1", ClientRef: "ref", Attempt: 3, Status: "undelivered", ErrorCode: code}, false)
		got, err := twilio.New(twilio.Config{}).ParseStatus(c)
		if err != nil || len(got) != 1 {
			t.Fatalf("ParseStatus = %v, %v", got, err)
		}
		shown := strings.TrimPrefix(code, "0")
		if r := got[0]; r.Class != want || r.ErrorCode != shown || r.Attempt != 3 || r.EventKey != "SM1:undelivered:"+shown {
			t.Errorf("%q is %+v, want class %s", code, r, want)
		}
	}
}

// The log is read page by page until it reaches back far enough; messages to
// others, of other texts and of other times are left out.
func TestFindAcrossPages(t *testing.T) {
	t.Parallel()
	c, a := start(t)
	c.page = 2
	for _, body := range []string{"wanted", "other", "wanted", "other", "other"} {
		if _, err := a.Submit(t.Context(), account(), provider.Submission{From: address, To: "+15145550199", Body: body}); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Now().UTC().Add(-time.Hour).Format(time.RFC1123Z)
	c.messages[0]["date_created"] = old
	query := provider.Query{From: address, To: "+15145550199", Body: "wanted", Since: time.Now().Add(-time.Minute), Until: time.Now().Add(time.Minute)}
	found, err := a.Find(t.Context(), account(), query)
	if err != nil || len(found) != 1 || found[0].ProviderID != c.messages[2]["sid"] {
		t.Fatalf("Find = %+v, %v", found, err)
	}
	if n := len(c.queries); n != 3 {
		t.Errorf("%d pages read, want 3", n)
	}
	if c.queries[0].Has("DateSent>") {
		t.Error("the filter by date_sent hides messages that are still queued")
	}
	query.Since = time.Now().Add(-2 * time.Hour)
	found, err = a.Find(t.Context(), account(), query)
	if err != nil || len(found) != 2 || !found[0].CreatedAt.Before(found[1].CreatedAt) {
		t.Errorf("Find = %+v, %v; want two, oldest first", found, err)
	}
}

// What cannot be read to its end is no answer.
func TestFindGivesUp(t *testing.T) {
	t.Parallel()
	c, a := start(t)
	c.page = 1
	for range 11 {
		if _, err := a.Submit(t.Context(), account(), provider.Submission{From: address, To: "+15145550199", Body: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	_, err := a.Find(t.Context(), account(), provider.Query{From: address, To: "+15145550199", Body: "y", Since: time.Now().Add(-time.Hour)})
	if e := provider.AsError(err); err == nil || e.Class != provider.ClassTransient {
		t.Errorf("Find = %v", err)
	}
}

func TestListInboundWithPictures(t *testing.T) {
	t.Parallel()
	c, a := start(t)
	now := time.Now().UTC().Truncate(time.Second)
	c.receive("SM1", "+15145550199", address, "first", now.Add(-2*time.Minute))
	c.receive("MM2", "+15145550199", address, "", now.Add(-time.Minute), "image/jpeg", "image/png")
	c.receive("SM3", "+15145550199", "+15145550111", "to another number", now)
	got, err := a.ListInbound(t.Context(), account(), now.Add(-2*time.Minute))
	if err != nil || len(got) != 2 {
		t.Fatalf("ListInbound = %+v, %v", got, err)
	}
	if got[0].ProviderID != "SM1" || got[1].ProviderID != "MM2" || !got[0].SentAt.Equal(now.Add(-2*time.Minute)) {
		t.Errorf("listed %+v", got)
	}
	if len(got[1].Media) != 2 || !strings.HasSuffix(got[1].Media[1].URL, "/Messages/MM2/Media/ME1") || got[1].Media[1].ContentType != "image/png" {
		t.Errorf("pictures %+v", got[1].Media)
	}
	if want := now.Add(-2 * time.Minute).Format(time.RFC3339); c.queries[0].Get("DateSent>") != want {
		t.Errorf("asked for DateSent> %q, want %q", c.queries[0].Get("DateSent>"), want)
	}
}

// Credentials with other characters are refused here, without a request.
func TestBadCredentialsStayHere(t *testing.T) {
	t.Parallel()
	c, a := start(t)
	bad := account()
	bad.Credentials["auth_token"] = "with/slash and space"
	if e := provider.AsError(a.Check(t.Context(), bad)); e.Class != provider.ClassSender {
		t.Errorf("Check = %v", e)
	}
	bad = account()
	bad.Credentials["account_sid"] = "../" + accountSID
	if _, err := a.Submit(t.Context(), bad, provider.Submission{From: address, To: "+15145550199", Body: "x"}); provider.AsError(err).Class != provider.ClassSender {
		t.Errorf("Submit = %v", err)
	}
	if c.last != nil || len(c.queries) != 0 {
		t.Error("a request was made")
	}
}
