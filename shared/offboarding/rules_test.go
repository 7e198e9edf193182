package offboarding_test

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

// TestEveryRuleIsReferredToByWhatEnforcesIt finds the uses of each rule in the code of the
// functions and of shared: a rule that nothing names cannot be found from its enforcement.
func TestEveryRuleIsReferredToByWhatEnforcesIt(t *testing.T) {
	t.Parallel()
	isRule := regexp.MustCompile(`^B\d+$`)
	uses, declared := map[string]int{}, []string{}
	files := token.NewFileSet()
	for _, root := range []string{"../../functions", "../../shared"} {
		err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || filepath.Ext(name) != ".go" || strings.HasSuffix(name, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(files, filepath.Join(root, name), nil, 0)
			if err != nil {
				return err
			}
			if file.Name.Name == "offboarding" && file.Scope.Lookup("Rules") != nil {
				for _, o := range file.Scope.Objects {
					if o.Kind == ast.Var && isRule.MatchString(o.Name) {
						declared = append(declared, o.Name)
						uses[o.Name] -= 2 // its declaration, and its place among all rules
					}
				}
			}
			ast.Inspect(file, func(n ast.Node) bool {
				if id, ok := n.(*ast.Ident); ok && isRule.MatchString(id.Name) {
					uses[id.Name]++
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	var listed []string
	for _, rule := range offboarding.Rules() {
		listed = append(listed, rule.Name)
		if uses[rule.Name] < 1 {
			t.Errorf("nothing that enforces %s refers to it: %s", rule, rule.Text)
		}
		if rule.Text == "" || rule.Source == "" {
			t.Errorf("%s has text %q and source %q, wanted both", rule, rule.Text, rule.Source)
		}
	}
	slices.Sort(declared)
	if got := slices.Sorted(slices.Values(listed)); !slices.Equal(got, declared) {
		t.Errorf("Rules() lists %v, declared are %v", got, declared)
	}
}

func TestARuleIsItsNameOnTheWire(t *testing.T) {
	t.Parallel()
	text, err := json.Marshal(offboarding.PlannedStep{Name: offboarding.StepDelete, Withheld: offboarding.B12})
	if want := `{"name":"delete","due":"0001-01-01T00:00:00Z","withheld":"B12"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	for name, want := range map[string]offboarding.Rule{"B12": offboarding.B12, "B99": {Name: "B99"}} {
		var step offboarding.PlannedStep
		if err := json.Unmarshal([]byte(`{"withheld":"`+name+`"}`), &step); err != nil || step.Withheld != want {
			t.Errorf("%s is read as %+v, %v, want %+v", name, step.Withheld, err, want)
		}
	}
	if text, err = json.Marshal(offboarding.PlannedStep{}); err != nil || strings.Contains(string(text), "withheld") {
		t.Errorf("a step that no rule withholds is %s, %v", text, err)
	}
}
