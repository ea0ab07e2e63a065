package telemetry_test

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/trellishq/trellis/internal/telemetry"
)

func TestServedMetrics(t *testing.T) {
	m := telemetry.NewMetrics()
	m.Request("listContacts", 204, 30*time.Millisecond)
	m.Request("", 404, time.Millisecond)
	m.Request("odd", 7, time.Millisecond)
	m.Message("twilio", "delivered", 3)
	m.QueueDepth("live", 12)
	m.SignatureFailure("twilio")
	m.Job("message.send", "done", time.Second)
	m.Pool("app", func() sql.DBStats {
		return sql.DBStats{MaxOpenConnections: 16, OpenConnections: 5, InUse: 2, WaitCount: 4, WaitDuration: 3 * time.Second}
	})

	base, done := serve(t, m)
	got := get(t, base+"/metrics")
	for _, want := range []string{
		`trellis_http_request_duration_seconds_bucket{operation="listContacts",status="2xx",le="0.025"} 0`,
		`trellis_http_request_duration_seconds_bucket{operation="listContacts",status="2xx",le="0.05"} 1`,
		`trellis_http_request_duration_seconds_count{operation="none",status="4xx"} 1`,
		`trellis_http_request_duration_seconds_count{operation="odd",status="unknown"} 1`,
		`trellis_messages_total{provider="twilio",state="delivered"} 3`,
		`trellis_queue_depth{queue="live"} 12`,
		`trellis_signature_failures_total{provider="twilio"} 1`,
		`trellis_job_duration_seconds_sum{kind="message.send",outcome="done"} 1`,
		`trellis_db_connections_max{pool="app"} 16`,
		`trellis_db_connections_open{pool="app"} 5`,
		`trellis_db_connections_in_use{pool="app"} 2`,
		`trellis_db_waits_total{pool="app"} 4`,
		`trellis_db_wait_seconds_total{pool="app"} 3`,
		`go_goroutines `,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%s is not served", want)
		}
	}
	if strings.Contains(got, "tenant") {
		t.Error("a metric speaks of tenants")
	}
	if page := get(t, base+"/debug/pprof/"); !strings.Contains(page, "goroutine") {
		t.Error("the profiles are not served")
	}
	if err := done(); err != nil {
		t.Errorf("Serve = %v", err)
	}
}

// serve starts the private listener; done stops it and returns its error.
func serve(t *testing.T, m *telemetry.Metrics) (base string, done func() error) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	ended := make(chan error, 1)
	go func() { ended <- telemetry.Serve(ctx, listener, m) }()
	return "http://" + listener.Addr().String(), func() error {
		cancel()
		return <-ended
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, response.Status, err)
	}
	return string(content)
}
