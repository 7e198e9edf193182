package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/alecthomas/kong"

	"leaver/infra/leaver/internal/demo"
)

// TestEveryCommandThatIsWrittenDownIsThere reads each page of the project: what it says to type is a command
// of leaver, with flags and arguments that the command has. The changelog is left out: it tells of what was.
func TestEveryCommandThatIsWrittenDownIsThere(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := kong.New(&c, kong.Name("leaver"), kong.Vars{"who": "", "data": "", "user": "", "scenarios": ""})
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]int{}
	err = filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == ".git") {
			return fs.SkipDir
		}
		if filepath.Ext(path) != ".md" || d.Name() == "CHANGELOG.md" {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		page, _ := filepath.Rel("../..", path)
		for _, line := range commandsIn(string(text)) {
			found[filepath.ToSlash(page)]++
			if why := misses(parser.Model.Node, line); why != "" {
				t.Errorf("%s says %q: %s", page, line, why)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// So that a change of the form in which they are written does not leave nothing to look at.
	for _, page := range []string{"README.md", "SECURITY.md", "functions/README.md", "infra/README.md", "infra/leaver/README.md", "infra/playbooks/held.md", "infra/playbooks/ledger.md", "shared/hris/HIBOB.md", "shared/hris/GUSTO.md"} {
		if found[page] == 0 {
			t.Errorf("no command was found in %s", page)
		}
	}
}

// TestEveryScenarioIsWrittenDown: the README has a row for each scenario of the demo, in their order.
func TestEveryScenarioIsWrittenDown(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "| `leaver demo --scenario` |")
	var got []string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z-]+)`").FindAllStringSubmatch(table, -1) {
		got = append(got, row[1])
	}
	if want := demo.Names(); !slices.Equal(got, want) {
		t.Errorf("got rows for %v, want %v", got, want)
	}
}

func TestWhatIsWrittenDownWronglyIsFound(t *testing.T) {
	t.Parallel()
	var c commands
	parser, err := kong.New(&c, kong.Name("leaver"), kong.Vars{"who": "", "data": "", "user": "", "scenarios": ""})
	if err != nil {
		t.Fatal(err)
	}
	for line, want := range map[string]string{
		"leaver vanish":                             "no command vanish",
		"leaver ledger burn":                        "no command burn",
		"leaver status --quietly":                   "no flag --quietly",
		"leaver thaw CASE":                          "takes no CASE",
		"leaver freeze --reason \"a b\" c":          "takes no c",
		"leaver report CASE -x out.html":            "no flag -x",
		"leaver status CASE --json":                 "",
		"leaver verify [CASE…|FILE…]":               "",
		"leaver cancel CASE | --since T --reason R": "",
	} {
		if got := misses(parser.Model.Node, line); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
	text := "Type `leaver\nthaw`, or:\n\n```\nLEAVER_X=y leaver status CASE  # all of it\nleaver up &\n```\n\n| `leaver help\\|verify` | `--json` |\n"
	if got, want := commandsIn(text), []string{"leaver thaw", "leaver help|verify", "leaver status CASE", "leaver up"}; !slices.Equal(got, want) {
		t.Errorf("found %q, want %q", got, want)
	}
}

var (
	fenced = regexp.MustCompile("(?ms)^ *```[^\n]*\n(.*?)^ *```")
	inCode = regexp.MustCompile("`([^`]+)`")
	inText = regexp.MustCompile(`^(?:[A-Z_]+=\S+ +)*(leaver(?: .*)?)$`)
)

// commandsIn are the commands of a page, in spans of code and in fenced blocks.
func commandsIn(text string) []string {
	var all []string
	add := func(line string) {
		line, _, _ = strings.Cut(line, " #")
		for _, end := range []string{" > ", " && ", " 2>", "; "} {
			line, _, _ = strings.Cut(line, end)
		}
		line = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(line), "&"))
		if m := inText.FindStringSubmatch(strings.TrimPrefix(line, "$ ")); m != nil && m[1] != "leaver" {
			all = append(all, m[1])
		}
	}
	for _, m := range inCode.FindAllStringSubmatch(fenced.ReplaceAllString(text, ""), -1) {
		add(strings.Join(strings.Fields(strings.ReplaceAll(m[1], `\|`, "|")), " "))
	}
	for _, m := range fenced.FindAllStringSubmatch(text, -1) {
		for line := range strings.Lines(m[1]) {
			add(line)
		}
	}
	return all
}

var oneWord = regexp.MustCompile(`"[^"]*"|'[^']*'|\S+`)

// misses is what a written command says that the tree of commands does not have; empty when all is there.
// Brackets stand around what may be left out, and a bar between what may stand alternatively.
func misses(at *kong.Node, line string) string {
	words := oneWord.FindAllString(strings.NewReplacer("[", " ", "]", " ", "…", " ").Replace(line), -1)[1:]
	arguments := 0
	for i := 0; i < len(words); i++ {
		w := strings.Trim(words[i], `"',.:`)
		switch {
		case w == "|" && i+1 < len(words) && (words[i+1] == "jq" || words[i+1] == "head"):
			return ""
		case w == "|", w == "":
		case strings.HasPrefix(w, "-") && w != "-":
			name, _, given := strings.Cut(w, "=")
			flag := flagOf(at, name)
			for _, group := range at.AllFlags(false) {
				for _, f := range group {
					if f.Short != 0 && name == "-"+string(f.Short) {
						flag = f
					}
				}
			}
			if flag == nil {
				return "no flag " + name
			}
			if !flag.IsBool() && !given {
				i++
			}
		case len(at.Children) > 0:
			w, _, _ = strings.Cut(w, "|")
			child := slices.IndexFunc(at.Children, func(n *kong.Node) bool { return n.Name == w })
			if child < 0 {
				return "no command " + w
			}
			at = at.Children[child]
		default:
			arguments++
			several := len(at.Positional) > 0 && at.Positional[len(at.Positional)-1].IsCumulative()
			if arguments > len(at.Positional) && !several && !strings.HasPrefix(words[i], "|") {
				return "takes no " + w
			}
		}
	}
	return ""
}
