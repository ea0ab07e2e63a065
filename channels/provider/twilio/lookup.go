package twilio

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"

	api "github.com/twilio/twilio-go/rest/api/v2010"

	"github.com/trellishq/trellis/channels/provider"
)

// How much of Twilio's log one lookup reads.
const (
	pageSize = 200
	maxPages = 10
)

// Find implements provider.Finder: outbound messages with the query's numbers
// and text, created within its time. Twilio keeps no reference of ours, so
// another message of the same text to the same number is found too.
//
// It does not use the DateSent filter: date_sent is null until a message is
// sent, and the one that is looked for may still be in Twilio's queue. The log
// is newest first, so one page is nearly always enough.
func (ad *Adapter) Find(ctx context.Context, a provider.Account, q provider.Query) ([]provider.Found, error) {
	params := &api.ListMessageParams{}
	params.SetFrom(q.From).SetTo(q.To).SetPageSize(pageSize)
	var found []provider.Found
	err := ad.eachPage(ctx, a, params, func(page []api.ApiV2010Message) (more bool) {
		for _, m := range page {
			created := date(m.DateCreated)
			if outbound(m) && word(m.Body) == q.Body && within(created, q.Since, q.Until) {
				found = append(found, provider.Found{ProviderID: word(m.Sid), CreatedAt: created, Report: report(m)})
			}
		}
		return !endsBefore(page, q.Since)
	})
	if err != nil {
		return nil, err
	}
	provider.OldestFirst(found)
	return found, nil
}

// Report implements provider.Reporter.
func (ad *Adapter) Report(ctx context.Context, a provider.Account, providerID string) (provider.Report, error) {
	if !idPattern.MatchString(providerID) {
		return provider.Report{}, provider.NoSuchMessage()
	}
	call := ad.open(ctx, a)
	m, err := call.api.FetchMessage(providerID, nil)
	if err := call.failure(err); err != nil {
		if call.answer != nil && call.answer.Status == http.StatusNotFound {
			return provider.Report{}, provider.NoSuchMessage()
		}
		return provider.Report{}, provider.Asking(err)
	}
	if word(m.Sid) != providerID || word(m.Status) == "" {
		return provider.Report{}, provider.Asking(call.answer.NotUnderstood())
	}
	return report(*m), nil
}

// ListInbound implements provider.InboundLister, oldest first. Twilio drops a
// callback that it cannot deliver (rules E3-3): this is how it is recovered.
func (ad *Adapter) ListInbound(ctx context.Context, a provider.Account, since time.Time) ([]provider.Inbound, error) {
	params := &api.ListMessageParams{}
	params.SetTo(a.Address).SetDateSentAfter(since.UTC()).SetPageSize(pageSize)
	var messages []api.ApiV2010Message
	err := ad.eachPage(ctx, a, params, func(page []api.ApiV2010Message) bool {
		for _, m := range page {
			if word(m.Direction) == "inbound" && word(m.To) == a.Address && !date(m.DateSent).Before(since.Truncate(time.Second)) {
				messages = append(messages, m)
			}
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	inbound := make([]provider.Inbound, 0, len(messages))
	for i := len(messages) - 1; i >= 0; i-- { // Twilio lists the newest first
		in, err := ad.listed(ctx, a, messages[i])
		if err != nil {
			return nil, err
		}
		inbound = append(inbound, in)
	}
	return inbound, nil
}

func (ad *Adapter) listed(ctx context.Context, a provider.Account, m api.ApiV2010Message) (provider.Inbound, error) {
	in := provider.Inbound{
		EventKey: word(m.Sid), ProviderID: word(m.Sid), From: word(m.From), To: word(m.To), Body: word(m.Body),
		Segments: number(m.NumSegments), SentAt: date(m.DateSent),
	}
	if number(m.NumMedia) == 0 || !idPattern.MatchString(in.ProviderID) {
		return in, nil
	}
	call := ad.open(ctx, a)
	list, err := call.api.PageMedia(in.ProviderID, &api.ListMediaParams{}, "", "")
	switch err := call.failure(err); {
	case err != nil && call.answer != nil && call.answer.Status == http.StatusNotFound:
		return in, nil // deleted since; the text is not lost with it
	case err != nil:
		return in, provider.Asking(err)
	}
	for _, media := range list.MediaList {
		path := "/2010-04-01/Accounts/" + call.sid + "/Messages/" + in.ProviderID + "/Media/" + url.PathEscape(word(media.Sid))
		in.Media = append(in.Media, provider.Media{URL: ad.base.String() + path, ContentType: word(media.ContentType)})
	}
	return in, nil
}

// eachPage reads the log until visit wants no more. To stop before the end of
// the log is reached is an error: what was not read may hold what is looked for.
func (ad *Adapter) eachPage(ctx context.Context, a provider.Account, params *api.ListMessageParams, visit func([]api.ApiV2010Message) bool) error {
	token, page := "", ""
	for range maxPages {
		call := ad.open(ctx, a)
		list, err := call.api.PageMessage(params, token, page)
		if err := call.failure(err); err != nil {
			return provider.Asking(err)
		}
		if list.Messages == nil { // an empty log is an empty list, never absent
			return provider.Asking(call.answer.NotUnderstood())
		}
		if !visit(list.Messages) || word(list.NextPageUri) == "" {
			return nil
		}
		next, err := url.Parse(*list.NextPageUri)
		if err != nil {
			return provider.Asking(call.answer.NotUnderstood())
		}
		token, page = next.Query().Get("PageToken"), next.Query().Get("Page")
		if token == "" && page == "" {
			return provider.Asking(call.answer.NotUnderstood())
		}
	}
	return &provider.Error{Class: provider.ClassTransient, Code: "too_many", Message: "Twilio's log of these numbers is too long to be searched."}
}

// endsBefore tells whether a page, newest first, reaches back beyond a time.
func endsBefore(page []api.ApiV2010Message, since time.Time) bool {
	if len(page) == 0 {
		return true
	}
	first, last := date(page[0].DateCreated), date(page[len(page)-1].DateCreated)
	return !last.IsZero() && last.Before(since) && !first.Before(last)
}

// within compares in whole seconds, which is all that Twilio's dates have.
func within(at, since, until time.Time) bool {
	return !at.IsZero() && !at.Before(since.Truncate(time.Second)) && (until.IsZero() || !at.After(until))
}

func outbound(m api.ApiV2010Message) bool {
	switch word(m.Direction) {
	case "outbound-api", "outbound-call", "outbound-reply":
		return true
	default:
		return false
	}
}

func report(m api.ApiV2010Message) provider.Report {
	code := ""
	if m.ErrorCode != nil && *m.ErrorCode != 0 {
		code = strconv.Itoa(*m.ErrorCode)
	}
	r := newReport(word(m.Sid), word(m.Status), code)
	r.OccurredAt, r.Segments = date(m.DateUpdated), number(m.NumSegments)
	return r
}

func newReport(sid, raw, code string) provider.Report {
	s := status(raw)
	return provider.Report{
		EventKey: sid + ":" + raw + ":" + code, ProviderID: sid,
		Status: s, RawStatus: raw, ErrorCode: code, Class: reportedClass(s, code),
	}
}

func date(s *string) time.Time {
	at, err := time.Parse(time.RFC1123Z, word(s))
	if err != nil {
		return time.Time{}
	}
	return at.UTC()
}
