package operator_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	sdk "github.com/Azure/azure-sdk-for-go/sdk/data/aztables"

	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/embedded/embeddedtest"
	"leaver/shared/ledger"
	"leaver/shared/ledger/aztables"
	"leaver/shared/ledger/azuritetest"
	"leaver/shared/ledger/ledgertest"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// TestWhoTampersIsNamedByStatusAndByTheAlarm tampers with the embedded ledger in every way: status says in words
// what is wrong with that departure and with no other, and so does the alarm of watch, which counts one.
func TestWhoTampersIsNamedByStatusAndByTheAlarm(t *testing.T) {
	ledgertest.Tampering(t, func(t *testing.T) ledger.Store { return embeddedtest.Store(t) }, said)
}

// TestWhoTampersWithTheTableIsNamedByStatusAndByTheAlarm does the same to the ledger on Table Storage, and what can be
// done to its rows where they stand: to an entry, to the head that says where a history ends, and to the hints
// that it is listed by. A hint that is none lies there all the while, and harms nobody.
func TestWhoTampersWithTheTableIsNamedByStatusAndByTheAlarm(t *testing.T) {
	table := oneTable{connection: azuritetest.Start(t), mu: &sync.Mutex{}}
	t.Run("the histories", func(t *testing.T) { ledgertest.Tampering(t, table.fresh, said) })
	t.Run("the rows", func(t *testing.T) { ledgertest.TamperingInPlace(t, table.ways(), table.fresh, table.open, said) })
}

// oneTable is the table of an emulator, which one test has after the other.
type oneTable struct {
	connection string
	mu         *sync.Mutex
}

func (o oneTable) open(t *testing.T) ledger.Store {
	t.Helper()
	store, err := aztables.OpenConnectionString(o.connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// fresh is the table, emptied, until the test ends.
func (o oneTable) fresh(t *testing.T) ledger.Store {
	t.Helper()
	o.mu.Lock()
	t.Cleanup(o.mu.Unlock)
	_, _ = o.raw(t).Delete(t.Context(), nil) // the first time there is none
	store := o.open(t)
	if err := store.(*aztables.Store).Create(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"whatever", "_0000000001", "NO-ID_0000000001", "11111111_nine"} {
		o.put(t, map[string]any{"PartitionKey": "_open", "RowKey": key})
	}
	return store
}

func (o oneTable) raw(t *testing.T) *sdk.Client {
	t.Helper()
	service, err := sdk.NewServiceClientFromConnectionString(o.connection, nil)
	if err != nil {
		t.Fatal(err)
	}
	return service.NewClient(aztables.Table)
}

func (o oneTable) put(t *testing.T, row map[string]any) {
	t.Helper()
	raw, err := json.Marshal(row)
	if err == nil {
		_, err = o.raw(t).UpsertEntity(t.Context(), raw, &sdk.UpsertEntityOptions{UpdateMode: sdk.UpdateModeReplace})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (o oneTable) remove(t *testing.T, partition, key string) {
	t.Helper()
	if _, err := o.raw(t).DeleteEntity(t.Context(), partition, key, nil); err != nil {
		t.Fatal(err)
	}
}

// ways are those of the rows. The victim's history has three entries: opened, approved, published.
func (o oneTable) ways() []ledgertest.Way {
	head := func(of string, position any, label string) map[string]any {
		return map[string]any{"PartitionKey": of, "RowKey": "head", "Position": position, "Label": label}
	}
	return []ledgertest.Way{
		{Name: "an entry overwritten", Want: ledger.ProblemChain, Do: func(t *testing.T, victim string) {
			o.put(t, map[string]any{"PartitionKey": victim, "RowKey": "entry_0000000001", "Data0@odata.type": "Edm.Binary", "Data0": o.entry(t, victim, `"leaver":"1`, `"leaver":"2`)})
		}},
		{Name: "an entry of text instead of bytes", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, map[string]any{"PartitionKey": victim, "RowKey": "entry_0000000002", "Data0": "approved"})
		}},
		{Name: "an entry removed between others", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.remove(t, victim, "entry_0000000002")
		}},
		{Name: "a row put among the entries", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, map[string]any{"PartitionKey": victim, "RowKey": "entry_x"})
		}},
		{Name: "a case that nobody can read, nor whether it was set aside", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, map[string]any{"PartitionKey": victim, "RowKey": "entry_x"})
			o.put(t, map[string]any{"PartitionKey": "aside-" + victim, "RowKey": "entry_0000000001", "Data0": "aside"})
		}},
		{Name: "the last entry removed", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.remove(t, victim, "entry_0000000003")
		}},
		{Name: "the last entry removed and the head moved back", Want: ledger.ProblemTruncated, Held: true, Do: func(t *testing.T, victim string) {
			o.remove(t, victim, "entry_0000000003")
			o.put(t, head(victim, 2, "planning"))
			o.put(t, map[string]any{"PartitionKey": "_planning", "RowKey": victim + "_0000000002"})
		}},
		{Name: "the head moved back", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, head(victim, 2, "open"))
		}},
		{Name: "the head moved forward", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, head(victim, 9, "open"))
		}},
		{Name: "a head that says nothing", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.put(t, head(victim, "three", "open"))
		}},
		{Name: "the head removed", Want: ledger.ProblemUnreadable, Do: func(t *testing.T, victim string) {
			o.remove(t, victim, "head")
		}},
		{Name: "an open case listed as closed", Want: ledger.ProblemLabel, Held: true, Says: "it is open, and listed as", Do: func(t *testing.T, victim string) {
			o.put(t, head(victim, 3, "closed"))
			o.put(t, map[string]any{"PartitionKey": "_closed", "RowKey": victim + "_0000000003"})
		}},
		{Name: "an open case listed nowhere", Want: ledger.ProblemLabel, Gone: true, Do: func(t *testing.T, victim string) {
			o.remove(t, "_open", victim+"_0000000003")
		}},
	}
}

// entry is the first entry of a case with a word replaced.
func (o oneTable) entry(t *testing.T, of, was, is string) []byte {
	t.Helper()
	rows, err := o.open(t).Read(t.Context(), of, 0)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Replace(rows[0], []byte(was), []byte(is), 1)
}

// spoiled is a store in which somebody can spoil where a history ends.
type spoiled struct {
	ledger.Store
	id string
}

func (s *spoiled) List(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	heads, err := s.Store.List(ctx, labels...)
	for i := range heads {
		if heads[i].ID == s.id {
			heads[i].Position = 0
		}
	}
	return heads, err
}

func (s *spoiled) Hints(ctx context.Context, labels ...string) ([]ledger.Head, error) {
	return s.List(ctx, labels...)
}

func (s *spoiled) Read(ctx context.Context, id string, after int) ([][]byte, error) {
	if id == s.id {
		return nil, fmt.Errorf("%w: its head is not readable", ledger.ErrUnreadable)
	}
	return s.Store.Read(ctx, id, after)
}

// TestWhoKnowsACaseNoticesThatItWasSpoiled: the overview of a desk that has read a case before shows it as
// unreadable from then on, and readable once it is mended.
func TestWhoKnowsACaseNoticesThatItWasSpoiled(t *testing.T) {
	now := func() time.Time { return start }
	store := &spoiled{Store: &ledgertest.Memory{}}
	desk := &operator.Desk{Ledger: ledger.New(store, now, rand.Reader, ledgertest.Proof("tenant")), Index: &operator.Index{}, Now: now}
	c, err := desk.Ledger.Open(t.Context(), departure(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"", c.ID, ""} {
		store.id = id
		all, err := desk.Overview(t.Context())
		if err != nil || len(all) != 1 || (all[0].State == string(offboarding.CaseUnreadable)) != (id != "") {
			t.Errorf("spoiled %q, the overview is %+v, %v", id, all, err)
		}
	}
}

func said(t *testing.T, after ledgertest.Tampered) {
	t.Helper()
	now := func() time.Time { return start.Add(time.Hour) }
	found, err := (&operator.Desk{Ledger: after.Ledger, Index: &operator.Index{}, Now: now}).Status(t.Context(), operator.Who{})
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]string{} // what is wrong, by case
	for _, one := range found {
		switch step := one.Step(offboarding.StepDelete); {
		case one.State == string(offboarding.CaseUnreadable):
			named[one.Case] = one.Reason
		case step.State == offboarding.StateHeld:
			named[one.Case] = step.Reason
			for _, hold := range one.Held {
				named[one.Case] += "; " + hold.Why
			}
		}
	}
	if len(named) != 1 || !strings.Contains(named[after.Victim], " ") || after.Held && !strings.Contains(named[after.Victim], after.Says) {
		t.Errorf("status says %q; want what is wrong with %s, and of no other", named, after.Victim)
	}
	v, err := after.Ledger.Verify(t.Context(), after.Victim)
	if err == nil && !v.OK && v.Problems[0].Kind == ledger.ProblemUnproven && !strings.Contains(named[after.Victim], v.Problems[0].Why) {
		t.Errorf("status says %q; want %q, as verify does", named[after.Victim], v.Problems[0].Why)
	}

	var log bytes.Buffer
	alarm := &counted{}
	w := &watch.Watch{Ledger: after.Ledger, Bus: quiet{}, Now: now, Log: slog.New(slog.NewTextHandler(&log, nil)), Report: alarm}
	if err := w.Run(t.Context()); err != nil {
		fmt.Fprintln(&log, err)
	}
	if alarm.unproven != 1 || !strings.Contains(log.String(), after.Victim) || strings.Contains(log.String(), after.Bystander) {
		t.Errorf("the alarm counts %d histories and says %s; want one, %s", alarm.unproven, log.String(), after.Victim)
	}
	if !strings.Contains(log.String(), `msg="the ledger does not verify"`) || !strings.Contains(log.String(), "why=") {
		t.Errorf("the alarm says %s; want in words what does not verify", log.String())
	}
}

// quiet is a bus on which nothing waits.
type quiet struct{ watch.Bus }

func (quiet) Depth(context.Context, string) (bus.Depth, error) { return bus.Depth{}, nil }

func (quiet) Publish(context.Context, bus.Message) (bool, error) { return false, nil }

func (quiet) DeadLetters(context.Context, string, int) ([]bus.DeadLetter, error) { return nil, nil }

type counted struct {
	watch.Report
	unproven int
}

func (c *counted) Queue(string, bus.Depth)                             {}
func (c *counted) Cases(map[offboarding.CaseState]int, int)            {}
func (c *counted) Frozen(bool)                                         {}
func (c *counted) Verdict(offboarding.StepName, offboarding.StepState) {}
func (c *counted) Unproven(histories int)                              { c.unproven = histories }
