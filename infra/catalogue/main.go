// Command catalogue writes whatever follows from the catalogue of functions, rights and rules
// (offboarding.Functions, offboarding.Steps, offboarding.Rules, bus.RightsOf): the function blocks
// of template.yaml, functions.tf, keda.yaml, the samples in events/, the tables of the pages, the
// tables of HR systems, and the schema of a seed.
// What is written by hand around them stays. Run it by go generate; a test fails while a file
// differs from what it would write.
package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"strings"

	"leaver/shared/simtenant"
)

//go:generate go run .

// top is the top of the project, seen from here: go generate and go test run a package in its folder.
const top = "../.."

func main() {
	if err := write(top); err != nil {
		fmt.Fprintln(os.Stderr, "catalogue:", err)
		os.Exit(1)
	}
}

// write brings the files below a folder up to date. Those that are already so are not touched.
func write(folder string) error {
	project := os.DirFS(folder)
	files, err := generate(project)
	if err != nil {
		return err
	}
	for name, text := range files {
		if was, err := fs.ReadFile(project, name); err == nil && bytes.Equal(was, text) {
			continue
		}
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate makes every file that is written, whole, by its path from the top of the project.
func generate(project fs.FS) (map[string][]byte, error) {
	files := map[string][]byte{}
	for _, of := range []func(fs.FS) ([]section, error){pageSections, deploymentSections} {
		sections, err := of(project)
		if err != nil {
			return nil, err
		}
		for _, s := range sections {
			if files[s.file] == nil {
				if files[s.file], err = fs.ReadFile(project, s.file); err != nil {
					return nil, err
				}
			}
			if files[s.file], err = s.into(files[s.file]); err != nil {
				return nil, err
			}
		}
	}
	samples, err := samples()
	if err != nil {
		return nil, err
	}
	maps.Copy(files, samples)
	tables, err := vendorTables(project)
	if err != nil {
		return nil, err
	}
	maps.Copy(files, tables)
	if files["shared/simtenant/seed.schema.json"], err = simtenant.SeedSchema(); err != nil {
		return nil, err
	}
	return files, nil
}

// section is a part of a file, between a line with "catalogue:NAME" and one with "catalogue:end".
type section struct{ file, name, text string }

// into puts the section into its file's text.
func (s section) into(text []byte) ([]byte, error) {
	before, rest, found := strings.Cut(string(text), "catalogue:"+s.name+suffix(s.file)+"\n")
	_, after, closed := strings.Cut(rest, "catalogue:end"+suffix(s.file)+"\n")
	if !found || !closed {
		return nil, fmt.Errorf("%s has no section between lines with catalogue:%s and catalogue:end", s.file, s.name)
	}
	marker := rest[:len(rest)-len(after)]
	marker = marker[strings.LastIndexByte(strings.TrimSuffix(marker, "\n"), '\n')+1:]
	return []byte(before + "catalogue:" + s.name + suffix(s.file) + "\n" + s.text + marker + after), nil
}

// suffix is what closes a comment in a file.
func suffix(file string) string {
	if strings.HasSuffix(file, ".md") {
		return " -->"
	}
	return ""
}
