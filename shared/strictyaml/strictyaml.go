// Package strictyaml reads what people write in YAML, for every file in the same way: an unknown key
// or one that stands twice is an error with line and column, and no document makes the process panic.
package strictyaml

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
)

// ErrUnreadable is a document at which the YAML library gives up without saying where.
var ErrUnreadable = errors.New("the document cannot be read as YAML; look for a tag (!), an anchor (&) or an alias (*) that is not meant as one, and quote it")

// Decode reads a document into v; an empty one leaves v as it is. Its errors repeat no line of the
// document, which may hold a secret.
func Decode(text []byte, v any) error {
	return guarded(func() error {
		err := yaml.NewDecoder(bytes.NewReader(text), yaml.Strict()).Decode(v)
		if err == nil || errors.Is(err, io.EOF) {
			return nil
		}
		return errors.New(yaml.FormatError(err, false, false))
	})
}

// JSON is a document as JSON, nothing of an empty one. Its errors show the line.
func JSON(text []byte) (asJSON []byte, err error) {
	err = guarded(func() error {
		asJSON, err = yaml.YAMLToJSON(text)
		return err
	})
	return asJSON, err
}

// Position is "[line:column]" of what is at a location of a document, or of one of its keys; the
// beginning where it is not found.
func Position(text []byte, location []string, key string) string {
	line, column := 1, 1
	_ = guarded(func() error {
		file, err := parser.ParseBytes(text, 0)
		if err != nil {
			return err
		}
		path := (&yaml.PathBuilder{}).Root()
		for _, part := range location {
			if i, err := strconv.ParseUint(part, 10, 32); err == nil {
				path = path.Index(uint(i))
				continue
			}
			path = path.Child(part)
		}
		node, err := path.Build().FilterFile(file)
		if err != nil {
			return err
		}
		at := node.GetToken().Position
		for _, pair := range pairs(node) {
			if text := pair.Key.GetToken(); text.Value == key || len(location) > 0 && key == "" {
				at = text.Position
				break
			}
		}
		line, column = at.Line, at.Column
		return nil
	})
	return fmt.Sprintf("[%d:%d]", line, column)
}

// pairs are the keys and values of a mapping; one of a single pair may be no mapping to goccy.
func pairs(node ast.Node) []*ast.MappingValueNode {
	switch n := node.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	return nil
}

// guarded makes a panic of the library ErrUnreadable: v1.19.2 panics at a tag before a number that is
// none. What it panics with may hold part of the document, and is left out.
func guarded(read func() error) (err error) {
	defer func() {
		if recover() != nil {
			err = ErrUnreadable
		}
	}()
	return read()
}
