// Package shared_test checks the laws of the house: who may import whom.
package shared_test

import (
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

func TestLaws(t *testing.T) {
	all := packages(t)
	standard := map[string]bool{}
	for _, p := range all {
		standard[p.ImportPath] = p.Standard
	}
	ours := func(imports []string) []string {
		return slices.DeleteFunc(slices.Clone(imports), func(i string) bool { return !strings.HasPrefix(i, "leaver/") })
	}
	adapters := adaptersOf(all)
	for _, p := range all {
		if !strings.HasPrefix(p.ImportPath, "leaver/") {
			continue
		}
		path := strings.TrimPrefix(p.ImportPath, "leaver/")
		may := func(law string, allowed func(string) bool, imports []string) {
			for _, i := range imports {
				if !allowed(i) {
					t.Errorf("%s imports %s: %s", path, i, law)
				}
			}
		}
		only := func(names ...string) func(string) bool {
			return func(i string) bool { return slices.Contains(names, i) }
		}
		switch path {
		case "shared/offboarding":
			may("the domain imports the standard library only", func(i string) bool { return standard[i] }, p.Imports)
		case "shared/bus", "shared/ledger":
			may("a port imports the domain only", func(i string) bool { return standard[i] || i == "leaver/shared/offboarding" }, p.Imports)
		case "shared/bus/nats":
			may("an adapter imports its port", only("leaver/shared/bus", "leaver/shared/groupcommit", "leaver/shared/offboarding"), ours(p.Imports))
		case "shared/bus/servicebus":
			may("an adapter imports its port", only("leaver/shared/bus", "leaver/shared/offboarding"), ours(p.Imports))
		case "shared/ledger/nats":
			may("an adapter imports its port", only("leaver/shared/ledger", "leaver/shared/groupcommit", "leaver/shared/offboarding"), ours(p.Imports))
		case "shared/anchors":
			may("an adapter imports its port", only("leaver/shared/ledger"), ours(p.Imports))
		case "shared/ledger/aztables":
			may("an adapter imports its port", only("leaver/shared/ledger", "leaver/shared/offboarding"), ours(p.Imports))
		}
		name, isFunction := strings.CutPrefix(path, "functions/")
		if of, isMain := strings.CutSuffix(name, "/lambda"); isFunction && isMain {
			own := only("leaver/functions/"+of, "leaver/shared/anchors", "leaver/shared/assembly", "leaver/shared/config", "leaver/shared/offboarding", "leaver/shared/worker/lambda")
			joins := func(i string) bool {
				// access does the work of privileges for cases that were planned before it was a step of its own
				return own(i) || slices.Contains(adapters, i) || of == "access" && i == "leaver/functions/privileges" || of == "console" && slices.Contains([]string{"leaver/shared/operator", "leaver/functions/plan", "leaver/functions/replay"}, i)
			}
			may("a main joins its function and the adapters it needs", joins, ours(p.Imports))
			if graph := slices.Contains(p.Deps, "leaver/shared/graph"); graph && slices.Contains([]string{"intake", "resolve", "watch", "replay"}, of) {
				t.Errorf("%s holds the Graph SDK: it has no permission in Microsoft 365", path)
			}
		} else if isFunction {
			// console is the operator's desk as pages
			desk := func(i string) bool {
				return name == "console" && slices.Contains([]string{"leaver/shared/operator", "leaver/shared/report", "leaver/functions/replay"}, i)
			}
			either := func(a, b func(string) bool) func(string) bool { return func(i string) bool { return a(i) || b(i) } }
			may("a function imports the domain and the ports, and no adapter", either(desk, only("leaver/shared/bus", "leaver/shared/hris", "leaver/shared/ledger", "leaver/shared/offboarding", "leaver/shared/worker")), ours(p.Imports))
			if isStep(name) {
				may("a step imports the domain only", only("leaver/shared/offboarding"), ours(p.Imports))
			}
		}
		if path != "shared/graph" {
			for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
				if strings.HasPrefix(i, "github.com/microsoftgraph/msgraph-sdk-go") {
					t.Errorf("%s imports %s: only shared/graph imports the Graph SDK", path, i)
				}
			}
		}
		if path != "shared/bus/servicebus" && slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/Azure/azure-sdk-for-go/sdk/messaging/") }) {
			t.Errorf("%s imports azservicebus: only shared/bus/servicebus does", path)
		}
		if path != "shared/ledger/aztables" && slices.ContainsFunc(p.Imports, func(i string) bool { return strings.Contains(i, "/azure-sdk-for-go/sdk/data/") }) {
			t.Errorf("%s imports the SDK of Table Storage: only shared/ledger/aztables does", path)
		}
		if slices.Contains(p.Imports, "leaver/shared/ledger/azuritetest") {
			t.Errorf("%s imports azuritetest: only tests do", path)
		}
		if path != "shared/identity" && path != "shared/worker/lambda" && slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/aws/") }) {
			t.Errorf("%s imports AWS: only shared/identity and shared/worker/lambda do", path)
		}
		if path != "shared/objectstore" && path != "shared/anchors" && slices.ContainsFunc(slices.Concat(p.Imports, p.TestImports, p.XTestImports), func(i string) bool { return strings.HasPrefix(i, "gocloud.dev") }) {
			t.Errorf("%s imports gocloud.dev: only shared/objectstore and shared/anchors do", path)
		}
		if path != "shared/strictyaml" && slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/goccy/go-yaml") }) {
			t.Errorf("%s imports a YAML library, which may panic: only shared/strictyaml and tests do", path)
		}
		if path != "shared/telemetry" && slices.ContainsFunc(p.Imports, func(i string) bool { return strings.HasPrefix(i, "github.com/prometheus/") }) {
			t.Errorf("%s imports prometheus: only shared/telemetry does", path)
		}
		if !strings.HasPrefix(path, "shared/telemetry") && slices.ContainsFunc(p.Imports, func(i string) bool {
			return strings.HasPrefix(i, "go.opentelemetry.io/") && i != "go.opentelemetry.io/otel/trace" && i != "go.opentelemetry.io/otel/attribute"
		}) {
			t.Errorf("%s imports more of OpenTelemetry than spans: only shared/telemetry does", path)
		}
		if path == "shared/bus/servicebustest" {
			may("the peer of Service Bus imports go-amqp's messages and the port's entities only", func(i string) bool {
				return standard[i] || i == "leaver/shared/bus" || i == "github.com/Azure/go-amqp"
			}, p.Imports)
		} else if !isCommand(path) && slices.Contains(p.Imports, "leaver/shared/bus/servicebustest") {
			t.Errorf("%s imports servicebustest: only tests and infra/leaver do", path)
		}
		if path != "shared/bus/servicebus" && path != "shared/bus/servicebustest" {
			for _, i := range slices.Concat(p.Imports, p.TestImports, p.XTestImports) {
				if strings.HasPrefix(i, "github.com/Azure/go-amqp") || strings.HasPrefix(i, "github.com/Azure/azure-sdk-for-go/sdk/messaging/azservicebus") {
					t.Errorf("%s imports %s: only the Service Bus driver and its peer speak AMQP", path, i)
				}
			}
		}
		if !isCommand(path) && !slices.Contains([]string{"infra/catalogue", "shared/worker/steptest", "shared/simtenant", "shared/simtenant/clouds"}, path) && slices.Contains(p.Imports, "leaver/shared/simtenant") {
			t.Errorf("%s imports simtenant: only tests, infra/leaver and infra/catalogue do", path)
		}
	}
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

// isCommand reports whether a package is the operator's command or a room of it.
func isCommand(path string) bool {
	return path == "infra/leaver" || strings.HasPrefix(path, "infra/leaver/")
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
