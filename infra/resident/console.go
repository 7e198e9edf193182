package resident

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"syscall"
	"time"

	"leaver/functions/console"
	"leaver/shared/doctor"
	"leaver/shared/environment"
	"leaver/shared/hris"
	"leaver/shared/identity"
)

// ConsoleAddress is where the console is served when nothing else is said; another port when that one is
// taken.
const ConsoleAddress = "127.0.0.1:8081"

// Console says where people look after departures in a browser, and how they sign in there.
type Console struct {
	Address string // empty = ConsoleAddress
	Public  string // as browsers see it, without the path; empty = the address
	Tenant  identity.Tenant
	Secret  string // of the registration; empty of a public client
	Key     []byte // of the cookies; nil = one of this process alone
	Sources []console.Source
}

// ConsoleOf is the console that the environment names, on a tenant; false when nobody can sign in.
func ConsoleOf(ctx context.Context, environ []string, tenant identity.Tenant, declared []hris.Config) (c Console, is bool, err error) {
	at, err := environment.Read[environment.Console](environ)
	if err != nil {
		return c, false, err
	}
	tenant.ConsoleClientID = cmp.Or(at.ClientID, tenant.ConsoleClientID)
	c = Console{Public: at.URL, Tenant: tenant}
	if c.Secret, err = at.Secret.Read(ctx, elsewhere); err != nil {
		return c, false, fmt.Errorf("LEAVER_CONSOLE_CLIENT_SECRET: %w", err)
	}
	key, err := at.Key.Read(ctx, elsewhere)
	if err == nil && key != "" {
		c.Key, err = console.KeyOf(key)
	}
	if err != nil {
		return c, false, fmt.Errorf("LEAVER_CONSOLE_KEY: %w", err)
	}
	for _, source := range declared {
		c.Sources = append(c.Sources, console.Source{Name: source.Name, Vendor: source.Vendor})
	}
	return c, tenant.ConsoleClientID != "", nil
}

// ServeConsole serves the console until stop, and returns its URL. What is kept of every case is read
// meanwhile, so that the first page is as quick as the others.
func (h *Host) ServeConsole(ctx context.Context, at Console) (stop func() error, address string, err error) {
	connection, err := at.Tenant.Connect(nil)
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", cmp.Or(at.Address, ConsoleAddress))
	if at.Address == "" && errors.Is(err, syscall.EADDRINUSE) {
		listener, err = net.Listen("tcp", "127.0.0.1:0")
	}
	if err != nil {
		return nil, "", err
	}
	c, err := console.New(console.Options{
		Desk: h.Desk(), Public: cmp.Or(at.Public, "http://"+listener.Addr().String()), Key: at.Key, Sources: at.Sources, Log: h.log, Examine: h.examination,
		SignIn: console.SignIn{
			Authority: connection.SignIn, TenantID: at.Tenant.TenantID, ClientID: at.Tenant.ConsoleClientID, Secret: at.Secret, Client: connection.HTTP,
		},
	})
	if err != nil {
		return nil, "", errors.Join(err, listener.Close())
	}
	server := &http.Server{
		Handler: c.Handler(), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 2 * time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 32 << 10,
	}
	go func() { _ = server.Serve(listener) }()
	go func() { _, _ = h.Desk().Overview(ctx) }()
	return server.Close, c.URL(), nil
}

// examination is what the doctor finds with the rights of this host, for the console.
func (h *Host) examination(ctx context.Context) (found []console.Finding) {
	for _, f := range h.Doctor(nil, "").Examine(ctx) {
		found = append(found, console.Finding{
			Check: f.Check, Subject: f.Subject, Why: f.Why, Fix: f.Fix, Wrong: f.State == doctor.Wrong, Unknown: f.State == doctor.Unknown,
		})
	}
	return found
}
