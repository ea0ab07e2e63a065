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
		Status: string(row.Status), Destination: destinationOf(row), Restricted: row.Restricted, Blocked: row.Blocked, Fault: row.Fault, MaxSegments: row.MaxSegments, OnUnknown: string(row.OnUnknown), ReopenWithinHours: row.ReopenWithinHours,
		ContactListID: row.ContactListID,
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

// audited is what of a channel is held side by side before and after a change:
// of its account no more than the hint.
func audited(row *ent.Channel) map[string]any {
	return map[string]any{
		"name": row.Name, "address": row.Address, "provider": row.Provider, "status": row.Status,
		"max_segments": row.MaxSegments, "on_unknown": row.OnUnknown, "reopen_within_hours": row.ReopenWithinHours, "credentials_hint": row.CredentialsHint,
		"destination_type": row.DestinationType, "destination_user_id": row.DestinationUserID,
		"destination_queue_id": row.DestinationQueueID, "contact_list_id": row.ContactListID, "restricted": row.Restricted,
	}
}
