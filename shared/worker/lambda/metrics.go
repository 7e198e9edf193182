package lambda

import (
	"context"
	"encoding/json"
	"io"
	"sync"
	"time"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
)

// Namespace is that of the metrics in CloudWatch.
const Namespace = "Leaver"

// Metrics writes figures in CloudWatch's embedded metric format: lines on stdout, which Lambda
// hands to CloudWatch. Dimensions are names of functions, subscriptions, steps and states, and
// the rest is numbers: nothing in it is about a person. It is safe for concurrent use.
//
// Source: Amazon CloudWatch, Specification: Embedded metric format.
type Metrics struct {
	Out io.Writer
	Now func() time.Time
	// Also counts the same for OpenTelemetry.
	Also *telemetry.Metrics

	mu sync.Mutex
}

// The units of metrics.
const (
	count   = "Count"
	seconds = "Seconds"
)

// metric is one figure.
type metric struct {
	name, unit string
	value      float64
}

// one is 1 where something is so, and 0 where it is not.
func one(is bool) float64 {
	if is {
		return 1
	}
	return 0
}

// Success counts an invocation of a function that did what it should. That there is none for a
// while is what an alarm asks for: it also notices a function that is not invoked at all.
func (m *Metrics) Success(function string) {
	m.put(map[string]string{"Function": function}, metric{"Success", count, 1})
	m.Also.Success(function)
}

// Verdict counts one committed verdict.
func (m *Metrics) Verdict(step offboarding.StepName, state offboarding.StepState) {
	m.put(map[string]string{"Step": string(step), "State": string(state)}, metric{"Verdicts", count, 1})
	m.Also.Verdict(step, state)
}

// Webhook counts one webhook of a declared source, whose name is empty where there is none of it.
func (m *Metrics) Webhook(source, outcome string) {
	m.Also.Webhook(source, outcome)
	m.put(map[string]string{"Outcome": outcome}, metric{"Webhooks", count, 1})
	if source != "" {
		m.put(map[string]string{"Source": source, "Outcome": outcome}, metric{"Webhooks", count, 1})
	}
}

// Reading counts one asking of a declared source.
func (m *Metrics) Reading(source, outcome string) {
	m.Also.Reading(source, outcome)
	m.put(map[string]string{"Outcome": outcome}, metric{"Readings", count, 1})
	m.put(map[string]string{"Source": source, "Outcome": outcome}, metric{"Readings", count, 1})
}

// Queue implements watch.Report.
func (m *Metrics) Queue(subscription string, d bus.Depth) {
	m.Also.Queue(subscription, d)
	m.put(map[string]string{"Subscription": subscription},
		metric{"ActiveMessages", count, float64(d.Active)},
		metric{"DeadLetters", count, float64(d.DeadLetters)},
		metric{"OldestMessageAge", seconds, d.OldestAge.Seconds()})
}

// Cases implements watch.Report.
func (m *Metrics) Cases(states map[offboarding.CaseState]int, pastDeadline int) {
	m.Also.Cases(states, pastDeadline)
	for state, n := range states {
		m.put(map[string]string{"CaseState": string(state)}, metric{"Cases", count, float64(n)})
	}
	m.put(nil, metric{"WaitsPastDeadline", count, float64(pastDeadline)})
}

// Frozen implements watch.Report.
func (m *Metrics) Frozen(frozen bool) {
	m.Also.Frozen(frozen)
	m.put(nil, metric{"Frozen", count, one(frozen)})
}

// Unproven implements watch.Report.
func (m *Metrics) Unproven(histories int) {
	m.Also.Unproven(histories)
	m.put(nil, metric{"Unproven", count, float64(histories)})
}

// Backup implements backup.Report.
func (m *Metrics) Backup(age time.Duration) {
	if m.Also != nil {
		m.Also.Backup(age)
	}
	m.put(nil, metric{"BackupAge", seconds, age.Seconds()})
}

// Wrong is how much a function found that is not as it should be, with its own rights.
func (m *Metrics) Wrong(n int) {
	m.Also.Wrong(n)
	m.put(nil, metric{"Wrong", count, float64(n)})
}

// Notice implements notify.Report: it is a figure for OpenTelemetry, and for CloudWatch only whether a
// channel fails.
func (m *Metrics) Notice(channel, outcome string) { m.Also.Notice(channel, outcome) }

// ChannelFailing implements notify.Report.
func (m *Metrics) ChannelFailing(channel string, failing bool) {
	m.Also.ChannelFailing(channel, failing)
	m.put(nil, metric{"ChannelsFailing", count, one(failing)})
}

// Measured is a handler that counts the successes of another.
func (m *Metrics) Measured(function string, h Handler) Handler {
	return HandlerFunc(func(ctx context.Context, payload []byte) ([]byte, error) {
		answer, err := h.Invoke(ctx, payload)
		if err == nil {
			m.Success(function)
		}
		return answer, err
	})
}

func (m *Metrics) put(dimensions map[string]string, metrics ...metric) {
	type definition struct {
		Name string
		Unit string
	}
	names := make([]string, 0, len(dimensions))
	line := map[string]any{}
	for name, value := range dimensions {
		names, line[name] = append(names, name), value
	}
	definitions := make([]definition, len(metrics))
	for i, figure := range metrics {
		definitions[i], line[figure.name] = definition{figure.name, figure.unit}, figure.value
	}
	line["_aws"] = map[string]any{
		"Timestamp": m.Now().UnixMilli(),
		"CloudWatchMetrics": []any{map[string]any{
			"Namespace": Namespace, "Dimensions": [][]string{names}, "Metrics": definitions,
		}},
	}
	text, err := json.Marshal(line)
	if err != nil {
		return // there is nothing in it that cannot be encoded
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	_, _ = m.Out.Write(append(text, '\n'))
}
