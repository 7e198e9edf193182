package main

import (
	"io/fs"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"
)

const root = "../../"

// page is the text of a file, by its path from the top of the project.
func page(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(root + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// pages are all pages of the project.
func pages(t *testing.T) []string {
	t.Helper()
	var all []string
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		if d != nil && d.IsDir() && (strings.HasPrefix(d.Name(), ".") && name != "." || d.Name() == "node_modules") {
			return fs.SkipDir
		}
		if strings.HasSuffix(name, ".md") {
			all = append(all, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// prose are the lines of a page that are neither code nor a table, by number.
func prose(text string) map[int]string {
	lines, code := map[int]string{}, false
	for i, line := range strings.Split(text, "\n") {
		fence := strings.HasPrefix(strings.TrimSpace(line), "```")
		if fence {
			code = !code
		}
		if !fence && !code && !strings.HasPrefix(strings.TrimSpace(line), "|") {
			lines[i+1] = line
		}
	}
	return lines
}

// TestTheFrontPageIsReadInTwoMinutes bounds README.md; what does not fit belongs to a room's own.
func TestTheFrontPageIsReadInTwoMinutes(t *testing.T) {
	t.Parallel()
	text := page(t, "README.md")
	if got := strings.Count(text, "\n"); got > 70 {
		t.Errorf("README.md has %d lines, at most 70 are wanted", got)
	}
	for _, name := range pages(t) {
		for i, line := range prose(page(t, name)) {
			if got := utf8.RuneCountInString(line); got > 160 && (name == "README.md" || name == "CONTRIBUTING.md" || name == "SECURITY.md") {
				t.Errorf("%s:%d has %d characters, at most 160 are wanted", name, i, got)
			}
		}
	}
}

// TestEveryLinkLeadsSomewhere follows the links between the pages.
func TestEveryLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	link := regexp.MustCompile(`\]\(([^)#:]+)(#[^)]*)?\)`)
	for _, name := range pages(t) {
		for i, line := range prose(page(t, name)) {
			for _, m := range link.FindAllStringSubmatch(line, -1) {
				if _, err := os.Stat(root + path.Join(path.Dir(name), m[1])); err != nil {
					t.Errorf("%s:%d links to %s: %v", name, i, m[1], err)
				}
			}
		}
	}
}

// TestThePagesNameTestsThatAreThere holds every test that a page names against the code.
func TestThePagesNameTestsThatAreThere(t *testing.T) {
	t.Parallel()
	all, err := tests(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range pages(t) {
		for _, match := range regexp.MustCompile("`(Test\\w+)(…?)`").FindAllStringSubmatch(page(t, name), -1) {
			there := false
			for _, names := range all {
				there = there || slices.ContainsFunc(names, func(name string) bool {
					return name == match[1] || match[2] != "" && strings.HasPrefix(name, match[1])
				})
			}
			if !there {
				t.Errorf("%s names the test %s%s, which is not there", name, match[1], match[2])
			}
		}
	}
}

var (
	heading = regexp.MustCompile(`^### (.+?)(?:: at most (\d+) files)?$`)
	item    = regexp.MustCompile("^(\\d+)\\. `([^`]+)`: \\S")
)

// TestTheRecipesAreTrue holds the lists of CONTRIBUTING.md: each file is there, each recipe says
// how many it needs at most, and does not need more.
func TestTheRecipesAreTrue(t *testing.T) {
	t.Parallel()
	files, most, recipe := map[string]int{}, map[string]int{}, ""
	for line := range strings.Lines(page(t, "CONTRIBUTING.md")) {
		line = strings.TrimSuffix(line, "\n")
		if m := heading.FindStringSubmatch(line); m != nil {
			recipe = m[1]
			most[recipe], _ = strconv.Atoi(m[2])
		}
		m := item.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		files[recipe]++
		if got, want := m[1], strconv.Itoa(files[recipe]); got != want {
			t.Errorf("%s: item %s has the number %s", recipe, want, got)
		}
		if _, err := os.Stat(root + m[2]); err != nil {
			t.Errorf("%s: %v", recipe, err)
		}
	}
	if len(most) != 7 {
		t.Errorf("CONTRIBUTING.md has the recipes %v, and seven are wanted", most)
	}
	for recipe, want := range most {
		if got := files[recipe]; want > 0 && got > want {
			t.Errorf("%s: %d files are listed, at most %d are wanted", recipe, got, want)
		}
	}
}
