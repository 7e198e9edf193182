package main

import (
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"strings"

	"leaver/infra/leaver/internal/terminal"
	"leaver/infra/playbooks"
)

// sentence is the first one of a paragraph.
var sentence = regexp.MustCompile(`^.*?[^A-Z.]\.(?: |$)`)

type helpCommand struct {
	Topic string `arg:"" optional:"" help:"Name of a playbook; the list of them without it."`
}

// Help implements kong.HelpProvider.
func (*helpCommand) Help() string {
	return `The playbooks of infra/playbooks: what an alarm means, what to look at, what to type. Each command explains itself with --help.

  leaver help
  leaver help held`
}

// Run shows a page, or which there are.
func (c *helpCommand) Run(on console) error {
	if c.Topic != "" {
		page, err := playbooks.Pages.ReadFile(strings.TrimSuffix(c.Topic, ".md") + ".md")
		if err != nil {
			return fmt.Errorf("there is no page %q; leaver help lists them, and leaver %s --help is about a command of that name", c.Topic, c.Topic)
		}
		_, err = on.stdout.Write(page)
		return err
	}
	names, err := fs.Glob(playbooks.Pages, "*.md")
	if err != nil {
		return err
	}
	width, _ := terminal.Width(on.stdout)
	for _, name := range names {
		page, err := playbooks.Pages.ReadFile(name)
		if err != nil {
			return err
		}
		_, means, says := strings.Cut(string(page), "**Means:** ")
		means, _, _ = strings.Cut(means, "\n")
		if first := sentence.FindString(means); first != "" {
			means = first
		}
		if !says {
			continue // the index
		}
		if _, err := io.WriteString(on.stdout, terminal.Hanging(fmt.Sprintf("%-20s ", strings.TrimSuffix(name, ".md")), means, width)); err != nil {
			return err
		}
	}
	return nil
}
