package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/resident"
	"leaver/shared/hris"
)

type sourcesCommand struct {
	Check checkSources `cmd:"" help:"Say whether secrets, handshake and read API of a source work, and what its vendor's page must be told."`
	Enrol enrolSource  `cmd:"" help:"Subscribe at a vendor that posts its secret, and show the secret."`
}

// Help implements kong.HelpProvider.
func (*sourcesCommand) Help() string {
	return `The sources are declared in a file, as shared/hris/sources.example.yaml: --sources, or LEAVER_SOURCES. Nothing is written, and no departure begins.

  leaver sources check bob
  leaver sources check --json
  leaver sources enrol gusto --organisation env:GUSTO_ORGANISATION_TOKEN`
}

// declaring is what the commands about the file of sources have in common.
type declaring struct {
	Sources string `type:"existingfile" help:"File of the sources of requests, YAML; LEAVER_SOURCES without it."`
}

// graphOf is the tenant that the environment names, for sources that are it; nil where it names none.
func graphOf(on console) *hris.Tenant {
	tenant, err := resident.TenantOf(on, on.environ)
	if err != nil {
		return nil
	}
	graph, err := resident.GraphOf(tenant)
	if err != nil {
		return nil
	}
	return graph
}

// one is the declared source of a name, with its secrets read.
func (d declaring) one(on console, name string) (resident.Declared, error) {
	all, err := resident.DeclaredOf(on, on.environ, d.Sources, graphOf(on))
	if err != nil {
		return resident.Declared{}, err
	}
	var names []string
	for _, one := range all {
		if one.Name == name {
			return one, nil
		}
		names = append(names, one.Name)
	}
	return resident.Declared{}, fmt.Errorf("no source is named %q; there are %s", name, strings.Join(names, ", "))
}

type checkSources struct {
	declaring
	Name string `arg:"" optional:"" help:"Name of the source; all without it."`
	JSON bool   `help:"JSON, one source a line."`
}

// checked is what is found out about a source.
type checked struct {
	Source   string         `json:"source"`
	Vendor   string         `json:"vendor"`
	OK       bool           `json:"ok"`
	Findings []hris.Finding `json:"findings"`
	Setup    []string       `json:"setup"` // what the vendor's page must be told
}

// Run is exit 1 when anything does not work.
func (c *checkSources) Run(on console) error {
	all, err := resident.DeclaredOf(on, on.environ, c.Sources, graphOf(on))
	if c.Name != "" && err == nil {
		var one resident.Declared
		one, err = c.one(on, c.Name)
		all = []resident.Declared{one}
	}
	if err != nil {
		return err
	}
	if len(all) == 0 {
		return errors.New("no sources are declared: --sources FILE, or LEAVER_SOURCES")
	}
	var wrong []string
	for _, one := range all {
		found := checked{Source: one.Name, Vendor: one.Vendor, OK: true, Setup: one.Setup()}
		if one.Unread != nil {
			found.Findings = []hris.Finding{{What: "secrets", Says: strings.ReplaceAll(one.Unread.Error(), "\n", "; ")}}
		} else {
			found.Findings = append(one.Check(on, one.Reader, time.Now()), one.CheckEndpoint(on, nil)...)
		}
		for _, f := range found.Findings {
			found.OK = found.OK && f.OK
		}
		if !found.OK {
			wrong = append(wrong, one.Name)
		}
		if c.JSON {
			err = terminal.WriteJSON(on.stdout, []checked{found})
		} else {
			err = found.write(on)
		}
		if err != nil {
			return err
		}
	}
	if len(wrong) > 0 {
		return fmt.Errorf("not as it should be: %s", strings.Join(wrong, ", "))
	}
	return nil
}

func (c checked) write(on console) error {
	var b strings.Builder
	width, _ := terminal.Width(on.stdout)
	fmt.Fprintf(&b, "%s (%s)\n", c.Source, c.Vendor)
	for _, f := range c.Findings {
		state := "works"
		if !f.OK {
			state = "WRONG"
		}
		b.WriteString(terminal.Hanging(fmt.Sprintf("  %-5s  %s: ", state, f.What), terminal.Printable(f.Says, 1000), width))
	}
	b.WriteString("  its vendor's page must be told:\n")
	for _, line := range c.Setup {
		b.WriteString(terminal.Hanging("  - ", line, width))
	}
	_, err := fmt.Fprint(on.stdout, b.String())
	return err
}

type enrolSource struct {
	declaring
	Name         string        `arg:"" help:"Name of the source."`
	Organisation string        `required:"" placeholder:"PLACE" help:"System access token of the organisation's application at the vendor: env:NAME or file:PATH."`
	Addr         string        `default:"127.0.0.1:8081" help:"Address to wait on: what the endpoint of the source leads to meanwhile."`
	Within       time.Duration `default:"10m" help:"How long to wait for the vendor."`
	Out          string        `placeholder:"FILE" help:"New file for the secret, mode 0600; stdout without it."`
}

// Run waits for the secret and shows it once.
func (c *enrolSource) Run(on console) error {
	one, err := c.one(on, c.Name)
	if err != nil {
		return err
	}
	enrolment, err := one.Enrol()
	if err != nil {
		return fmt.Errorf("%s: %w:\n%s", c.Name, err, strings.Join(one.Setup(), "\n"))
	}
	organisation, err := resident.Stored(on, c.Organisation)
	if err != nil {
		return fmt.Errorf("--organisation: %w", err)
	}
	address := one.Address()
	if address == "" {
		return errors.New("public: the file has to say where the endpoints are seen from outside")
	}
	listener, err := net.Listen("tcp", c.Addr)
	if err != nil {
		return err
	}
	server := &http.Server{Handler: enrolment, ReadTimeout: 10 * time.Second, ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer func() { _ = server.Close() }()
	_, _ = fmt.Fprintf(on.stderr, "%s has to lead to %s until this is over\n", address, listener.Addr())
	ctx, stop := context.WithTimeout(on, c.Within)
	defer stop()
	secret, err := enrolment.Subscribe(ctx, nil, organisation, address)
	if err != nil {
		return err
	}
	if c.Out == "" {
		_, err = fmt.Fprintln(on.stdout, secret)
		return err
	}
	file, err := os.OpenFile(c.Out, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("the subscription is verified, and its secret cannot be written: %w", err)
	}
	_, err = fmt.Fprintln(file, secret)
	return errors.Join(err, file.Close())
}
