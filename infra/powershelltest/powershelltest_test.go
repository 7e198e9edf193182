package powershelltest_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"leaver/infra/powershelltest"
)

// TestWhatThePagesHavePeopleTypeIsPowerShell reads every block of it in our pages.
func TestWhatThePagesHavePeopleTypeIsPowerShell(t *testing.T) {
	t.Parallel()
	blocks := regexp.MustCompile("(?s)```powershell\n(.*?)```")
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Name() == "node_modules" {
			return fs.SkipDir
		}
		if err != nil || entry.IsDir() || filepath.Ext(path) != ".md" {
			return err
		}
		page, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, block := range blocks.FindAllStringSubmatch(string(page), -1) {
			found++
			// An ellipsis stands for what everybody writes otherwise.
			if commands := powershelltest.Commands(t, strings.ReplaceAll(block[1], ", …", "")); len(commands) == 0 {
				t.Errorf("%s has a block without a command", path)
			}
		}
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("%d blocks were found: %v", found, err)
	}
}
