package main

import (
	"fmt"
	"io"
	"strings"

	"leaver/infra/leaver/internal/loopback"
	"leaver/infra/leaver/internal/terminal"
	"leaver/shared/operator"
)

// asking is what the commands that ask the running host have in common.
type asking struct {
	JSON bool   `help:"JSON, one object a line, with everything that is known."`
	Data string `default:"${data}" help:"Data directory of the running host."`
}

func (a asking) dial() (*loopback.Client, error) { return loopback.Dial(a.Data) }

// here is " --data DIR" for the commands that are written for somebody to type, and nothing where
// they find the host without.
func (a asking) here(on console) string {
	switch {
	case a.Data == defaultData(on.getenv):
		return ""
	case strings.ContainsAny(a.Data, " \t\"'$\\`;&|<>()*?#~"):
		return " --data '" + strings.ReplaceAll(a.Data, "'", `'\''`) + "'"
	}
	return " --data " + a.Data
}

// show writes cases with all their steps, and what to type next.
func (a asking) show(on console, w io.Writer, found ...operator.Status) error {
	if a.JSON {
		return terminal.WriteJSON(w, found)
	}
	width, _ := terminal.Width(on.stdout)
	for _, s := range found {
		if _, err := io.WriteString(w, terminal.Report(s, width)+terminal.Commands(s, a.here(on))); err != nil {
			return err
		}
	}
	return nil
}

// answer writes one answer: as JSON where that is asked for, else as a text.
func (a asking) answer(on console, v any, text func(width int) string) error {
	if a.JSON {
		return terminal.WriteJSON(on.stdout, []any{v})
	}
	width, _ := terminal.Width(on.stdout)
	_, err := io.WriteString(on.stdout, text(width))
	return err
}

// said is an error when a text that has to be there is blank.
func said(what, text string) error {
	if strings.TrimSpace(text) == "" {
		return fmt.Errorf("%s: it is missing or blank", what)
	}
	return nil
}
