package main

import (
	"bytes"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"leaver/infra/leaver/internal/demo"
	"leaver/shared/simtenant"
)

// noiseFor is for how long the noise lasts. The whole minute is: go test ./infra/leaver -run Noise -noise 60s
var noiseFor = flag.Duration("noise", 3*time.Second, "how long unsigned webhooks come")

// TestNoiseKeepsNoSignedWebhookWaiting sends 300 unsigned webhooks a second to a host that takes 20
// signed ones: all of these are taken within ten seconds, and neither its log nor its memory grows.
func TestNoiseKeepsNoSignedWebhookWaiting(t *testing.T) {
	const perSecond, signedOnes = 300, 20
	tenant, _, file := startTenant(t, simtenant.Config{Users: 60, SyncEvery: time.Second})
	h := startHost(t, file, t.TempDir(), policyFile(t, "{mode: observe, mailbox: none}"))
	before := memoryOf(t, h)

	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: 10 * time.Second}
	answers := map[int]int{}
	var mu sync.Mutex
	var noise sync.WaitGroup
	ends := time.Now().Add(*noiseFor)
	for range 30 {
		noise.Go(func() {
			every := time.NewTicker(time.Second * 30 / perSecond)
			defer every.Stop()
			for now := range every.C {
				if now.After(ends) {
					return
				}
				answer, err := client.Post(h.intake+"/webhooks/standard", "application/json", bytes.NewReader(bytes.Repeat([]byte("x"), 1000)))
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				mu.Lock()
				answers[answer.StatusCode]++
				mu.Unlock()
			}
		})
	}
	eventually(t, "the noise is under way", *noiseFor, func() bool {
		mu.Lock()
		defer mu.Unlock()
		return answers[http.StatusUnauthorized]+answers[http.StatusTooManyRequests] > perSecond
	})
	slowest := time.Duration(0)
	for _, person := range demo.Leavers(tenant, signedOnes) {
		begun := time.Now()
		if code, err := demo.PostTermination(t.Context(), h.intake, person, begun); err != nil || code != http.StatusAccepted {
			t.Errorf("a signed webhook is answered %d, %v; want 202", code, err)
		}
		slowest = max(slowest, time.Since(begun))
	}
	noise.Wait()
	after := memoryOf(t, h)
	h.kill()
	log := h.stderr.Len()
	sent := answers[http.StatusUnauthorized] + answers[http.StatusTooManyRequests]
	t.Logf("%d unsigned webhooks in %v: %v; the slowest of %d signed ones took %v; memory %d → %d MB, log %d KB", sent, *noiseFor, answers, signedOnes, slowest, before>>20, after>>20, log>>10)
	if slowest > 10*time.Second {
		t.Errorf("the slowest signed webhook took %v, want at most 10 s", slowest)
	}
	if want := int(noiseFor.Seconds()) * perSecond / 2; sent < want {
		t.Errorf("%d unsigned webhooks, want at least %d for this to mean anything", sent, want)
	}
	if after > before+64<<20 {
		t.Errorf("memory went from %d to %d MB", before>>20, after>>20)
	}
	if refused := strings.Count(h.stderr.String(), "webhook refused"); refused > 20+int(noiseFor.Seconds()) {
		t.Errorf("%d refusals are in the log, want a sample", refused)
	}
}

// memoryOf is what a host occupies, in bytes.
func memoryOf(t *testing.T, h *host) int64 {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.process.Process.Pid), "status"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "VmRSS:")
	kilobytes, err := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return kilobytes << 10
}
