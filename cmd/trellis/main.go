// Command trellis is the whole platform in one binary: the API, the workers
// behind it, and the tools of the one who runs it.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // tenants have time zones also where the machine knows none

	"github.com/alecthomas/kong"

	"github.com/trellishq/trellis/internal/config"
	"github.com/trellishq/trellis/internal/fault"
)

// version is set when a release is built.
var version = "development"

// commands are what the binary can do.
type commands struct {
	Demo      demoCommand      `cmd:"" help:"Start everything from nothing, play a conversation, and keep serving."`
	Serve     serveCommand     `cmd:"" help:"Serve the API, and do the work behind it unless told otherwise."`
	Worker    workerCommand    `cmd:"" help:"Do the work behind the API without serving it."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database to the schema that this binary needs."`
	Rotate    rotateCommand    `cmd:"" name:"rotate-keys" help:"Seal all secrets anew with the current master key."`
	Signing   signingCommand   `cmd:"" name:"rotate-signing-keys" help:"Make a new key that signs access tokens."`
	Operator  operatorCommand  `cmd:"" help:"Manage the operator, the root of the tree."`
	Audit     auditCommand     `cmd:"" help:"Prove the audit log."`
	Simulator simulatorCommand `cmd:"" help:"Run simulated carriers to test against."`
	OpenAPI   openAPICommand   `cmd:"" name:"openapi" help:"Print the API's OpenAPI document."`
	Doctor    doctorCommand    `cmd:"" help:"Check the settings and what they lead to."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

func main() {
	var c commands
	parser := kong.Must(&c, kong.Name("trellis"),
		kong.Description("Trellis, an API-first messaging platform for resellers. Settings are TRELLIS_* variables: see trellis doctor."),
		kong.UsageOnError())
	command, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	ctx, stop := stoppable()
	defer stop()
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(); err != nil {
		report(err)
		stop()
		os.Exit(1)
	}
}

// stoppable is a context that the first SIGINT or SIGTERM ends, gracefully; the
// second ends the process.
func stoppable() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-signals
		cancel()
		<-signals
		os.Exit(130)
	}()
	return ctx, cancel
}

func report(err error) {
	var mistakes config.Mistakes
	if errors.As(err, &mistakes) {
		fmt.Fprintln(os.Stderr, "trellis: the settings are wrong:")
		fmt.Fprintln(os.Stderr, mistakes.Error())
		return
	}
	if f, ok := fault.As(err); ok && f.Kind != fault.Internal {
		fmt.Fprintln(os.Stderr, "trellis:", f.Message)
		for _, field := range f.Fields {
			fmt.Fprintf(os.Stderr, "  %s %s\n", field.Location, field.Message)
		}
		return
	}
	fmt.Fprintln(os.Stderr, "trellis:", err)
}

type versionCommand struct{}

// Run implements the command.
func (versionCommand) Run() error {
	fmt.Println("trellis", version)
	return nil
}
