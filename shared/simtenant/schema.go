package simtenant

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"leaver/shared/strictyaml"
)

const schemaFile = "seed.schema.json"

// SeedSchema is the JSON schema of a seed file, from how Seed declares it: every key with what may be
// written there. The tag enum lists the values of a key that has only some.
func SeedSchema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Seed]())
	schema["$schema"], schema["title"] = "https://json-schema.org/draft/2020-12/schema", "The company of a simulated tenant"
	text, err := json.MarshalIndent(schema, "", "  ")
	return append(text, '\n'), err
}

// schemaOf is what may be written for a Go type. Nothing may be written everywhere.
func schemaOf(t reflect.Type) object {
	switch {
	case t == reflect.TypeFor[time.Duration]():
		return object{"type": []string{"string", "null"}, "pattern": `^(0|([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+)$`}
	case t == reflect.TypeFor[time.Time]():
		return object{"type": []string{"string", "null"}, "pattern": `^[0-9]{4}-[0-9]{2}-[0-9]{2}`}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem())
	case reflect.Slice:
		return object{"type": []string{"array", "null"}, "items": schemaOf(t.Elem())}
	case reflect.Map:
		return object{"type": []string{"object", "null"}, "additionalProperties": schemaOf(t.Elem())}
	case reflect.Bool:
		return object{"type": []string{"boolean", "null"}}
	case reflect.Int, reflect.Int64:
		return object{"type": []string{"integer", "null"}}
	case reflect.Float64:
		return object{"type": []string{"number", "null"}}
	case reflect.Struct:
		properties := object{}
		for i := range t.NumField() {
			field := t.Field(i)
			if key := field.Tag.Get("yaml"); key != "" && key != "-" {
				properties[key] = schemaOf(field.Type)
				if values := field.Tag.Get("enum"); values != "" {
					properties[key] = object{"enum": append(anys(strings.Split(values, ",")), "", nil)}
				}
			}
		}
		return object{"type": []string{"object", "null"}, "additionalProperties": false, "properties": properties}
	}
	return object{"type": []string{"string", "number", "null"}} // text that looks like a number is none in YAML
}

func anys(texts []string) []any {
	out := make([]any, len(texts))
	for i, text := range texts {
		out[i] = text
	}
	return out
}

// checkSeed holds a seed file to [SeedSchema].
func checkSeed(text []byte) error {
	asJSON, err := strictyaml.JSON(text)
	if err != nil {
		return err
	}
	seed, err := jsonschema.UnmarshalJSON(bytes.NewReader(asJSON))
	if err != nil {
		return err
	}
	schema, err := SeedSchema()
	if err != nil {
		return err
	}
	document, err := jsonschema.UnmarshalJSON(bytes.NewReader(schema))
	if err != nil {
		return err
	}
	compiler := jsonschema.NewCompiler()
	if err := compiler.AddResource(schemaFile, document); err != nil {
		return err
	}
	compiled, err := compiler.Compile(schemaFile)
	if err != nil {
		return err
	}
	var invalid *jsonschema.ValidationError
	if err := compiled.Validate(seed); !errors.As(err, &invalid) {
		return err
	}
	for len(invalid.Causes) > 0 {
		invalid = invalid.Causes[0]
	}
	return fmt.Errorf("%s: %w", strings.Join(invalid.InstanceLocation, "."), invalid)
}
