package sim

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"

	"github.com/trellishq/trellis/channels/provider"
)

// Account is a customer of a carrier: Trellis's side of a channel.
type Account struct {
	Provider provider.Name `json:"provider"`
	// ID names the account in scripts, filters and the ledger. When empty it
	// is taken from the credentials: account_sid, api_key or account.
	ID string `json:"id"`
	// Credentials by the names that the adapters use. Twilio: account_sid,
	// auth_token and, while a token is rotated, auth_token_next. Clickatell:
	// api_key, callback_secret, api_id. Operator: account, secret.
	Credentials provider.Credentials `json:"credentials"`
	// Addresses that the account may send from. Without any, every sender is
	// accepted.
	Addresses []string `json:"addresses"`
	// InboundURL is where customers' messages to these addresses are sent.
	InboundURL string `json:"inbound_url"`
	// StatusURL is where Clickatell sends delivery reports; the others are
	// told with each message.
	StatusURL string `json:"status_url"`
}

// account is a registered Account. It never changes; registering again
// replaces it.
type account struct {
	Account
	id      string // the credential that names the account to the carrier
	secret  string // what proves a request, or signs a callback
	next    string // the token that is about to replace secret
	numbers map[string]destination
}

// destination is where the callbacks of one address go.
type destination struct{ inbound, status string }

func (a *account) key() accountKey { return accountKey{a.Provider, a.id} }

// holds tells whether the account may send from an address.
func (a *account) holds(from string) bool {
	if len(a.numbers) == 0 {
		return true
	}
	_, ok := a.numbers[from]
	return ok
}

// onlyAddress is the account's address where there is no choice.
func (a *account) onlyAddress() string {
	if len(a.numbers) != 1 {
		return ""
	}
	for address := range a.numbers {
		return address
	}
	return ""
}

func (a *account) destination(address string) destination {
	if d, ok := a.numbers[address]; ok {
		return d
	}
	return destination{inbound: a.InboundURL, status: a.StatusURL}
}

// accountKey is how a carrier finds an account by what a request presents.
type accountKey struct {
	provider provider.Name
	id       string
}

type registry struct {
	mu       sync.RWMutex
	accounts map[accountKey]*account
}

func newRegistry() *registry { return &registry{accounts: map[accountKey]*account{}} }

// AddAccount registers an account. Registering it again replaces its
// credentials and adds the addresses, each with the callback URLs given now:
// two channels may share one account at the carrier.
func (s *Simulator) AddAccount(a Account) error {
	added, err := newAccount(a)
	if err != nil {
		return err
	}
	key := added.key()
	s.accounts.mu.Lock()
	defer s.accounts.mu.Unlock()
	if before := s.accounts.accounts[key]; before != nil {
		for address, d := range before.numbers {
			if _, again := added.numbers[address]; !again {
				added.numbers[address] = d
			}
		}
		added.Addresses = slices.Sorted(maps.Keys(added.numbers))
	}
	s.accounts.accounts[key] = added
	return nil
}

func newAccount(a Account) (*account, error) {
	c := a.Credentials
	added := &account{Account: a, numbers: make(map[string]destination, len(a.Addresses))}
	switch a.Provider {
	case provider.Twilio:
		added.id, added.secret, added.next = c["account_sid"], c["auth_token"], c["auth_token_next"]
	case provider.Clickatell:
		added.id, added.secret = c["api_key"], c["callback_secret"]
	case provider.Scopserv:
		added.id, added.secret = c["account"], c["secret"]
	default:
		return nil, fmt.Errorf("sim: no carrier plays provider %q", a.Provider)
	}
	if added.id == "" {
		return nil, errors.New("sim: an account needs account_sid, api_key or account among its credentials")
	}
	if added.secret == "" && a.Provider != provider.Clickatell {
		return nil, errors.New("sim: an account needs auth_token or secret among its credentials")
	}
	if added.ID == "" {
		added.ID = added.id
	}
	for _, address := range a.Addresses {
		added.numbers[address] = destination{inbound: a.InboundURL, status: a.StatusURL}
	}
	return added, nil
}

// Accounts lists the registered accounts, credentials included.
func (s *Simulator) Accounts() []Account {
	s.accounts.mu.RLock()
	defer s.accounts.mu.RUnlock()
	out := make([]Account, 0, len(s.accounts.accounts))
	for _, a := range s.accounts.accounts {
		out = append(out, a.Account)
	}
	slices.SortFunc(out, func(a, b Account) int {
		return cmp.Or(cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.ID, b.ID))
	})
	return out
}

// find returns the account that a carrier knows by this id, or nil.
func (g *registry) find(p provider.Name, id string) *account {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.accounts[accountKey{p, id}]
}

// current returns an account as it was last registered.
func (g *registry) current(a *account) *account {
	g.mu.RLock()
	defer g.mu.RUnlock()
	return g.accounts[a.key()]
}

// holder returns the account that a message to an address belongs to.
// Provider and name narrow the choice and may be empty.
func (g *registry) holder(p provider.Name, name, address string) (*account, error) {
	g.mu.RLock()
	defer g.mu.RUnlock()
	var found *account
	for _, a := range g.accounts {
		_, has := a.numbers[address]
		named := name != "" && (a.ID == name || a.id == name)
		if (p != "" && a.Provider != p) || (name != "" && !named) || (!has && (!named || len(a.numbers) > 0)) {
			continue
		}
		if found != nil {
			return nil, fmt.Errorf("sim: several accounts hold %s; name the account", address)
		}
		found = a
	}
	if found == nil {
		return nil, fmt.Errorf("sim: no account of provider %q named %q holds %s", p, name, address)
	}
	return found, nil
}
