package sim

import (
	"net/url"
	"strings"
	"testing"
	"time"

	twilioclient "github.com/twilio/twilio-go/client"

	"github.com/trellishq/trellis/channels/provider"
)

// The example that Twilio publishes for implementers of its signature.
func TestTwilioSignatureMatchesThePublishedVector(t *testing.T) {
	t.Parallel()
	form := url.Values{
		"CallSid": {"CA1234567890ABCDE"}, "Caller": {"+14158675309"}, "Digits": {"1234"},
		"From": {"+14158675309"}, "To": {"+18005551212"},
	}
	const address = "https://mycompany.com/myapp.php?foo=1&bar=2"
	got := signTwilio("12345", address, form)
	if want := "RSOYDt4T1cUTdK1PDd93/VVr8B8="; got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
	params := map[string]string{}
	for name := range form {
		params[name] = form.Get(name)
	}
	validator := twilioclient.NewRequestValidator("12345")
	if !validator.Validate(address, params, got) {
		t.Error("twilio-go refuses the signature")
	}
}

// Computed with: printf '%s' '1767409445.POST./v1/messages?x=1.{"a":1}' | openssl dgst -sha256 -hmac secret
func TestCarrierSignatureMatchesOpenSSL(t *testing.T) {
	t.Parallel()
	got := signCarrier("secret", "1767409445", "POST", "/v1/messages?x=1", []byte(`{"a":1}`))
	if want := "sha256=4bb78fe1a03c9109fd22bcdbacfae023c05d0c14254ed3fa8625fbb7d854eefa"; got != want {
		t.Errorf("signature = %s, want %s", got, want)
	}
}

func TestCarrierTimestampMayDifferByFiveMinutes(t *testing.T) {
	t.Parallel()
	now := time.Unix(1767409445, 0)
	for timestamp, want := range map[string]bool{
		"1767409445": true, "1767409145": true, "1767409745": true,
		"1767409144": false, "1767409746": false, "": false, "soon": false,
	} {
		if got := fresh(timestamp, now); got != want {
			t.Errorf("fresh(%q) = %v, want %v", timestamp, got, want)
		}
	}
}

// The vectors of rules A1-7.
func TestSegments(t *testing.T) {
	t.Parallel()
	r := strings.Repeat
	for _, c := range []struct {
		body string
		want int
	}{
		{"", 1},
		{r("a", 160), 1},
		{r("a", 161), 2},
		{r("a", 306), 2},
		{r("a", 307), 3},
		{r("a", 158) + "€", 1},
		{r("a", 159) + "€", 2},
		{r("a", 152) + "€" + r("a", 152), 3},
		{r("[", 80), 1},
		{r("[", 81), 2},
		{r("é", 160), 1},
		{r("Ç", 900), 6},
		{r("a", 900), 6},
		{r("ç", 70), 1},
		{r("ç", 71), 2},
		{r("ç", 134), 2},
		{r("ç", 135), 3},
		{r("ç", 900), 14},
		{r("😀", 35), 1},
		{r("😀", 36), 2},
		{r("ç", 66) + "😀" + r("ç", 66), 3},
		{r("a", 159) + "’", 3},
		{r("a", 1600), 11},
	} {
		if got := segments(c.body); got != c.want {
			t.Errorf("segments(%.20q…, %d bytes) = %d, want %d", c.body, len(c.body), got, c.want)
		}
	}
}

func TestMeterSlidesOverOneSecond(t *testing.T) {
	t.Parallel()
	var w window
	for _, at := range []int64{0, 500, 999, 1000, 1400, 1500, 1500, 1200} {
		w.note(at, 2)
	}
	// Within (500, 1500]: 999, 1000, 1400, 1500, 1500 and the one whose clock
	// was set back.
	if w.maxCount != 6 || w.maxSegs != 12 || w.submissions != 8 {
		t.Errorf("max %d, segments %d, submissions %d; want 6, 12, 8", w.maxCount, w.maxSegs, w.submissions)
	}
}

func TestLedgerForgetsTheOldestAndFindsTheRest(t *testing.T) {
	t.Parallel()
	l := newLedger(chunkSize)
	a := &account{Account: Account{Provider: provider.Scopserv, ID: "op"}, id: "op"}
	now := time.UnixMicro(1)
	sub := func(n int) *submission {
		return &submission{
			account: a, ref: "ref-" + time.Duration(n).String(), attempt: 1, from: "+15145550100", to: "+15145550199",
			body: "hello", callback: "http://localhost/hooks?m=x&a=1", once: true,
		}
	}
	const total = 5*chunkSize + 7
	ids := make([]string, total)
	for n := range total {
		e, repeated := l.accept(sub(n), now)
		if repeated || e.Sequence != uint64(n)+1 {
			t.Fatalf("entry %d: sequence %d, repeated %v", n, e.Sequence, repeated)
		}
		ids[n] = e.ProviderID
	}
	if l.entries < chunkSize || l.entries > 2*chunkSize || l.entries+int(l.forgotten) != total || len(l.refs) != l.entries {
		t.Errorf("%d kept, %d forgotten, %d references", l.entries, l.forgotten, len(l.refs))
	}
	if _, kept := l.get(l.sequence(ids[0])); kept {
		t.Error("the first entry is still there")
	}
	last, kept := l.get(l.sequence(ids[total-1]))
	if !kept || last.ClientRef != sub(total-1).ref || last.CallbackURL != sub(0).callback || last.Body != "hello" {
		t.Errorf("last entry = %+v, %v", last, kept)
	}
	count := func(walk func(func(Entry) bool)) (n int) {
		walk(func(Entry) bool { n++; return true })
		return n
	}
	forward := count(func(visit func(Entry) bool) { l.forward(Filter{}, visit) })
	backward := count(func(visit func(Entry) bool) { l.backward(Filter{}, 0, time.Time{}, visit) })
	if forward != l.entries || backward != l.entries {
		t.Errorf("walked %d forward and %d backward of %d", forward, backward, l.entries)
	}
	l.reset()
	if e, _ := l.accept(sub(0), now); e.Sequence <= total || e.ProviderID == ids[0] {
		t.Errorf("after a reset sequence %d was given again", e.Sequence)
	}
	if n := count(func(visit func(Entry) bool) { l.backward(Filter{}, 0, time.Time{}, visit) }); n != 1 {
		t.Errorf("after a reset %d entries are walked, want 1", n)
	}
}

func BenchmarkAccept(b *testing.B) {
	l := newLedger(1_000_000)
	a := &account{Account: Account{Provider: provider.Twilio, ID: "AC1"}, id: "AC1"}
	b.ReportAllocs()
	for b.Loop() {
		l.accept(&submission{
			account: a, ref: "0192aaaa-bbbb-7ccc-8ddd-eeeeffff0000", attempt: 1, from: "+15145550100",
			to: "+15145550199", body: "Your appointment is tomorrow at noon.",
			callback: "https://trellis.example/hooks/twilio/0123456789abcdef/status?m=0192aaaa-bbbb-7ccc-8ddd-eeeeffff0000&a=1",
		}, time.UnixMicro(1))
	}
}
