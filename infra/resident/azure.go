package resident

import (
	"context"
	"fmt"

	"leaver/shared/assembly"
	"leaver/shared/bus/servicebus"
	"leaver/shared/embedded"
	"leaver/shared/identity"
)

// openAzure opens the bus and the ledger that the functions on AWS, or other hosts, work on. The
// directory is held all the same: the operator's commands find one host there.
func (h *Host) openAzure(ctx context.Context, o Options, as identity.Connection) error {
	at := *o.Shared
	held, err := embedded.Hold(o.Dir)
	if err != nil {
		return err
	}
	h.close = append(h.close, held.Unlock)
	options, err := assembly.BusOptions(ctx, at.Bus, as, elsewhere)
	if err != nil {
		return err
	}
	broker, err := servicebus.Open(options)
	if err != nil {
		return fmt.Errorf("LEAVER_SERVICEBUS: %w", err)
	}
	h.Bus = broker
	h.close = append(h.close, broker.Close)
	store, err := assembly.Store(ctx, at.Ledger, as, elsewhere)
	if err != nil {
		return err
	}
	h.close = append(h.close, store.Close)
	return h.prove(ctx, store, o)
}
