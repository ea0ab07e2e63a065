package providertest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/trellishq/trellis/channels/provider"
)

// FuzzCallbacks feeds an adapter's parsers with callbacks that begin as true
// ones.
func FuzzCallbacks(f *testing.F, s Suite) {
	a := s.New(f, "http://carrier.invalid", nil)
	for _, c := range []provider.Callback{s.Inbound(f, s.Account, s.inbound(), true), s.Status(f, s.Account, s.event(s.Sequence[0]), true)} {
		f.Add(c.Header.Get("Content-Type"), c.URL, c.Body)
	}
	f.Add("application/json", "https://x/?bodySHA256=00&m=1&a=-1", []byte("{}"))
	f.Fuzz(func(t *testing.T, contentType, url string, body []byte) {
		c := provider.Callback{Method: http.MethodPost, URL: url, Header: http.Header{"Content-Type": {contentType}}, Body: body, ReceivedAt: noon}
		checkParsers(t, a, c)
		if a.Verify(s.Account, c) == nil {
			t.Error("an unsigned callback is taken for the provider's")
		}
	})
}

// FuzzAnswers feeds an adapter with answers of the provider. Whatever they
// are, a submission ends with an id or with a class, a 5xx is ambiguous, and
// nothing that was sent is given away.
func FuzzAnswers(f *testing.F, s Suite, seeds ...string) {
	for _, seed := range append(seeds, "", "{}", "null", "[]", "<html>", `{"code":21610}`, `{"messages":[]}`) {
		for _, status := range []int{200, 201, 400, 429, 500} {
			f.Add(status, []byte(seed))
		}
	}
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		if status < 200 || status > 599 {
			return
		}
		a := s.New(t, "http://carrier.invalid", &http.Client{Transport: fixed{status, body}})
		receipt, err := a.Submit(t.Context(), s.Account, s.submission())
		switch e := (*provider.Error)(nil); {
		case err == nil && (receipt.ProviderID == "" || status > 299):
			t.Errorf("%d is accepted as %+v", status, receipt)
		case err != nil && !errors.As(err, &e):
			t.Errorf("unclassified: %v", err)
		case status >= 500 && e.Class != provider.ClassAmbiguous:
			t.Errorf("%d is %s", status, e.Class)
		}
		s.discreet(t, err)
		if finder, can := a.(provider.Finder); can {
			_, err := finder.Find(t.Context(), s.Account, provider.Query{ClientRef: clientRef, From: s.Account.Address, To: recipient, Body: text})
			s.discreet(t, err)
			if err == nil && status > 299 {
				t.Errorf("Find takes %d for an answer", status)
			}
		}
		if reporter, can := a.(provider.Reporter); can {
			report, err := reporter.Report(t.Context(), s.Account, "SM1")
			s.discreet(t, err)
			if err == nil {
				checkReport(t, report)
			}
		}
		if lister, can := a.(provider.InboundLister); can {
			_, err := lister.ListInbound(t.Context(), s.Account, noon)
			s.discreet(t, err)
		}
		s.discreet(t, a.Check(t.Context(), s.Account))
	})
}

// fixed answers every request alike, without a network.
type fixed struct {
	status int
	body   []byte
}

// RoundTrip implements http.RoundTripper.
func (x fixed) RoundTrip(r *http.Request) (*http.Response, error) {
	return &http.Response{
		StatusCode: x.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: http.Header{},
		Body: io.NopCloser(bytes.NewReader(x.body)), Request: r,
	}, nil
}
