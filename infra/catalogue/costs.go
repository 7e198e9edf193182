package main

import (
	"fmt"
	"math"
	"strconv"

	"leaver/shared/bus"
	"leaver/shared/offboarding"
)

// What the arithmetic of a month's costs takes for granted: list prices in US dollars, and
// estimates of what is not measured.
const (
	minutes      = 43800        // a month
	gbSecond     = 0.0000133334 // Lambda, arm64
	memory       = 0.5          // GB
	drainSeconds = 3            // a queue function's minute
	watchSeconds = 2
	hours        = 730 // a month
	lookSeconds  = 10  // of backup, which copies once a day
	perAlarm     = 0.10
	perMetric    = 0.30
)

// costTable is what a month costs, with few departures and with many.
func costTable() string {
	queues, alarms := len(bus.Subscriptions()), 0
	for _, b := range blocks() {
		alarms += len(b.Alarms)
	}
	scheduled := queues + 2 // and watch and notify
	// Three for each subscription, a success for each function, cases in four states, deadlines, frozen,
	// channels, unproven, the age of the backup, and what the doctor finds.
	metrics := 3*queues + len(offboarding.Functions()) + 10
	verdicts := 6 * len(offboarding.Steps) // a step ends in about six of its states
	gbSeconds := minutes*float64(queues*drainSeconds+2*watchSeconds)*memory + hours*lookSeconds*memory
	rows, totals := [][]string{}, [2]float64{}
	row := func(what, arithmetic string, few, many float64) {
		rows = append(rows, []string{what, arithmetic, fmt.Sprintf("%.2f", few), fmt.Sprintf("%.2f", many)})
		totals[0], totals[1] = totals[0]+round(few), totals[1]+round(many)
	}
	row("Lambda, time", fmt.Sprintf("(%s minutes × (%d queue functions × %d s + watch and notify %d s each) + %d hours × backup %d s) × %v GB = %s GB-s, and 25 GB-s a departure; × %.10f",
		grouped(minutes), queues, drainSeconds, watchSeconds, hours, lookSeconds, memory, grouped(int(gbSeconds)), gbSecond), (gbSeconds+25*20)*gbSecond, (gbSeconds+25*2000)*gbSecond)
	perInvocation := 0.20 / 1e6
	row("Lambda, requests", fmt.Sprintf("%d × %s, and 15 a departure; × 0.20 a million", scheduled, grouped(minutes)),
		float64(scheduled*minutes+15*20)*perInvocation, float64(scheduled*minutes+15*2000)*perInvocation)
	row("alarms", fmt.Sprintf("%d × %.2f", alarms, perAlarm), float64(alarms)*perAlarm, float64(alarms)*perAlarm)
	row("metrics", fmt.Sprintf("%d at all times × %.2f; verdicts by step and state in the hours that have any, about a third of %d × %.2f at 2,000", metrics, perMetric, verdicts, perMetric),
		float64(metrics)*perMetric, float64(metrics+verdicts/3)*perMetric)
	row("logs", "0.4 GB × 0.50", 0.20, 0.22)
	row("Secrets Manager", "1 × 0.40", 0.40, 0.40)
	const signature = 0.15 / 10_000
	row("KMS", fmt.Sprintf("the key that signs the ledger and that of logs and alarms × 1.00; an anchor every 10 minutes and 2 signatures a departure × %.6f", signature),
		2+(minutes/10+2*20)*signature, 2+(minutes/10+2*2000)*signature)
	rows = append(rows, []string{"**AWS**", "", fmt.Sprintf("**%.2f**", totals[0]), fmt.Sprintf("**%.2f**", totals[1])})
	operations := minutes * (queues*5 + 2*queues)
	rows = append(rows, []string{"Service Bus Standard", fmt.Sprintf("one base charge, which has 13 million operations in it: %s × (%d × 5 + %d) = %.1f million, and 80 a departure",
		grouped(minutes), queues, 2*queues, float64(operations)/1e6), "base charge", "base charge"})
	rows = append(rows, []string{"Table Storage", "160 transactions a departure, and one a minute for each open case (with 30 days of grace, about a month's departures): 0.9 million and 88 million", "× price per 10,000", "× price per 10,000"})
	return table([]string{"", "arithmetic", "20 departures", "2,000 departures"}, rows)
}

func round(amount float64) float64 { return math.Round(amount*100) / 100 }

// grouped is a number with a comma before every three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}
