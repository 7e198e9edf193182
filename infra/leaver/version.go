package main

import (
	"fmt"
	"runtime/debug"

	"leaver/infra/leaver/internal/terminal"
)

type versionCommand struct {
	JSON bool `help:"As JSON."`
}

// Help implements kong.HelpProvider.
func (*versionCommand) Help() string {
	return `Which build this is, as the Go toolchain stamped it.

  leaver version`
}

// build is which build this is; what is not known is empty.
type build struct {
	Version  string `json:"version"`
	Revision string `json:"revision"`
	Modified bool   `json:"modified"` // the files differed from the revision
	Time     string `json:"time"`     // of the revision
	Go       string `json:"go"`
}

// Run prints it.
func (c *versionCommand) Run(on console) error {
	b := buildOf()
	if c.JSON {
		return terminal.WriteJSON(on.stdout, []build{b})
	}
	text := fmt.Sprintf("leaver %s", b.Version)
	if b.Revision != "" {
		text += fmt.Sprintf(", revision %s of %s", b.Revision, b.Time)
	}
	if b.Modified {
		text += ", with changes"
	}
	_, err := fmt.Fprintf(on.stdout, "%s, %s\n", text, b.Go)
	return err
}

func buildOf() (b build) {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	b.Version, b.Go = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Modified = s.Value == "true"
		case "vcs.time":
			b.Time = s.Value
		}
	}
	return b
}
