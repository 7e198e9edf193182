package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"time"

	"leaver/shared/simtenant"
)

type tenantCommand struct {
	Addr    string        `default:"127.0.0.1:0" help:"Address to serve on."`
	Users   int           `xor:"company" help:"Number of people in the company."`
	Seed    string        `xor:"company" type:"existingfile" help:"YAML file with the company instead."`
	Record  string        `help:"File that gets every request as a JSON line; Exchange's go to FILE.exchange."`
	Latency time.Duration `help:"How long every answer takes at least."`

	Fault         []faultFlag   `sep:"none" placeholder:"SPEC" help:"What goes wrong, such as \"PATCH /users/{id}: status=503 share=0.1\"; repeatable."`
	Throttle      float64       `placeholder:"SCALE" help:"Budgets as Microsoft documents them, times this; without it none."`
	ReadLag       time.Duration `help:"How much later than a write every read shows it."`
	TokenLifetime time.Duration `default:"3599s" help:"How long an access token is good for."`
	SyncEvery     time.Duration `default:"1m" help:"How often devices call home."`
}

// faultFlag is one fault on the command line.
type faultFlag struct{ simtenant.Fault }

// UnmarshalText implements encoding.TextUnmarshaler.
func (f *faultFlag) UnmarshalText(text []byte) (err error) {
	f.Fault, err = simtenant.ParseFault(string(text))
	return err
}

// Help implements kong.HelpProvider.
func (*tenantCommand) Help() string {
	return `The first line on stdout is JSON that says where it is; leaver up --tenant takes it.

  leaver tenant --users 500 --record t.jsonl > tenant.json &
  leaver tenant --fault 'PATCH /users/{id}: status=503 retry-after=5s share=0.1' --throttle 1 --read-lag 5s

A fault is an operation, a colon and what happens: status=N, reset or delay=D, with retry-after=D, share=0.1, retry-date, times=3, after, page, circle, target=adele.vance@contoso.com. The operation is a method with a path, a cmdlet, or the beginning of one with *, such as 'DELETE /groups/*', 'Set-Mailbox' or '*'.`
}

// Validate refuses values that no tenant can have.
func (c *tenantCommand) Validate() error {
	switch {
	case c.Users < 0:
		return errors.New("--users: write a number of people")
	case !(c.Throttle >= 0) || math.IsInf(c.Throttle, 0): // not so for NaN
		return errors.New("--throttle: write 1 for Microsoft's budgets, 60 for the same ones 60 times sooner, 0 for none")
	case c.Latency < 0 || c.ReadLag < 0:
		return errors.New("--latency and --read-lag: write a duration such as 200ms, or 0s")
	case c.TokenLifetime < time.Second:
		return errors.New("--token-lifetime: write a duration from 1s")
	case c.SyncEvery <= 0:
		return errors.New("--sync-every: write a duration above 0s, such as 1m")
	}
	return nil
}

// Run serves the tenant until it is interrupted. Its first line on stdout is the connection.
func (c *tenantCommand) Run(on console) (err error) {
	config := simtenant.Config{
		Users:         c.Users,
		TokenLifetime: c.TokenLifetime,
		SyncEvery:     c.SyncEvery,
		Knobs:         simtenant.Knobs{Latency: c.Latency, ReadLag: c.ReadLag, ThrottleScale: c.Throttle},
	}
	for _, f := range c.Fault {
		config.Faults = append(config.Faults, f.Fault)
	}
	if c.Seed != "" {
		file, err := os.Open(c.Seed)
		if err != nil {
			return err
		}
		defer func() { _ = file.Close() }()
		if config.Seed, err = simtenant.ReadSeed(file); err != nil {
			return fmt.Errorf("seed %s: %w", c.Seed, err)
		}
	}
	if c.Record != "" {
		r, failed := recordIn(c.Record)
		if failed != nil {
			return failed
		}
		defer func() { err = errors.Join(err, r.close()) }()
		config.Record, config.RecordExchange = r.graph, r.exchange
	}
	tenant, err := simtenant.New(config)
	if err != nil {
		return err
	}
	server, err := tenant.Listen(c.Addr)
	if err != nil {
		return err
	}
	if err := server.ServeSignIn(); err != nil {
		return errors.Join(err, server.Close())
	}
	if err := json.NewEncoder(on.stdout).Encode(server.Connection()); err != nil {
		return errors.Join(err, server.Close())
	}
	<-on.Done()
	return server.Close()
}

// recording is where a tenant records the requests that it gets.
type recording struct{ graph, exchange *os.File }

// recordIn begins a recording in a file, and in FILE.exchange beside it.
func recordIn(file string) (r recording, err error) {
	if r.graph, err = os.Create(file); err != nil {
		return recording{}, err
	}
	if r.exchange, err = os.Create(file + ".exchange"); err != nil {
		return recording{}, errors.Join(err, r.graph.Close())
	}
	return r, nil
}

func (r recording) close() error { return errors.Join(r.graph.Close(), r.exchange.Close()) }
