package functions_test

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestEveryCaseHasItsTest: CASES.md names tests that are there, and of each case one that reads the tenant.
func TestEveryCaseHasItsTest(t *testing.T) {
	page, err := os.ReadFile("CASES.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := testsOf(t, string(page))
	if len(rows) == 0 {
		t.Error("got no case, want some")
	}
	reads := readers(t)
	for _, named := range rows {
		if !slices.ContainsFunc(named, func(test string) bool { return reads[test] }) {
			t.Errorf("got no test of %v that reads the tenant, want one", named)
		}
	}
}

// readers are the tests that read the simulated tenant, themselves or by a function of their package.
func readers(t *testing.T) map[string]bool {
	t.Helper()
	reading := regexp.MustCompile(`[tT]enant\.(User|DeletedUser|Group|Device|ManagedDevice|Phone|Mailbox|Drive|Licences|PasswordChanges|Requests|Edit)\w*\(`)
	word := regexp.MustCompile(`\w+`)
	reads := map[string]bool{}
	for _, functions := range declared(t) {
		known := map[string]bool{}
		var read func(string) bool
		read = func(name string) bool {
			if _, asked := known[name]; !asked {
				known[name] = reading.MatchString(functions[name])
				known[name] = known[name] || slices.ContainsFunc(word.FindAllString(functions[name], -1), read)
			}
			return known[name]
		}
		for name := range functions {
			if strings.HasPrefix(name, "Test") && read(name) {
				reads[name] = true
			}
		}
	}
	return reads
}

// declared are the texts of what each package declares as a function or a method, by name.
func declared(t *testing.T) map[string]map[string]string {
	t.Helper()
	head := regexp.MustCompile(`^(?:\([^)]*\) )?(\w+)`)
	packages := map[string]map[string]string{}
	for _, room := range []string{".", "../shared", "../infra"} {
		err := fs.WalkDir(os.DirFS(room), ".", func(file string, _ fs.DirEntry, err error) error {
			if err != nil || path.Ext(file) != ".go" {
				return err
			}
			text, err := os.ReadFile(path.Join(room, file))
			dir := path.Join(room, path.Dir(file))
			for i, function := range strings.Split("\n"+string(text), "\nfunc ") {
				name := head.FindStringSubmatch(function)
				if i == 0 || name == nil {
					continue
				}
				if packages[dir] == nil {
					packages[dir] = map[string]string{}
				}
				packages[dir][name[1]] += function
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return packages
}

// TestEveryPairHasItsTest: PAIRS.md has pairs for every step that takes something away or relies on
// something, and names for each a test that is there.
func TestEveryPairHasItsTest(t *testing.T) {
	page, err := os.ReadFile("PAIRS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, pairs, split := strings.Cut(string(page), "| takes away | needs it |")
	_, rows, _ := strings.Cut(pairs, "\n")
	if got := testsOf(t, rows); !split || len(got) == 0 {
		t.Error("got no pair, want some")
	}
	for _, spec := range offboarding.Steps {
		alone := spec.Takes == "nothing" && spec.Relies == "nothing"
		if !alone && !strings.Contains(rows, string(spec.Name)+":") && !regexp.MustCompile(`(?m)^\|[^|]*\|[^|]*\b`+string(spec.Name)+`\b`).MatchString(rows) {
			t.Errorf("step %s is in no pair", spec.Name)
		}
	}
}

// TestEveryFindingHasItsTest: SECURITY.md says of every finding of the audit what happens now, and names
// tests that are there.
func TestEveryFindingHasItsTest(t *testing.T) {
	page, err := os.ReadFile("../SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	_, findings, _ := strings.Cut(string(page), "| finding | now | test |")
	findings, _, _ = strings.Cut(findings, "## ")
	if rows := testsOf(t, findings); len(rows) != 28 {
		t.Errorf("got %d findings, want 28", len(rows))
	}
	for i := range 28 {
		if !strings.Contains(findings, fmt.Sprintf("\n| %d ", i+1)) {
			t.Errorf("got no finding %d", i+1)
		}
	}
}

// TestEveryUnkindnessOfTheTenantHasItsTest: the page of the simulated tenant names every knob, every word of a fault
// and every key of a seed that makes it unkind, and tests that are there.
func TestEveryUnkindnessOfTheTenantHasItsTest(t *testing.T) {
	page, err := os.ReadFile("../shared/simtenant/README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rows, _ := strings.Cut(string(page), "| what happens | by | source | test |")
	if len(testsOf(t, rows)) == 0 {
		t.Error("got no unkindness, want some")
	}
	plain := strings.Fields("name size items files os model ownerType") // what every company has
	for of, prefix := range map[reflect.Type]string{
		reflect.TypeFor[simtenant.Knobs](): "knobs.", reflect.TypeFor[simtenant.Fault](): "", reflect.TypeFor[simtenant.SeedMailbox](): "mailbox.",
		reflect.TypeFor[simtenant.SeedDrive](): "drive.", reflect.TypeFor[simtenant.SeedFileItem](): "items.", reflect.TypeFor[simtenant.SeedOrganization](): "organization.",
		reflect.TypeFor[simtenant.SeedDevice](): ".",
	} {
		for i := range of.NumField() {
			field := of.Field(i)
			name := field.Tag.Get("yaml")
			if prefix == "" {
				name = field.Name
			}
			if !field.IsExported() || name == "-" || slices.Contains(plain, name) {
				continue
			}
			if quoted := "`" + prefix + name + "`"; !strings.Contains(rows, quoted) && !(prefix == "." && strings.Contains(rows, "."+name+"`")) {
				t.Errorf("got no %s of %s on the page, want the row that says what it does", quoted, of)
			}
		}
	}
}

// testsOf are the tests that each row of a page's tables names, which have to be there.
func testsOf(t *testing.T, page string) (rows [][]string) {
	t.Helper()
	there := map[string]bool{}
	for _, functions := range declared(t) {
		for name := range functions {
			there[name] = true
		}
	}
	for line := range strings.SplitSeq(page, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| situation") {
			continue
		}
		var named []string
		for _, quoted := range regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(line, -1) {
			named = append(named, quoted[1])
			if !there[quoted[1]] {
				t.Errorf("got no %s, want it: %q", quoted[1], line)
			}
		}
		if len(named) == 0 {
			t.Errorf("got no test in %q, want one", line)
		}
		rows = append(rows, named)
	}
	return rows
}
