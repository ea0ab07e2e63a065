package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/trellishq/trellis/api/assembly"
	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/internal/id"
	"github.com/trellishq/trellis/internal/store"
	"github.com/trellishq/trellis/jobs"
	"github.com/trellishq/trellis/tenants/scope"
)

type serveCommand struct {
	APIOnly bool `name:"api-only" help:"Serve without working; run trellis worker beside it."`
}

// Run implements the command.
func (s serveCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	listener, err := listen(&c)
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := newNode(i)
	if err != nil {
		return err
	}
	return n.run(ctx, listener, !s.APIOnly)
}

type workerCommand struct{}

// Run implements the command.
func (workerCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	if c.OwnDatabase() || !c.RedisURL.IsSet() {
		return fmt.Errorf("a worker shares a database and a Redis with those who serve: set TRELLIS_DATABASE_URL and TRELLIS_REDIS_URL")
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := newNode(i)
	if err != nil {
		return err
	}
	return n.run(ctx, nil, true)
}

type migrateCommand struct{}

// Run implements the command.
func (migrateCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	fmt.Println("The database has the schema that this binary needs, and its walls stand.")
	return i.close()
}

type rotateCommand struct{}

// Run implements the command.
func (rotateCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := assembly.Reseal(ctx, i.store, i.keyring)
	if err == nil {
		fmt.Printf("%d secrets were sealed anew; every secret is sealed with the key %s.\n", n, i.keyring.CurrentID())
	}
	return errors.Join(err, i.close())
}

type signingCommand struct {
	Withdraw bool `help:"End the keys before it at once: for keys that somebody else may have."`
}

// Run implements the command.
func (s signingCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := newNode(i)
	if err != nil {
		return err
	}
	rotate := n.platform.Identity.Rotate
	if s.Withdraw {
		rotate = n.platform.Identity.Withdraw
	}
	r, err := rotate(ctx)
	if err != nil {
		return joinClose(err, n)
	}
	fmt.Printf("The signing key %s is published. It signs from %s; the keys before it are accepted until %s.\n",
		r.KeyID, r.SignsFrom.Format(time.RFC3339), r.OthersUntil.Format(time.RFC3339))
	if s.Withdraw {
		fmt.Println("Processes that run learn of it within five minutes; restart them to be quicker.")
	}
	return n.close()
}

type operatorCommand struct {
	Create operatorCreateCommand `cmd:"" help:"Create the operator and the first member of its staff."`
}

type operatorCreateCommand struct {
	Name     string `help:"The operator's name." default:"Operator"`
	Login    string `help:"The staff member's e-mail address." required:""`
	User     string `help:"The staff member's name." default:"Operator staff"`
	Password string `help:"The staff member's password; one is made and printed when it is left out."`
}

// passwordLength gives 119 bits.
const passwordLength = 20

// Run implements the command.
func (o operatorCreateCommand) Run(ctx context.Context) error {
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	i, err := install(ctx, c, log)
	if err != nil {
		return err
	}
	n, err := newNode(i)
	if err != nil {
		return err
	}
	made := o.Password == ""
	if made {
		o.Password = id.Token(passwordLength)
	}
	if err := o.create(ctx, n); err != nil {
		return joinClose(err, n)
	}
	fmt.Printf("The operator %q is there. Sign in as %s", o.Name, o.Login)
	if made {
		fmt.Printf(" with the password %s", o.Password)
	}
	fmt.Println(".")
	return n.close()
}

func (o operatorCreateCommand) create(ctx context.Context, n *node) error {
	ctx = scope.System(ctx, "creating the operator from the command line")
	operator, err := n.platform.Tenants.CreateOperator(ctx, o.Name)
	if err != nil {
		return err
	}
	_, err = n.platform.Identity.CreateOperatorStaff(ctx, operator.ID, o.Login, o.User, o.Password)
	return err
}

func joinClose(err error, n *node) error {
	if closeErr := n.close(); closeErr != nil {
		return fmt.Errorf("%w (and while closing: %w)", err, closeErr)
	}
	return err
}

type simulatorCommand struct {
	Addr string `help:"Address to listen on; loopback only." default:"127.0.0.1:4010"`
}

// Run implements the command.
func (s simulatorCommand) Run(ctx context.Context) error {
	carriers := sim.New(sim.Config{})
	url, err := carriers.Start(s.Addr)
	if err != nil {
		return err
	}
	fmt.Printf("Simulated carriers at %[1]s: point Trellis at them with\n"+
		"  TRELLIS_TWILIO_BASE_URL=%[1]s/twilio\n  TRELLIS_CLICKATELL_BASE_URL=%[1]s/clickatell\n  TRELLIS_SCOPSERV_BASE_URL=%[1]s/carrier\n"+
		"  TRELLIS_EGRESS_ALLOW=127.0.0.0/8\n"+
		"Accounts: POST %[1]s/_account · scripts: POST %[1]s/_script · inbound messages: POST %[1]s/_mo · what was submitted: GET %[1]s/_ledger\n", url)
	<-ctx.Done()
	return carriers.Close()
}

type openAPICommand struct{}

// Run implements the command.
func (openAPICommand) Run() error {
	document, err := assembly.Document()
	if err != nil {
		return err
	}
	_, err = os.Stdout.Write(document)
	return err
}

type doctorCommand struct {
	Settings bool `help:"Only list the settings."`
}

// Run implements the command.
func (d doctorCommand) Run(ctx context.Context) error {
	printSettings()
	if d.Settings {
		return nil
	}
	c, log, err := loadConfig()
	if err != nil {
		return err
	}
	fmt.Println("\nsettings   good")
	i, err := install(ctx, c, log)
	if err != nil {
		return fmt.Errorf("database: %w", err)
	}
	fmt.Printf("database   good: schema up to date, row level security forced, roles %s and %s\n", store.RoleApp, store.RoleSystem)
	if c.RedisURL.IsSet() {
		if err := pingRedis(ctx, c); err != nil {
			return fmt.Errorf("redis: %w", err)
		}
		fmt.Println("redis      good")
	} else {
		fmt.Println("redis      in process")
	}
	return i.close()
}

func pingRedis(ctx context.Context, c config.Config) error {
	queues, err := jobs.OpenQueues(c.RedisURL.Reveal())
	if err != nil {
		return err
	}
	defer func() { _ = queues.Close() }()
	return queues.Ping(ctx)
}

func printSettings() {
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "SETTING\tDEFAULT\tMEANING")
	for _, s := range config.Describe() {
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", s.Name, s.Default, s.Meaning)
	}
	_ = table.Flush()
}
