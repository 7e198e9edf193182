package demo

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"leaver/events"
	"leaver/infra/resident"
	"leaver/shared/hris"
	"leaver/shared/identity"
	"leaver/shared/offboarding"
	"leaver/shared/operator"
	"leaver/shared/simtenant"
	"leaver/shared/worker"
)

// hostOptions say what a demo plays on.
type hostOptions struct {
	tenant      *simtenant.Tenant
	policy      offboarding.Policy
	concurrency int // as that of resident.Options
	log         io.Writer
	meter       *meter                               // nil = nothing is counted
	elsewhere   map[offboarding.StepName]worker.Step // as that of resident.Options
	declared    []hris.Config                        // sources; none = the sample's
	console     func(address string)                 // told where the console is; nil = there is none
	reports     string                               // as that of Options
	now         func() time.Time                     // as that of resident.Options
}

// withHost serves the tenant and a host on it with its intake, in a directory that is removed
// afterwards, while a demo plays, and writes the reports of what was played.
func withHost(ctx context.Context, on hostOptions, play func(ctx context.Context, h *operator.Desk, intake string) error) (err error) {
	server, err := on.tenant.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Close()) }()
	dir, err := os.MkdirTemp("", "leaver-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	options := resident.Options{
		Dir: dir, Tenant: TenantOf(server.Connection()), Policy: on.policy, Concurrency: on.concurrency, Elsewhere: on.elsewhere, Now: on.now,
		Log: slog.New(slog.NewTextHandler(on.log, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if m := on.meter; m != nil {
		m.next = server.Client().Transport
		options.Client, options.Around = &http.Client{Transport: m}, m.around
	}
	graph, err := resident.GraphOf(options.Tenant)
	if err != nil {
		return err
	}
	if options.Readers, err = hris.NewReaders(on.declared, hris.Access{Now: time.Now, Tenant: graph, Unpaced: true}); err != nil {
		return err
	}
	h, err := resident.Open(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	declared := on.declared
	if len(declared) == 0 {
		declared = []hris.Config{hris.Standard(events.Secret)}
	}
	sources, err := hris.New(declared...)
	if err != nil {
		return err
	}
	stopIntake, intake, err := h.ServeIntake("127.0.0.1:0", sources)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopIntake()) }()
	if on.console != nil {
		if err := server.ServeSignIn(); err != nil {
			return err
		}
		at, _, err := resident.ConsoleOf(ctx, nil, options.Tenant, declared)
		if err != nil {
			return err
		}
		stopConsole, address, err := h.ServeConsole(ctx, at)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, stopConsole()) }()
		on.console(address)
	}
	served := make(chan error, 1)
	go func() { served <- h.Run(ctx) }()
	defer func() { stop(); err = errors.Join(err, <-served) }()
	desk := h.Desk()
	err = play(ctx, desk, intake)
	if on.reports == "" {
		return err
	}
	ctx = context.WithoutCancel(ctx) // whoever interrupts a demo that stays has a report of it, too
	found, failed := operator.Statuses(ctx, desk.Ledger, desk.Now())
	return errors.Join(err, failed, writeReports(ctx, desk, desk.Ledger.Keys(), on.reports, found))
}

// TenantOf is a simulated tenant as a host takes it.
func TenantOf(c simtenant.Connection) identity.Tenant {
	return identity.Tenant{
		TenantID: c.TenantID, ClientID: c.ClientID, ClientSecret: c.ClientSecret, ConsoleClientID: c.ConsoleClientID,
		Graph: c.Graph, Authority: c.Authority, Exchange: c.Exchange, CAFile: c.CAFile,
	}
}
