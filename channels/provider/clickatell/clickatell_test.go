package clickatell_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/clickatell"
	"github.com/trellishq/trellis/channels/provider/providertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	apiKey   = "q7Zx81LmT0aWvR5nYc3KdQ=="
	password = "n0Wq7Zx81LmT0aWvR5nYc3KdPf6Hs2Bj"
	apiID    = "fa8090815f05d5ed015f0b5b56080cd2"
	address  = "+15145550100"
)

func account() provider.Account {
	return provider.Account{Credentials: provider.Credentials{"api_key": apiKey, "callback_secret": password, "api_id": apiID}, Address: address}
}

func callback(tb testing.TB, a provider.Account, kind string, extra bool, events ...map[string]any) provider.Callback {
	tb.Helper()
	envelope := map[string]any{"integrationId": a.Credentials["api_id"], "integrationName": "Mine", "event": map[string]any{kind: events}}
	if extra {
		envelope["later"] = []int{1}
		envelope["event"].(map[string]any)["moHologram"] = []any{map[string]any{"a": 1}}
		for _, e := range events {
			e["later"] = map[string]any{"b": 2}
		}
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		tb.Fatal(err)
	}
	basic := base64.StdEncoding.EncodeToString([]byte("clickatell:" + a.Credentials["callback_secret"]))
	return provider.Callback{
		Method: http.MethodPost, URL: "https://hooks.example.test/hooks/clickatell/t0ken/x", Body: body,
		Header: http.Header{"Content-Type": {"application/json"}, "Authorization": {"Basic " + basic}},
	}
}

func bare(number string) string { return strings.TrimPrefix(number, "+") }

func inbound(tb testing.TB, a provider.Account, in provider.Inbound, extra bool) provider.Callback {
	return callback(tb, a, "moText", extra, map[string]any{
		"channel": "sms", "messageId": in.ProviderID, "from": bare(in.From), "to": bare(in.To), "timestamp": in.SentAt.UnixMilli(),
		"content": in.Body, "charset": "UTF-8", "sms": map[string]any{"network": "1"}, "relatedMessageId": nil,
	})
}

func status(tb testing.TB, a provider.Account, e providertest.Event, extra bool) provider.Callback {
	code, err := strconv.Atoi(e.Status)
	if err != nil {
		tb.Fatal(err)
	}
	return callback(tb, a, "messageStatusUpdate", extra, map[string]any{
		"channel": "sms", "messageId": e.ProviderID, "clientMessageId": e.ClientRef, "statusCode": code, "status": "WORD",
		"timestamp": e.OccurredAt.UnixMilli(),
	})
}

func suite() providertest.Suite {
	statuses := map[string]provider.Status{
		"2": provider.StatusAccepted, "3": provider.StatusAccepted, "4": provider.StatusSent, "5": provider.StatusDelivered, "6": provider.StatusRead,
		"20": provider.StatusFailed, "21": provider.StatusCanceled, "22": provider.StatusCanceled, "23": provider.StatusUndelivered,
		"24": provider.StatusSent, "29": provider.StatusUndelivered, "100": provider.StatusUndelivered,
		"7": provider.StatusUnknown, "19": provider.StatusUnknown, "1": provider.StatusUnknown,
	}
	for _, failed := range []int{25, 26, 27, 28, 30, 59, 60, 61, 80, 81, 82, 83, 84, 85, 99, 101, 130, 142, 9999} {
		statuses[strconv.Itoa(failed)] = provider.StatusFailed
	}
	return providertest.Suite{
		New: func(_ testing.TB, base string, client *http.Client) provider.Adapter {
			return clickatell.New(clickatell.Config{BaseURL: base, HTTP: client})
		},
		Account:          account(),
		WrongCredentials: provider.Credentials{"api_key": "another-key==", "callback_secret": password},
		Carrier:          newCarrier(apiKey),
		Refusals:         refusals(),
		Inbound:          inbound,
		Status:           status,
		BodyUnsigned:     true,
		Statuses:         statuses,
		UnknownStatus:    "8",
		Sequence:         []string{"2", "4", "5", "6"},
	}
}

// refusals are Clickatell's error table, at the level of the call and of the
// message, in a refused call and in a 202 or 207.
func refusals() []providertest.Refusal {
	var list []providertest.Refusal
	add := func(x refusal, class provider.ErrorClass, code string) {
		to := fmt.Sprintf("1514556%04d", len(list))
		refused[to] = x
		r := providertest.Refusal{Name: fmt.Sprintf("%d-%d-%t", x.status, x.code, x.inResult), To: "+" + to, Class: class, Code: code}
		if x.status == http.StatusTooManyRequests {
			r.RetryAfter = 3 * time.Second
		}
		list = append(list, r)
	}
	byClass := map[provider.ErrorClass][]int{
		provider.ClassSender:    {1, 2, 3, 7, 20, 28, 38, 39, 41, 42, 44, 45, 46, 110, 111},
		provider.ClassContent:   {21, 22, 23, 24, 30, 31, 32, 33, 40, 100},
		provider.ClassRecipient: {25, 27, 101},
		provider.ClassOptedOut:  {26},
		provider.ClassTransient: {19, 43},
		provider.ClassAmbiguous: {18},
	}
	for class, codes := range byClass {
		for _, code := range codes {
			add(refusal{400, code, false}, class, strconv.Itoa(code))
			add(refusal{400, code, true}, class, strconv.Itoa(code))
			add(refusal{202, code, true}, class, strconv.Itoa(code))
			add(refusal{207, code, true}, class, strconv.Itoa(code))
			add(refusal{202, code, false}, class, strconv.Itoa(code))
		}
	}
	add(refusal{202, 0, true}, provider.ClassContent, "not_accepted")
	add(refusal{202, 77, true}, provider.ClassContent, "77")
	add(refusal{402, 20, false}, provider.ClassSender, "20")
	add(refusal{429, 25, false}, provider.ClassTransient, "25")
	add(refusal{500, 18, false}, provider.ClassAmbiguous, "500")
	add(refusal{503, 19, false}, provider.ClassAmbiguous, "503")
	return list
}

func TestConformance(t *testing.T) { providertest.Run(t, suite()) }

func FuzzCallbacks(f *testing.F) { providertest.FuzzCallbacks(f, suite()) }

func FuzzAnswers(f *testing.F) {
	providertest.FuzzAnswers(f, suite(),
		`{"messages":[{"apiMessageId":"m","accepted":true,"to":"1"}]}`, `{"messages":[{"accepted":false,"error":{"code":"26"}}]}`,
		`{"messages":[],"error":1}`, `{"error":"x"}`, `{"sms":{"statusCode":"5","timestamp":"1506607698000"}}`)
}

func start(t *testing.T, h http.Handler) *clickatell.Adapter {
	t.Helper()
	server := httptest.NewServer(h)
	client := provider.NewHTTPClient()
	t.Cleanup(func() {
		client.CloseIdleConnections()
		server.Close()
	})
	return clickatell.New(clickatell.Config{BaseURL: server.URL, HTTP: client})
}

func TestSubmitOnTheWire(t *testing.T) {
	t.Parallel()
	c := newCarrier(apiKey)
	a := start(t, c)
	submission := provider.Submission{ClientRef: "ref", Attempt: 1, From: address, To: "+15145550199", Body: "été", ValidFor: 4 * time.Hour}
	if _, err := a.Submit(t.Context(), account(), submission); err != nil {
		t.Fatal(err)
	}
	want := map[string]any{"channel": "sms", "to": "15145550199", "from": "15145550100", "content": "été", "clientMessageId": "ref", "validityPeriod": 240.0}
	for _, ours := range []string{"messageId", "status", "statusCode", "timestamp"} {
		delete(c.last, ours)
	}
	if diff := cmp.Diff(want, c.last); diff != "" {
		t.Errorf("submitted (-want +got):\n%s", diff)
	}
	submission.MediaURLs = []string{"https://m.example.test/1.jpg"}
	if _, err := a.Submit(t.Context(), account(), submission); provider.AsError(err).Class != provider.ClassContent {
		t.Errorf("a picture: %v", err)
	}
}

// Answers to the search by our id that are no list say nothing: never that
// there is no such message.
func TestFindCannotTell(t *testing.T) {
	t.Parallel()
	answers := map[string]struct {
		status int
		body   string
	}{
		"NotFound":         {404, `{"messages":[]}`},
		"NotAllowed":       {405, ``},
		"NoSuchResource":   {400, `{"messages":[],"error":{"code":41}}`},
		"AnotherDocument":  {200, `{"sms":{"statusCode":1}}`},
		"NullList":         {200, `{"messages":null}`},
		"SearchedAll":      {200, `{"messages":[{"messageId":"1","clientMessageId":"another"}]}`},
		"NamesNoClientRef": {200, `{"messages":[{"messageId":"1"}]}`},
	}
	for name, given := range answers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(given.status)
				_, _ = io.WriteString(w, given.body)
			}))
			found, err := a.Find(t.Context(), account(), provider.Query{ClientRef: "ref"})
			if e := provider.AsError(err); err == nil || e.Code != "cannot_tell" || e.Class != provider.ClassTransient || found != nil {
				t.Errorf("Find = %v, %v", found, err)
			}
		})
	}
}

// The user name of the callback does not matter; the password does, exactly.
func TestVerifyPassword(t *testing.T) {
	t.Parallel()
	a := clickatell.New(clickatell.Config{})
	for credentials, want := range map[string]error{
		"clickatell:" + password: nil, ":" + password: nil,
		"": provider.ErrSignature, ":": provider.ErrSignature, password: provider.ErrSignature,
		"clickatell:" + password + "x": provider.ErrSignature, "clickatell:" + password[1:]: provider.ErrSignature,
	} {
		c := inbound(t, account(), provider.Inbound{ProviderID: "1", From: "+15145550199", To: address}, false)
		c.Header.Set("Authorization", "Basic "+base64.StdEncoding.EncodeToString([]byte(credentials)))
		if err := a.Verify(account(), c); !errors.Is(err, want) {
			t.Errorf("%q: %v, want %v", credentials, err, want)
		}
	}
	c := inbound(t, account(), provider.Inbound{ProviderID: "1", From: "+15145550199", To: address}, false)
	c.Header.Set("Authorization", "Bearer "+password)
	if err := a.Verify(account(), c); !errors.Is(err, provider.ErrSignature) {
		t.Errorf("another scheme: %v", err)
	}
}

// Batches may grow; numbers may come as text; channels other than SMS are not
// this adapter's.
func TestBatches(t *testing.T) {
	t.Parallel()
	a := clickatell.New(clickatell.Config{})
	c := callback(t, account(), "messageStatusUpdate", false,
		map[string]any{"messageId": "1", "statusCode": "5", "timestamp": "1506607698000"},
		map[string]any{"messageId": "1", "status": "SENT_TO_SUPPLIER"},
		map[string]any{"apiMessageId": "2", "statusCode": 24})
	reports, err := a.ParseStatus(c)
	if err != nil || len(reports) != 3 {
		t.Fatalf("ParseStatus = %+v, %v", reports, err)
	}
	want := []provider.Report{
		{EventKey: "1:5:1506607698000", ProviderID: "1", Status: provider.StatusDelivered, RawStatus: "DEVICE_ACK", OccurredAt: time.UnixMilli(1506607698000).UTC()},
		{EventKey: "1:4:0", ProviderID: "1", Status: provider.StatusSent, RawStatus: "SENT_TO_SUPPLIER"},
		{EventKey: "2:24:0", ProviderID: "2", Status: provider.StatusSent, RawStatus: "EMULATED"},
	}
	if diff := cmp.Diff(want, reports); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}

	c = callback(t, account(), "moText", false,
		map[string]any{"channel": "sms", "messageId": "1", "from": "15145550199", "to": bare(address), "content": "one"},
		map[string]any{"channel": "whatsapp ", "messageId": "2", "from": "15145550199", "to": "1", "content": "two"},
		map[string]any{"channel": "sms ", "messageId": "3", "from": "12345", "to": bare(address), "content": "three"},
		map[string]any{"messageId": "4", "from": "ACME", "to": bare(address), "content": "four"})
	if err := a.Verify(account(), c); err != nil {
		t.Errorf("Verify: %v", err)
	}
	messages, err := a.ParseInbound(c)
	if err != nil || len(messages) != 3 {
		t.Fatalf("ParseInbound = %+v, %v", messages, err)
	}
	if messages[0].From != "+15145550199" || messages[0].To != address || messages[1].From != "12345" || messages[2].From != "ACME" {
		t.Errorf("read %+v", messages)
	}

	c = callback(t, account(), "moText", false,
		map[string]any{"channel": "sms", "messageId": "1", "from": "15145550199", "to": bare(address), "content": "ours"},
		map[string]any{"channel": "sms", "messageId": "2", "from": "15145550199", "to": "15145550111", "content": "another's"})
	if err := a.Verify(account(), c); !errors.Is(err, provider.ErrForeign) {
		t.Errorf("a batch for two numbers: %v", err)
	}
}
