package main

import (
	"errors"
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

// leads is a link of a page, by its words and where it leads.
var leads = regexp.MustCompile(`\[([^\]]+)\]\(([^)]+)\)`)

type helpCommand struct {
	Topic string `arg:"" optional:"" help:"Name of a playbook or of an alarm; the list of playbooks without it."`
}

// Help implements kong.HelpProvider.
func (*helpCommand) Help() string {
	return `The playbooks of infra/playbooks: what an alarm means, what to look at, what to type. Each command explains itself with --help.

  leaver help
  leaver help held
  leaver help WatchHeld`
}

// page is that of a name, or of an alarm, which is what whoever is paged has.
func (c *helpCommand) page() ([]byte, error) {
	page, err := playbooks.Pages.ReadFile(strings.TrimSuffix(c.Topic, ".md") + ".md")
	if err == nil {
		return page, nil
	}
	names, err := fs.Glob(playbooks.Pages, "*.md")
	for _, name := range names {
		page, unread := playbooks.Pages.ReadFile(name)
		err = errors.Join(err, unread)
		title, _, _ := strings.Cut(strings.TrimPrefix(string(page), "# "), "\n")
		for alarm := range strings.SplitSeq(title, ", ") {
			kind, each := strings.CutPrefix(alarm, "NAME ") // of every function
			if strings.EqualFold(alarm, c.Topic) || each && strings.HasSuffix(c.Topic, kind) {
				return page, err
			}
		}
	}
	return nil, errors.Join(fs.ErrNotExist, err)
}

// Run shows a page, or which there are.
func (c *helpCommand) Run(on console) error {
	if c.Topic != "" {
		page, err := c.page()
		if err != nil {
			return fmt.Errorf("there is no page %q; leaver help lists them, and leaver %s --help is about a command of that name", c.Topic, c.Topic)
		}
		_, err = io.WriteString(on.stdout, leads.ReplaceAllStringFunc(string(page), func(link string) string {
			parts := leads.FindStringSubmatch(link)
			if name, is := strings.CutSuffix(parts[2], ".md"); is && !strings.Contains(name, "/") {
				return parts[1] + " (leaver help " + name + ")"
			}
			return parts[1]
		}))
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
		means = strings.TrimRight(leads.ReplaceAllString(means, "$1"), " ")
		if _, err := io.WriteString(on.stdout, terminal.Hanging(fmt.Sprintf("%-20s ", strings.TrimSuffix(name, ".md")), means, width)); err != nil {
			return err
		}
	}
	return nil
}
