package main

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	consolepages "leaver/functions/console"
)

// leafCommands are the commands that do something, as they are typed.
func leafCommands(at *kong.Node, before string) (all []*kong.Node, names []string) {
	for _, n := range at.Children {
		name := strings.TrimSpace(before + " " + n.Name)
		switch {
		case n.Hidden:
		case len(n.Children) > 0:
			more, moreNames := leafCommands(n, name)
			all, names = append(all, more...), append(names, moreNames...)
		default:
			all, names = append(all, n), append(names, name)
		}
	}
	return all, names
}

var (
	coverRow  = regexp.MustCompile("(?m)^\\| (`[^|]+`) \\| (yes|no)[^|]*\\|$")
	quoted    = regexp.MustCompile("`([^`]+)`")
	fieldName = regexp.MustCompile(`name="([A-Za-z]+)"`)
)

// elsewhere are flags of commands which the pages do in another way, or which are about the terminal.
var elsewhere = map[string]string{
	"data": "of the machine", "json": "of the terminal", "by": "the token says who it is", "watch": "the page does so by itself",
	"html": "a link", "output": "the browser's", "schema": "of the terminal", "check": "of a file", "preview": "the page before the act",
	"tenant": "of the host", "policy": "of the host", "sources": "of the host", "anchors": "of the host", "backup": "of the host", "all": "several, or an empty field", "at": "time",
	"forward-to": "forwardTo", "forward-for": "forwardFor", "case": "of the page", "what": "of the page", "only": "of the page", "help": "of the terminal",
	"file": "of the machine",
}

// TestEverythingTheCommandCanDo is in the console, or the console's README says why not; and nothing is there
// that no command does.
func TestEverythingTheCommandCanDo(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := kong.New(&c, kong.Name("leaver"), kong.Vars{"who": "", "data": "", "user": "", "scenarios": ""})
	if err != nil {
		t.Fatal(err)
	}
	nodes, names := leafCommands(parser.Model.Node, "")
	here := consolepages.Commands()
	readme, err := os.ReadFile(filepath.Join("..", "..", "functions", "console", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	said := map[string]bool{}
	for _, row := range coverRow.FindAllStringSubmatch(string(readme), -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[1], -1) {
			if _, twice := said[name[1]]; twice {
				t.Errorf("the README names %s twice", name[1])
			}
			said[name[1]] = row[2] == "yes"
		}
	}
	for _, name := range names {
		yes, known := said[name]
		if !known || yes != slices.Contains(here, name) {
			t.Errorf("leaver %s: in the console %t, and its README says %t (named: %t)", name, slices.Contains(here, name), yes, known)
		}
		delete(said, name)
	}
	for name := range said {
		t.Errorf("the README names %s, which is no command", name)
	}
	for _, name := range here {
		if !slices.Contains(names, name) {
			t.Errorf("the console does %s, which no command does", name)
		}
	}
	fields := formFields(t)
	for i, n := range nodes {
		if !slices.Contains(here, names[i]) {
			continue
		}
		var asked []string
		for _, f := range n.Flags {
			asked = append(asked, f.Name)
		}
		for _, p := range n.Positional {
			asked = append(asked, p.Name)
		}
		for _, name := range asked {
			if _, is := elsewhere[name]; !is && !slices.Contains(fields, name) {
				t.Errorf("leaver %s takes %s, and no form of the console has such a field", names[i], name)
			}
		}
	}
}

// formFields are the fields of all forms of the console.
func formFields(t *testing.T) (fields []string) {
	t.Helper()
	pages, err := filepath.Glob(filepath.Join("..", "..", "functions", "console", "pages", "*.html"))
	if err != nil || len(pages) == 0 {
		t.Fatal(pages, err)
	}
	for _, page := range pages {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range fieldName.FindAllStringSubmatch(string(text), -1) {
			fields = append(fields, found[1])
		}
	}
	return fields
}
