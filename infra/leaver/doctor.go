package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"leaver/events"
	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/resident"
	"leaver/shared/doctor"
)

type doctorCommand struct {
	hosting
	Sources string `type:"existingfile" help:"File of the sources of requests, YAML; LEAVER_SOURCES without it."`
	Anchors string `placeholder:"DIR|URL" help:"Where the heads of the ledger are kept; LEAVER_ANCHORS without it."`
	Backup  string `placeholder:"DIR|URL" help:"Where the ledger is copied to; LEAVER_BACKUP without it."`
	JSON    bool   `help:"JSON, one finding a line."`
	All     bool   `help:"Say also what is as it should be."`
}

// Help implements kong.HelpProvider.
func (*doctorCommand) Help() string {
	return `Every permission that the policy needs and every one that is too much, consent, role groups of Exchange, owners and secrets of the registrations, queues, subscriptions, their filters and the rights on them, ledger, anchors and backups, clock, sources, channels, limits, emergency accounts, licences for holds, retention policies, Lifecycle Workflows that do the same. Each line says what is wrong, why it matters, and what mends it. Nothing is written. Exit 1 when anything is wrong.

  leaver doctor
  leaver doctor --json | jq 'select(.state != "ok")'
  az login && LEAVER_IDENTITY=cli LEAVER_TENANT_ID=… LEAVER_SERVICEBUS=… LEAVER_TABLES=… LEAVER_LEDGER_KEYS=… LEAVER_ANCHORS=… LEAVER_BACKUP=… leaver doctor --policy policy.yaml

A host that runs on the data directory is asked, and has its own rights; otherwise the rights are those of whom the environment names. What they do not show is unknown, and no fault. A running host examines itself every six hours, and logs what is wrong; so does each function on AWS, with its own rights, and when it is invoked with {"examine":true}.`
}

// Run is exit 1 when anything is wrong.
func (c *doctorCommand) Run(on console) error {
	found, err := c.examine(on)
	if err != nil {
		return err
	}
	if c.JSON {
		err = terminal.WriteJSON(on.stdout, found)
	} else {
		err = c.write(on, found)
	}
	if n := doctor.Count(found); err == nil && n > 0 {
		err = fmt.Errorf("%d of %d are not as they should be", n, len(found))
	}
	return err
}

func (c *doctorCommand) examine(on console) (found []doctor.Finding, err error) {
	if host, err := loopback.Dial(c.Data); err == nil {
		found, err := host.Doctor(on)
		return append(found, c.sources(on)...), err
	}
	up := upCommand{hosting: c.hosting, Sources: c.Sources}
	o, simulated, stop, err := up.options(on)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, stop()) }()
	if o.Proof, err = resident.ProofOf(on, on.environ, o.Tenant.TenantID, c.Anchors, o.Shared != nil); err != nil {
		return nil, err
	}
	if o.Backup, err = resident.BackupOf(on.environ, c.Backup); err != nil {
		return nil, err
	}
	h, closed, err := c.open(on, o, false)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, closed()) }()
	secrets, err := resident.SecretsOf(on, on.environ)
	if err != nil {
		return nil, err
	}
	sample := events.Secret
	if simulated {
		sample = "" // which opens nothing but a simulated tenant
	}
	return h.Doctor(strings.Fields(secrets), sample, func(context.Context) []doctor.Finding { return c.sources(on) }).Examine(on), nil
}

// sources are the findings about the declared sources, as leaver sources check has them.
func (c *doctorCommand) sources(on console) []doctor.Finding {
	all, err := resident.DeclaredOf(on, on.environ, c.Sources, graphOf(on))
	if err != nil {
		return []doctor.Finding{{Check: "sources", Subject: "LEAVER_SOURCES", State: doctor.Wrong, Why: err.Error(), Fix: "shared/hris/sources.example.yaml shows how they are declared"}}
	}
	var found []doctor.Finding
	add := func(source, what string, ok bool, says string) {
		f := doctor.Finding{Check: "sources", Subject: source + ": " + what, State: doctor.OK, Why: says}
		if !ok {
			f.State, f.Fix = doctor.Wrong, "leaver sources check "+source
		}
		found = append(found, f)
	}
	for _, one := range all {
		if one.Unread != nil {
			add(one.Name, "secrets", false, one.Unread.Error())
			continue
		}
		for _, f := range append(one.Check(on, one.Reader, time.Now()), one.CheckEndpoint(on, nil)...) {
			add(one.Name, f.What, f.OK, f.Says)
		}
	}
	return found
}

// write says what is wrong or unknown, and how much is as it should be.
func (c *doctorCommand) write(on console, found []doctor.Finding) error {
	var b strings.Builder
	width, _ := terminal.Width(on.stdout)
	fine := 0
	for _, f := range found {
		if f.State == doctor.OK {
			if fine++; !c.All {
				continue
			}
		}
		word := map[doctor.State]string{doctor.OK: "ok", doctor.Wrong: "WRONG", doctor.Unknown: "unknown"}[f.State]
		b.WriteString(terminal.Hanging(fmt.Sprintf("%-7s  %-11s  %s: ", word, f.Check, terminal.Printable(f.Subject, 200)), terminal.Printable(f.Why, 1000), width))
		if f.Fix != "" {
			b.WriteString(terminal.Hanging(strings.Repeat(" ", 22)+"mend it: ", terminal.Printable(f.Fix, 1000), width))
		}
	}
	fmt.Fprintf(&b, "%d of %d are as they should be\n", fine, len(found))
	_, err := io.WriteString(on.stdout, b.String())
	return err
}
