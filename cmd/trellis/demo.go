package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/trellishq/trellis/channels/provider/sim"
	"github.com/trellishq/trellis/internal/config"
)

type demoCommand struct{}

// Run implements the command.
func (demoCommand) Run(ctx context.Context) error {
	started := time.Now()
	c, _, err := loadConfig()
	if err != nil {
		return err
	}
	say("Trellis demo: starting PostgreSQL, Redis, simulated carriers and the API, all of our own …")
	carriers := sim.New(sim.Config{CallbackDelay: 300 * time.Millisecond})
	carriersURL, err := carriers.Start("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { _ = carriers.Close() }()
	pointAt(&c, carriersURL)
	listener, err := listenAnywhere(&c)
	if err != nil {
		return err
	}
	i, err := install(ctx, c, newLog(c))
	if err != nil {
		return err
	}
	n, err := newNode(i)
	if err != nil {
		return err
	}
	return serveDemo(ctx, n, listener, carriers, started)
}

// serveDemo plays the story while the node serves, and keeps serving.
func serveDemo(ctx context.Context, n *node, listener net.Listener, carriers *sim.Simulator, started time.Time) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.run(ctx, listener, true) }()
	s := newStory(n, carriers)
	err := s.play(ctx, started)
	if err == nil {
		s.invite()
		return <-done
	}
	cancel()
	if errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, <-done)
}

// pointAt lets the installation speak to the simulated carriers. What is set
// stays as it is set.
func pointAt(c *config.Config, carriersURL string) {
	for base, path := range map[*string]string{
		&c.TwilioBaseURL: "/twilio", &c.ClickatellBaseURL: "/clickatell", &c.ScopservBaseURL: "/carrier",
	} {
		if *base == "" {
			*base = carriersURL + path
		}
	}
	c.EgressAllow = append(c.EgressAllow, loopback()...)
	if os.Getenv(config.Prefix+"LOG_LEVEL") == "" {
		c.LogLevel = "warn"
	}
}

// listenAnywhere takes another port where the usual one is taken.
func listenAnywhere(c *config.Config) (net.Listener, error) {
	listener, err := listen(c)
	if !errors.Is(err, syscall.EADDRINUSE) {
		return listener, err
	}
	say("Something else listens on %s; taking a free port.", c.HTTPAddr)
	local := c.PublicURL == config.LocalURL(c.HTTPAddr)
	c.HTTPAddr = "127.0.0.1:0"
	if local {
		c.PublicURL = config.LocalURL(c.HTTPAddr)
	}
	return listen(c)
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
