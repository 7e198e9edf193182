package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"leaver/functions/access"
	"leaver/functions/block"
	"leaver/functions/delete"
	"leaver/functions/forward"
	"leaver/functions/licence"
	"leaver/functions/onedrive"
	"leaver/functions/plan"
	"leaver/functions/preserve"
	"leaver/functions/replay"
	"leaver/functions/signout"
	"leaver/functions/watch"
	"leaver/functions/wipe"
	"leaver/shared/bus"
	natsbus "leaver/shared/bus/nats"
	"leaver/shared/embedded"
	"leaver/shared/exchange"
	"leaver/shared/graph"
	"leaver/shared/identity"
	"leaver/shared/ledger"
	natsledger "leaver/shared/ledger/nats"
	"leaver/shared/offboarding"
	"leaver/shared/telemetry"
	"leaver/shared/worker"
)

// house is every function but intake in one process.
type house struct {
	tenantID string
	ledger   *ledger.Ledger
	bus      bus.Bus
	hosts    []*worker.Host
	lane     worker.Lane

	concurrency int
	directory   *graph.Client
	planner     *plan.Planner
	unlike      bool // the policy is not that of whoever plans the requests
	steps       map[offboarding.StepName]worker.Step
	watch       *watch.Watch
	replayer    *replay.Replayer
	metrics     *telemetry.Metrics
	now         func() time.Time
	log         *slog.Logger
	close       []func() error
}

// houseOptions say what a house is built of.
type houseOptions struct {
	dir    string // of the embedded bus and ledger
	azure  *azure // the bus and the ledger instead of the embedded ones; nil is none
	tenant identity.Tenant
	policy offboarding.Policy
	lock   time.Duration // of messages on the embedded bus and their leases; zero is the bus's default
	// concurrency is how many messages of one subscription are worked on at the same time;
	// zero is 8.
	concurrency int
	log         *slog.Logger
	// client reaches the tenant; nil is one of its own.
	client *http.Client
	// around is laid around every step; nil is nothing.
	around func(offboarding.StepName, worker.Step) worker.Step
}

// openHouse opens bus and ledger and puts the functions on them.
func openHouse(ctx context.Context, o houseOptions) (_ *house, err error) {
	h := &house{tenantID: o.tenant.TenantID, now: time.Now, log: o.log, concurrency: o.concurrency, metrics: telemetry.New()}
	if h.concurrency == 0 {
		h.concurrency = 8
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.Close())
		}
	}()
	connection, err := o.tenant.Connect(o.client)
	if err != nil {
		return nil, err
	}
	if o.azure != nil {
		err = h.openAzure(ctx, *o.azure, connection)
	} else {
		err = h.openEmbedded(ctx, o)
	}
	if err != nil {
		return nil, err
	}

	directory, err := graph.New(connection.Credential, connection.Graph, connection.GraphScope, connection.HTTP, graph.Clock(h.now))
	if err != nil {
		return nil, err
	}
	mailboxes, err := exchange.New(connection.Credential, connection.Exchange, connection.ExchangeScope, connection.TenantID, connection.HTTP)
	if err != nil {
		return nil, err
	}
	h.directory = directory
	h.steps = newSteps(directory, mailboxes, h.ledger, o.policy)
	h.planner = &plan.Planner{
		Directory: directory, Ledger: h.ledger, Bus: h.bus, Tenant: h.tenantID,
		Policy: o.policy, Now: h.now, Log: o.log,
	}
	h.host("plan", true, h.planner.Handle)
	for _, spec := range offboarding.Steps {
		step, ok := h.steps[spec.Name]
		if !ok {
			return nil, fmt.Errorf("no function serves step %s", spec.Name)
		}
		if o.around != nil {
			step = o.around(spec.Name, step)
		}
		w := &worker.Worker{
			Name: spec.Name, Step: step, Ledger: h.ledger, Bus: h.bus, Tenant: h.tenantID,
			Now: h.now, NewID: uuid.NewString, Log: o.log,
			Observe: h.metrics.Verdict,
		}
		h.host(string(spec.Name), spec.Urgent, w.Handle)
	}
	h.watch = &watch.Watch{Ledger: h.ledger, Bus: h.bus, Now: h.now, Log: o.log, Report: h.metrics}
	h.replayer = &replay.Replayer{Ledger: h.ledger, Bus: h.bus, Now: h.now, Log: o.log}
	return h, nil
}

// openEmbedded starts the embedded server.
func (h *house) openEmbedded(ctx context.Context, o houseOptions) error {
	server, err := embedded.Start(o.dir, embedded.Options{Logger: o.log})
	if err != nil {
		return err
	}
	h.close = append(h.close, server.Close)
	// A connection each: the requests of one are written one after another.
	forBus, err := server.Connect()
	if err != nil {
		return err
	}
	forLedger, err := server.Connect()
	if err != nil {
		return err
	}
	broker, err := natsbus.Open(ctx, forBus, natsbus.Options{Lock: o.lock})
	if err != nil {
		return err
	}
	h.bus = broker
	h.close = append(h.close, broker.Close)
	store, err := natsledger.Open(ctx, forLedger, natsledger.Options{})
	if err != nil {
		return err
	}
	h.close = append(h.close, store.Close)
	h.ledger = ledger.New(store, h.now, rand.Reader)
	return nil
}

// newSteps makes every step on the adapters.
func newSteps(directory *graph.Client, mailboxes *exchange.Client, departures *ledger.Ledger, policy offboarding.Policy) map[offboarding.StepName]worker.Step {
	return map[offboarding.StepName]worker.Step{
		offboarding.StepSignout:  signout.New(directory, rand.Reader),
		offboarding.StepBlock:    block.New(directory, mailboxes),
		offboarding.StepWipe:     wipe.New(directory, mailboxes),
		offboarding.StepForward:  forward.New(directory, mailboxes, departures, policy),
		offboarding.StepPreserve: preserve.New(mailboxes),
		offboarding.StepOnedrive: onedrive.New(directory, departures),
		offboarding.StepAccess:   access.New(directory, mailboxes, departures),
		offboarding.StepLicence:  licence.New(directory, mailboxes),
		offboarding.StepDelete:   delete.New(directory, mailboxes),
	}
}

func (h *house) host(subscription string, urgent bool, handle func(context.Context, bus.Delivery) error) {
	h.hosts = append(h.hosts, &worker.Host{
		Bus: h.bus, Subscription: subscription, Handle: handle, Concurrency: h.concurrency,
		Lane: &h.lane, Urgent: urgent, Log: h.log,
	})
}

// run serves every subscription and watches once a minute, until ctx is done.
func (h *house) run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, host := range h.hosts {
		group.Go(func() error { return host.Run(ctx) })
	}
	group.Go(func() error {
		every := time.NewTicker(time.Minute)
		defer every.Stop()
		for {
			if err := h.watch.Run(ctx); err != nil && ctx.Err() == nil {
				h.log.Error("watch", "error", err)
			}
			select {
			case <-every.C:
			case <-ctx.Done():
				return nil
			}
		}
	})
	return group.Wait()
}

// Close ends everything that openHouse started, last first.
func (h *house) Close() error {
	var failures []error
	for i := len(h.close) - 1; i >= 0; i-- {
		failures = append(failures, h.close[i]())
	}
	h.close = nil
	return errors.Join(failures...)
}
