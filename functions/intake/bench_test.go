package intake_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"leaver/events"
	"leaver/functions/intake"
	natsbus "leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/hris"
)

// BenchmarkIntake posts 500 signed webhooks a second for ten seconds to intake on the embedded bus,
// which has each on disk before it is answered, and reports how long the answers took.
func BenchmarkIntake(b *testing.B) {
	const perSecond, seconds = 500, 10
	server, err := embedded.Start(b.TempDir(), embedded.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = server.Close() }()
	conn, err := server.Connect()
	if err != nil {
		b.Fatal(err)
	}
	broker, err := natsbus.Open(b.Context(), conn, natsbus.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = broker.Close() }()
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		b.Fatal(err)
	}
	in := &intake.Intake{Sources: sources, Bus: broker, Now: time.Now, Log: slog.New(slog.DiscardHandler)}
	handler := in.Handler()
	body, err := events.Files.ReadFile("terminated-none.json")
	if err != nil {
		b.Fatal(err)
	}
	for range b.N {
		var mu sync.Mutex
		var took []time.Duration
		var wg sync.WaitGroup
		every := time.NewTicker(time.Second / perSecond)
		for i := range perSecond * seconds {
			<-every.C
			wg.Go(func() {
				r := webhook(context.Background(), b, fmt.Sprintf("msg_%d_%d", b.N, i), time.Now(), body)
				w := httptest.NewRecorder()
				begun := time.Now()
				handler.ServeHTTP(w, r)
				mu.Lock()
				defer mu.Unlock()
				if took = append(took, time.Since(begun)); w.Code != http.StatusAccepted {
					b.Errorf("answered %d %s", w.Code, w.Body)
				}
			})
		}
		wg.Wait()
		every.Stop()
		slices.Sort(took)
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
		b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
		b.ReportMetric(float64(memory.HeapInuse)/(1<<20), "MB-heap")
		b.ReportMetric(float64(memory.Sys)/(1<<20), "MB-from-the-system")
	}
}
