// Package shared_test checks the laws of the house: who may import whom.
package shared_test

import (
	"cmp"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"leaver/shared/offboarding"
)

type listed struct {
	ImportPath   string
	Standard     bool
	Imports      []string
	TestImports  []string
	XTestImports []string
	Deps         []string
}

// packages is every package of the project.
func packages(t *testing.T) []listed {
	t.Helper()
	command := exec.Command("go", "list", "-deps", "-json=ImportPath,Standard,Imports,TestImports,XTestImports,Deps", "leaver/...")
	out, err := command.Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []listed
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

// whole are the packages that import the standard library and these, and nothing else: the domain, the
// ports, and the other end of Service Bus.
var whole = map[string][]string{
	"shared/offboarding":        nil,
	"shared/bus":                {"leaver/shared/offboarding"},
	"shared/ledger":             {"leaver/shared/offboarding", "golang.org/x/sync/errgroup"},
	"shared/bus/servicebustest": {"leaver/shared/bus", "github.com/Azure/go-amqp"},
}

// drivers import their SDKs, and these of the project.
var drivers = map[string][]string{
	"shared/bus/nats":        {"leaver/shared/bus", "leaver/shared/groupcommit", "leaver/shared/offboarding"},
	"shared/bus/servicebus":  {"leaver/shared/bus", "leaver/shared/offboarding"},
	"shared/ledger/nats":     {"leaver/shared/ledger", "leaver/shared/groupcommit", "leaver/shared/offboarding"},
	"shared/ledger/aztables": {"leaver/shared/ledger", "leaver/shared/offboarding"},
	"shared/anchors":         {"leaver/shared/ledger"},
}

// exclusive is what only some rooms import, and those below them.
var exclusive = []struct {
	begins string   // its path
	but    []string // what anybody may import of it
	by     []string
	tests  bool // whether tests are held to it as well
}{
	{begins: "github.com/microsoftgraph/msgraph-sdk-go", by: []string{"shared/graph"}, tests: true},
	{begins: "github.com/Azure/azure-sdk-for-go/sdk/messaging/", by: []string{"shared/bus/servicebus"}},
	{begins: "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus", by: []string{"shared/bus/servicebus", "shared/bus/servicebustest"}, tests: true},
	{begins: "github.com/Azure/go-amqp", by: []string{"shared/bus/servicebus", "shared/bus/servicebustest"}, tests: true},
	{begins: "github.com/Azure/azure-sdk-for-go/sdk/data/", by: []string{"shared/ledger/aztables"}},
	{begins: "github.com/aws/", by: []string{"shared/identity", "shared/worker/lambda"}},
	{begins: "github.com/goccy/go-yaml", by: []string{"shared/strictyaml"}}, // it may panic
	{begins: "github.com/prometheus/", by: []string{"shared/telemetry"}},
	{begins: "go.opentelemetry.io/", by: []string{"shared/telemetry"}, but: []string{"go.opentelemetry.io/otel/trace", "go.opentelemetry.io/otel/attribute"}},
	{begins: "gocloud.dev", by: []string{"shared/objectstore", "shared/anchors"}, tests: true},
	{begins: "leaver/shared/simtenant", by: []string{"infra/leaver", "infra/catalogue", "shared/worker/steptest", "shared/simtenant"}},
	{begins: "leaver/shared/bus/servicebustest", by: []string{"infra/leaver"}},
	{begins: "leaver/shared/ledger/azuritetest"},
	{begins: "leaver/shared/embedded/embeddedtest", by: []string{"shared/worker/steptest"}},
}

// within reports whether a package is one of these rooms, or in one.
func within(path string, rooms []string) bool {
	return slices.ContainsFunc(rooms, func(room string) bool { return path == room || strings.HasPrefix(path, room+"/") })
}

func TestLaws(t *testing.T) {
	all := packages(t)
	standard := map[string]bool{}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	adapters := adaptersOf(all)
	for _, p := range all {
		path, is := strings.CutPrefix(p.ImportPath, "leaver/")
		if !is {
			continue
		}
		may := func(law string, allowed func(string) bool, imports []string) {
			for _, i := range imports {
				if !allowed(i) {
					t.Errorf("%s imports %s: %s", path, i, law)
				}
			}
		}
		if rest, is := whole[path]; is {
			may("the domain, a port and a peer import the standard library and little else", func(i string) bool { return standard[i] || slices.Contains(rest, i) }, p.Imports)
		}
		ours := slices.DeleteFunc(slices.Clone(p.Imports), func(i string) bool { return !strings.HasPrefix(i, "leaver/") })
		if port, is := drivers[path]; is {
			may("a driver imports its port", func(i string) bool { return slices.Contains(port, i) }, ours)
		}
		name, isFunction := strings.CutPrefix(path, "functions/")
		of, isMain := strings.CutSuffix(name, "/lambda")
		switch {
		case isFunction && isMain:
			may("a main joins its function and the adapters it needs", func(i string) bool { return slices.Contains(adapters, i) || slices.Contains(joins(of), i) }, ours)
			if graph := slices.Contains(p.Deps, "leaver/shared/graph"); graph && slices.Contains([]string{"intake", "resolve", "watch", "backup", "replay"}, of) {
				t.Errorf("%s holds the Graph SDK, which is large, and asks Graph nothing by it", path)
			}
		case isFunction:
			may("a step imports the domain only; a function the ports too, and no adapter", func(i string) bool { return slices.Contains(needs(name), i) }, ours)
		}
		for _, law := range exclusive {
			imports := p.Imports
			if law.tests {
				imports = slices.Concat(p.Imports, p.TestImports, p.XTestImports)
			}
			may("only "+cmp.Or(strings.Join(law.by, ", "), "tests")+" may", func(i string) bool {
				return !strings.HasPrefix(i, law.begins) || slices.Contains(law.but, i) || within(path, law.by)
			}, imports)
		}
	}
}

// joins are what the main of a function imports, beside adapters.
func joins(function string) []string {
	may := []string{"leaver/functions/" + function, "leaver/shared/anchors", "leaver/shared/assembly", "leaver/shared/config", "leaver/shared/offboarding", "leaver/shared/worker/lambda"}
	switch function {
	case "access": // it does the work of privileges for cases that were planned before that was a step of its own
		may = append(may, "leaver/functions/privileges")
	case "console": // it is the operator's desk as pages
		may = append(may, "leaver/shared/operator", "leaver/functions/plan", "leaver/functions/replay")
	}
	return may
}

// needs are what a function imports.
func needs(function string) []string {
	if isStep(function) {
		return []string{"leaver/shared/offboarding"}
	}
	may := []string{"leaver/shared/bus", "leaver/shared/hris", "leaver/shared/ledger", "leaver/shared/offboarding", "leaver/shared/worker"}
	if function == "console" {
		may = append(may, "leaver/shared/operator", "leaver/shared/report", "leaver/functions/replay")
	}
	return may
}

// adaptersOf are the packages that speak to Microsoft, or to another vendor, for the steps: next to
// the domain, and importing nothing else of the project.
func adaptersOf(all []listed) []string {
	var adapters []string
	for _, p := range all {
		name, isShared := strings.CutPrefix(p.ImportPath, "leaver/shared/")
		if !isShared || strings.Contains(name, "/") || name == "bus" || name == "ledger" || !slices.Contains(p.Imports, "leaver/shared/offboarding") {
			continue
		}
		if !slices.ContainsFunc(p.Imports, func(i string) bool {
			return strings.HasPrefix(i, "leaver/") && i != "leaver/shared/offboarding" && i != "leaver/shared/retryafter" && i != "leaver/shared/strictyaml"
		}) {
			adapters = append(adapters, p.ImportPath)
		}
	}
	return adapters
}

// TestTheAdaptersAreFound: a law about adapters that finds none of them would hold always.
func TestTheAdaptersAreFound(t *testing.T) {
	adapters := adaptersOf(packages(t))
	for _, name := range []string{"graph", "exchange", "activedirectory"} {
		if !slices.Contains(adapters, "leaver/shared/"+name) {
			t.Errorf("shared/%s imports more of the project than an adapter does; the adapters are %v", name, adapters)
		}
	}
}

// TestNothingLooksUpAtInfra: functions and shared do without infra, the resident host without the
// command, and no room of the command sees one above it.
func TestNothingLooksUpAtInfra(t *testing.T) {
	const resident, loopback, terminal, demo, service = "infra/resident", "infra/leaver/internal/loopback", "infra/leaver/internal/terminal", "infra/leaver/internal/demo", "infra/leaver/internal/service"
	below := map[string][]string{
		resident: nil, loopback: nil, terminal: nil, demo: {resident, loopback, terminal}, demo + "/reporttest": {"infra/chromiumtest"},
		"infra/leaver": {resident, loopback, terminal, demo, service, "infra/playbooks"},
	}
	for _, p := range packages(t) {
		path := strings.TrimPrefix(p.ImportPath, "leaver/")
		for _, i := range p.Imports {
			room, isOfInfra := strings.CutPrefix(i, "leaver/infra/")
			if isOfInfra && !slices.Contains(below[path], "infra/"+room) {
				t.Errorf("%s imports %s, which is above it", path, i)
			}
		}
	}
}

func isStep(function string) bool {
	_, is := offboarding.SpecOf(offboarding.StepName(function))
	return is
}

// TestEveryFunctionHasItsFolder holds functions/ and the catalogue against each other.
func TestEveryFunctionHasItsFolder(t *testing.T) {
	var want, got []string
	for _, f := range offboarding.Functions() {
		want = append(want, f.Name)
	}
	for _, p := range packages(t) {
		if name, is := strings.CutPrefix(p.ImportPath, "leaver/functions/"); is && !strings.Contains(name, "/") {
			got = append(got, name)
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Errorf("functions/ holds %v, and the catalogue %v", got, want)
	}
}

// TestNoPackageHasAVagueName keeps the rooms named after what is in them.
func TestNoPackageHasAVagueName(t *testing.T) {
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, "leaver/") {
			continue
		}
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			if slices.Contains([]string{"util", "utils", "common", "types", "helpers", "models", "misc"}, part) {
				t.Errorf("%s: %q says nothing", p.ImportPath, part)
			}
		}
	}
}

// worldwide are hosts that only Microsoft's worldwide cloud has, but for the documentation. Those of an
// installation in Azure its administrator chooses.
var worldwide = regexp.MustCompile(`[a-z0-9-]+\.(microsoft|office365|office|microsoftonline|azure|sharepoint)\.com|\.cloud\.microsoft`)

// TestNoTextNamesAHostOfOneCloud: what people are told names the portal of their cloud, by offboarding.Portal. It
// reads every text in the source, and every page.
func TestNoTextNamesAHostOfOneCloud(t *testing.T) {
	t.Parallel()
	mayName := map[string]string{
		"shared/identity/cloud.go":     "where the services of each cloud answer",
		"shared/offboarding/portal.go": "the portals of each cloud",
		"shared/notices/notices.go":    "which addresses Teams has retired",
	}
	read := 0
	for _, room := range []string{"../functions", "../shared", "../infra"} {
		err := filepath.WalkDir(room, func(path string, d fs.DirEntry, err error) error {
			switch name := d.Name(); {
			case err != nil:
				return err
			case d.IsDir() && (strings.HasPrefix(name, "sim") || strings.HasSuffix(name, "test") || name == "testdata" || name == "node_modules" || name == "demo"):
				return filepath.SkipDir // what plays Microsoft has its hosts
			case d.IsDir() || strings.HasSuffix(name, "_test.go") || mayName[strings.TrimPrefix(filepath.ToSlash(path), "../")] != "":
				return nil
			case strings.HasSuffix(name, ".go"):
				read++
				return eachText(path, func(at token.Position, text string) {
					if host := worldwide.FindString(strings.ReplaceAll(text, "learn.microsoft.com", "")); host != "" {
						t.Errorf("%s names %s, which other clouds do not have: use offboarding.Portal, or say it without", at, host)
					}
				})
			case strings.HasSuffix(name, ".tmpl"), strings.HasSuffix(name, ".html"), strings.HasSuffix(name, ".js"):
				text, err := os.ReadFile(path)
				if host := worldwide.FindString(strings.ReplaceAll(string(text), "learn.microsoft.com", "")); host != "" {
					t.Errorf("%s names %s, which other clouds do not have", path, host)
				}
				return err
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if read < 200 {
		t.Errorf("got %d files of source, want all", read)
	}
}

// eachText visits the string literals of a file of source.
func eachText(path string, visit func(at token.Position, text string)) error {
	files := token.NewFileSet()
	parsed, err := parser.ParseFile(files, path, nil, 0)
	if err != nil {
		return err
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if text, is := n.(*ast.BasicLit); is && text.Kind == token.STRING {
			visit(files.Position(text.Pos()), text.Value)
		}
		return true
	})
	return nil
}
