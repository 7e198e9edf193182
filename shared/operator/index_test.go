package operator_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// slow is a store each read of which takes a while, as one far away.
type slow struct {
	ledger.Store
	takes time.Duration
	reads atomic.Int64
	fails atomic.Value // the id of the history whose next read fails
}

func (s *slow) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	s.reads.Add(1)
	if s.fails.CompareAndSwap(id, "") {
		return nil, fmt.Errorf("%w: a timeout", ledger.ErrUnavailable)
	}
	select {
	case <-time.After(s.takes):
		return s.Store.Read(ctx, id, after)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// nowhere keeps no anchor.
type nowhere struct{}

func (nowhere) Put(context.Context, string, []byte) error { return nil }

func (nowhere) Last(context.Context, string) (string, []byte, error) { return "", nil, nil }

// TestThousandsThatAreOverKeepNobodyFromTheOpenOnes: the first look at a ledger that nobody has read shows every
// open departure within its time, says how many of the others are missing, and the next ones read those, also
// where one of so many reads fails. Once they are read, a look costs as much as there are open ones.
func TestThousandsThatAreOverKeepNobodyFromTheOpenOnes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const over, open, within = 300, 30, 8 * time.Second
		store := &slow{Store: &ledgertest.Memory{}}
		writer := ledger.New(store, time.Now, rand.Reader, ledgertest.Proof("tenant"))
		for i := range over + open {
			ask := departure(t)
			ask.Leaver = fmt.Sprintf("%08x-2222-4333-8444-555555555555", i+1)
			ask.Request.ID = offboarding.RequestID("webhooks/standard", ask.Leaver)
			c, err := writer.Open(t.Context(), ask)
			if err == nil && i < over {
				_, err = writer.Cancel(t.Context(), ledger.Cancellation{Tenant: "tenant", Leaver: c.Leaver, Request: offboarding.RequestID("operator", c.ID), EventTime: start.Add(time.Minute), Reason: "a test"})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		store.takes = 800 * time.Millisecond
		store.fails.Store("00000064-2222-4333-8444-555555555555-1")
		desk := &operator.Desk{
			Ledger: ledger.New(store, time.Now, rand.Reader, ledgertest.Proof("tenant")), Index: &operator.Index{Within: within}, Now: time.Now,
		}
		looks := 0
		for seen := -1; ; looks++ {
			began := time.Now()
			all, err := desk.Overview(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if took := time.Since(began); took > within+3*time.Second {
				t.Errorf("look %d took %s, want about %s", looks, took, within)
			}
			running := 0
			for _, one := range all {
				if one.Running() {
					running++
				}
			}
			if running != open || len(all)+desk.Unread() != over+open {
				t.Fatalf("look %d shows %d open, %d in all and %d left out; want %d, and %d with those", looks, running, len(all), desk.Unread(), open, over+open)
			}
			if desk.Unread() == 0 {
				break
			}
			if len(all) <= seen {
				t.Fatalf("look %d shows %d, and the one before %d", looks, len(all), seen)
			}
			seen = len(all)
		}
		if looks == 0 {
			t.Error("nothing was left out: the test shows nothing")
		}
		if store.fails.Load() != "" {
			t.Error("no read failed: the test does not show what one does")
		}
		reads := func(what string, most int64, do func() error) {
			t.Helper()
			before := store.reads.Load()
			if err := do(); err != nil || store.reads.Load()-before > most {
				t.Errorf("%s reads %d histories, %v; want at most %d", what, store.reads.Load()-before, err, most)
			}
		}
		reads("a look at what is known", 1, func() error { _, err := desk.Overview(t.Context()); return err }) // the brakes

		desk.Ledger.HoldTo(nowhere{})
		one := operator.OfCase(fmt.Sprintf("%08x-2222-4333-8444-555555555555-1", 7))
		desk.Hurried = true
		reads("the page of a departure", 5, func() error { _, err := desk.Status(t.Context(), one); return err })
		reads("its verification", 5, func() error { _, err := desk.Verify(t.Context(), []operator.Who{one}); return err })
		if _, err := desk.Verify(t.Context(), nil); err == nil || operator.StatusCode(err) != http.StatusUnprocessableEntity {
			t.Errorf("to verify all of them: got %v, want a refusal that says what to do instead", err)
		}
		desk.Hurried = false
		if all, err := desk.Verify(t.Context(), nil); err != nil || len(all) < over+open {
			t.Errorf("who is in no hurry verifies %d, %v; want all", len(all), err)
		}
	})
}
