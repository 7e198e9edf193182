package watch_test

import (
	"context"
	"crypto/rand"
	"testing"
	"time"

	"leaver/functions/block"
	"leaver/functions/delete"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/signout"
	"leaver/functions/watch"
	"leaver/functions/wipe"
	"leaver/shared/bus"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
	"leaver/shared/worker/steptest"
)

const adele = "adele.vance@contoso.com"

// lossy is a bus on which every message that was ever published is gone.
type lossy struct {
	bus.Publisher
	waiting time.Duration // age of the oldest message of every subscription
}

func (l lossy) Depth(context.Context, string) (bus.Depth, error) {
	return bus.Depth{OldestAge: l.waiting}, nil
}

func steps(h *steptest.House) map[offboarding.StepName]*worker.Worker {
	all := map[offboarding.StepName]*worker.Worker{}
	for name, step := range map[offboarding.StepName]worker.Step{
		offboarding.StepSignout: signout.New(h.Graph, rand.Reader),
		offboarding.StepBlock:   block.New(h.Graph, h.Exchange),
		offboarding.StepWipe:    wipe.New(h.Graph, h.Exchange),
		offboarding.StepForward: forward.New(h.Graph, h.Exchange, h.Ledger, offboarding.DefaultPolicy()),
		offboarding.StepLicence: licence.New(h.Graph, h.Exchange),
		offboarding.StepDelete:  delete.New(h.Graph, h.Exchange),
	} {
		all[name] = h.Worker(name, step)
	}
	return all
}

func newWatch(h *steptest.House, b watch.Bus) *watch.Watch {
	return &watch.Watch{Ledger: h.Ledger, Bus: b, Now: h.Now, Log: h.Logger()}
}

// TestEveryQueuedMessageLost loses every message of a departure but those that watch has just
// published, and expects the departure to end all the same.
func TestEveryQueuedMessageLost(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	workers := steps(h)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := newWatch(h, lossy{Publisher: h.Bus})
	seen := len(h.Bus.Messages()) // what Open published is lost
	for range 500 {
		h.Advance(2 * time.Hour)
		if err := w.Run(t.Context()); err != nil {
			t.Fatal(err)
		}
		republished := h.Bus.Messages()[seen:]
		for _, m := range republished {
			if _, err := h.Deliver(t.Context(), workers[offboarding.StepName(m.Subject)], m); err != nil {
				t.Fatal(err)
			}
		}
		seen = len(h.Bus.Messages()) // and what the workers scheduled is lost too
		now, err := h.Ledger.Case(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if now.State(h.Now()) == offboarding.CaseComplete {
			if _, deleted := h.Tenant.DeletedUser(simtenant.UserID(adele)); !deleted {
				t.Error("complete, but the account is not deleted")
			}
			if n := h.Tenant.PasswordChanges(simtenant.UserID(adele)); n != 1 {
				t.Errorf("the password changed %d times", n)
			}
			return
		}
	}
	t.Error("the case did not end")
}

func TestAHalfPlannedCaseIsResumed(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.OpenUnpublished(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	w := newWatch(h, lossy{Publisher: h.Bus})
	if err := w.Run(t.Context()); err != nil || len(h.Bus.Messages()) > 0 {
		t.Fatalf("plan was not given the time to do it itself: %d messages, %v", len(h.Bus.Messages()), err)
	}
	h.Advance(time.Minute)
	if err := w.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	now, err := h.Ledger.Case(t.Context(), c.ID)
	if err != nil || !now.Published() || len(h.Bus.Messages()) != 3 {
		t.Errorf("published %t, %d messages, %v", now.Published(), len(h.Bus.Messages()), err)
	}
}

func TestABacklogIsNotALoss(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	published := len(h.Bus.Messages())
	h.Advance(10 * time.Minute)
	if err := newWatch(h, lossy{Publisher: h.Bus, waiting: 10 * time.Minute}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Bus.Messages()); n != published {
		t.Errorf("%d messages were published again although they still wait", n-published)
	}
}

func TestAStepThatIsWorkedOnIsLeftAlone(t *testing.T) {
	t.Parallel()
	h := steptest.New(t)
	c := h.Open(t, adele, offboarding.Options{}, offboarding.DefaultPolicy())
	h.Advance(10 * time.Minute)
	for _, step := range c.Steps {
		if !step.Due.After(h.Now()) {
			h.Lease(t, c.ID, step.Name)
		}
	}
	published := len(h.Bus.Messages())
	if err := newWatch(h, lossy{Publisher: h.Bus}).Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(h.Bus.Messages()); n != published {
		t.Errorf("%d messages were published for steps under a lease", n-published)
	}
}
