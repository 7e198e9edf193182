package functions_test

import (
	"io/fs"
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryCaseHasItsTest: CASES.md names tests that are there.
func TestEveryCaseHasItsTest(t *testing.T) {
	page, err := os.ReadFile("CASES.md")
	if err != nil {
		t.Fatal(err)
	}
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
	rows := 0
	for line := range strings.SplitSeq(string(page), "\n") {
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
	if rows == 0 {
		t.Error("got no case, want some")
	}
}
