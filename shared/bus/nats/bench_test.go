package nats_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"leaver/shared/bus"
	"leaver/shared/bus/bustest"
	"leaver/shared/bus/nats"
	"leaver/shared/embedded"
)

// Every benchmark runs on the file store with SyncAlways, as production does.
func benchBus(b *testing.B) *harness {
	return newHarness(b, embedded.Options{}, nats.Options{Subscriptions: bustest.Subscriptions(), Lock: time.Minute})
}

var body = make([]byte, 400)

func queued(i int64) bus.Message {
	return bus.Message{ID: fmt.Sprintf("m-%d", i), Entity: bus.Queue, Body: body}
}

// publishAll publishes n messages from many goroutines.
func publishAll(b *testing.B, h *harness, n, publishers int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range publishers {
		wg.Go(func() {
			for {
				i := next.Add(1)
				if i > int64(n) {
					return
				}
				if _, err := h.bus.Publish(b.Context(), queued(i)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkPublish(b *testing.B) {
	for _, publishers := range []int{1, 16, 64, 256} {
		b.Run(fmt.Sprintf("publishers=%d", publishers), func(b *testing.B) {
			h := benchBus(b)
			b.ResetTimer()
			publishAll(b, h, b.N, publishers)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}

// BenchmarkReceiveComplete receives batches and completes their messages one after another.
func BenchmarkReceiveComplete(b *testing.B) {
	for _, batch := range []int{1, 64} {
		b.Run(fmt.Sprintf("batch=%d", batch), func(b *testing.B) {
			h := benchBus(b)
			publishAll(b, h, b.N, 64)
			r, err := h.bus.Open(b.Context(), "requests")
			if err != nil {
				b.Fatal(err)
			}
			b.ResetTimer()
			for done := 0; done < b.N; {
				all, err := r.Receive(b.Context(), batch)
				if err != nil {
					b.Fatal(err)
				}
				for _, d := range all {
					if err := d.Complete(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
				done += len(all)
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
