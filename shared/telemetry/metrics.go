package telemetry

import (
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// Metrics are the figures of one process, in a registry of their own: served to Prometheus, and sent
// by an [Exporter]. Labels are names of steps, states and subscriptions, and the rest is numbers:
// nothing in it is about a person. They are safe for concurrent use.
type Metrics struct {
	registry *prometheus.Registry

	successes    *prometheus.CounterVec
	verdicts     *prometheus.CounterVec
	webhooks     *prometheus.CounterVec
	readings     *prometheus.CounterVec
	depth        *prometheus.GaugeVec
	deadLetters  *prometheus.GaugeVec
	oldest       *prometheus.GaugeVec
	cases        *prometheus.GaugeVec
	pastDeadline prometheus.Gauge
	frozen       prometheus.Gauge
	unproven     prometheus.Gauge
	notices      *prometheus.CounterVec
	failing      *prometheus.GaugeVec
	wrong        prometheus.Gauge
	backup       prometheus.Gauge
}

// New makes metrics that have seen nothing yet.
func New() *Metrics {
	registry := prometheus.NewRegistry()
	factory := promauto.With(registry)
	gauge := func(name, help, label string) *prometheus.GaugeVec {
		return factory.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: help}, []string{label})
	}
	return &Metrics{
		registry: registry,
		successes: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "leaver_successes_total", Help: "Invocations on AWS Lambda that did what they should.",
		}, []string{"function"}),
		verdicts: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "leaver_verdicts_total", Help: "Verdicts committed to the ledger by this process.",
		}, []string{"step", "state"}),
		webhooks: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "leaver_webhooks_total", Help: "Webhooks, by what became of them: taken, handshake, unusable, unverified, refused, not kept.",
		}, []string{"source", "outcome"}),
		readings: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "leaver_readings_total", Help: "Askings of HR systems, by what became of them: read, unread.",
		}, []string{"source", "outcome"}),
		depth:       gauge("leaver_queue_depth", "Messages that wait, visible and not settled.", "subscription"),
		deadLetters: gauge("leaver_dead_letters", "Messages parked until somebody replays or discards them.", "subscription"),
		oldest:      gauge("leaver_oldest_message_age_seconds", "Age of the oldest message that waits.", "subscription"),
		cases:       gauge("leaver_cases", "Open cases.", "state"),
		pastDeadline: factory.NewGauge(prometheus.GaugeOpts{
			Name: "leaver_waits_past_deadline", Help: "Steps that still wait although their deadline has passed.",
		}),
		frozen: factory.NewGauge(prometheus.GaugeOpts{
			Name: "leaver_frozen", Help: "1 while somebody has frozen the installation: nothing is written.",
		}),
		notices: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "leaver_notices_total", Help: "Notices, by what became of them: sent, failed, given up.",
		}, []string{"channel", "outcome"}),
		failing: gauge("leaver_channel_failing", "1 while a channel takes no notices.", "channel"),
		wrong: factory.NewGauge(prometheus.GaugeOpts{
			Name: "leaver_doctor_wrong", Help: "What the doctor found that is not as it should be.",
		}),
		backup: factory.NewGauge(prometheus.GaugeOpts{
			Name: "leaver_backup_age_seconds", Help: "Age of the last good backup of the ledger; 0 while there is none.",
		}),
		unproven: factory.NewGauge(prometheus.GaugeOpts{
			Name: "leaver_ledger_unproven", Help: "Histories of the ledger that do not verify: nobody acts by them, or not irreversibly.",
		}),
	}
}

// Success counts an invocation of a function that did what it should.
func (m *Metrics) Success(function string) { m.successes.WithLabelValues(function).Inc() }

// Verdict counts one committed verdict.
func (m *Metrics) Verdict(step offboarding.StepName, state offboarding.StepState) {
	m.verdicts.WithLabelValues(string(step), string(state)).Inc()
}

// Webhook counts one webhook of a declared source, whose name is empty where there is none of it.
func (m *Metrics) Webhook(source, outcome string) {
	m.webhooks.WithLabelValues(source, outcome).Inc()
}

// Reading counts one asking of a declared source.
func (m *Metrics) Reading(source, outcome string) {
	m.readings.WithLabelValues(source, outcome).Inc()
}

// Queue is what waits for a subscription now.
func (m *Metrics) Queue(subscription string, d bus.Depth) {
	m.depth.WithLabelValues(subscription).Set(float64(d.Active))
	m.deadLetters.WithLabelValues(subscription).Set(float64(d.DeadLetters))
	m.oldest.WithLabelValues(subscription).Set(d.OldestAge.Seconds())
}

// Cases is how many cases are in each of the states that are given, and how many of their
// steps wait past their deadline.
func (m *Metrics) Cases(states map[offboarding.CaseState]int, pastDeadline int) {
	for state, n := range states {
		m.cases.WithLabelValues(string(state)).Set(float64(n))
	}
	m.pastDeadline.Set(float64(pastDeadline))
}

// Frozen is whether somebody has frozen the installation.
func (m *Metrics) Frozen(frozen bool) {
	m.frozen.Set(0)
	if frozen {
		m.frozen.Set(1)
	}
}

// Notice counts what became of one try to tell a channel something.
func (m *Metrics) Notice(channel, outcome string) { m.notices.WithLabelValues(channel, outcome).Inc() }

// ChannelFailing is whether a channel takes no notices.
func (m *Metrics) ChannelFailing(channel string, failing bool) {
	value := 0.0
	if failing {
		value = 1
	}
	m.failing.WithLabelValues(channel).Set(value)
}

// Wrong is how much the doctor found that is not as it should be.
func (m *Metrics) Wrong(n int) { m.wrong.Set(float64(n)) }

// Backup is how old the last good backup of the ledger is.
func (m *Metrics) Backup(age time.Duration) { m.backup.Set(age.Seconds()) }

// Unproven is how many histories of the ledger do not verify.
func (m *Metrics) Unproven(histories int) { m.unproven.Set(float64(histories)) }

// Handler serves the metrics in Prometheus's formats.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
