package forward_test

import (
	"testing"

	"leaver/shared/ledger"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestTheWayBackKnowsItsOwnFromWhatSomebodyChanged: the reply that the departure wrote goes, wherever the mail had
// gone; and a forwarding that somebody has set since stays, also one to an address outside.
func TestTheWayBackKnowsItsOwnFromWhatSomebodyChanged(t *testing.T) {
	t.Parallel()
	const successor, somebody = "successor@northwind.example", "smtp:somebody@northwind.example"
	for name, tt := range map[string]struct {
		to       string
		since    func(*simtenant.World, *simtenant.Mailbox)
		forwards string // to an address outside
		replies  string
	}{
		"mail that went inside":  {alex, nil, "smtp:henrik.holm@fabrikam.com", "disabled"},
		"mail that went outside": {successor, nil, "smtp:henrik.holm@fabrikam.com", "disabled"},
		"somebody sends it elsewhere": {alex, func(_ *simtenant.World, m *simtenant.Mailbox) {
			m.ForwardingAddress, m.ForwardingSMTPAddress = "", somebody
		}, somebody, "disabled"},
		"somebody sends it elsewhere outside": {successor, func(_ *simtenant.World, m *simtenant.Mailbox) { m.ForwardingSMTPAddress = somebody }, somebody, "disabled"},
		"the successor's mailbox cannot be read for a while": {alex, func(w *simtenant.World, _ *simtenant.Mailbox) {
			w.Faults = append(w.Faults, simtenant.Fault{Operation: "Get-Mailbox", Target: simtenant.UserID(alex), Status: 503, Times: 3})
		}, "smtp:henrik.holm@fabrikam.com", "disabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := steptest.New(t)
			c := h.Open(t, henrik, offboarding.Options{ForwardFor: lasting(offboarding.Unlimited), ForwardTo: tt.to}, outside())
			w := h.Worker(offboarding.StepForward, withPolicy(outside())(h))
			h.Tenant.Edit(func(w *simtenant.World) { w.Organization.AutoForwardingMode = "On" })
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateEffective)
			if is := mailbox(t, h, c.Leaver).AutoReply.Status; is == tt.replies {
				t.Fatalf("the automatic reply is %s", is)
			}
			if tt.since != nil {
				h.Tenant.Edit(func(w *simtenant.World) { tt.since(w, w.Mailboxes[c.Leaver]) })
			}
			c, err := h.Ledger.Undo(t.Context(), ledger.UndoOrder{Case: c.ID, Step: offboarding.StepForward, By: offboarding.Person{Name: "Miriam Graham"}, Reason: "a mistake", Source: "operator"})
			if err == nil {
				_, err = h.Ledger.MarkPublished(t.Context(), c.ID, c.Plan.Version)
			}
			if err != nil {
				t.Fatal(err)
			}
			h.Wants(t, h.Settle(t, c.ID, w), offboarding.StateUndone)
			if m := mailbox(t, h, c.Leaver); m.ForwardingAddress != "" || m.ForwardingSMTPAddress != tt.forwards || m.AutoReply.Status != tt.replies {
				t.Errorf("it forwards to %q and %q, and the reply is %s; want %q and %s", m.ForwardingAddress, m.ForwardingSMTPAddress, m.AutoReply.Status, tt.forwards, tt.replies)
			}
		})
	}
}
