package providertest

import (
	"net/http"
	"testing"
	"time"

	"github.com/trellishq/trellis/channels/provider"
)

// lookups: what the provider can be asked, and that no answer is never taken
// for an empty one.
func (s Suite) lookups(t *testing.T) {
	a := s.New(t, "http://carrier.invalid", nil)
	if _, can := a.(provider.Finder); can {
		t.Run("Find", s.finds)
	}
	if _, can := a.(provider.Reporter); can {
		t.Run("Report", s.reports)
	}
	if _, can := a.(provider.InboundLister); can {
		t.Run("ListInbound", s.listsInbound)
	}
	if _, can := a.(provider.MediaFetcher); can {
		t.Run("MediaRequest", s.fetchesMedia)
	}
}

// unanswered runs a question against every kind of no answer.
func (s Suite) unanswered(t *testing.T, f *front, ask func() error) {
	t.Helper()
	const quote = `{"message":QUOTE}`
	for name, broken := range map[string]fault{
		"500":     answering(http.StatusInternalServerError, "application/json", quote),
		"502":     answering(http.StatusBadGateway, "text/html", "<html>QUOTE</html>"),
		"429":     answering(http.StatusTooManyRequests, "application/json", quote),
		"reset":   reset,
		"broken":  brokenOff,
		"garbage": answering(http.StatusOK, "text/html", "<html>QUOTE</html>"),
		"empty":   answering(http.StatusOK, "application/json", "{}"),
		"null":    answering(http.StatusOK, "application/json", "null"),
	} {
		f.breakWith(broken)
		err := ask()
		if err == nil {
			t.Errorf("%s is taken for an answer", name)
			continue
		}
		s.check(t, err, provider.ClassTransient)
	}
	f.breakWith(answering(http.StatusNotFound, "application/json", quote))
	if err := ask(); err == nil {
		t.Error("404 is taken for an answer")
	} else {
		s.discreet(t, err)
	}
	f.breakWith(nil)
}

func (s Suite) finds(t *testing.T) {
	f, a := s.open(t)
	submission := s.submission()
	submission.ClientRef = "0192f0c1-0000-7000-8000-00000000f17d"
	submission.Body = "Find me"
	receipt, err := a.Submit(t.Context(), s.Account, submission)
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	query := provider.Query{
		ClientRef: submission.ClientRef, Attempt: submission.Attempt, From: submission.From, To: submission.To, Body: submission.Body,
		Since: time.Now().Add(-time.Hour), Until: time.Now().Add(time.Hour),
	}
	finder := a.(provider.Finder)
	found, err := finder.Find(t.Context(), s.Account, query)
	if err != nil || len(found) != 1 || found[0].ProviderID != receipt.ProviderID {
		t.Fatalf("Find = %+v, %v; want %s", found, err, receipt.ProviderID)
	}
	if found[0].CreatedAt.IsZero() || found[0].Report.ProviderID != receipt.ProviderID {
		t.Errorf("found %+v", found[0])
	}
	query.ClientRef, query.Body = "0192f0c1-0000-7000-8000-0000000000ff", "Never sent"
	if found, err := finder.Find(t.Context(), s.Account, query); err != nil || len(found) != 0 {
		t.Errorf("Find of nothing = %+v, %v", found, err)
	}
	s.unanswered(t, f, func() error {
		_, err := finder.Find(t.Context(), s.Account, query)
		return err
	})
}

func (s Suite) reports(t *testing.T) {
	f, a := s.open(t)
	receipt, err := a.Submit(t.Context(), s.Account, s.submission())
	if err != nil {
		t.Fatalf("Submit: %v", err)
	}
	reporter := a.(provider.Reporter)
	report, err := reporter.Report(t.Context(), s.Account, receipt.ProviderID)
	if err != nil || report.ProviderID != receipt.ProviderID {
		t.Fatalf("Report = %+v, %v", report, err)
	}
	checkReport(t, report)
	for _, id := range []string{"SM0000000000000000000000000000dead", "../account", "a b?c", ""} {
		if got, err := reporter.Report(t.Context(), s.Account, id); err == nil {
			t.Errorf("Report of %q = %+v", id, got)
		}
	}
	s.unanswered(t, f, func() error {
		_, err := reporter.Report(t.Context(), s.Account, receipt.ProviderID)
		return err
	})
}

func (s Suite) listsInbound(t *testing.T) {
	f, a := s.open(t)
	want := s.inbound()
	want.SentAt = time.Now().UTC().Truncate(time.Second)
	s.Receive(t, want)
	lister := a.(provider.InboundLister)
	got, err := lister.ListInbound(t.Context(), s.Account, want.SentAt.Add(-time.Minute))
	if err != nil || len(got) != 1 {
		t.Fatalf("ListInbound = %+v, %v", got, err)
	}
	if got[0].ProviderID != want.ProviderID || got[0].From != want.From || got[0].To != want.To || got[0].Body != want.Body {
		t.Errorf("listed %+v, want %+v", got[0], want)
	}
	if s.Inbound != nil {
		called, err := a.ParseInbound(s.Inbound(t, s.Account, want, false))
		if err != nil || len(called) != 1 || called[0].EventKey != got[0].EventKey {
			t.Errorf("the callback %+v and the list %+v do not share their key", called, got)
		}
	}
	if later, err := lister.ListInbound(t.Context(), s.Account, want.SentAt.Add(time.Minute)); err != nil || len(later) != 0 {
		t.Errorf("ListInbound of later = %+v, %v", later, err)
	}
	s.unanswered(t, f, func() error {
		_, err := lister.ListInbound(t.Context(), s.Account, want.SentAt)
		return err
	})
}

// fetchesMedia: credentials go to the provider's own host and to no other.
func (s Suite) fetchesMedia(t *testing.T) {
	f, a := s.open(t)
	fetcher := a.(provider.MediaFetcher)
	own, err := fetcher.MediaRequest(t.Context(), s.Account, f.URL+s.OwnMedia)
	if err != nil || len(own.Header) == 0 || own.Method != http.MethodGet {
		t.Fatalf("request for a picture of the provider's own: %v, %v", own, err)
	}
	for _, link := range []string{"https://cdn.example.test/p.jpg", "https://" + f.Listener.Addr().String() + "/p.jpg", "https://127.0.0.1.example.test" + s.OwnMedia} {
		foreign, err := fetcher.MediaRequest(t.Context(), s.Account, link)
		if err != nil || len(foreign.Header) != 0 {
			t.Errorf("request for %s: %v, %v", link, foreign, err)
		}
	}
	for _, link := range []string{"", "p.jpg", "http://cdn.example.test/p.jpg", "file:///etc/passwd", "https://user:pass@cdn.example.test/", "https://", "://x", "https://a b/"} {
		if req, err := fetcher.MediaRequest(t.Context(), s.Account, link); err == nil {
			t.Errorf("request for %q: %v", link, req.URL)
		}
	}
}
