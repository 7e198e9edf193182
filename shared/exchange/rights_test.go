package exchange_test

import (
	"slices"
	"strings"
	"testing"

	"leaver/shared/exchange"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// both are the rights of emily.braun on mailboxes and on a calendar of alex.wilber.
func both(t *testing.T, c *exchange.Client) []offboarding.MailRight {
	t.Helper()
	rights, err := c.MailRights(t.Context(), simtenant.UserID("emily.braun@contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	calendars, err := c.CalendarRights(t.Context(), simtenant.UserID("alex.wilber@contoso.com"), simtenant.UserID("emily.braun@contoso.com"))
	if err != nil {
		t.Fatal(err)
	}
	return append(rights, calendars...)
}

func TestRightsOnMailboxesAreFoundAndRemoved(t *testing.T) {
	t.Parallel()
	sim, c := connect(t)
	emily, reception := simtenant.UserID("emily.braun@contoso.com"), simtenant.UserID("reception@contoso.com")
	sim.Edit(func(w *simtenant.World) { // what somebody else may do stays
		w.Mailboxes[reception].SendAs = append(w.Mailboxes[reception].SendAs, simtenant.UserID("alex.wilber@contoso.com"))
	})
	got := both(t, c)
	want := []offboarding.MailRight{
		{Kind: offboarding.RightFull, Mailbox: reception, Rights: "FullAccess"},
		{Kind: offboarding.RightSendAs, Mailbox: reception, Rights: "SendAs"},
		{Kind: offboarding.RightOnBehalf, Mailbox: simtenant.UserID("lidia.holloway@contoso.com")},
		{Kind: offboarding.RightCalendar, Mailbox: simtenant.UserID("alex.wilber@contoso.com"), Folder: "1", Rights: "Editor"},
	}
	if !slices.Equal(got, want) {
		t.Fatalf("%+v", got)
	}
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	for range 2 { // the second time there is nothing to remove
		for _, r := range got {
			if err := c.RemoveMailRight(ctx, emily, r); err != nil {
				t.Errorf("%s: %v", r.Kind, err)
			}
		}
	}
	if left := both(t, c); len(left) > 0 {
		t.Errorf("left: %+v", left)
	}
	if m, _ := sim.Mailbox(reception); len(m.SendAs) != 1 {
		t.Errorf("who may send as reception: %v", m.SendAs)
	}
}

func TestSomebodyWhomExchangeDoesNotKnowHasNoRights(t *testing.T) {
	t.Parallel()
	_, c := connect(t)
	if rights, err := c.MailRights(t.Context(), "00000000-0000-4000-8000-00000000abcd"); err != nil || len(rights) > 0 {
		t.Errorf("%v, %v", rights, err)
	}
}

func TestLeavingADistributionListTwice(t *testing.T) {
	t.Parallel()
	sim, c := connect(t)
	ctx := offboarding.WithWriteGuard(t.Context(), permit{})
	group, henrik := simtenant.GroupID(simtenant.GroupNews), simtenant.UserID("henrik.holm@contoso.com")
	for range 2 {
		if err := c.LeaveDistributionGroup(ctx, group, henrik); err != nil {
			t.Error(err)
		}
	}
	if g, _ := sim.Group(group); slices.Contains(g.Members, henrik) {
		t.Error("a member still")
	}
	synced := true
	sim.Edit(func(w *simtenant.World) { w.Groups[group].OnPremisesSyncEnabled = &synced })
	if err := c.LeaveDistributionGroup(ctx, group, henrik); err == nil || strings.Contains(err.Error(), "News") {
		t.Errorf("%v", err)
	}
}
