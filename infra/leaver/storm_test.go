package main

import (
	"io"
	"strings"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/infra/leaver/internal/demo/reporttest"
)

// TestStorm is a short one: forty people leave, stay, change their dates and come back while leaver up is
// killed every second, on a tenant that is busy, loses answers and lags behind.
func TestStorm(t *testing.T) {
	t.Setenv("LEAVER_TEST_RUN", "1") // this binary is the host
	var out strings.Builder
	reports := t.TempDir()
	err := demo.Play(t.Context(), demo.Options{
		Scenario: "storm", Storm: demo.Storm{Random: 1, For: 5 * time.Second}, Latency: 10 * time.Millisecond, Out: &out, Log: io.Discard, Reports: reports,
	})
	if err != nil || !strings.Contains(out.String(), "lost or touched: 0") {
		t.Errorf("got %v, want nobody lost:\n%s", err, out.String())
	}
	reporttest.Look(t, "storm", reports)
}
