// Command figures measures what Trellis promises about its speed: the real
// binary on a real PostgreSQL and Redis with simulated carriers, and beside each
// figure its floor, the bare libraries doing the same work in the same run.
// Machines differ; ratios count.
//
//	go run ./cmd/figures                       all figures
//	FIGURES=read_one,demo_ready go run ./cmd/figures
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"time"
)

// figure is one measurement.
type figure struct {
	name, unit string
	// what is measured, and what it is compared with.
	what, floor string
	// reach is what is promised, in words.
	reach   string
	measure func(context.Context, *bench) ([]result, error)
}

// result is one line of the report.
type result struct {
	name, unit string
	value      float64
	// floor is zero where there is none.
	floor float64
	// less is set where a smaller value is better.
	less  bool
	notes string
}

func (r result) line() string {
	if r.floor == 0 {
		return fmt.Sprintf("figure %s %s %s floor=- ratio=-", r.name, number(r.value), r.unit)
	}
	return fmt.Sprintf("figure %s %s %s floor=%s ratio=%.2f", r.name, number(r.value), r.unit, number(r.floor), r.value/r.floor)
}

func number(v float64) string {
	if v >= 100 {
		return fmt.Sprintf("%.0f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

func figures() []figure {
	return []figure{
		{"inbound_accept", "1/s", "signed inbound webhooks accepted, 16 clients; and the slowest in a hundred at 200/s with the workers at work", "the same statements in the same transaction with bare lib/pq, 16 clients", "≥ 0.4 of the floor; p99 ≤ 250 ms", measureInbound},
		{"send_latency", "ms", "POST of a message to its arrival at the carrier, 100/s, the slowest in twenty", "none", "≤ 500 ms", measureSend},
		{"read_one", "1/s", "authenticated GET of one interaction, 16 clients", "chi and the same SQL in the same transaction with bare lib/pq", "≥ 0.5 of the floor", measureRead},
		{"permission_check", "µs", "the check of a permission, 100,000 tenants and 1,000,000 users; and the recognising of a caller", "the same with 10 tenants", "≤ 2 µs, the same at both sizes; recognising costs one indexed query", measurePermission},
		{"subtree_page", "ms", "a page of a reseller's subtree, 100,000 tenants, the slowest in twenty", "the same with 100 tenants", "≤ 2 × the floor", measureSubtree},
		{"login_flood", "ms", "reads beside 200 wrong logins a second, the slowest in twenty", "the reads alone", "≤ 2 × the floor", measureFlood},
		{"revoke_latency", "ms", "a change of rights at one process to its effect at another, the slowest in a hundred, with Redis and without", "none", "≤ 1,000 ms, also without Redis", measureRevoke},
		{"assign_backlog", "s", "10,000 conversations that wait in a queue assigned to 100 agents, by the smallest part of the capacity in use", "none", "≤ 10 s; nothing given twice, nobody above his capacity", measureBacklog},
		{"demo_ready", "s", "trellis demo, built, in an empty directory, until /readyz answers 200", "none", "≤ 2 s", measureDemo},
		{"edit_test", "s", "one service file edited until its tests have run; the cold build and the rebuild after a schema change", "none", "≤ 20 s", measureEdit},
	}
}

func main() {
	floorServer := flag.String("floor-server", "", "internal: serve the floor of read_one on this address")
	database := flag.String("database", "", "internal: the floor server's database")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := run(ctx, *floorServer, *database)
	if err != nil {
		fmt.Fprintln(os.Stderr, "figures:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, floorServer, database string) error {
	if floorServer != "" {
		return serveFloor(ctx, floorServer, database)
	}
	wanted := strings.FieldsFunc(os.Getenv("FIGURES"), func(r rune) bool { return r == ',' || r == ' ' })
	b, err := newBench(ctx)
	if err != nil {
		return err
	}
	defer b.close()
	var all []result
	for _, f := range figures() {
		if len(wanted) > 0 && !slices.Contains(wanted, f.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s: %s …\n", f.name, f.what)
		limited, cancel := context.WithTimeout(ctx, 5*time.Minute)
		results, err := f.measure(limited, b)
		cancel()
		if err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		for _, r := range results {
			fmt.Println(r.line())
		}
		all = append(all, results...)
	}
	return writeReport("docs/performance.md", all)
}
