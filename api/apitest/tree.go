package apitest

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
)

// Tenant is a node of the tree with the people who act there.
type Tenant struct {
	ID    uuid.UUID
	Admin *Client
	// Of customers only.
	Manager, Agent, User *Client
}

// Path is the URL path of something of the tenant's.
func (n Tenant) Path(format string, args ...any) string {
	return "/v1/tenants/" + n.ID.String() + fmt.Sprintf(format, args...)
}

// Tree is an operator with a reseller of either level and two customers.
type Tree struct {
	Operator *Client
	L1, L2   Tenant
	// Customer stands below L2, Other below L1.
	Customer, Other Tenant
}

var names atomic.Int64

// Grow makes a tree through the front door, everybody doing what is his.
func (p *Platform) Grow(t testing.TB) Tree {
	t.Helper()
	tree := Tree{Operator: p.Operator(t)}
	tree.L1 = p.NewTenant(t, tree.Operator, p.operator, "reseller_l1")
	tree.L2 = p.NewTenant(t, tree.L1.Admin, tree.L1.ID, "reseller_l2")
	tree.Customer = p.NewTenant(t, tree.L2.Admin, tree.L2.ID, "customer")
	tree.Other = p.NewTenant(t, tree.L1.Admin, tree.L1.ID, "customer")
	return tree
}

// NewTenant makes a tenant with its people, as the one above would.
func (p *Platform) NewTenant(t testing.TB, by *Client, parent uuid.UUID, kind string) Tenant {
	t.Helper()
	name := fmt.Sprintf("%s-%d", kind, names.Add(1))
	node := Tenant{ID: by.Post(t, "/v1/tenants", Body{
		"parent_id": parent, "kind": kind, "name": name, "country": "CA", "time_zone": "America/Toronto",
	}).Want(t, http.StatusCreated).ID(t, "id")}
	node.Admin = p.NewUser(t, by, node, "tenant_admin")
	if kind == "customer" {
		node.Manager = p.NewUser(t, node.Admin, node, "manager")
		node.Agent = p.NewUser(t, node.Admin, node, "agent")
		node.User = p.NewUser(t, node.Admin, node, "user")
	}
	return node
}

// NewUser makes a user and signs him in.
func (p *Platform) NewUser(t testing.TB, by *Client, node Tenant, role string) *Client {
	t.Helper()
	login := fmt.Sprintf("%s-%d@%s.example", role, names.Add(1), node.ID)
	by.Post(t, node.Path("/users"), Body{"login": login, "name": role, "role": role, "password": Password, "send_welcome": false}).
		Want(t, http.StatusCreated)
	return p.Login(t, login)
}

// Line is a channel that works: connected to a simulated carrier.
type Line struct {
	Tenant    Tenant
	ChannelID uuid.UUID
	Address   string
	Provider  provider.Name
	Account   sim.Account
}

// twilioSID makes an account id of Twilio's form.
func twilioSID() string { return fmt.Sprintf("AC%032x", names.Add(1)) }

// TwilioLine connects a tenant's own Twilio account.
func (p *Platform) TwilioLine(t testing.TB, node Tenant) Line {
	t.Helper()
	return p.TwilioLineAt(t, node, NewAddress())
}

// TwilioLineAt connects a tenant's own Twilio account with a number that
// another tenant's account may have as well.
func (p *Platform) TwilioLineAt(t testing.TB, node Tenant, address string) Line {
	t.Helper()
	return p.connect(t, node, address, provider.Twilio, provider.Credentials{
		"account_sid": twilioSID(), "auth_token": fmt.Sprintf("0123456789abcdef%016x", names.Add(1)),
	})
}

// ClickatellLine connects a tenant's own Clickatell account.
func (p *Platform) ClickatellLine(t testing.TB, node Tenant) Line {
	t.Helper()
	return p.connect(t, node, NewAddress(), provider.Clickatell, provider.Credentials{
		"api_key": fmt.Sprintf("clickatell-key-%06d==", names.Add(1)), "callback_secret": "clickatell-callback-secret",
	})
}

// NewAddress is a Canadian number that nothing else in the tests has.
func NewAddress() string { return fmt.Sprintf("+1514555%04d", names.Add(1)%10000) }

func (p *Platform) connect(t testing.TB, node Tenant, address string, name provider.Name, credentials provider.Credentials) Line {
	t.Helper()
	line := Line{Tenant: node, Address: address, Provider: name}
	line.Account = sim.Account{Provider: name, Credentials: credentials, Addresses: []string{line.Address}}
	_ = p.Sim.AddAccount(line.Account)
	r := node.Admin.Post(t, node.Path("/channels"), Body{
		"name": "Line", "provider": name, "address": line.Address, "credentials": credentials,
	}).Want(t, http.StatusCreated)
	line.ChannelID = r.ID(t, "id")
	line.Account.InboundURL, line.Account.StatusURL = r.String(t, "inbound_url"), r.String(t, "status_url")
	_ = p.Sim.AddAccount(line.Account)
	return line
}

// CarrierLine takes a number of the operator's down the tree to a customer
// below L2 and returns it with the channel that it has become there.
func (p *Platform) CarrierLine(t testing.TB, tree Tree) (line Line, numberID uuid.UUID) {
	t.Helper()
	line = Line{Tenant: tree.Customer, Address: NewAddress(), Provider: provider.Scopserv}
	credentials := p.Carrier(line.Address, "")
	operator := Tenant{ID: p.operator}
	r := tree.Operator.Post(t, operator.Path("/numbers"), Body{
		"address": line.Address, "provider": provider.Scopserv, "credentials": credentials,
	}).Want(t, http.StatusCreated)
	numberID = r.ID(t, "id")
	p.Carrier(line.Address, r.String(t, "inbound_url"))
	line.Account = sim.Account{
		Provider: provider.Scopserv, Credentials: credentials,
		Addresses: []string{line.Address}, InboundURL: r.String(t, "inbound_url"),
	}
	tree.Operator.Post(t, operator.Path("/numbers/%s/assign", numberID), Body{"tenant_id": tree.L1.ID}).Want(t, http.StatusOK)
	tree.L1.Admin.Post(t, tree.L1.Path("/numbers/%s/assign", numberID), Body{"tenant_id": tree.L2.ID}).Want(t, http.StatusOK)
	tree.L2.Admin.Post(t, tree.L2.Path("/numbers/%s/assign", numberID), Body{"tenant_id": tree.Customer.ID}).Want(t, http.StatusOK)
	line.ChannelID = tree.Customer.Admin.Get(t, tree.Customer.Path("/channels")).Want(t, http.StatusOK).ID(t, "items.0.id")
	return line, numberID
}

// Customer is the number of somebody outside.
const Customer = "+15145550199"

// Receive lets a customer write to a line, and the platform take it in.
func (p *Platform) Receive(t testing.TB, line Line, in sim.Inbound) sim.Received {
	t.Helper()
	got := p.Inject(t, line, in)
	p.Work(t)
	return got
}

// Inject lets a customer write to a line. The platform has acknowledged it,
// and worked on nothing.
func (p *Platform) Inject(t testing.TB, line Line, in sim.Inbound) sim.Received {
	t.Helper()
	in.Provider, in.Account, in.To = line.Provider, line.accountID(), line.Address
	if in.From == "" {
		in.From = Customer
	}
	got, err := p.Sim.Inject(t.Context(), in)
	if err != nil {
		t.Fatalf("apitest: injecting: %v", err)
	}
	return got
}

// accountID is how the simulator names the line's account.
func (l Line) accountID() string {
	for _, name := range []string{"account_sid", "api_key", "account"} {
		if id := l.Account.Credentials[name]; id != "" {
			return id
		}
	}
	return ""
}
