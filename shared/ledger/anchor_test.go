package ledger_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
)

// far is a store each read of which takes a while.
type far struct {
	ledgertest.Memory
	takes time.Duration
	reads atomic.Int64
}

func (f *far) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	f.reads.Add(1)
	<-time.After(f.takes)
	return f.Memory.Read(ctx, id, after)
}

// TestManyHistoriesAreAnchoredWithinWatchsMinute: a host that knows none of them reads all, and not one after
// the other; the next time only those that have moved since, and a share of the others.
func TestManyHistoriesAreAnchoredWithinWatchsMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const many = 400
		store, proof := &far{}, ledgertest.Proof("tenant")
		proof.Anchors = &ledgertest.Anchors{}
		writer := ledger.New(store, time.Now, rand.Reader, proof)
		for i := range many {
			ask := opening(t, fmt.Sprint(i), start)
			ask.Leaver = fmt.Sprintf("%08x-2222-4333-8444-555555555555", i+1)
			ask.Request.Employee.ID = ask.Leaver
			if _, err := writer.Open(t.Context(), ask); err != nil {
				t.Fatal(err)
			}
		}
		store.takes = 100 * time.Millisecond
		l := ledger.New(store, time.Now, rand.Reader, proof)
		for round, most := range []int64{2*many + 10, many} {
			before, began := store.reads.Load(), time.Now()
			if wrong, err := l.Anchor(t.Context()); err != nil || len(wrong) > 0 {
				t.Fatalf("round %d: got %v, %v", round, wrong, err)
			}
			if took := time.Since(began); took > 20*time.Second {
				t.Errorf("round %d: took %s of watch's minute; one after the other it is 80 s", round, took)
			}
			if reads := store.reads.Load() - before; reads == 0 || reads > most {
				t.Errorf("round %d: got %d reads of %d histories, want at most %d", round, reads, many, most)
			}
			<-time.After(11 * time.Minute) // by the time of the bubble
		}
	})
}
