package sandbox

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/scopserv"
	"github.com/trellishq/trellis/channels/provider/segments"
)

var _ provider.Injector = (*Adapter)(nil)

// InboundCallback implements provider.Injector: the callback of somebody who
// writes to an account of the sandbox, signed like any other.
func (ad *Adapter) InboundCallback(a provider.Account, inboundURL string, in provider.Inbound) (provider.Callback, error) {
	now := ad.clock.Now()
	body, err := json.Marshal(scopserv.InboundEvent{
		EventID: in.EventKey, MessageID: in.EventKey, From: in.From, To: a.Address, Text: in.Body,
		Segments: segments.Count(in.Body).Segments, ReceivedAt: now,
	})
	if err != nil {
		return provider.Callback{}, err
	}
	request, err := http.NewRequest(http.MethodPost, inboundURL, bytes.NewReader(body))
	if err != nil {
		return provider.Callback{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	scopserv.SignRequest(request, account, a.Credentials["secret"], now, body)
	return provider.Callback{Method: http.MethodPost, URL: inboundURL, Header: request.Header, Body: body, ReceivedAt: now}, nil
}
