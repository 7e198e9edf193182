package functions_test

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
	"leaver/shared/simtenant"
)

// TestEveryCaseHasItsTest: CASES.md names tests that are there.
func TestEveryCaseHasItsTest(t *testing.T) {
	page, err := os.ReadFile("CASES.md")
	if err != nil {
		t.Fatal(err)
	}
	if rows := testsOf(t, string(page)); rows == 0 {
		t.Error("got no case, want some")
	}
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
	if got := testsOf(t, rows); !split || got == 0 {
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
	if rows := testsOf(t, findings); rows != 28 {
		t.Errorf("got %d findings, want 28", rows)
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
	if testsOf(t, rows) == 0 {
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

// testsOf counts the rows of a page's tables, each of which has to name tests that are there.
func testsOf(t *testing.T, page string) (rows int) {
	t.Helper()
	there := map[string]bool{}
	for _, room := range []string{".", "../shared", "../infra"} {
		err := fs.WalkDir(os.DirFS(room), ".", func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(room + "/" + path)
			for _, found := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllSubmatch(text, -1) {
				there[string(found[1])] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for line := range strings.SplitSeq(page, "\n") {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") || strings.HasPrefix(line, "| situation") {
			continue
		}
		rows++
		named := regexp.MustCompile("`(Test\\w+)`").FindAllStringSubmatch(line, -1)
		if len(named) == 0 {
			t.Errorf("got no test in %q, want one", line)
		}
		for _, test := range named {
			if !there[test[1]] {
				t.Errorf("got no %s, want it: %q", test[1], line)
			}
		}
	}
	return rows
}
