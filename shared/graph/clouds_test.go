package graph

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"leaver/shared/simtenant"
)

// TestEveryCallIsInTheTableOfClouds reads the paths out of the source of this package: a call that is added is
// a row of shared/simtenant/clouds.tsv, or fails here.
func TestEveryCallIsInTheTableOfClouds(t *testing.T) {
	t.Parallel()
	files, err := fs.Glob(os.DirFS("."), "*.go")
	if err != nil {
		t.Fatal(err)
	}
	var parsed []*ast.File
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") || name == "lacking.go" || name == "refusals.go" { // which call nothing
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		parsed = append(parsed, f)
	}
	constants := map[string]ast.Expr{}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			if spec, is := n.(*ast.ValueSpec); is {
				for i, name := range spec.Names {
					if i < len(spec.Values) {
						constants[name.Name] = spec.Values[i]
					}
				}
			}
			return true
		})
	}
	rows := simtenant.Operations()
	found, called := 0, map[string]bool{}
	for _, f := range parsed {
		ast.Inspect(f, func(n ast.Node) bool {
			e, is := n.(ast.Expr)
			if !is {
				return true
			}
			path := textOf(e, constants)
			if !strings.HasPrefix(path, "/") || len(path) < 2 {
				return true
			}
			path, _, _ = strings.Cut(path, "?")
			if path == "/v1.0" || path == "/$batch" || path == "/directoryObjects/{}" || path == "/directoryObjects/" { // no operations of their own
				return false
			}
			found++
			for _, row := range rows {
				called[row] = called[row] || sameOperation(path, row)
			}
			if !slices.ContainsFunc(rows, func(row string) bool { return sameOperation(path, row) }) {
				t.Errorf("%s is no row of clouds.tsv: add the operation to the simulated tenant, and write the table anew", path)
			}
			return false // the parts of a path are no paths
		})
	}
	if found < 70 {
		t.Errorf("got %d paths, want all of them", found)
	}
	for host, cloud := range map[string]string{"graph.microsoft.com": "worldwide", "graph.microsoft.us": "usgov", "dod-graph.microsoft.us": "usgovdod", "microsoftgraph.chinacloudapi.cn": "china"} {
		c, lacks := &Client{base: "https://" + host + "/v1.0"}, simtenant.Lacking(cloud)
		for _, row := range rows {
			_, path, _ := strings.Cut(row, " ")
			if got, want := c.lacks(path), slices.Contains(lacks, row); got != want && called[row] {
				t.Errorf("%s: the client takes %s for lacking: %t, and the table says %t", cloud, row, got, want)
			}
		}
	}
}

// textOf is a string as far as the source says it; what is known at run time alone is one {}.
func textOf(e ast.Expr, constants map[string]ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, err := strconv.Unquote(e.Value)
		if e.Kind == token.STRING && err == nil {
			return text
		}
	case *ast.BinaryExpr:
		if e.Op == token.ADD {
			return textOf(e.X, constants) + textOf(e.Y, constants)
		}
	case *ast.Ident:
		if of := constants[e.Name]; of != nil {
			return textOf(of, nil)
		}
		return "{}"
	case *ast.CallExpr, *ast.SelectorExpr, *ast.IndexExpr:
		return "{}"
	}
	return ""
}

// sameOperation reports whether a path is one of a row, of which {} stands for any segment and a key of the
// row for any.
func sameOperation(path, row string) bool {
	_, template, _ := strings.Cut(row, " ")
	got, want := strings.Split(path, "/"), strings.Split(template, "/")
	return slices.EqualFunc(got, want, func(g, w string) bool {
		return strings.EqualFold(g, w) || g == "{}" || strings.HasPrefix(w, "{")
	})
}
