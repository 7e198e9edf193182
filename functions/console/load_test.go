package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// BenchmarkTenThousandCases measures the pages on a ledger of ten thousand departures, at the median. Once is
// enough, for it takes minutes to fill the ledger: -bench TenThousand -benchtime 1x.
func BenchmarkTenThousandCases(t *testing.B) {
	for name, store := range map[string]func(*testing.B) ledger.Store{
		"embedded": func(*testing.B) ledger.Store { return nil },
		"tables": func(t *testing.B) ledger.Store {
			store, err := aztables.OpenConnectionString(azuritetest.Start(t), nil)
			if err == nil {
				err = store.Create(t.Context())
			}
			if err != nil {
				t.Fatal(err)
			}
			return store
		},
	} {
		t.Run(name, func(t *testing.B) { tenThousand(t, newWorldOn(t, store(t), nil)) })
	}
}

// tenThousand fills the ledger of a world and measures.
func tenThousand(t *testing.B, w *world) {
	const many = 10_000
	start := time.Now()
	var group errgroup.Group
	group.SetLimit(32)
	for i := range many {
		group.Go(func() error {
			upn := fmt.Sprintf("person.%05d@contoso.com", i)
			c := w.leaves(upn)
			if _, err := w.desk.Ledger.MarkPublished(context.Background(), c.ID, 1); err != nil {
				return err
			}
			if i%50 == 0 { // these go on
				w.effective(c, offboarding.StepSignout)
				w.effective(c, offboarding.StepBlock)
				return nil
			}
			_, err := w.desk.Ledger.Cancel(context.Background(), ledger.Cancellation{
				Tenant: c.Tenant, Leaver: c.Leaver, Request: offboarding.RequestID("operator", upn), EventTime: w.desk.Now().UTC(), Reason: "a test",
			})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("filled in %s", time.Since(start).Round(time.Second))
	start = time.Now()
	// As the first page would, which waits for it. An emulator that others keep busy may let one of so many
	// reads wait too long; what was read by then is kept.
	_, err := w.desk.Overview(t.Context())
	for looks := 1; errors.Is(err, ledger.ErrUnavailable) && looks < 100; looks++ {
		_, err = w.desk.Overview(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("the index is there after %s", time.Since(start).Round(time.Millisecond))
	b := w.as(administrator)
	token := b.csrf()
	measure := func(what string, one func(i int) page) {
		var took []time.Duration
		for i := range 21 {
			start := time.Now()
			if p := one(i); p.status != 200 {
				t.Fatalf("%s: got %d", what, p.status)
			}
			took = append(took, time.Since(start))
		}
		first := took[0]
		slices.Sort(took)
		median := took[len(took)/2]
		t.Logf("%-10s median %s, first %s, slowest %s", what, median.Round(time.Millisecond/10), first.Round(time.Millisecond), took[len(took)-1].Round(time.Millisecond))
		t.ReportMetric(float64(median.Microseconds())/1000, "ms/"+strings.ReplaceAll(what, " ", "-"))
	}
	measure("overview", func(int) page { return b.get("/console/") })
	measure("departures", func(int) page { return b.get("/console/departures?page=7") })
	measure("search", func(i int) page {
		return b.do(b.request("POST", "/console/search", url.Values{"who": {fmt.Sprintf("person.%05d@contoso.com", i*100)}, "csrf": {token}}))
	})
	measure("by a part", func(i int) page {
		return b.do(b.request("POST", "/console/search", url.Values{"who": {fmt.Sprintf("erson.%04d", i)}, "csrf": {token}}))
	})
	measure("a case", func(i int) page {
		return b.get("/console/cases/" + simtenant.UserID(fmt.Sprintf("person.%05d@contoso.com", i*50)) + "-1")
	})
	measure("layoff", func(int) page { return b.get("/console/layoff?of=day") })
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	t.Logf("heap in use: %d MB", m.HeapInuse>>20)
}
