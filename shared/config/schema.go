package config

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"
)

//go:embed policy.schema.json
var policySchema []byte

// checkSchema holds a policy to the schema. Its error says line and column, where, and what to
// write there.
func checkSchema(text []byte) error {
	file, err := parser.ParseBytes(text, 0)
	if err != nil {
		return err
	}
	asJSON, err := yaml.YAMLToJSON(text)
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil || instance == nil {
		return err // an empty policy is the default one
	}
	compiler := jsonschema.NewCompiler()
	var document any
	if err := json.Unmarshal(policySchema, &document); err != nil {
		return err
	}
	if err := compiler.AddResource("policy.schema.json", document); err != nil {
		return err
	}
	schema, err := compiler.Compile("policy.schema.json")
	if err != nil {
		return err
	}
	var invalid *jsonschema.ValidationError
	if err := schema.Validate(instance); !errors.As(err, &invalid) {
		return err
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	where := strings.Join(invalid.InstanceLocation, ".")
	if unknown, ok := invalid.ErrorKind.(*kind.AdditionalProperties); ok {
		key := unknown.Properties[0]
		return fmt.Errorf("%s unknown key %q", position(file, invalid.InstanceLocation, key), strings.TrimPrefix(where+"."+key, "."))
	}
	says := invalid.ErrorKind.LocalizedString(message.NewPrinter(language.English))
	if pattern, ok := invalid.ErrorKind.(*kind.Pattern); ok {
		says = fmt.Sprintf("%q cannot be used", pattern.Got)
	}
	if meant, err := compiler.Compile(invalid.SchemaURL); err == nil && meant.Description != "" {
		says += "; it is " + meant.Description
	}
	return fmt.Errorf("%s %s: %s", position(file, invalid.InstanceLocation, ""), where, says)
}

// position is "[line:column]" of what is at a location of the file, or of one of its keys.
func position(file *ast.File, location []string, key string) string {
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
		return "[1:1]"
	}
	at := node.GetToken().Position
	for _, pair := range pairs(node) {
		if text := pair.Key.GetToken(); text.Value == key || len(location) > 0 && key == "" {
			at = text.Position
			break
		}
	}
	return fmt.Sprintf("[%d:%d]", at.Line, at.Column)
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
