package main

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestReadmeTellsTheTruth holds the README's table equal to the code's list of functions.
func TestReadmeTellsTheTruth(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| function | trigger | permissions | done when |\n|---|---|---|---|\n")
	if !found {
		t.Fatal("the README has no table of the functions")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	var rows [][]string
	for line := range strings.Lines(table) {
		rows = append(rows, strings.Split(strings.Trim(strings.TrimSpace(line), "| "), " | "))
	}
	var want [][]string
	for i, f := range offboarding.Functions() {
		permissions := strings.Join(f.Permissions, ", ")
		if permissions == "" {
			permissions = "none"
		}
		if f.Exchange {
			permissions += "; " + offboarding.ManageAsApp
		}
		trigger := ""
		if i < len(rows) && len(rows[i]) == 4 {
			trigger = rows[i][1] // in words, not in the list
		}
		want = append(want, []string{f.Name, trigger, permissions, f.Done})
	}
	if !slices.EqualFunc(rows, want, slices.Equal) {
		t.Errorf("the README's table says\n%q\nand should say\n%q", rows, want)
	}
}

// tests are the names of the tests of the repository, by the folder they are in.
func tests(t *testing.T) map[string][]string {
	t.Helper()
	function := regexp.MustCompile(`(?m)^func (Test\w+)\(`)
	found := map[string][]string{}
	root := os.DirFS("../..")
	err := fs.WalkDir(root, ".", func(name string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(name, "_test.go") {
			return err
		}
		text, err := fs.ReadFile(root, name)
		for _, match := range function.FindAllStringSubmatch(string(text), -1) {
			found[path.Dir(name)] = append(found[path.Dir(name)], match[1])
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestReadmeNamesTestsThatAreThere holds every test that the README names against the code, and its
// table of the rules: each has a test named after it in exactly the folders that stand there.
func TestReadmeNamesTestsThatAreThere(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	all := tests(t)
	for _, match := range regexp.MustCompile("`(Test\\w+)(…?)`").FindAllStringSubmatch(string(readme), -1) {
		there := false
		for _, names := range all {
			there = there || slices.ContainsFunc(names, func(name string) bool {
				return name == match[1] || match[2] != "" && strings.HasPrefix(name, match[1])
			})
		}
		if !there {
			t.Errorf("there is no test %s%s", match[1], match[2])
		}
	}
	rules := regexp.MustCompile(`^Test((?:B\d+)+)`)
	number := regexp.MustCompile(`B\d+`)
	for _, rule := range offboarding.Rules() {
		var in []string
		for folder, names := range all {
			if slices.ContainsFunc(names, func(name string) bool {
				match := rules.FindStringSubmatch(name)
				return match != nil && slices.Contains(number.FindAllString(match[1], -1), rule.Name)
			}) {
				in = append(in, "`"+folder+"`")
			}
		}
		slices.Sort(in)
		row := fmt.Sprintf("| %s | %s | %s |\n", rule, rule.Text, strings.Join(in, ", "))
		if len(in) == 0 || !strings.Contains(string(readme), row) {
			t.Errorf("the README lacks the row %s", row)
		}
	}
}
