package identity

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/ent"
	"github.com/trellishq/trellis/ent/channel"
	"github.com/trellishq/trellis/internal/fault"
	"github.com/trellishq/trellis/tenants"
	"github.com/trellishq/trellis/tenants/scope"
)

// KeyLimits narrow where a key may be used, and on what (C10-1). Empty lists
// narrow nothing.
type KeyLimits struct {
	// ChannelIDs are the channels that the key is kept to, with the conversations
	// on them.
	ChannelIDs []uuid.UUID
	// AllowedAddresses are the networks that the key may be used from.
	AllowedAddresses []netip.Prefix
	// AllowedOrigins are the web sites that the key may be used from.
	AllowedOrigins []string
}

const (
	maxKeyChannels  = 200
	maxKeyAddresses = 50
)

func limitsOf(k *ent.APIKey) KeyLimits {
	return KeyLimits{ChannelIDs: k.ChannelIds, AllowedAddresses: networks(k.AllowedAddresses), AllowedOrigins: k.AllowedOrigins}
}

// networks reads what addresses wrote. A line that cannot be read is no network:
// the list stays a list, and lets nobody in.
func networks(stored []string) []netip.Prefix {
	var list []netip.Prefix
	for _, text := range stored {
		network, _ := netip.ParsePrefix(text)
		list = append(list, network)
	}
	return list
}

func (l KeyLimits) addresses() []string {
	list := make([]string, 0, len(l.AllowedAddresses))
	for _, network := range l.AllowedAddresses {
		list = append(list, network.String())
	}
	return list
}

// clean brings limits to the form in which they are kept. Those of a key that
// gives them stick: what it leaves open is as narrow as itself, and what it
// names must be within.
func (l KeyLimits) clean(giver Principal) (KeyLimits, error) {
	if len(l.ChannelIDs) > maxKeyChannels {
		return l, fault.InvalidField(fault.CodeInvalid, "body.channel_ids", fmt.Sprintf("must be %d at most", maxKeyChannels))
	}
	if len(l.AllowedAddresses) > maxKeyAddresses {
		return l, fault.InvalidField(fault.CodeInvalid, "body.allowed_addresses", fmt.Sprintf("must be %d at most", maxKeyAddresses))
	}
	l.ChannelIDs = distinct(l.ChannelIDs)
	for i, network := range l.AllowedAddresses {
		l.AllowedAddresses[i] = plain(network)
	}
	l.AllowedAddresses = distinct(l.AllowedAddresses)
	origins, err := tenants.CleanOrigins(l.AllowedOrigins)
	if err != nil {
		return l, err
	}
	l.AllowedOrigins = origins
	if giver.Kind != scope.ActorKey {
		return l, nil
	}
	return l.inherit(giver.Limits)
}

// inherit narrows to the limits of the key that gives.
func (l KeyLimits) inherit(giver KeyLimits) (KeyLimits, error) {
	if len(l.ChannelIDs) == 0 {
		l.ChannelIDs = giver.ChannelIDs
	}
	if len(l.AllowedAddresses) == 0 {
		l.AllowedAddresses = giver.AllowedAddresses
	}
	if len(l.AllowedOrigins) == 0 {
		l.AllowedOrigins = append(l.AllowedOrigins, giver.AllowedOrigins...)
	}
	if field := giver.exceededBy(l); field != "" {
		return l, fault.New(fault.Forbidden, fault.CodeKeyRestricted, "A key makes no key that reaches further than itself.").
			At("body."+field, "is beyond what this key is kept to")
	}
	return l, nil
}

// exceededBy names the list in which other limits reach beyond these.
func (l KeyLimits) exceededBy(other KeyLimits) string {
	within := func(network netip.Prefix) bool {
		return slices.ContainsFunc(l.AllowedAddresses, func(own netip.Prefix) bool {
			return own.Bits() <= network.Bits() && own.Contains(network.Addr())
		})
	}
	switch {
	case len(l.ChannelIDs) > 0 && (len(other.ChannelIDs) == 0 || !subset(other.ChannelIDs, l.ChannelIDs)):
		return "channel_ids"
	case len(l.AllowedAddresses) > 0 && (len(other.AllowedAddresses) == 0 ||
		slices.ContainsFunc(other.AllowedAddresses, func(n netip.Prefix) bool { return !within(n) })):
		return "allowed_addresses"
	case len(l.AllowedOrigins) > 0 && (len(other.AllowedOrigins) == 0 || !subset(other.AllowedOrigins, l.AllowedOrigins)):
		return "allowed_origins"
	}
	return ""
}

func subset[T comparable](part, whole []T) bool {
	return !slices.ContainsFunc(part, func(one T) bool { return !slices.Contains(whole, one) })
}

// distinct keeps each value once, in the order in which they came.
func distinct[T comparable](list []T) []T {
	var out []T
	for _, one := range list {
		if !slices.Contains(out, one) {
			out = append(out, one)
		}
	}
	return out
}

// plain is a network without the bits behind its length, and without IPv6 around
// an IPv4 address.
func plain(network netip.Prefix) netip.Prefix {
	if address := network.Addr(); address.Is4In6() && network.Bits() >= 96 {
		network = netip.PrefixFrom(address.Unmap(), network.Bits()-96)
	}
	return network.Masked()
}

// checkChannels fails where a list names what is no channel in use of the
// scope's tenant, in the running transaction.
func (s *Service) checkChannels(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	known, err := s.cfg.Store.Ent(ctx).Channel.Query().
		Where(channel.IDIn(ids...), channel.StatusNEQ(channel.StatusReleased)).IDs(ctx)
	if err != nil {
		return fmt.Errorf("reading the channels of an API key: %w", err)
	}
	for i, channelID := range ids {
		if !slices.Contains(known, channelID) {
			return fault.InvalidField(fault.CodeNotFound, fmt.Sprintf("body.channel_ids[%d]", i), "is not a channel of the tenant")
		}
	}
	return nil
}

// Permits tells whether a caller's credential may be used from where a request
// comes from: the client's address, and the web site, where a browser names one.
// It fails with key_restricted.
func (p Principal) Permits(address, origin string) error {
	if len(p.Limits.AllowedAddresses) > 0 {
		ip, err := netip.ParseAddr(address)
		ip = ip.Unmap().WithZone("")
		if err != nil || !slices.ContainsFunc(p.Limits.AllowedAddresses, func(n netip.Prefix) bool { return n.Contains(ip) }) {
			return fault.New(fault.Forbidden, fault.CodeKeyRestricted, "This API key cannot be used from this address.")
		}
	}
	if origin != "" && len(p.Limits.AllowedOrigins) > 0 && !slices.Contains(p.Limits.AllowedOrigins, strings.ToLower(origin)) {
		return fault.New(fault.Forbidden, fault.CodeKeyRestricted, "This API key cannot be used from this web site.")
	}
	return nil
}

// ParseNetworks reads networks as people write them: 192.0.2.0/24, or an address
// for itself alone.
func ParseNetworks(texts []string) ([]netip.Prefix, error) {
	list := make([]netip.Prefix, 0, len(texts))
	for i, text := range texts {
		network, err := netip.ParsePrefix(text)
		if address, plainErr := netip.ParseAddr(text); plainErr == nil && address.Zone() == "" {
			network, err = netip.PrefixFrom(address, address.BitLen()), nil
		}
		if err != nil {
			return nil, fault.InvalidField(fault.CodeInvalid, fmt.Sprintf("body.allowed_addresses[%d]", i),
				"must be an address or a network, such as 192.0.2.7 or 192.0.2.0/24")
		}
		list = append(list, network)
	}
	return list, nil
}
