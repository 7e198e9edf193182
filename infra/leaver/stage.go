package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"

	"leaver/events"
	"leaver/shared/hris"
	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// stage is what a demo plays on.
type stage struct {
	tenant      *simtenant.Tenant
	policy      offboarding.Policy
	concurrency int    // as that of a house
	meter       *meter // nil = nothing is counted
}

// onStage serves the tenant and a house on it with its intake, in a directory that is removed
// afterwards, while a demo plays.
func onStage(env environment, on stage, play func(ctx context.Context, h *house, intake string) error) (err error) {
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
	ctx, stop := context.WithCancel(env)
	defer stop()
	options := houseOptions{
		dir: dir, tenant: tenantOf(server.Connection()), policy: on.policy, concurrency: on.concurrency,
		log: slog.New(slog.NewTextHandler(env.stderr, &slog.HandlerOptions{Level: slog.LevelError})),
	}
	if m := on.meter; m != nil {
		m.next = server.Client().Transport
		options.client, options.around = &http.Client{Transport: m}, m.around
	}
	h, err := openHouse(ctx, options)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	sources, err := hris.New(hris.Standard(events.Secret))
	if err != nil {
		return err
	}
	stopIntake, intake, err := h.serveIntake("127.0.0.1:0", sources)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopIntake()) }()
	served := make(chan error, 1)
	go func() { served <- h.run(ctx) }()
	defer func() { stop(); err = errors.Join(err, <-served) }()
	return play(ctx, h, intake)
}
