package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"leaver/infra/leaver/internal/loopback"
	"leaver/shared/operator"
	"leaver/shared/report"
)

type reportCommand struct {
	Who    operator.Who `arg:"" optional:"" help:"${who}; of a person, the last departure."`
	HTML   bool         `xor:"form" help:"One page that needs no script and nothing from outside; so without --json."`
	JSON   bool         `xor:"form" help:"The same as JSON, by the schema of --schema."`
	Output string       `short:"o" placeholder:"FILE" help:"Write it there, where only you may read it; else to standard output."`
	Schema bool         `xor:"form" help:"Print the JSON schema of reports, and nothing else."`
	Check  string       `placeholder:"FILE" xor:"form" help:"Say whether a report, HTML or JSON, is as it was made: by its signature, where the key is known here, else by making it again from the evidence that it carries."`
	Data   string       `default:"${data}" help:"Data directory of the running host."`
}

// Help implements kong.HelpProvider.
func (*reportCommand) Help() string {
	return `Who asked and when, every step with what was asked, observed and by which request id, what was withheld and why, what people did, what remains at risk, and what ends by itself. Names stand in it until the personal values of the case are erased.

  leaver report adele.vance@contoso.com -o adele.html
  leaver report c250ee6d-4fe6-5424-a724-20f63aa3849a-1 --json | jq .state
  leaver report --check adele.html
  leaver report --schema`
}

// Validate refuses words that mean nothing together.
func (c *reportCommand) Validate() error {
	if named := !c.Who.Everybody(); named == (c.Schema || c.Check != "") {
		return errors.New("whose? name one departure, or use --schema or --check FILE")
	}
	return nil
}

// Run writes the report.
func (c *reportCommand) Run(on console) error {
	switch {
	case c.Schema:
		_, err := on.stdout.Write(report.Schema)
		return err
	case c.Check != "":
		return c.check(on)
	}
	host, err := loopback.Dial(c.Data)
	if err != nil {
		return err
	}
	made, err := host.Report(on, c.Who)
	if err != nil {
		return err
	}
	write := report.WriteHTML
	if c.JSON {
		write = report.WriteJSON
	}
	if c.Output == "" {
		return write(on.stdout, made)
	}
	return owned(c.Output, func(w io.Writer) error { return write(w, made) })
}

// owned writes a file that only its owner may read.
func owned(path string, write func(io.Writer) error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(write(file), file.Close())
}

func (c *reportCommand) check(on console) error {
	file, err := os.Open(c.Check)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	proof, err := asking{Data: c.Data}.proof(on)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	r, err := report.Check(file, proof)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Check, err)
	}
	how, but := "every word comes of", unsigned(r)
	if r.Key != "" {
		how = "as it was made and signed by key " + r.Key + " from"
	}
	_, err = fmt.Fprintf(on.stdout, "%s: %s the %d entries that it carries, up to %s%s\n", c.Check, how, len(r.Evidence.History), r.Head, but)
	return err
}

// unsigned is what is to be known of a report that was made again instead of known by its key; empty where it
// was.
func unsigned(r report.Checked) string {
	switch {
	case r.Key != "":
		return ""
	case len(r.Signature) > 0:
		return "; the key that signed it is not known here (LEAVER_LEDGER_KEYS): this version made it again, and a later one may not"
	}
	return "; no key signed it: this version made it again word by word, and no other version can"
}
