package nats_test

import (
	"fmt"
	"sync"
	"testing"
	"time"
	"leaver/shared/bus"
)

func BenchmarkConcurrentComplete(b *testing.B) {
	for _, workers := range []int{1, 8, 64} {
		b.Run(fmt.Sprintf("workers=%d", workers), func(b *testing.B) {
			h := benchBus(b)
			publishAll(b, h, b.N, 256)
			r, _ := h.bus.Open(b.Context(), "requests")
			b.ResetTimer()
			ch := make(chan bus.Delivery, 64)
			var wg sync.WaitGroup
			for range workers {
				wg.Go(func() {
					for d := range ch {
						if err := d.Complete(b.Context()); err != nil { b.Error(err) }
					}
				})
			}
			for done := 0; done < b.N; {
				all, err := r.Receive(b.Context(), 64)
				if err != nil { b.Fatal(err) }
				for _, d := range all { ch <- d }
				done += len(all)
			}
			close(ch)
			wg.Wait()
			for { d, _ := h.bus.Depth(b.Context(), "requests"); if d.Active == 0 { break }; <-time.After(time.Millisecond) }
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msgs/s")
		})
	}
}
