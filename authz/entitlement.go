package authz

import (
	"slices"
	"strings"
)

// Entitlement is a service that a tenant has or has not, whoever asks: what an
// ancestor in the tree has switched on for it. A permission says what a person
// may do with a service that is there.
type Entitlement string

// The entitlements. What every tenant has, such as text messages on a channel
// of its own, is none.
const (
	Bulk     Entitlement = "bulk"
	Email    Entitlement = "email"
	LiveChat Entitlement = "live_chat"
	Voice    Entitlement = "voice"
	Social   Entitlement = "social"
	Fax      Entitlement = "fax"
	API      Entitlement = "api"
	Webhooks Entitlement = "webhooks"
)

// entitlements is the order in which they are told and stored as bits.
var entitlements = [...]Entitlement{Bulk, Email, LiveChat, Voice, Social, Fax, API, Webhooks}

// Entitlements lists every entitlement.
func Entitlements() []Entitlement { return slices.Clone(entitlements[:]) }

// needs says which entitlement a tenant must have before anybody in it may do
// something with an object, whatever his role: bulk messages and webhooks to
// the outside are there for those who were given them. API keys are no object
// of this table: they can be listed and revoked also where the API was taken
// away; that they cannot be made or used then is identity's part.
var needs = map[string]Entitlement{
	"campaigns": Bulk,
	"webhooks":  Webhooks,
}

// Needs is the entitlement that a permission is worth nothing without; empty
// where it needs none.
func (p Permission) Needs() Entitlement { return needs[p.Object()] }

// EntitlementSet is a set of entitlements. The zero value is the empty one; sets
// are compared with ==.
type EntitlementSet uint16

// EntitlementsOf is the set of what it is given; what is not an entitlement is left out.
func EntitlementsOf(of ...Entitlement) EntitlementSet {
	var set EntitlementSet
	for _, e := range of {
		set |= bitOf(e)
	}
	return set
}

// AllEntitlements is the set of all of them.
func AllEntitlements() EntitlementSet { return EntitlementsOf(entitlements[:]...) }

func bitOf(e Entitlement) EntitlementSet {
	if i := slices.Index(entitlements[:], e); i >= 0 {
		return 1 << i
	}
	return 0
}

// Has tells whether an entitlement is in the set. The empty one, which is that
// of a permission without a need, is in every set.
func (s EntitlementSet) Has(e Entitlement) bool { return e == "" || s&bitOf(e) != 0 }

// And is what both sets have.
func (s EntitlementSet) And(other EntitlementSet) EntitlementSet { return s & other }

// Without is what the set has and the other has not.
func (s EntitlementSet) Without(other EntitlementSet) EntitlementSet { return s &^ other }

// With is the set with an entitlement in it, or without it.
func (s EntitlementSet) With(e Entitlement, in bool) EntitlementSet {
	if in {
		return s | bitOf(e)
	}
	return s &^ bitOf(e)
}

// List is the set's entitlements in the order of Entitlements.
func (s EntitlementSet) List() []Entitlement {
	list := make([]Entitlement, 0, len(entitlements))
	for _, e := range entitlements {
		if s.Has(e) {
			list = append(list, e)
		}
	}
	return list
}

// Words is List as text.
func (s EntitlementSet) Words() []string {
	words := make([]string, 0, len(entitlements))
	for _, e := range s.List() {
		words = append(words, string(e))
	}
	return words
}

// String shows the set in logs and tests.
func (s EntitlementSet) String() string { return "{" + strings.Join(s.Words(), " ") + "}" }

// EntitlementsOfWords reads what Words has written; words that are no entitlement, such
// as those of a newer version, are left out.
func EntitlementsOfWords(words []string) EntitlementSet {
	var set EntitlementSet
	for _, word := range words {
		set |= bitOf(Entitlement(word))
	}
	return set
}
