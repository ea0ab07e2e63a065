package crashtest

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/trellishq/trellis/channels/provider"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/store"
)

// foundation is the database that every world begins with a copy of: a tenant
// with a line over each carrier.
var foundation struct {
	tenant string
	key    string // an API key of the tenant
	lines  []line
}

const foundationDatabase = "foundation"

// line is a channel and the account behind it.
type line struct {
	provider          provider.Name
	channel           string
	address           string
	credentials       provider.Credentials
	inbound, statuses string // paths of the callbacks
}

// account is the line as its carrier knows it.
func (l line) account(publicURL string) sim.Account {
	a := sim.Account{Provider: l.provider, Credentials: l.credentials, Addresses: []string{l.address}}
	if l.inbound != "" {
		a.InboundURL = publicURL + l.inbound
	}
	if l.statuses != "" {
		a.StatusURL = publicURL + l.statuses
	}
	return a
}

func lines() []line {
	return []line{
		{provider: provider.Scopserv, address: "+15145550100", credentials: provider.Credentials{
			"account": "operator", "secret": "operator-carrier-secret",
		}},
		{provider: provider.Twilio, address: "+15145550101", credentials: provider.Credentials{
			"account_sid": "AC0123456789abcdef0123456789abcdef", "auth_token": "0123456789abcdef0123456789abcdef",
		}},
		{provider: provider.Clickatell, address: "+15145550102", credentials: provider.Credentials{
			"api_key": "clickatell-key-000001==", "callback_secret": "clickatell-callback-secret",
		}},
	}
}

const (
	staffLogin = "staff@operator.example"
	adminLogin = "tara@maple.example"
	password   = "Correct-horse-7-battery"
)

// layFoundation makes the tenant through the front door, with the binary.
func layFoundation(ctx context.Context) error {
	if err := onServer(ctx, "CREATE DATABASE "+foundationDatabase); err != nil {
		return err
	}
	owner := databaseURL(foundationDatabase)
	err := store.Migrate(ctx, owner, map[string]string{store.RoleApp: rolePassword, store.RoleSystem: rolePassword})
	if err != nil {
		return err
	}
	carriers := sim.New(sim.Config{})
	carriersURL, err := carriers.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = carriers.Close() }()
	s := settings{
		database: foundationDatabase, port: freePort(), carriers: carriersURL, dir: filepath.Join(installed.dir, "foundation"),
	}
	command := exec.CommandContext(ctx, installed.binary, "operator", "create", "--login", staffLogin, "--password", password)
	command.Env = s.environment()
	if out, err := command.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", err, out)
	}
	serve, err := startProcess("serve", installed.binary, []string{"serve", "--api-only"}, s.environment())
	if err != nil {
		return err
	}
	defer serve.kill()
	if err := grow(ctx, s.publicURL(), carriers); err != nil {
		return fmt.Errorf("%w\n%s", err, tail(serve.said()))
	}
	return nil
}

func grow(ctx context.Context, publicURL string, carriers *sim.Simulator) error {
	staff, err := signIn(ctx, publicURL, staffLogin)
	if err != nil {
		return err
	}
	me, err := staff.must(ctx, "GET", "/v1/me", nil)
	if err != nil {
		return err
	}
	home, _ := me["tenant"].(map[string]any)
	operator := object(home).text("id")
	var parents []string
	for _, kind := range []string{"reseller_l1", "customer"} {
		parent := operator
		if len(parents) > 0 {
			parent = parents[len(parents)-1]
		}
		made, err := staff.must(ctx, "POST", "/v1/tenants", object{
			"parent_id": parent, "kind": kind, "name": kind, "country": "CA", "time_zone": "America/Toronto",
		})
		if err != nil {
			return err
		}
		parents = append(parents, made.text("id"))
	}
	reseller, customer := parents[0], parents[1]
	for tenant, login := range map[string]string{reseller: "rita@reseller.example", customer: adminLogin} {
		_, err = staff.must(ctx, "POST", "/v1/tenants/"+tenant+"/users", object{
			"login": login, "name": "Admin", "role": "tenant_admin", "password": password,
		})
		if err != nil {
			return err
		}
	}
	rita, err := signIn(ctx, publicURL, "rita@reseller.example")
	if err != nil {
		return err
	}
	admin, err := signIn(ctx, publicURL, adminLogin)
	if err != nil {
		return err
	}
	foundation.tenant = customer
	for _, l := range lines() {
		if err := carriers.AddAccount(l.account(publicURL)); err != nil {
			return err
		}
		var made object
		if l.provider == provider.Scopserv {
			made, err = staff.must(ctx, "POST", "/v1/tenants/"+operator+"/numbers", object{
				"address": l.address, "provider": l.provider, "credentials": l.credentials,
			})
			if err != nil {
				return err
			}
			for _, step := range []struct {
				by       *client
				from, to string
			}{{staff, operator, reseller}, {rita, reseller, customer}} {
				_, err = step.by.must(ctx, "POST", "/v1/tenants/"+step.from+"/numbers/"+made.text("id")+"/assign", object{"tenant_id": step.to})
				if err != nil {
					return err
				}
			}
			list, err := admin.must(ctx, "GET", "/v1/tenants/"+customer+"/channels", nil)
			if err != nil {
				return err
			}
			items, _ := list["items"].([]any)
			first, _ := items[0].(map[string]any)
			l.channel = object(first).text("id")
		} else {
			made, err = admin.must(ctx, "POST", "/v1/tenants/"+customer+"/channels", object{
				"name": "Line", "provider": l.provider, "address": l.address, "credentials": l.credentials,
			})
			if err != nil {
				return err
			}
			l.channel = made.text("id")
		}
		l.inbound = strings.TrimPrefix(made.text("inbound_url"), publicURL)
		l.statuses = strings.TrimPrefix(made.text("status_url"), publicURL)
		foundation.lines = append(foundation.lines, l)
	}
	made, err := admin.must(ctx, "POST", "/v1/tenants/"+customer+"/api-keys", object{
		"name": "Test", "permissions": []string{"interactions:start", "interactions:read"},
	})
	foundation.key = made.text("key")
	return err
}

func signIn(ctx context.Context, url, login string) (*client, error) {
	c := newClient(url, "")
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		a := c.call(ctx, "POST", "/v1/auth/login", object{"login": login, "password": password}, "")
		if a.err == nil && a.status < 300 {
			c.bearer = a.body.text("access_token")
			return c, nil
		}
		if a.err == nil || time.Now().After(end) {
			return nil, fmt.Errorf("signing in: %s", a)
		}
	}
}
