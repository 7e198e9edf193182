package resident

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"leaver/shared/assembly"
	"leaver/shared/bus/servicebus"
	"leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger"
)

// Azure is where Service Bus and Table Storage are, which a host may share with other hosts and
// with the functions on AWS.
type Azure environment.Host

// AzureOf is the bus and the ledger that the environment names; nil when it names none.
func AzureOf(getenv func(string) string) (*Azure, error) {
	var set []string
	for _, name := range environment.Variables[environment.Host]() {
		if value := getenv(name); value != "" {
			set = append(set, name+"="+value)
		}
	}
	if len(set) == 0 {
		return nil, nil
	}
	at, err := environment.Read[environment.Host](set)
	return (*Azure)(&at), err
}

// openAzure opens the bus and the ledger that the functions on AWS, or other hosts, work on.
func (h *Host) openAzure(ctx context.Context, at Azure, as identity.Connection) error {
	elsewhere := func(context.Context, string) (string, error) {
		return "", errors.New("this host is not on AWS: give the value, or file:PATH")
	}
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
	h.Ledger = ledger.New(store, h.Now, rand.Reader)
	return nil
}
