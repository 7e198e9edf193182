package main

import (
	"errors"
	"log/slog"

	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/resident"
	"leaver/shared/environment"
)

// hosting is what the commands that open a host have in common.
type hosting struct {
	Data   string `default:"${data}" help:"Data directory: bus, ledger and operator.json."`
	Tenant string `xor:"tenant" type:"existingfile" help:"File with the JSON line that leaver tenant prints."`
	Policy string `type:"existingfile" help:"Policy file, YAML; that of LEAVER_POLICY without it."`
}

// open opens a host on the tenant, with the operator's API. Elsewhere is set when others plan the
// requests, so that the policy must be told to be known.
func (f hosting) open(on console, o resident.Options, elsewhere bool) (_ *resident.Host, stop func() error, err error) {
	policy, given, err := resident.PolicyOf(on, f.Policy, on.environ)
	if err != nil {
		return nil, nil, err
	}
	collector, err := environment.Read[environment.Telemetry](on.environ)
	if err != nil {
		return nil, nil, err
	}
	pages, err := environment.Read[environment.Pages](on.environ)
	if err != nil {
		return nil, nil, err
	}
	o.Telemetry, o.Console = collector.Endpoint, pages.URL
	o.Dir, o.Policy, o.Log = f.Data, policy, slog.New(slog.NewJSONHandler(on.stderr, nil))
	h, err := resident.Open(on, o)
	if err != nil {
		return nil, nil, err
	}
	desk := h.Desk()
	desk.PolicyUnknown = elsewhere && !given
	server := &loopback.Server{Desk: desk, Metrics: h.Metrics, Doctor: h.Doctor(nil, "")}
	if o.Backup != "" {
		server.Backups = h.Backups
	}
	stopOperator, err := server.Serve(f.Data)
	if err != nil {
		return nil, nil, errors.Join(err, h.Close())
	}
	return h, func() error { return errors.Join(stopOperator(), h.Close()) }, nil
}
