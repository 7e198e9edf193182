package main

import (
	"encoding/json"
	"errors"
	"fmt"
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
}

// Run serves the tenant until it is interrupted. Its first line on stdout is the connection.
func (c *tenantCommand) Run(env environment) (err error) {
	config := simtenant.Config{Users: c.Users, Latency: c.Latency}
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
		record, err := os.Create(c.Record)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, record.Close()) }()
		recordExchange, err := os.Create(c.Record + ".exchange")
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, recordExchange.Close()) }()
		config.Record, config.RecordExchange = record, recordExchange
	}
	tenant, err := simtenant.New(config)
	if err != nil {
		return err
	}
	server, err := tenant.Listen(c.Addr)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(env.stdout).Encode(server.Connection()); err != nil {
		return errors.Join(err, server.Close())
	}
	<-env.Done()
	return server.Close()
}
