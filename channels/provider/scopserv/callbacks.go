package scopserv

import (
	"encoding/json"

	"github.com/trellishq/trellis/channels/provider"
)

// Verify implements provider.Adapter. The account is named in a header that
// the signature does not cover, so it counts only after the signature.
func (*Adapter) Verify(a provider.Account, c provider.Callback) error {
	if err := CheckSignature(c, a.Credentials["secret"]); err != nil {
		return err
	}
	if c.Header.Get(HeaderAccount) != a.Credentials["account"] {
		return provider.ErrForeign
	}
	// Only an inbound message names an address of ours; a report is bound to
	// its channel by the URL that the signature covers.
	var body struct {
		To string `json:"to"`
	}
	if json.Unmarshal(c.Body, &body) == nil && body.To != "" && body.To != a.Address {
		return provider.ErrForeign
	}
	return nil
}

// ParseInbound implements provider.Adapter.
func (*Adapter) ParseInbound(c provider.Callback) ([]provider.Inbound, error) { return ReadInbound(c) }

// ParseStatus implements provider.Adapter.
func (*Adapter) ParseStatus(c provider.Callback) ([]provider.Report, error) { return ReadStatus(c) }

// ReadInbound reads an inbound callback of the contract.
func ReadInbound(c provider.Callback) ([]provider.Inbound, error) {
	var e InboundEvent
	if err := json.Unmarshal(c.Body, &e); err != nil || !e.complete() {
		return nil, provider.ErrMalformed
	}
	return []provider.Inbound{e.Inbound()}, nil
}

// ReadStatus reads a delivery report of the contract.
func ReadStatus(c provider.Callback) ([]provider.Report, error) {
	var e ReportEvent
	if err := json.Unmarshal(c.Body, &e); err != nil || e.EventID == "" || e.MessageID == "" || e.Status == "" {
		return nil, provider.ErrMalformed
	}
	return []provider.Report{e.Report()}, nil
}

// Acknowledgement implements provider.Adapter: any 200 ends a callback.
func (*Adapter) Acknowledgement() provider.Acknowledgement {
	return provider.Acknowledgement{ContentType: "application/json", Body: "{}"}
}
