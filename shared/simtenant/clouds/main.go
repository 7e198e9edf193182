// Command clouds writes clouds.tsv, the table of which Graph operations each of Microsoft's clouds has, from
// Microsoft's own metadata (github.com/microsoftgraph/msgraph-metadata, schemas/v1.0-Prod.csdl,
// v1.0-Fairfax.csdl and v1.0-Mooncake.csdl). Microsoft publishes one for both clouds of the US government.
//
//	go run ./shared/simtenant/clouds PROD.csdl FAIRFAX.csdl MOONCAKE.csdl > shared/simtenant/clouds.tsv
//
// That an operation is in the metadata is no promise that it is served.
package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"strings"

	"leaver/shared/simtenant"
)

func main() {
	if len(os.Args) != 4 {
		fmt.Fprintln(os.Stderr, "usage: clouds PROD.csdl FAIRFAX.csdl MOONCAKE.csdl")
		os.Exit(2)
	}
	var all []*metadata
	for _, path := range os.Args[1:] {
		m, err := read(path)
		if err != nil {
			fmt.Fprintln(os.Stderr, "clouds:", err)
			os.Exit(1)
		}
		all = append(all, m)
	}
	fmt.Println("# Written by go run ./shared/simtenant/clouds from Microsoft's metadata; y is there, - is not.")
	fmt.Println("operation\tworldwide\tusgov\tusgovdod\tchina")
	for _, operation := range simtenant.Operations() {
		_, template, _ := strings.Cut(operation, " ")
		row := []string{operation}
		for _, m := range []*metadata{all[0], all[1], all[1], all[2]} {
			row = append(row, map[bool]string{true: "y", false: "-"}[m.has(template)])
		}
		fmt.Println(strings.Join(row, "\t"))
	}
}

// metadata is what one cloud's CSDL says: types, what Graph begins with, and what is bound to a type.
type metadata struct {
	types map[string]kind
	entry map[string]string          // by lower-case name, the type; of a set "Collection(…)"
	bound map[string]map[string]bool // by the name of an action or function, the types it is bound to
}

type kind struct {
	base  string
	props map[string]string // by lower-case name
}

// has reports whether a path is in the metadata; what stands in braces is a key.
func (m *metadata) has(template string) bool {
	segments := strings.Split(strings.Trim(template, "/"), "/")
	at, is := m.entry[strings.ToLower(segments[0])]
	if !is {
		return false
	}
	for _, s := range segments[1:] {
		element, many := strings.CutPrefix(at, "Collection(")
		element = strings.TrimSuffix(element, ")")
		switch {
		case strings.HasPrefix(s, "$"):
		case strings.HasPrefix(s, "microsoft.graph."):
			if _, is := m.types[s]; !is {
				return false
			}
			at = strings.Replace(at, element, s, 1)
		case m.binds(s, at):
			return true
		case many && strings.HasPrefix(s, "{"), many && element == "microsoft.graph.mailFolder": // a key, or a well-known name
			at = element
		default:
			if at = m.property(element, strings.ToLower(s)); at == "" {
				return false
			}
		}
	}
	return true
}

// binds reports whether an action or function of that name is bound to a type or one that it is based on.
func (m *metadata) binds(name, at string) bool {
	element, many := strings.CutPrefix(at, "Collection(")
	for t := strings.TrimSuffix(element, ")"); t != ""; t = m.types[t].base {
		full := t
		if many {
			full = "Collection(" + t + ")"
		}
		if m.bound[name][full] {
			return true
		}
	}
	return false
}

func (m *metadata) property(t, name string) string {
	for ; t != ""; t = m.types[t].base {
		if p := m.types[t].props[name]; p != "" {
			return p
		}
	}
	return ""
}

type typed struct {
	Name string `xml:"Name,attr"`
	Type string `xml:"Type,attr"`
}

type structured struct {
	Name       string  `xml:"Name,attr"`
	Base       string  `xml:"BaseType,attr"`
	Properties []typed `xml:"Property"`
	Navigation []typed `xml:"NavigationProperty"`
}

type operation struct {
	Name       string  `xml:"Name,attr"`
	Bound      string  `xml:"IsBound,attr"`
	Parameters []typed `xml:"Parameter"`
}

func read(path string) (*metadata, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var doc struct {
		Schemas []struct {
			Namespace string       `xml:"Namespace,attr"`
			Alias     string       `xml:"Alias,attr"`
			Entities  []structured `xml:"EntityType"`
			Complexes []structured `xml:"ComplexType"`
			Actions   []operation  `xml:"Action"`
			Functions []operation  `xml:"Function"`
			Container struct {
				Sets []struct {
					Name string `xml:"Name,attr"`
					Type string `xml:"EntityType,attr"`
				} `xml:"EntitySet"`
				Singletons []typed `xml:"Singleton"`
			} `xml:"EntityContainer"`
		} `xml:"DataServices>Schema"`
	}
	if err := xml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	m := &metadata{types: map[string]kind{}, entry: map[string]string{}, bound: map[string]map[string]bool{}}
	full := func(t string) string { return t }
	for _, s := range doc.Schemas {
		if before := full; s.Alias != "" {
			full = func(t string) string {
				t = before(t)
				for _, open := range []string{"", "Collection("} {
					if name, is := strings.CutPrefix(t, open+s.Alias+"."); is && !strings.HasPrefix(t, open+s.Namespace+".") {
						return open + s.Namespace + "." + name
					}
				}
				return t
			}
		}
	}
	for _, s := range doc.Schemas {
		for _, t := range append(s.Entities, s.Complexes...) {
			k := kind{base: full(t.Base), props: map[string]string{}}
			for _, p := range append(t.Properties, t.Navigation...) {
				k.props[strings.ToLower(p.Name)] = full(p.Type)
			}
			m.types[s.Namespace+"."+t.Name] = k
		}
		for _, o := range append(s.Actions, s.Functions...) {
			if o.Bound == "true" && len(o.Parameters) > 0 {
				if m.bound[o.Name] == nil {
					m.bound[o.Name] = map[string]bool{}
				}
				m.bound[o.Name][full(o.Parameters[0].Type)] = true
			}
		}
		for _, set := range s.Container.Sets {
			m.entry[strings.ToLower(set.Name)] = "Collection(" + full(set.Type) + ")"
		}
		for _, one := range s.Container.Singletons {
			m.entry[strings.ToLower(one.Name)] = full(one.Type)
		}
	}
	return m, nil
}
