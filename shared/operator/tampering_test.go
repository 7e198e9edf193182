package operator_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"leaver/functions/watch"
	"leaver/shared/bus"
	"leaver/shared/embedded"
	"leaver/shared/ledger"
	"leaver/shared/ledger/ledgertest"
	natsledger "leaver/shared/ledger/nats"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
)

// TestWhoTampersIsNamedByStatusAndByTheAlarm tampers with the embedded ledger in every way: status says in words
// what is wrong with that departure and with no other, and so does the alarm of watch, which counts one.
func TestWhoTampersIsNamedByStatusAndByTheAlarm(t *testing.T) {
	ledgertest.Tampering(t, func(t *testing.T) ledger.Store {
		server, err := embedded.Start(t.TempDir(), embedded.Options{NoSync: true, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		conn, err := server.Connect()
		if err != nil {
			t.Fatal(err)
		}
		store, err := natsledger.Open(t.Context(), conn, natsledger.Options{})
		if err != nil {
			t.Fatal(err)
		}
		return store
	}, said)
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
	if len(named) != 1 || !strings.Contains(named[after.Victim], " ") || after.Held && !strings.Contains(named[after.Victim], "the anchor of ") {
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
