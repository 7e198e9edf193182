package forward_test

import (
	"testing"

	"leaver/functions/block"
	"leaver/functions/forward"
	"leaver/functions/preserve"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
	"leaver/shared/worker/steptest"
)

// TestARoomIsLeftAsItIs: see CASES.md. HR names the account of a room.
func TestARoomIsLeftAsItIs(t *testing.T) {
	t.Parallel()
	const lidia = "lidia.holloway@contoso.com"
	h := steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[simtenant.UserID(lidia)].Type = "RoomMailbox" })
	c := h.Open(t, lidia, offboarding.Options{Mailbox: offboarding.Shared}, offboarding.DefaultPolicy())
	before, _ := h.Tenant.Mailbox(c.Leaver)
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepBlock, block.New(h.As("block")))), offboarding.StateWithheld, "RoomMailbox", "not a person's")
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepForward, forward.New(h.Graph, h.Exchange, h.Ledger, offboarding.DefaultPolicy()))), offboarding.StateWithheld, "RoomMailbox")
	after, _ := h.Tenant.Mailbox(c.Leaver)
	if after.Type != "RoomMailbox" || after.PendingType != "" || !after.Protocols["MAPIEnabled"] || after.Hidden != before.Hidden {
		t.Errorf("got %s (then %q), hidden %t, protocols %v, want the room as it was", after.Type, after.PendingType, after.Hidden, after.Protocols)
	}

	h = steptest.New(t)
	h.Tenant.Edit(func(w *simtenant.World) { w.Mailboxes[simtenant.UserID(lidia)].Type = "EquipmentMailbox" })
	c = h.Open(t, lidia, offboarding.Options{}, offboarding.DefaultPolicy())
	_, exchange := h.As("preserve")
	h.Wants(t, h.Settle(t, c.ID, h.Worker(offboarding.StepPreserve, preserve.New(exchange))), offboarding.StateWithheld, "EquipmentMailbox")
	if after, _ := h.Tenant.Mailbox(c.Leaver); after.LitigationHold {
		t.Error("the equipment was put on hold")
	}
}
