package channels

import (
	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/ent"
)

// view leaves the secrets out.
func (s *Service) view(row *ent.Channel) Channel {
	out := Channel{
		ID: row.ID, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, Version: row.Version,
		Kind: string(row.Kind), Provider: provider.Name(row.Provider), Name: row.Name, Address: row.Address,
		NumberID: row.NumberID, CredentialsHint: row.CredentialsHint,
		Status: string(row.Status), Destination: destinationOf(row), Restricted: row.Restricted, Blocked: row.Blocked, Fault: row.Fault, MaxSegments: row.MaxSegments, OnUnknown: string(row.OnUnknown),
	}
	if adapter, ok := s.adapters[out.Provider]; ok {
		out.Capabilities = adapter.Capabilities()
	}
	// The operator configures its carrier; a holder has no use for the token.
	if row.HookToken != nil {
		out.InboundURL = s.hookURL(row.Provider, *row.HookToken) + "/inbound"
		out.StatusURL = s.hookURL(row.Provider, *row.HookToken) + "/status"
	}
	return out
}
