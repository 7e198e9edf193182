package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"leaver/shared/assembly"
	"leaver/shared/bus/servicebus"
	variables "leaver/shared/environment"
	"leaver/shared/identity"
	"leaver/shared/ledger"
)

// azure is where Service Bus and Table Storage are, which a host may share with other hosts and
// with the functions on AWS.
type azure variables.Host

// azureOf is the bus and the ledger that the environment names; nil when it names none.
func azureOf(getenv func(string) string) (*azure, error) {
	var set []string
	for _, name := range variables.Variables[variables.Host]() {
		if value := getenv(name); value != "" {
			set = append(set, name+"="+value)
		}
	}
	if len(set) == 0 {
		return nil, nil
	}
	at, err := variables.Read[variables.Host](set)
	return (*azure)(&at), err
}

// openAzure opens the bus and the ledger that the functions on AWS, or other hosts, work on.
func (h *house) openAzure(ctx context.Context, at azure, as identity.Connection) error {
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
	h.bus = broker
	h.close = append(h.close, broker.Close)
	store, err := assembly.Store(ctx, at.Ledger, as, elsewhere)
	if err != nil {
		return err
	}
	h.close = append(h.close, store.Close)
	h.ledger = ledger.New(store, h.now, rand.Reader)
	return nil
}
