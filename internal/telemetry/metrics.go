package telemetry

import (
	"database/sql"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics holds the numbers that the program counts about itself. Label values
// come from short fixed lists: ids of operations, names of providers, states,
// queues and kinds of job; never from tenants or clients.
type Metrics struct {
	registry          *prometheus.Registry
	requests          *prometheus.HistogramVec
	messages          *prometheus.CounterVec
	queueDepth        *prometheus.GaugeVec
	signatureFailures *prometheus.CounterVec
	jobs              *prometheus.HistogramVec
	limitsShared      prometheus.Gauge
}

// NewMetrics makes a registry of its own, with the numbers of the Go runtime
// and of the process in it.
func NewMetrics() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "trellis_http_request_duration_seconds",
			Help:    "Time from the request's header to the response's end, by operation and class of status.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"operation", "status"}),
		messages: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trellis_messages_total",
			Help: "Messages that entered a state, by provider.",
		}, []string{"provider", "state"}),
		queueDepth: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "trellis_queue_depth",
			Help: "Rows that wait in a queue.",
		}, []string{"queue"}),
		signatureFailures: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "trellis_signature_failures_total",
			Help: "Callbacks refused for a wrong signature, by provider.",
		}, []string{"provider"}),
		jobs: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "trellis_job_duration_seconds",
			Help:    "Time that jobs ran, by kind and outcome.",
			Buckets: []float64{.005, .025, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300},
		}, []string{"kind", "outcome"}),
		limitsShared: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "trellis_rate_limits_shared",
			Help: "1 while limits on requests are counted in Redis for all processes, 0 while this process counts for itself.",
		}),
	}
	m.registry.MustRegister(m.requests, m.messages, m.queueDepth, m.signatureFailures, m.jobs, m.limitsShared,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Request counts an answered HTTP request. The operation is its id in the API
// document; "" is a request that no operation took.
func (m *Metrics) Request(operation string, status int, took time.Duration) {
	if operation == "" {
		operation = "none"
	}
	m.requests.WithLabelValues(operation, statusClass(status)).Observe(took.Seconds())
}

// Message counts n messages that entered a state.
func (m *Metrics) Message(provider, state string, n int) {
	m.messages.WithLabelValues(provider, state).Add(float64(n))
}

// QueueDepth sets how many rows wait in a queue.
func (m *Metrics) QueueDepth(queue string, rows int) {
	m.queueDepth.WithLabelValues(queue).Set(float64(rows))
}

// SignatureFailure counts a callback with a wrong signature.
func (m *Metrics) SignatureFailure(provider string) {
	m.signatureFailures.WithLabelValues(provider).Inc()
}

// Job counts a job that ended; the outcome is such as done, retry or failed.
func (m *Metrics) Job(kind, outcome string, took time.Duration) {
	m.jobs.WithLabelValues(kind, outcome).Observe(took.Seconds())
}

// RateLimitsShared tells whether limits hold over all processes.
func (m *Metrics) RateLimitsShared(shared bool) {
	m.limitsShared.Set(0)
	if shared {
		m.limitsShared.Set(1)
	}
}

// Pool reports a database pool under a name from now on. It panics if the name
// is taken.
func (m *Metrics) Pool(name string, stats func() sql.DBStats) {
	labels := prometheus.Labels{"pool": name}
	gauge := func(metric, help string, value func(sql.DBStats) float64) {
		options := prometheus.GaugeOpts{Name: "trellis_db_" + metric, Help: help, ConstLabels: labels}
		m.registry.MustRegister(prometheus.NewGaugeFunc(options, func() float64 { return value(stats()) }))
	}
	counter := func(metric, help string, value func(sql.DBStats) float64) {
		options := prometheus.CounterOpts{Name: "trellis_db_" + metric, Help: help, ConstLabels: labels}
		m.registry.MustRegister(prometheus.NewCounterFunc(options, func() float64 { return value(stats()) }))
	}
	gauge("connections_max", "Greatest number of connections.", func(s sql.DBStats) float64 { return float64(s.MaxOpenConnections) })
	gauge("connections_open", "Open connections.", func(s sql.DBStats) float64 { return float64(s.OpenConnections) })
	gauge("connections_in_use", "Connections in use.", func(s sql.DBStats) float64 { return float64(s.InUse) })
	counter("waits_total", "Times that a connection was waited for.", func(s sql.DBStats) float64 { return float64(s.WaitCount) })
	counter("wait_seconds_total", "Time that connections were waited for.", func(s sql.DBStats) float64 { return s.WaitDuration.Seconds() })
}

// Handler serves the numbers in the text format of Prometheus.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// statusClass is 2xx for 204 and unknown for what is no HTTP status.
func statusClass(status int) string {
	if status < 100 || status > 599 {
		return "unknown"
	}
	return strconv.Itoa(status/100) + "xx"
}
