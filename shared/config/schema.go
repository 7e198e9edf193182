package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/santhosh-tekuri/jsonschema/v6/kind"
	"golang.org/x/text/language"
	"golang.org/x/text/message"

	"leaver/shared/offboarding"
	"leaver/shared/strictyaml"
)

// checkSchema holds a policy to [Schema]. Its error says line and column, where, and what to
// write there.
func checkSchema(text []byte) error {
	asJSON, err := strictyaml.JSON(text)
	if err != nil {
		return err
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil || instance == nil {
		return err // an empty policy is the default one
	}
	compiler := jsonschema.NewCompiler()
	may, err := Schema()
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(may))
	if err != nil {
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
	meant, err := compiler.Compile(invalid.SchemaURL)
	if err != nil {
		return err
	}
	if unknown, ok := invalid.ErrorKind.(*kind.AdditionalProperties); ok {
		key := unknown.Properties[0]
		return fmt.Errorf("%s unknown key %q; the keys here are %s", strictyaml.Position(text, invalid.InstanceLocation, key),
			strings.TrimPrefix(where+"."+key, "."), strings.Join(slices.Sorted(maps.Keys(meant.Properties)), ", "))
	}
	says := inWords(invalid.ErrorKind)
	if meant.Description != "" {
		says += "; it is " + meant.Description
	}
	return fmt.Errorf("%s %s", strictyaml.Position(text, invalid.InstanceLocation, ""), strings.TrimPrefix(where+": "+says, ": "))
}

// written are the types of JSON as one writes them in YAML.
var written = map[string]string{
	"string": "text", "boolean": "true or false", "number": "a number", "array": "a list, like [a, b]", "object": "keys with values", "null": "nothing",
}

// inWords says what is wrong with a value.
func inWords(wrong jsonschema.ErrorKind) string {
	switch k := wrong.(type) {
	case *kind.Type:
		var wants []string
		for _, want := range k.Want {
			wants = append(wants, written[want])
		}
		return fmt.Sprintf("write %s, not %s", strings.Join(wants, " or "), written[k.Got])
	case *kind.Pattern:
		return fmt.Sprintf("%q cannot be used", k.Got)
	case *kind.Enum:
		var may []string
		for _, value := range k.Want {
			may = append(may, fmt.Sprint(value))
		}
		return "write one of " + strings.Join(may, ", ")
	case *kind.Required:
		return fmt.Sprintf("the key %q is missing", strings.Join(k.Missing, ", "))
	case *kind.Minimum:
		return fmt.Sprintf("write at least %s", k.Want.RatString())
	case *kind.MinProperties:
		return fmt.Sprintf("%d keys are too few", k.Got)
	case *kind.MaxProperties:
		return fmt.Sprintf("%d keys are too many", k.Got)
	}
	return wrong.LocalizedString(message.NewPrinter(language.English))
}

// located is an error about a policy with line and column.
func located(text []byte, err error) error {
	var wrong *offboarding.PolicyError
	if !errors.As(err, &wrong) {
		return err
	}
	return fmt.Errorf("%s %w", strictyaml.Position(text, wrong.At, ""), err)
}
